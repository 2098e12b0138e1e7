"""Google's address book of one account: connections and, where the account says so, other contacts.

https://developers.google.com/people/api/rest/v1/people.connections/list, …/otherContacts/list, …/contactGroups/list
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.jobs.failures import CursorFailure, TemporaryFailure
from imports.accounts.sessions import ApiSession, ProviderRefusal
from imports.answers import number, objects, text
from imports.google.person import read_person
from imports.listing import PAGE_LOST, SYNC_LOST, ListedPage

CONNECTIONS, OTHER_CONTACTS = "connections", "otherContacts"
PAGE_SIZE = 1_000

# Changing one of these makes stored sync tokens invalid: the next import then asks for everybody.
PERSON_FIELDS = (
    "addresses,biographies,birthdays,emailAddresses,events,imClients,memberships,metadata,names,nicknames,"
    "organizations,phoneNumbers,photos,relations,urls,userDefined"
)
OTHER_FIELDS = "emailAddresses,metadata,names,phoneNumbers,photos"


@dataclass(frozen=True)
class _Kind:
    """One of the two listings: where it is, and by which names the API calls the same things there."""

    path: str
    mask: Mapping[str, str]
    total: str
    id_prefix: str


KINDS = {
    CONNECTIONS: _Kind("/v1/people/me/connections", {"personFields": PERSON_FIELDS}, "totalItems", "people/"),
    OTHER_CONTACTS: _Kind("/v1/otherContacts", {"readMask": OTHER_FIELDS}, "totalSize", "otherContacts/"),
}


@dataclass
class GoogleAddressBook:
    """An `imports.listing.AddressBook`; `region` is the country of telephone numbers without a prefix."""

    api: ApiSession
    region: str
    has_other_contacts: bool = False
    _labels: dict[str, str] | None = field(default=None, init=False)

    def listings(self) -> list[str]:
        return [CONNECTIONS, OTHER_CONTACTS] if self.has_other_contacts else [CONNECTIONS]

    def id_prefixes(self) -> list[str]:
        return [KINDS[name].id_prefix for name in self.listings()]

    def page(self, listing: str, *, link: str, since: str) -> ListedPage:
        kind = KINDS[listing]
        asked: dict[str, str | int] = {**kind.mask, "pageSize": PAGE_SIZE, "requestSyncToken": "true"}
        # All but the page token must be the same on every page, and in every later sync.
        asked |= {"syncToken": since} if since else {}
        answer = _asked(
            lambda: self.api.get(kind.path, params={**asked, **({"pageToken": link} if link else {})}),
            has_link=bool(link),
            has_since=bool(since),
        )
        people = answer.get(listing, [])
        if not isinstance(people, list) or not isinstance(answer.get("nextPageToken", ""), str):
            raise TemporaryFailure("Google sent a page of contacts that cannot be read.", code="bad_answer")
        labels = self.labels() if listing == CONNECTIONS and people else {}
        return ListedPage(
            people=[read_person(person, labels=labels, region=self.region) for person in people],
            link=text(answer, "nextPageToken"),
            since=text(answer, "nextSyncToken"),
            expected=max(0, number(answer, kind.total)),
        )

    def labels(self) -> dict[str, str]:
        """Return the names of the person's own labels by resource name; asked for once."""
        if self._labels is None:
            self._labels = {}
            link = ""
            while True:
                asked: dict[str, Any] = {"pageSize": PAGE_SIZE, **({"pageToken": link} if link else {})}
                answer = self.api.get("/v1/contactGroups", params=asked)
                self._labels |= _own_labels(answer)
                before, link = link, text(answer, "nextPageToken")
                if not link or link == before:
                    break
        return self._labels


def _own_labels(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the groups that the person has made; Google's own, such as myContacts, say nothing of anybody."""
    return {
        text(group, "resourceName"): text(group, "formattedName") or text(group, "name")
        for group in objects(answer, "contactGroups")
        if text(group, "groupType") == "USER_CONTACT_GROUP"
    }


def _asked(ask: Callable[[], dict[str, Any]], *, has_link: bool, has_since: bool) -> dict[str, Any]:
    """Return the answer; a token that Google refuses is a lost place, not a wrong request of ours."""
    try:
        return ask()
    except ProviderRefusal as refusal:
        # Seen as 400, once documented as 410: the word decides (google.rpc.ErrorInfo.reason).
        is_expired = "EXPIRED_SYNC_TOKEN" in refusal.reasons
        if is_expired or (has_since and not has_link and refusal.status in (400, 410)):
            raise CursorFailure(
                "Google has forgotten the last sync; everybody is listed again.", code=SYNC_LOST
            ) from None
        if has_link and refusal.status in (400, 404, 410):
            raise CursorFailure("Google has lost its place in the list; it begins again.", code=PAGE_LOST) from None
        raise
