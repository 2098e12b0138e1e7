"""The contacts of one Microsoft account: the default folder and all others, each with what has changed since.

https://learn.microsoft.com/graph/api/contact-delta, …/user-list-contactfolders, …/contactfolder-list-childfolders
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from config.jobs.failures import CursorFailure, TemporaryFailure
from imports.accounts.sessions import ProviderRefusal
from imports.answers import identity, objects, text
from imports.listing import SYNC_LOST, ListedPage
from imports.microsoft.contact import SELECTED, read_contact
from imports.microsoft.mailbox import Mailbox

DEFAULT = "contacts"  # the well-known name; the list of folders leaves this one out
PAGE_SIZE = 500
MAX_FOLDERS = 500
FORGOTTEN = "Microsoft has forgotten the last sync and lists everybody again."


@dataclass
class MicrosoftAddressBook:
    """An `imports.listing.AddressBook`; `region` is the country of telephone numbers without a prefix."""

    mailbox: Mailbox
    region: str

    def listings(self) -> list[str]:
        """Return the default folder and the ids of the others, however deep."""
        found = [DEFAULT]
        waiting = ["/me/contactFolders"]
        while waiting and len(found) < MAX_FOLDERS:
            for folder in self._all(waiting.pop(0)):
                if folder not in found:
                    found.append(folder)
                    waiting.append(f"/me/contactFolders/{quote(folder, safe='')}/childFolders")
        return found

    def id_prefixes(self) -> list[str]:
        return [""]

    def page(self, listing: str, *, link: str, since: str) -> ListedPage:
        path = f"/me/contactFolders/{quote(listing, safe='')}/contacts/delta"
        if link or since:
            answer = _asked(lambda: self.mailbox.follow(link or since, page_size=PAGE_SIZE))
        else:
            params = {"$select": ",".join(SELECTED)}
            answer = _asked(lambda: self.mailbox.get(path, params=params, page_size=PAGE_SIZE))
        people = answer.get("value")
        if not isinstance(people, list) or not isinstance(answer.get("@odata.nextLink", ""), str):
            raise TemporaryFailure("Microsoft sent a page of contacts that cannot be read.", code="bad_answer")
        return ListedPage(
            people=[read_contact(person, account_id=self.mailbox.account_id, region=self.region) for person in people],
            link=text(answer, "@odata.nextLink"),
            since=text(answer, "@odata.deltaLink"),
        )

    def _all(self, path: str) -> list[str]:
        """Return the ids of the folders that are directly at `path`."""
        answer: Mapping[str, Any] = self.mailbox.get(path, params={"$top": 100})
        found = [identity(folder, "id") for folder in objects(answer, "value")]
        while (link := text(answer, "@odata.nextLink")) and len(found) < MAX_FOLDERS:
            answer = self.mailbox.follow(link)
            found += [identity(folder, "id") for folder in objects(answer, "value")]
        return [folder for folder in found if folder]


def _asked(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the answer; a link or folder that Graph no longer knows means that all folders are gone through anew."""
    try:
        return ask()
    except ProviderRefusal as refusal:
        if refusal.status in (400, 404, 410):
            raise CursorFailure(FORGOTTEN, code=SYNC_LOST) from None
        raise
