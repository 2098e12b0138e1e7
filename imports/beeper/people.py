"""The people of one Beeper: whoever there is a chat of two with. Its chats are all the address book that it has.

https://developers.beeper.com/desktop-api-reference/resources/chats/methods/list
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple
from uuid import UUID

from config.jobs.failures import CursorFailure, PermissionFailure, TemporaryFailure
from contacts.chats.describing import describe
from contacts.chats.incoming import IncomingChat
from contacts.incoming import IncomingContact, IncomingPhoto
from contacts.models import Chat
from contacts.models.chat import Matched
from imports.accounts.holding import needs_reconnect
from imports.answers import raw
from imports.beeper.client import ApiPage, Client
from imports.beeper.connection import connection_of
from imports.beeper.fetching import reference
from imports.beeper.media import is_data, read_data
from imports.beeper.reading import NotReadable, read_chat
from imports.listing import PAGE_LOST, SYNC_LOST, ListedPage, Person
from imports.models import ProviderAccount
from imports.reasons import Reason
from imports.turns import THROTTLED
from media_store.fetching import FetchError

CHATS = "chats"
MAX_EMBEDDED = 1_000_000
"""Bytes of a picture that stands in its address."""


class _Place(NamedTuple):
    """How far a listing has come: from the newest chat back (`before`), then what has become active since (`after`)."""

    direction: str = "before"
    cursor: str = ""
    newest: str = ""


@dataclass(frozen=True)
class BeeperAddressBook:
    """An `imports.listing.AddressBook`. `nobody` are the chats of which a person said that they are with nobody here.

    Groups, bots, oneself and the parts of merged chats bring nobody. What changes is a chat that becomes active: a new
    name or number in a silent one is seen only when everybody is listed.
    """

    client: Client
    account_id: UUID
    region: str
    nobody: Collection[str] = ()

    def listings(self) -> list[str]:
        return [CHATS]

    def id_prefixes(self) -> list[str]:
        """Return none: whoever deletes a conversation has not said anything about the person."""
        return []

    def page(self, listing: str, *, link: str, since: str) -> ListedPage:
        start = _Place("after", since, since) if since else _Place()
        place = _Place(*json.loads(link)) if link else start
        found = self._chats(place)
        following = _following(place, found)
        return ListedPage(
            people=[person for item in found.items if (person := self._person(item))],
            link="" if following is None else json.dumps(following),
            since="" if following is not None else found.newer or place.newest,
        )

    def _chats(self, place: _Place) -> ApiPage:
        try:
            return self.client.chats(cursor=place.cursor, direction=place.direction)
        except CursorFailure as failure:
            code = SYNC_LOST if place.direction == "after" else PAGE_LOST
            raise CursorFailure(str(failure), code=code) from None
        except TemporaryFailure as failure:
            if failure.code != "rate_limited":
                raise
            raise TemporaryFailure(str(failure), code=THROTTLED, retry_after=failure.retry_after) from None

    def _person(self, item: Any) -> Person | None:
        """Return the other person of a chat of two, None for any other chat."""
        try:
            chat = read_chat(item)
        except NotReadable:
            return Person("", raw=raw(_without_picture(item)), problem="Beeper sent a chat that cannot be read.")
        if chat.kind != Chat.Kind.SINGLE or chat.merged_into or len(chat.people) != 1:
            return None
        person = chat.people[0]
        contact = describe(person, network=chat.network, title=chat.title, region=self.region)
        contact.external_id = person.external_id
        contact.photo = self._photo(chat, contact)
        left_out = Reason.NOBODY_HERE if chat.external_id in self.nobody else ""
        text = raw({**asdict(person), "network": chat.network, "title": chat.title})
        return Person(person.external_id, contact, text, left_out=left_out)

    def _photo(self, chat: IncomingChat, contact: IncomingContact) -> IncomingPhoto | None:
        address = chat.picture_url
        if not address:
            return None
        if address.lower().startswith(("http://", "https://")):
            return IncomingPhoto(url=address)
        if not is_data(address):
            named = reference(self.account_id, address)
            return IncomingPhoto(reference=named) if named else None
        try:
            return IncomingPhoto(content=read_data(address, max_bytes=MAX_EMBEDDED))
        except FetchError as refusal:
            contact.problems.append(str(refusal))
            return None


@contextmanager
def open_address_book(account: ProviderAccount, *, region: str) -> Iterator[BeeperAddressBook]:
    """Give the address book of this account; a token that is refused holds what waits for the account."""
    nobody = Chat.objects.filter(owner_id=account.owner_id, account_key=account.pk, matched_by=Matched.NOBODY)
    try:
        with Client(connection_of(account)) as client:
            names = frozenset(nobody.values_list("external_id", flat=True))
            yield BeeperAddressBook(client, account.pk, region=region, nobody=names)
    except PermissionFailure as failure:
        needs_reconnect(account.pk, str(failure), version=account.grant_version)
        raise


def _following(place: _Place, found: ApiPage) -> _Place | None:
    """Return where to go on after a page, None after the last."""
    if place.direction == "after":
        newest = found.newer or place.newest
        is_last = not found.has_more or newest == place.cursor
        return None if is_last else _Place("after", newest, newest)
    newest = place.newest or found.newer or ""
    if found.has_more and found.older and found.older != place.cursor:
        return _Place("before", found.older, newest)
    # What became active meanwhile has left its place in the list, perhaps before we came there.
    return _Place("after", newest, newest) if newest else None


def _without_picture(item: Any) -> Any:
    return {key: value for key, value in item.items() if key != "imgURL"} if isinstance(item, dict) else item
