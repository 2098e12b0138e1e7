"""What goes wrong with providers, to be scripted: `stand_in.fault("connections", throttled(retry_after=3), cut())`.

Each request to a route takes one fault from its queue. `usual()` lets one through, `forever(…)` never leaves the queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.providers.exchange import Answer, Request, page_of_html
from tests.providers.serving import StandIn

Spoil = Callable[[StandIn, Request, Callable[[], Answer]], Answer]


@dataclass(frozen=True)
class Fault:
    """Turns the usual answer, which it may or may not ask for, into a spoiled one."""

    spoil: Spoil
    applies: Callable[[Request], bool] = lambda _: True
    stays: bool = False


def usual() -> Fault:
    """Nothing goes wrong: a pause between two faults."""
    return Fault(lambda _stand_in, _request, answer: answer())


def forever(fault: Fault) -> Fault:
    """The same fault for every request from here on."""
    return replace(fault, stays=True)


def refused(status: int, reason: str, message: str, *, retry_after: float | None = None) -> Fault:
    """Any error, in the provider's own wording."""
    return Fault(lambda stand_in, _, __: stand_in.refusal(status, reason, message, retry_after=retry_after))


def throttled(retry_after: float | None = None) -> Fault:
    """429, with a Retry-After in seconds where one is given."""
    return refused(
        429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", retry_after=retry_after
    )


def first_page_quota(retry_after: float | None = None) -> Fault:
    """429 on the first page of a full sync only, Google's extra quota; incremental calls and later pages pass."""
    return replace(
        throttled(retry_after), applies=lambda request: not {"pageToken", "syncToken"} & request.parameters.keys()
    )


def quota(reason: str = "rateLimitExceeded") -> Fault:
    """403 that means slow down: rateLimitExceeded, userRateLimitExceeded, quotaExceeded, dailyLimitExceeded."""
    return refused(403, reason, "Quota exceeded for quota metric 'Read requests'.")


def forbidden() -> Fault:
    """403 that no waiting cures."""
    return refused(403, "insufficientPermissions", "Request had insufficient authentication scopes.")


def unauthorized() -> Fault:
    """401, as for an access token that has expired."""
    return refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")


def invalid_grant() -> Fault:
    """What the token address says when the person took the permission back."""
    return oauth_error(400, "invalid_grant", "Token has been expired or revoked.")


def oauth_error(status: int, error: str, description: str = "") -> Fault:
    payload = {"error": error, "error_description": description}
    return Fault(lambda _, __, ___: Answer(status, payload, shape="oauth error"))


def broken(status: int = 503, *, retry_after: float | None = None) -> Fault:
    """5xx from a gateway: a page of HTML where JSON was expected."""
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    page = replace(page_of_html(f"<html><title>Error {status}</title></html>", status=status), headers=headers)
    return Fault(lambda _, __, ___: replace(page))


def error_in_success() -> Fault:
    """An error in the provider's own wording, but with the status of a success, as some gateways send it."""
    return Fault(lambda stand_in, _, __: replace(stand_in.refusal(503, "", "Backend error."), status=200))


def cut(share: float = 0.5) -> Fault:
    """The connection ends after `share` of the body."""

    def spoil(_: StandIn, __: Request, answer: Callable[[], Answer]) -> Answer:
        whole = answer()
        return replace(whole, cut_after=int(len(whole.content()) * share))

    return Fault(spoil)


def truncated() -> Fault:
    """JSON that ends in the middle of a page, with a Content-Length that fits."""

    def spoil(_: StandIn, __: Request, answer: Callable[[], Answer]) -> Answer:
        whole = answer()
        content = whole.content()
        return replace(whole, payload=None, body=content[: len(content) // 2], shape="")

    return Fault(spoil)


def drip(seconds: float = 0.05) -> Fault:
    """The body comes 16 bytes at a time, with pauses."""
    return Fault(lambda _, __, answer: replace(answer(), drip=seconds))


def changed(change: Callable[[dict[str, Any]], None]) -> Fault:
    """`change` edits the payload in place; it need not fit the schema any more."""

    def spoil(_: StandIn, __: Request, answer: Callable[[], Answer]) -> Answer:
        whole = answer()
        payload = dict(whole.payload)
        change(payload)
        return replace(whole, payload=payload, shape="")

    return Fault(spoil)


def wrong_types() -> Fault:
    """Every top-level list is text, every other value a list."""

    def change(payload: dict[str, Any]) -> None:
        for key, value in payload.items():
            payload[key] = "not a list" if isinstance(value, list) else [value]

    return changed(change)


def bad_item(item: Any = "not a person", *, index: int = 0) -> Fault:
    """One item of a page is `item`; the others are as they should be."""

    def spoil(_: StandIn, __: Request, answer: Callable[[], Answer]) -> Answer:
        whole = answer()
        assert whole.page, "Only a page has items."
        items = list(whole.payload[whole.page.items_key])
        items[index] = item
        return replace(whole, payload={**whole.payload, whole.page.items_key: items}, shape="")

    return Fault(spoil)


def empty_page() -> Fault:
    """A page without items but with a next link, which leads to what this page would have held."""

    def spoil(stand_in: StandIn, _: Request, answer: Callable[[], Answer]) -> Answer:
        whole = answer()
        assert whole.page, "Only a page can be empty."
        gone = {whole.page.next_key, *whole.page.last_keys}
        payload = {key: value for key, value in whole.payload.items() if key not in gone}
        payload[whole.page.items_key] = []
        if whole.page.is_absent_when_empty:
            del payload[whole.page.items_key]
        return replace(whole, payload={**payload, whole.page.next_key: whole.page.here, **whole.page.more})

    return Fault(spoil)


def repeated_page() -> Fault:
    """The usual items, but the next link leads to the same page once more."""

    def spoil(_: StandIn, __: Request, answer: Callable[[], Answer]) -> Answer:
        whole = answer()
        assert whole.page, "Only a page can come twice."
        payload = {key: value for key, value in whole.payload.items() if key not in whole.page.last_keys}
        return replace(whole, payload={**payload, whole.page.next_key: whole.page.here, **whole.page.more})

    return Fault(spoil)


def foreign_next(address: str = "https://graph.example.net/v1.0/me/contacts?$skiptoken=elsewhere") -> Fault:
    """A next link that leads to somebody else's host."""

    def spoil(_: StandIn, __: Request, answer: Callable[[], Answer]) -> Answer:
        whole = answer()
        assert whole.page, "Only a page has a next link."
        payload = {key: value for key, value in whole.payload.items() if key not in whole.page.last_keys}
        return replace(whole, payload={**payload, whole.page.next_key: address})

    return Fault(spoil)


def expired_sync_token(status: int = 400) -> Fault:
    """What Google says to an old sync token: 400 as seen in the field, 410 as once documented."""
    return replace(
        refused(status, "EXPIRED_SYNC_TOKEN", "Sync token is expired. Clear local cache and retry call without it."),
        applies=lambda request: "syncToken" in request.parameters,
    )


def dead_page_token() -> Fault:
    """What Google says to a page token that has died."""
    return replace(
        refused(400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
        applies=lambda request: "pageToken" in request.parameters,
    )


def sync_state_lost(code: str = "SyncStateNotFound") -> Fault:
    """What Graph says to a skip or delta token that it forgot: SyncStateNotFound or resyncRequired."""
    return replace(
        refused(410, code, "The sync state generation is not found."),
        applies=lambda request: bool({"$skiptoken", "$deltatoken"} & request.parameters.keys()),
    )


BY_NAME: dict[str, Callable[[], Fault]] = {
    "401": unauthorized,
    "403": quota,
    "429": lambda: throttled(retry_after=2),
    "500": lambda: broken(500),
    "503": broken,
    "cut": cut,
    "truncated": truncated,
    "drip": drip,
    "types": wrong_types,
    "empty": empty_page,
    "twice": repeated_page,
    "foreign": foreign_next,
    "expired-sync": expired_sync_token,
    "dead-page": dead_page_token,
    "lost-state": sync_state_lost,
    "revoked": invalid_grant,
    "usual": usual,
}
