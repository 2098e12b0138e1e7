"""Go through the address book of an account: listing after listing, page after page, all of it or what has changed.

The cursor of the job holds `listings` ({name, since}), the number of the present one (`at`), its next page (`link`),
what the ends of the others said (`next`), `expected` people in all, the last `position`, how identities begin of which
everybody is listed (`all_of`), and how often it began again (`restarts`) or stayed where it was (`stalls`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from config.jobs.failures import CursorFailure, PermanentFailure, TemporaryFailure
from contacts.incoming import IncomingContact
from imports.models import ImportJob
from imports.pages import Cursor, Page
from imports.readers import ReadRow
from imports.reasons import Reason

CONTACTS = "contacts"
SYNC_LOST, PAGE_LOST = "sync_lost", "page_lost"
MAX_RESTARTS = 3
# An empty page may lead to itself once or twice while the provider is still gathering.
MAX_STALLS = 5


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of an address book. Without a `contact` it was deleted there, or (`problem`) cannot be read.

    `left_out` is the reason (imports.reasons) why it is not imported unless a person wants it after all.
    """

    external_id: str
    contact: IncomingContact | None = None
    raw: str = ""
    is_removed: bool = False
    former_ids: tuple[str, ...] = ()
    problem: str = ""
    left_out: str = ""


@dataclass(frozen=True)
class ListedPage:
    """`link` leads to the next page; `since`, on the last one, to what changes from now on; `expected` 0 is unknown."""

    people: list[Person]
    link: str = ""
    since: str = ""
    expected: int = 0


class AddressBook(Protocol):
    """A provider's client for the contacts of one account."""

    def listings(self) -> list[str]:
        """Return the names of the listings that make up the book."""

    def id_prefixes(self) -> list[str]:
        """Return how the identities begin that the listings bring; "" for any, none when nobody is ever gone."""

    def page(self, listing: str, *, link: str, since: str) -> ListedPage:
        """Ask for one page: the first for an empty `link`; only what has changed where there is a `since`.

        Raises CursorFailure, `code` SYNC_LOST or PAGE_LOST, when the provider has forgotten one of the two.
        """


class AccountSource:
    """The contacts of an account, for `imports.fetching`."""

    def __init__(self, job: ImportJob, book: AddressBook) -> None:
        self._job = job
        self._book = book

    def pages(self) -> Iterator[Page]:
        cursor = self._job.cursor
        if "listings" not in cursor:
            cursor = self._begin(cursor)
        while cursor["at"] < len(cursor["listings"]):
            page = self._page(cursor)
            cursor = page.cursor
            yield page

    def _begin(self, cursor: Cursor) -> Cursor:
        """Return the cursor of the first page: of all people when it says `is_full`, or when a listing is unknown.

        Who left a listing that is itself gone can be seen only by going through all that is left.
        """
        account = self._job.account
        known: dict[str, str] = dict(account.cursors.get(CONTACTS, {})) if account else {}
        names = self._book.listings()
        is_full = bool(cursor.get("is_full")) or not known or bool(known.keys() - set(names))
        listings = [{"name": name, "since": "" if is_full else known.get(name, "")} for name in names]
        start = {"listings": listings, "at": 0, "link": "", "next": {}, "expected": 0, "position": 0}
        all_of = self._book.id_prefixes() if is_full else []
        return {**start, "is_full": is_full, "all_of": all_of, "restarts": cursor.get("restarts", 0)}

    def _page(self, cursor: Cursor) -> Page:
        listing = cursor["listings"][cursor["at"]]
        found = self._book.page(listing["name"], link=cursor["link"], since=listing["since"])
        stalls = cursor.get("stalls", 0) + 1 if found.link and found.link == cursor["link"] else 0
        if stalls > MAX_STALLS:
            raise TemporaryFailure("The provider's list does not end: a page leads to itself.", code="endless_listing")
        position: int = cursor["position"]
        rows = [_row(person, at) for at, person in enumerate(found.people, start=position + 1)]
        following = {**cursor, "position": position + len(rows), "link": found.link, "stalls": stalls}
        if not cursor["link"]:
            following["expected"] = cursor["expected"] + found.expected
        if not found.link:
            # Without a place to go on from, the next import asks for everybody again.
            following |= {"at": cursor["at"] + 1, "next": {**cursor["next"], listing["name"]: found.since}}
        renamed = {former: person.external_id for person in found.people for former in person.former_ids}
        is_last = following["at"] == len(cursor["listings"])
        return Page(rows, following, renamed, account_cursor=_account_cursor(following) if is_last else None)


def begun_again(cursor: Cursor, failure: CursorFailure) -> Cursor:
    """Return the cursor of a job that begins again, with everybody when it was the sync that was lost.

    Raises PermanentFailure when that has happened too often: a person may retry it then.
    """
    restarts = int(cursor.get("restarts", 0)) + 1
    if restarts > MAX_RESTARTS:
        raise PermanentFailure(f"{failure} That happened {restarts} times in a row.", code=failure.code)
    is_full = bool(cursor.get("is_full")) or failure.code == SYNC_LOST
    return {"is_full": is_full, "restarts": restarts}


def _account_cursor(cursor: Cursor) -> Cursor:
    """Return where the next import begins; empty, so from the start, when any listing did not say."""
    following: dict[str, Any] = cursor["next"]
    return following if all(following.values()) else {}


def _row(person: Person, position: int) -> ReadRow:
    if person.is_removed:
        return ReadRow(
            position,
            0,
            IncomingContact(external_id=person.external_id),
            "",
            reason=Reason.GONE_AT_SOURCE,
            error=Reason.GONE_AT_SOURCE.sentence,
        )
    if person.contact is None:
        contact = IncomingContact(external_id=person.external_id)
        return ReadRow(position, 0, contact, person.raw, reason=Reason.BROKEN_ENTRY, error=person.problem)
    return ReadRow(position, 0, person.contact, person.raw, reason=person.left_out)
