"""Microsoft on this machine: the authority's authorise and token addresses, and Graph v1.0 with contacts and photos.

Rules and words follow learn.microsoft.com/graph (api/contact-delta, api/profilephoto-get, outlook-immutable-id,
json-batching, throttling-limits). The default folder answers to its id and to the well-known name `contacts`.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email.message import Message
from typing import Any
from urllib.parse import unquote

from tests.providers import graph_mail, photos, schemas
from tests.providers.address_book import AddressBook, Entry
from tests.providers.exchange import Answer, Page, Request, picture
from tests.providers.grants import Code
from tests.providers.graph_contact import contact_id, contact_resource, folder_id, number_in
from tests.providers.graph_listing import IMMUTABLE, Links, one_page, page_size, place_of, selected, wants_immutable
from tests.providers.graph_mail import GraphMailRoutes
from tests.providers.graph_schemas import CONTACT_FIELDS, SHAPES
from tests.providers.mailbox import Shelf
from tests.providers.oauth import OAuthStandIn
from tests.providers.people import Person
from tests.providers.serving import Route, standing

AT_ONCE = 4
BATCH_SIZE = 20
PHOTO_SIZE = 240
FOLDERS = {0: ("Contacts", None), 1: ("Customers", 0), 2: ("Old customers", 1)}  # number: name, parent
CODES = {
    401: "InvalidAuthenticationToken",
    403: "ErrorAccessDenied",
    404: "ErrorItemNotFound",
    429: "ApplicationThrottled",
}


class MicrosoftStandIn(GraphMailRoutes, OAuthStandIn):
    """Each account has a mailbox with three contact folders, one inside another, and at most 4 requests at once.

    `peak` is the most that any mailbox was asked at the same time; more than 4 get 429. Skip and delta tokens die with
    `lose_sync_state()`. `old_refresh_tokens_live` is what Microsoft does: a rotated token still works.
    """

    PROVIDER = "Microsoft"
    SCOPES_CAN_BE_UNTICKED = False
    ROUTES = (
        Route("authorize", "GET", "/[^/]+/oauth2/v2.0/authorize"),
        Route("consent", "POST", "/consent"),
        Route("token", "POST", "/[^/]+/oauth2/v2.0/token"),
        Route("me", "GET", "/v1.0/me"),
        Route("folders", "GET", "/v1.0/me/contactFolders(?:/(?P<parent>[^/]+)/childFolders)?"),
        Route("photo", "GET", r"/v1.0/me/(?:contactFolders/[^/]+/)?contacts/(?P<identity>[^/]+)/photo/\$value"),
        Route("photo_about", "GET", "/v1.0/me/(?:contactFolders/[^/]+/)?contacts/(?P<identity>[^/]+)/photo"),
        Route("delta", "GET", "/v1.0/me/contactFolders/(?P<folder>[^/]+)/contacts/delta"),
        Route("contacts", "GET", "/v1.0/me/(?:contactFolders/(?P<folder>[^/]+)/)?contacts"),
        Route("contact", "GET", "/v1.0/me/(?:contactFolders/[^/]+/)?contacts/(?P<identity>[^/]+)"),
        Route("batch", "POST", r"/v1.0/\$batch"),
        *graph_mail.ROUTES,
    )

    def __init__(
        self, *, people: int | Sequence[Person] = 25, old_refresh_tokens_live: bool = True, **options: Any
    ) -> None:
        super().__init__(
            **{
                "client_id": "00000000-0000-4000-8000-00000000cafe",
                "client_secret": "stand-in-secret-microsoft",
                "accounts": ("mara@outlook.example.com",),
                **options,
            }
        )
        self.books = {account: AddressBook(people, seed=f"graph{at or ''}") for at, account in enumerate(self.accounts)}
        self.mailboxes = {account: Shelf() for account in self.accounts}
        self.calendars = {account: Shelf() for account in self.accounts}
        self.oldest_delta = 0
        self.old_refresh_tokens_live = old_refresh_tokens_live
        self.peak = 0
        self._at_once: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._state_age = 0
        self._lost_code = "SyncStateNotFound"

    def settings(self) -> dict[str, str]:
        return {
            "MICROSOFT_CLIENT_ID": self.client_id,
            "MICROSOFT_CLIENT_SECRET": self.client_secret,
            "MICROSOFT_AUTHORITY_URL": self.address,
            "MICROSOFT_GRAPH_URL": self.address,
        }

    # What a test changes.

    def book(self, account: str = "") -> AddressBook:
        return self.books[account or self.accounts[0]]

    def add_person(self, person: Person, *, account: str = "") -> int:
        """Return the number by which the other calls know the new person."""
        return self.book(account).add(person)

    def change_person(self, number: int, *, account: str = "", **fields: Any) -> None:
        """Change fields; another `folder` (0, 1, 2) moves the contact, whose usual id changes with it."""
        self.book(account).change(number, **fields)

    def delete_person(self, number: int, *, account: str = "") -> None:
        self.book(account).delete(number)

    def lose_sync_state(self, *, code: str = "SyncStateNotFound") -> None:
        """Forget all skip and delta tokens of delta queries: 410 with `code`, or resyncRequired."""
        self._state_age += 1
        self._lost_code = code

    # OAuth, where Microsoft has its own ways.

    def is_offline(self, asked: dict[str, str]) -> bool:
        return "offline_access" in asked.get("scope", "").split()

    def gives_refresh_token(self, code: Code, *, is_first: bool) -> bool:
        return code.consent.is_offline

    def next_refresh_token(self, refresh_token: str) -> str | None:
        grant = self.grants.refreshed(refresh_token)
        assert grant, "The caller has looked it up."
        if not self.old_refresh_tokens_live:
            self.grants.forget(refresh_token)
        return self.grants.issue_refresh(grant)

    def oauth_error(self, status: int, error: str, description: str) -> Answer:
        number = {"invalid_grant": 70008, "invalid_client": 7000215}.get(error, 900144)
        payload = {
            "error": error,
            "error_description": f"AADSTS{number}: {description}",
            "error_codes": [number],
            "timestamp": "2026-03-01 08:00:00Z",
            "trace_id": "00000000-0000-4000-8000-000000000001",
            "correlation_id": "00000000-0000-4000-8000-000000000002",
        }
        return Answer(status, payload, shape="oauth error")

    # Graph.

    def answer_me(self, request: Request) -> Answer:
        def me(account: str) -> Answer:
            nothing = ("givenName", "jobTitle", "mobilePhone", "officeLocation", "preferredLanguage", "surname")
            payload: dict[str, Any] = {
                "@odata.context": f"{self.address}/v1.0/$metadata#users/$entity",
                "businessPhones": [],
                **dict.fromkeys(nothing),
                "displayName": account.partition("@")[0].title(),
                "mail": account,
                "userPrincipalName": account,
                "id": f"48d31887-5fad-4d73-a9f5-{self.accounts.index(account):012d}",
            }
            return Answer(payload=payload, shape="user")

        return self._in_mailbox(request, "User.Read", me)

    def answer_folders(self, request: Request, parent: str | None) -> Answer:
        """The folders below one; without `parent` those below the root, among which the default one is not listed."""
        number = 0 if parent is None else _folder(parent)
        found = [
            {"id": folder_id(at), "displayName": name, "parentFolderId": folder_id(above)}
            for at, (name, above) in FOLDERS.items()
            if above is not None and above == number
        ]
        payload = {"@odata.context": f"{self.address}/v1.0/$metadata#contactFolders", "value": found}
        return self._in_mailbox(request, "Contacts.Read", lambda _: Answer(payload=payload, shape="folders"))

    def answer_contacts(self, request: Request, folder: str | None) -> Answer:
        """The contacts of one folder, without `folder` those of the default one; 10 to a page, or `$top`."""
        return self._in_mailbox(
            request, "Contacts.Read", lambda account: self._listed(request, account, folder, is_delta=False)
        )

    def answer_delta(self, request: Request, folder: str) -> Answer:
        """As `answer_contacts`, and after the last page a link to what changes from then on."""
        return self._in_mailbox(
            request, "Contacts.Read", lambda account: self._listed(request, account, folder, is_delta=True)
        )

    def answer_contact(self, request: Request, identity: str) -> Answer:
        def one(account: str) -> Answer:
            entry = self._entry(account, identity)
            if entry is None:
                return self.refusal(404, "", "The specified object was not found in the store.")
            contact = contact_resource(entry, is_immutable=wants_immutable(request), fields=frozenset())
            payload = {"@odata.context": f"{self.address}/v1.0/$metadata#contacts/$entity", **contact}
            return Answer(payload=payload, headers=_applied(request), shape="contact")

        return self._in_mailbox(request, "Contacts.Read", one)

    def answer_photo(self, request: Request, identity: str) -> Answer:
        def bytes_of(account: str) -> Answer:
            entry = self._entry(account, identity)
            if entry is None or entry.person is None or entry.person.photo in ("none", "gone", "placeholder"):
                return self.refusal(404, "ImageNotFound", "The photo wasn't found.")
            if entry.person.photo == "pixel":
                return picture(photos.PIXEL, "image/gif")
            key = f"graph {account} {entry.number} {entry.person.photo_version}"
            return picture(photos.portrait(key, size=PHOTO_SIZE), "image/jpeg")

        return self._in_mailbox(request, "Contacts.Read", bytes_of)

    def answer_photo_about(self, request: Request, identity: str) -> Answer:
        def about(account: str) -> Answer:
            entry = self._entry(account, identity)
            kind = entry.person.photo if entry and entry.person else "none"
            if kind not in ("portrait", "pixel"):
                return self.refusal(404, "ImageNotFound", "The photo wasn't found.")
            size = PHOTO_SIZE if kind == "portrait" else 1
            payload = {
                "@odata.context": f"{self.address}/v1.0/$metadata#photo/$entity",
                "@odata.mediaContentType": "image/jpeg" if kind == "portrait" else "image/gif",
                "@odata.mediaEtag": f'"{identity[-12:]}"',
                "id": f"{size}x{size}",
                "height": size,
                "width": size,
            }
            return Answer(payload=payload, shape="photo")

        return self._in_mailbox(request, "Contacts.Read", about)

    def answer_batch(self, request: Request) -> Answer:
        """Up to 20 requests, answered out of order, each with its own status; a picture's bytes come as base64."""
        if self.grants.holder(request.bearer) is None:
            return self.refusal(401, "", "Access token has expired or is not yet valid.")
        parts = json.loads(request.body).get("requests", [])
        if not 1 <= len(parts) <= BATCH_SIZE or len({part["id"] for part in parts}) != len(parts):
            return self.refusal(400, "BadRequest", f"A batch holds 1 to {BATCH_SIZE} requests with ids of their own.")
        answers = [self._in_batch(request, part) for part in parts]
        return Answer(payload={"responses": answers[1::2] + answers[::2]}, shape="batch")

    def _in_batch(self, request: Request, part: dict[str, Any]) -> dict[str, Any]:
        headers = Message()
        for name, value in {"Authorization": request.headers["Authorization"], **part.get("headers", {})}.items():
            headers[name] = value
        path, _, query = part["url"].partition("?")
        answer = self.respond(Request(part["method"], f"/v1.0{unquote(path)}", query, headers, b"", request.at))
        kind = answer.content_type.partition(";")[0]
        body = answer.payload if answer.payload is not None else base64.b64encode(answer.body).decode()
        return {
            "id": part["id"],
            "status": answer.status,
            "headers": {**answer.headers, "Content-Type": kind},
            "body": body,
        }

    def _listed(self, request: Request, account: str, folder: str | None, *, is_delta: bool) -> Answer:
        number, chosen = _folder(folder), selected(request)
        size = page_size(request, is_delta=is_delta)
        if number is None:
            return self.refusal(404, "ErrorItemNotFound", "The specified folder was not found in the store.")
        if strange := chosen - CONTACT_FIELDS.keys() - {"id"}:
            return self.refusal(400, "RequestBroker--ParseUri", f"Could not find a property named '{min(strange)}'.")
        if not 1 <= size <= 1000:
            return self.refusal(400, "ErrorInvalidUrlQuery", "The value of $top must be between 1 and 1000.")
        place = place_of(request, until=self.books[account].version, size=size, age=self._state_age)
        if place is None:
            return self.refusal(400, "ErrorInvalidUrlQueryFilter", "Badly formed token: use the link as it came.")
        if is_delta and place["age"] != self._state_age:
            message = "The sync state generation is not found; generation=1;[highest=9][9][7][8]."
            return self.refusal(410, self._lost_code, message)
        links = Links(self.address, request, place)
        payload = {
            "@odata.context": f"{self.address}/v1.0/$metadata#contacts",
            **one_page(self.books[account], number, links, is_delta=is_delta),
        }
        page = Page("value", "@odata.nextLink", links.to("$skiptoken"), last_keys=("@odata.deltaLink",))
        shape = "delta" if is_delta else "contacts"
        return Answer(payload=payload, headers=_applied(request), shape=shape, page=page)

    def _entry(self, account: str, identity: str) -> Entry | None:
        """Return the living contact whose present id, usual or immutable, is `identity`."""
        number = number_in(identity)
        entry = self.books[account].entry(number) if number is not None else None
        if entry is None or entry.person is None:
            return None
        known = {
            contact_id(entry.number, folder=entry.person.folder, generation=entry.generation, is_immutable=kind)
            for kind in (True, False)
        }
        return entry if identity in known else None

    def _in_mailbox(self, request: Request, scope: str, answer: Callable[[str], Answer]) -> Answer:
        """Answer for the account whose token it is, unless it lacks `scope`."""
        holder = self.grants.holder(request.bearer)
        if holder is None:
            return self.refusal(401, "", "Access token has expired or is not yet valid.")
        account, scopes = holder
        if scope not in scopes:
            return self.refusal(403, "", "Access is denied. Check credentials and try again.")
        return answer(account)

    def take(self, request: Request) -> Answer:
        """As every stand-in, but no more than 4 at once for one mailbox; a batch counts as one."""
        holder = self.grants.holder(request.bearer)
        if holder is None:
            return super().take(request)
        with self._counting:
            self._at_once[holder[0]] += 1
            at_once = self._at_once[holder[0]]
            self.peak = max(self.peak, at_once)
        try:
            if at_once <= AT_ONCE:
                return super().take(request)
            message = "Application is over its MailboxConcurrency limit."
            return self.turn_away(request, self.refusal(429, "", message, retry_after=1))
        finally:
            with self._counting:
                self._at_once[holder[0]] -= 1

    def refusal(self, status: int, reason: str, message: str, *, retry_after: float | None = None) -> Answer:
        code = reason if reason and not reason.isupper() else CODES.get(status, "UnknownError")
        about = {"date": "2026-03-01T08:00:00", "request-id": "00000000-0000-4000-8000-000000000003"}
        payload = {"error": {"code": code, "message": message, "innerError": {**about, "client-request-id": "kith"}}}
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return Answer(status, payload, headers=headers, shape="error")

    def check(self, answer: Answer) -> None:
        schemas.check(answer.payload, SHAPES[answer.shape])


def _folder(identity: str | None) -> int | None:
    """Return the number of a folder by its id or well-known name; the default one's for None."""
    if identity is None or identity.casefold() == "contacts":
        return 0
    return next((number for number in FOLDERS if folder_id(number) == identity), None)


def _applied(request: Request) -> dict[str, str]:
    return {"Preference-Applied": IMMUTABLE} if wants_immutable(request) else {}


@contextmanager
def microsoft_stand_in(**options: Any) -> Iterator[MicrosoftStandIn]:
    """Run a MicrosoftStandIn for the block; AssertionError at its end when an answer broke Graph's schema."""
    with standing(MicrosoftStandIn(**options)) as stand_in:
        yield stand_in
