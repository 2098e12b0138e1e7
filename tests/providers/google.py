"""Google on this machine: authorisation, token, revocation, userinfo, People, its pictures, Gmail and Calendar.

Rules and words follow developers.google.com/people/api/rest/v1/people.connections/list and …/otherContacts/list and
developers.google.com/identity/protocols/oauth2/web-server; where they are silent, what was seen in the field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from tests.providers import gmail, google_calendar, photos, schemas
from tests.providers.address_book import AddressBook, Entry
from tests.providers.exchange import Answer, Page, Request, picture
from tests.providers.gmail import GmailRoutes
from tests.providers.google_calendar import GoogleCalendarRoutes
from tests.providers.google_person import OTHER_CONTACT_FIELDS, PERSON_FIELDS, group_resources, person_resource
from tests.providers.grants import Code
from tests.providers.mailbox import Shelf
from tests.providers.oauth import OAuthStandIn
from tests.providers.opaque import fingerprint, seal, unseal
from tests.providers.people import Person
from tests.providers.serving import Route, standing

SCOPE = "https://www.googleapis.com/auth/"
CONTACTS, OTHER_CONTACTS = f"{SCOPE}contacts.readonly", f"{SCOPE}contacts.other.readonly"
USERINFO_EMAIL = f"{SCOPE}userinfo.email"
ERRORS = {"oauth error": schemas.OAUTH_ERROR, "token": schemas.TOKEN, "error": schemas.GOOGLE_ERROR}
STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
LATER_STATUS = {410: "FAILED_PRECONDITION", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
PHOTO_SIZE = 100


class GoogleStandIn(GmailRoutes, GoogleCalendarRoutes, OAuthStandIn):
    """Each account has an address book of `people` and another of `other_people`, both a number or a list.

    Page tokens die with `kill_page_tokens()`, sync tokens with `expire_sync_tokens()`.
    """

    PROVIDER = "Google"
    ROUTES = (
        Route("authorize", "GET", "/o/oauth2/v2/auth"),
        Route("consent", "POST", "/consent"),
        Route("token", "POST", "/token"),
        Route("revoke", "POST", "/revoke"),
        Route("userinfo", "GET", "/oauth2/v2/userinfo"),
        Route("connections", "GET", "/v1/people/me/connections"),
        Route("other_contacts", "GET", "/v1/otherContacts"),
        Route("contact_groups", "GET", "/v1/contactGroups"),
        Route("photo", "GET", r"/photos/(?P<kind>[a-z]+)/(?P<key>[0-9-]+)/photo\.jpg"),
        *gmail.ROUTES,
        *google_calendar.ROUTES,
    )

    def __init__(
        self, *, people: int | Sequence[Person] = 25, other_people: int | Sequence[Person] = 0, **options: Any
    ) -> None:
        super().__init__(**{"client_id": "kith.apps.example.com", "client_secret": "stand-in-secret-google", **options})
        self.books = {
            account: AddressBook(people, seed="kith" if not at else f"kith{at}")
            for at, account in enumerate(self.accounts)
        }
        self.other_books = {
            account: AddressBook(other_people, seed=f"other{at or ''}") for at, account in enumerate(self.accounts)
        }
        self._page_age = self._sync_age = 0
        self._expired_status = 400
        self.mailboxes = {account: Shelf() for account in self.accounts}
        self.calendars = {account: Shelf() for account in self.accounts}
        self.oldest_history = self.oldest_sync = 0

    def settings(self) -> dict[str, str]:
        return {
            "GOOGLE_CLIENT_ID": self.client_id,
            "GOOGLE_CLIENT_SECRET": self.client_secret,
            "GOOGLE_AUTH_URL": f"{self.address}/o/oauth2/v2/auth",
            "GOOGLE_TOKEN_URL": f"{self.address}/token",
            "GOOGLE_REVOKE_URL": f"{self.address}/revoke",
            "GOOGLE_USERINFO_URL": f"{self.address}/oauth2/v2/userinfo",
            "GOOGLE_PEOPLE_URL": self.address,
            "GMAIL_URL": self.address,
            "GOOGLE_CALENDAR_URL": self.address,
            "PHOTO_ALLOWED_HOSTS": self.address.removeprefix("http://"),
        }

    # What a test changes.

    def book(self, account: str = "") -> AddressBook:
        return self.books[account or self.accounts[0]]

    def add_person(self, person: Person, *, account: str = "") -> int:
        """Return the number by which the other calls know the new person."""
        return self.book(account).add(person)

    def change_person(self, number: int, *, account: str = "", **fields: Any) -> None:
        self.book(account).change(number, **fields)

    def delete_person(self, number: int, *, account: str = "") -> None:
        self.book(account).delete(number)

    def rename_person(self, number: int, *, account: str = "") -> None:
        """Give a person another resource name, as Google does when contacts are merged."""
        self.book(account).rename(number)

    def kill_page_tokens(self) -> None:
        self._page_age += 1

    def expire_sync_tokens(self, *, status: int = 400) -> None:
        """Let all sync tokens be older than 7 days; `status` is 400 as seen, or 410 as once documented."""
        self._sync_age += 1
        self._expired_status = status

    # OAuth, where Google has its own ways.

    def is_offline(self, asked: dict[str, str]) -> bool:
        return asked.get("access_type") == "offline"

    def gives_refresh_token(self, code: Code, *, is_first: bool) -> bool:
        """Only for the first consent, or when the page was forced with prompt=consent."""
        return code.consent.is_offline and (is_first or code.consent.is_prompted)

    def next_refresh_token(self, refresh_token: str) -> str | None:
        return None

    def answer_revoke(self, request: Request) -> Answer:
        token = request.form.get("token") or request.parameter("token")
        if not self.grants.revoke(token):
            return self.oauth_error(400, "invalid_token", "Token expired or revoked")
        return Answer(payload={})

    def answer_userinfo(self, request: Request) -> Answer:
        account, refusal = self._account(request, USERINFO_EMAIL)
        if refusal:
            return refusal
        identity = f"1000000000000000000{self.accounts.index(account):02d}"
        payload = {
            "id": identity,
            "email": account,
            "verified_email": True,
            "picture": f"{self.address}/photos/default/0-0/photo.jpg",
        }
        return Answer(payload=payload, shape="oauth2.v2 Userinfo")

    # The People API.

    def answer_connections(self, request: Request) -> Answer:
        account, refusal = self._account(request, CONTACTS)
        if refusal:
            return refusal
        unknown = self._unknown(request, "people.connections.list")
        return unknown or self._listed(request, self.book(account), mask="personFields", is_other=False)

    def answer_other_contacts(self, request: Request) -> Answer:
        account, refusal = self._account(request, OTHER_CONTACTS)
        if refusal:
            return refusal
        unknown = self._unknown(request, "otherContacts.list")
        return unknown or self._listed(request, self.other_books[account], mask="readMask", is_other=True)

    def answer_contact_groups(self, request: Request) -> Answer:
        _, refusal = self._account(request, CONTACTS)
        if refusal:
            return refusal
        groups = group_resources()
        payload = {"contactGroups": groups, "totalItems": len(groups), "nextSyncToken": "stand-in-groups"}
        return self._unknown(request, "contactGroups.list") or Answer(
            payload=payload, shape="ListContactGroupsResponse"
        )

    def answer_photo(self, request: Request, kind: str, key: str) -> Answer:
        """A picture at `?sz=` pixels. Needs no permission, as on Google's own host."""
        etag = f'"{kind}{key}-{request.parameter("sz")}"'
        if kind == "gone":
            return Answer(404, body=b"Not found", content_type="text/html")
        if request.headers.get("If-None-Match") == etag:
            return Answer(304, headers={"ETag": etag})
        size = int(request.parameter("sz", str(PHOTO_SIZE)))
        if kind == "pixel":
            return picture(photos.PIXEL, "image/gif", etag=etag)
        if kind == "default":
            return picture(photos.placeholder("K", size=size), "image/png", etag=etag)
        return picture(photos.portrait(f"google {key}", size=size), "image/jpeg", etag=etag)

    def _listed(self, request: Request, book: AddressBook, *, mask: str, is_other: bool) -> Answer:
        fields = frozenset(part for part in request.parameter(mask).split(",") if part)
        size = int(request.parameter("pageSize", "100") or 0) or 100
        if not fields:
            return self.refusal(400, "", f"{mask} mask is required. Please specify one or more valid paths.")
        if strange := fields - (OTHER_CONTACT_FIELDS if is_other else PERSON_FIELDS):
            return self.refusal(400, "", f"Invalid {mask} mask path: {', '.join(sorted(strange))}")
        if not 1 <= size <= 1000:
            return self.refusal(400, "", "Page size must be between 1 and 1000 inclusive.")
        place, refusal = self._place(request, book)
        if refusal:
            return refusal
        found, following = _cut(book, place, size)
        in_sync = place["since"] is not None
        people = [
            person_resource(entry, fields=fields, address=self.address, in_sync=in_sync, is_other=is_other)
            for entry in found
        ]
        payload: dict[str, Any] = {"otherContacts" if is_other else "connections": people} if people else {}
        if not in_sync:
            payload |= {"totalSize": len(book)} if is_other else {"totalPeople": len(book), "totalItems": len(book)}
        if following is not None:
            payload["nextPageToken"] = seal(**{**place, "at": following})
        elif request.parameter("requestSyncToken") == "true":
            print_ = fingerprint(request.parameters, without=("pageToken", "syncToken", "requestSyncToken"))
            payload["nextSyncToken"] = seal(sync=place["until"], print=print_, age=self._sync_age)
        page = Page(
            *("otherContacts" if is_other else "connections", "nextPageToken", seal(**place)),
            last_keys=("nextSyncToken",),
            is_absent_when_empty=True,
        )
        return Answer(payload=payload, shape=f"List{'OtherContacts' if is_other else 'Connections'}Response", page=page)

    def _place(self, request: Request, book: AddressBook) -> tuple[dict[str, Any], Answer | None]:
        """Return where the listing stands: in which changes (`since`, None for all; `until`) and `at` what place."""
        invalid = self.refusal(400, "", "Request contains an invalid argument.")
        first_call = fingerprint(request.parameters, without=("pageToken",))
        if token := request.parameter("pageToken"):
            place = unseal(token) or {}
            is_good = place.get("age") == self._page_age and place.get("print") == first_call
            return place, None if is_good else invalid
        since = None
        if token := request.parameter("syncToken"):
            sync = unseal(token) or {}
            if sync.get("age", self._sync_age) != self._sync_age:
                return {}, self.refusal(
                    self._expired_status,
                    "EXPIRED_SYNC_TOKEN",
                    "Sync token is expired. Clear local cache and retry call without the sync token.",
                )
            print_ = fingerprint(request.parameters, without=("pageToken", "syncToken", "requestSyncToken"))
            if "sync" not in sync or sync["print"] != print_:
                return {}, invalid
            since = sync["sync"]
        start = since or 0
        return {"since": since, "until": book.version, "at": start, "print": first_call, "age": self._page_age}, None

    def _account(self, request: Request, scope: str) -> tuple[str, Answer | None]:
        """Return whose token the request carries, and a refusal when it is dead or lacks `scope`."""
        holder = self.grants.holder(request.bearer)
        if holder is None:
            message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            return "", self.refusal(401, "", message)
        account, scopes = holder
        if scope in scopes:
            return account, None
        message = "Request had insufficient authentication scopes."
        return "", self.refusal(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", message)

    def _unknown(self, request: Request, method: str) -> Answer | None:
        unknown = request.parameters.keys() - schemas.google_parameters(method)
        message = (
            f'Invalid JSON payload received. Unknown name "{min(unknown, default="")}": Cannot bind query parameter.'
        )
        return self.refusal(400, "", message) if unknown else None

    def refusal(self, status: int, reason: str, message: str, *, retry_after: float | None = None) -> Answer:
        error: dict[str, Any] = {
            "code": status,
            "message": message,
            "status": {**STATUS, **LATER_STATUS}.get(status, "UNKNOWN"),
        }
        if reason[:1].islower():  # the older kind, which still comes for quotas
            error["errors"] = [{"message": message, "domain": "usageLimits", "reason": reason}]
        elif reason and reason != error["status"]:
            info = {"reason": reason, "domain": "googleapis.com", "metadata": {"service": "people.googleapis.com"}}
            error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}]
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return Answer(status, {"error": error}, headers=headers, shape="error")

    def check(self, answer: Answer) -> None:
        document, _, name = answer.shape.rpartition(" ")
        schema = ERRORS.get(answer.shape) or schemas.google(name, document=document or "people.v1")
        schemas.check(answer.payload, schema)


def _cut(book: AddressBook, place: dict[str, Any], size: int) -> tuple[list[Entry], int | None]:
    """Return the entries of one page and the `at` of the next, None after the last."""
    if place["since"] is None:
        found = list(islice(book.entries(start=place["at"]), size + 1))
        return found[:size], found[size].number if len(found) > size else None
    changes = book.changes(after=place["at"], until=place["until"])
    return changes[:size], changes[size - 1].version if len(changes) > size else None


@contextmanager
def google_stand_in(**options: Any) -> Iterator[GoogleStandIn]:
    """Run a GoogleStandIn for the block; AssertionError at its end when an answer broke Google's schema."""
    with standing(GoogleStandIn(**options)) as stand_in:
        yield stand_in
