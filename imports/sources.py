"""Where the contacts of an import come from: its uploaded file, or the address book of its account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from django.conf import settings

from config.jobs.failures import PermanentFailure
from contacts.regions import phone_region
from imports.accounts.sessions import api_session
from imports.beeper.people import open_address_book
from imports.google.people import GoogleAddressBook
from imports.listing import AccountSource, AddressBook
from imports.microsoft.folders import MicrosoftAddressBook
from imports.microsoft.mailbox import Mailbox
from imports.models import ImportJob, ProviderAccount
from imports.pages import Page, Source
from imports.readers import ReadRow
from imports.uploads import read_upload

PAGE_ROWS = 1_000
PAGE_PICTURE_BYTES = 16_000_000

Provider = ImportJob.Provider


@contextmanager
def open_source(job: ImportJob) -> Iterator[Source]:
    """Give the source of the job's contacts; its connections end with the block."""
    opened = ADDRESS_BOOKS.get(job.provider)
    if opened is None:
        yield FileSource(job)
        return
    if job.account is None:
        raise PermanentFailure("The account that this would be imported from was removed.", code="account_gone")
    with opened(job.account) as book:
        yield AccountSource(job, book)


class FileSource:
    """An uploaded file, in pages of at most 1,000 rows and about 16 MB of embedded pictures."""

    def __init__(self, job: ImportJob) -> None:
        self._job = job

    def pages(self) -> Iterator[Page]:
        for rows in _cut(read_upload(self._job)):
            yield Page(rows, {"position": rows[-1].position, "offset": rows[-1].offset})


def embedded(row: ReadRow) -> bytes:
    """Return the bytes of the picture that the row's entry brings along."""
    return row.contact.photo.content if row.contact is not None and row.contact.photo is not None else b""


def _cut(rows: Iterable[ReadRow]) -> Iterator[list[ReadRow]]:
    page: list[ReadRow] = []
    picture_bytes = 0
    for row in rows:
        page.append(row)
        picture_bytes += len(embedded(row))
        if len(page) >= PAGE_ROWS or picture_bytes >= PAGE_PICTURE_BYTES:
            yield page
            page, picture_bytes = [], 0
    if page:
        yield page


@contextmanager
def _google(account: ProviderAccount) -> Iterator[AddressBook]:
    with api_session(account, base_url=settings.GOOGLE_PEOPLE_URL) as api:
        region = phone_region(account.owner_id)
        yield GoogleAddressBook(api, region=region, has_other_contacts=account.has_other_contacts)


@contextmanager
def _microsoft(account: ProviderAccount) -> Iterator[AddressBook]:
    with Mailbox(account) as mailbox:
        yield MicrosoftAddressBook(mailbox, region=phone_region(account.owner_id))


@contextmanager
def _beeper(account: ProviderAccount) -> Iterator[AddressBook]:
    with open_address_book(account, region=phone_region(account.owner_id)) as book:
        yield book


ADDRESS_BOOKS: dict[str, Callable[[ProviderAccount], AbstractContextManager[AddressBook]]] = {
    Provider.GOOGLE: _google,
    Provider.MICROSOFT: _microsoft,
    Provider.BEEPER: _beeper,
}
