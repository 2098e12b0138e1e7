"""The Calendar API of the Google stand-in: the events of the primary calendar, with sync tokens.

https://developers.google.com/workspace/calendar/api/v3/reference/events/list
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.providers import schemas
from tests.providers.exchange import Answer, Page, Request
from tests.providers.mailbox import Appointment, Shelf
from tests.providers.opaque import fingerprint, seal, unseal
from tests.providers.serving import Route, StandIn

CALENDAR = "https://www.googleapis.com/auth/calendar.readonly"
ROUTES = (Route("events", "GET", "/calendar/v3/calendars/primary/events"),)
# https://developers.google.com/workspace/calendar/api/v3/reference/events/list#syncToken
NOT_WITH_SYNC = frozenset(
    ("iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin")
)


class GoogleCalendarRoutes(StandIn):
    """One calendar for each account, in `calendars`; sync tokens older than `oldest_sync` are 410 GONE."""

    calendars: dict[str, Shelf]
    oldest_sync: int

    def calendar(self, account: str = "") -> Shelf:
        return self.calendars[account or next(iter(self.calendars))]

    def forget_calendar_tokens(self) -> None:
        self.oldest_sync = max(shelf.pass_by() for shelf in self.calendars.values())

    def _account(self, request: Request, scope: str) -> tuple[str, Answer | None]:
        raise NotImplementedError

    def answer_events(self, request: Request) -> Answer:
        account, refusal = self._account(request, CALENDAR)
        if refusal:
            return refusal
        unknown = request.parameters.keys() - schemas.google_parameters("events.list", document="calendar.v3")
        sync = unseal(request.parameter("syncToken")) if request.parameter("syncToken") else None
        if unknown or (sync and NOT_WITH_SYNC & request.parameters.keys()):
            return self.refusal(400, "badRequest", "Bad Request")
        if sync and sync["until"] < self.oldest_sync:
            return self.refusal(410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.")
        if sync and sync["print"] != _print(request):
            return self.refusal(400, "badRequest", "Sync token was made for other parameters.")
        shelf = self.calendars[account]
        found = shelf.numbers(after=sync["until"] if sync else 0, keep=lambda thing: _is_wanted(thing, request))
        return self._page(request, shelf, found, account)

    def _page(self, request: Request, shelf: Shelf, found: list[int], account: str) -> Answer:
        size = int(request.parameter("maxResults", "250"))
        at = (unseal(request.parameter("pageToken")) or {"at": 0})["at"] if request.parameter("pageToken") else 0
        items = [_event(number, shelf.things[number], account) for number in found[at : at + size]]
        payload: dict[str, Any] = {
            "kind": "calendar#events",
            "summary": account,
            "timeZone": "UTC",
            **({"items": items} if items else {}),
        }
        if at + size < len(found):
            payload["nextPageToken"] = seal(at=at + size)
        else:
            payload["nextSyncToken"] = seal(until=shelf.version, print=_print(request))
        page = Page("items", "nextPageToken", seal(at=at), last_keys=("nextSyncToken",), is_absent_when_empty=True)
        return Answer(payload=payload, shape="calendar.v3 Events", page=page)


def _print(request: Request) -> str:
    return fingerprint(request.parameters, without=("pageToken", "syncToken", "timeMin", "timeMax"))


def _is_wanted(thing: Appointment | None, request: Request) -> bool:
    if thing is None or (thing.is_cancelled and not request.parameter("syncToken")):
        return thing is not None and request.parameter("showDeleted") == "true"
    since, until = (request.parameter(name) for name in ("timeMin", "timeMax"))
    is_late_enough = not since or thing.starts_at + timedelta(hours=1) > datetime.fromisoformat(since)
    return is_late_enough and (not until or thing.starts_at < datetime.fromisoformat(until))


def _event(number: int, thing: Appointment, account: str) -> dict[str, Any]:
    """Return the event; of a cancelled one only what Google still says."""
    identity = f"event{number:08d}"
    about = {"kind": "calendar#event", "id": identity, "updated": _text(thing.changed_at), "etag": f'"{number}"'}
    if thing.is_cancelled:
        return {**about, "status": "cancelled"}
    end = thing.starts_at + timedelta(hours=1)
    times: dict[str, Any] = (
        {"start": {"date": f"{thing.starts_at:%Y-%m-%d}"}, "end": {"date": f"{end:%Y-%m-%d}"}}
        if thing.is_whole_day
        else {"start": {"dateTime": _text(thing.starts_at)}, "end": {"dateTime": _text(end)}}
    )
    attendees = [
        {"email": address, "responseStatus": response, **({"self": True} if address == account else {})}
        for address, response in thing.people
    ]
    return {
        **about,
        **times,
        "status": "confirmed",
        "summary": thing.summary,
        "iCalUID": f"{identity}@google.com",
        "organizer": {"email": account, "self": True},
        **({"attendees": attendees} if attendees else {}),
    }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
