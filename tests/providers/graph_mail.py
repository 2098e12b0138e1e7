"""Mail and calendar of the Microsoft stand-in: delta queries of the inbox, of what was sent, and of a calendar's view.

https://learn.microsoft.com/graph/api/message-delta and …/event-delta
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from tests.providers.exchange import Answer, Page, Request
from tests.providers.graph_listing import page_size, wants_immutable
from tests.providers.mailbox import Appointment, Letter, Shelf
from tests.providers.opaque import seal, unseal
from tests.providers.serving import Route, StandIn

ROUTES = (
    Route("mail", "GET", "/v1.0/me/mailFolders/(?P<folder>inbox|sentitems)/messages/delta"),
    Route("calendar", "GET", "/v1.0/me/calendarView/delta"),
)
RESPONSES = {"needsAction": "notResponded", "tentative": "tentativelyAccepted"}
CONTEXT = "{address}/v1.0/$metadata#Collection({kind})"


class GraphMailRoutes(StandIn):
    """One mailbox and one calendar for each account; delta tokens from before `oldest_delta` are forgotten."""

    mailboxes: dict[str, Shelf]
    calendars: dict[str, Shelf]
    oldest_delta: int

    def mailbox(self, account: str = "") -> Shelf:
        return self.mailboxes[account or next(iter(self.mailboxes))]

    def calendar(self, account: str = "") -> Shelf:
        return self.calendars[account or next(iter(self.calendars))]

    def forget_deltas(self) -> None:
        shelves = [*self.mailboxes.values(), *self.calendars.values()]
        newest = max(shelf.version for shelf in shelves)
        for shelf in shelves:
            shelf.version = newest + 1
        self.oldest_delta = newest + 1

    def _in_mailbox(self, request: Request, scope: str, answer: Callable[[str], Answer]) -> Answer:
        raise NotImplementedError

    def answer_mail(self, request: Request, folder: str) -> Answer:
        """The messages of a folder since the filter's moment; later those that changed."""
        is_sent = folder == "sentitems"

        def listed(account: str) -> Answer:
            shelf, since = self.mailboxes[account], _since(request)

            def is_wanted(letter: Letter | None) -> bool:
                return letter is None or (letter.is_sent == is_sent and (since is None or letter.sent_at >= since))

            def item(number: int) -> dict[str, Any]:
                return _message(number, shelf.things[number])

            return self._delta(request, shelf, is_wanted, item, kind="message")

        return self._in_mailbox(request, "Mail.ReadBasic", listed)

    def answer_calendar(self, request: Request) -> Answer:
        """The events between two moments; later those that changed."""

        def listed(account: str) -> Answer:
            shelf = self.calendars[account]
            first, last = (_moment(request.parameter(name)) for name in ("startDateTime", "endDateTime"))

            def is_wanted(thing: Appointment | None) -> bool:
                return thing is None or (
                    (first is None or thing.starts_at >= first) and (last is None or thing.starts_at < last)
                )

            def item(number: int) -> dict[str, Any]:
                return _event(number, shelf.things[number], account)

            return self._delta(request, shelf, is_wanted, item, kind="event")

        return self._in_mailbox(request, "Calendars.Read", listed)

    def _delta(
        self,
        request: Request,
        shelf: Shelf,
        is_wanted: Callable[[Any], bool],
        item: Callable[[int], dict[str, Any]],
        *,
        kind: str,
    ) -> Answer:
        if not wants_immutable(request):
            return self.refusal(400, "", "The stand-in expects immutable ids on every call.")
        token = request.parameter("$skiptoken") or request.parameter("$deltatoken")
        start: dict[str, Any] = {"since": 0, "until": shelf.version, "at": 0, "path": request.path}
        place = unseal(token) if token else start
        if place is None or place["path"] != request.path:
            return self.refusal(400, "ErrorInvalidUrlQueryFilter", "Badly formed token: use the link as it came.")
        if place["until"] < self.oldest_delta:
            return self.refusal(410, "SyncStateNotFound", "The sync state generation is not found.")
        if request.parameter("$deltatoken"):
            place = {**place, "until": shelf.version}
        found = [n for n in shelf.numbers(after=place["since"], keep=is_wanted) if shelf.versions[n] <= place["until"]]
        if not place["since"]:
            found = [number for number in found if shelf.things[number] is not None]
        at, size = place["at"], page_size(request, is_delta=True)
        here = self._link(request, "$skiptoken", place)
        payload = {
            "@odata.context": CONTEXT.format(address=self.address, kind=kind),
            "value": [item(number) for number in found[at : at + size]],
        }
        if at + size < len(found):
            payload["@odata.nextLink"] = self._link(request, "$skiptoken", {**place, "at": at + size})
        else:
            payload["@odata.deltaLink"] = self._link(
                request, "$deltatoken", {**place, "since": place["until"], "at": 0}
            )
        page = Page("value", "@odata.nextLink", here, last_keys=("@odata.deltaLink",))
        return Answer(payload=payload, shape=f"{kind}s", page=page)

    def _link(self, request: Request, kind: str, place: dict[str, Any]) -> str:
        kept = [(name, value) for name, values in request.parameters.items() for value in values if "token" not in name]
        return f"{self.address}{quote(request.path)}?{urlencode([*kept, (kind, seal(**place))])}"


def _is_in(thing: Appointment, first: datetime | None, last: datetime | None) -> bool:
    return (first is None or thing.starts_at >= first) and (last is None or thing.starts_at < last)


def _since(request: Request) -> datetime | None:
    return _moment(request.parameter("$filter").rpartition(" ")[2])


def _moment(text: str) -> datetime | None:
    moment = datetime.fromisoformat(text) if text else None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(kind: str, number: int) -> str:
    return f"AAkALg{kind}{number:012d}AAA="


def _person(address: str) -> dict[str, Any]:
    return {"emailAddress": {"name": address.partition("@")[0], "address": address}}


def _message(number: int, letter: Letter | None) -> dict[str, Any]:
    if letter is None:
        return {"id": _identity("Mail", number), "@removed": {"reason": "deleted"}}
    return {
        "id": _identity("Mail", number),
        "conversationId": _identity("Conv", letter.thread),
        "subject": letter.subject,
        "from": _person(letter.sender),
        "toRecipients": [_person(address) for address in letter.recipients],
        "ccRecipients": [_person(address) for address in letter.copies],
        "bccRecipients": [],
        "receivedDateTime": _text(letter.sent_at) if letter.has_date else None,
        "sentDateTime": _text(letter.sent_at) if letter.has_date else None,
        "internetMessageId": f"<letter{number}@mail.example.com>",
        "internetMessageHeaders": [{"name": name, "value": value} for name, value in letter.headers],
        "isDraft": "DRAFT" in letter.labels,
    }


def _event(number: int, thing: Appointment | None, account: str) -> dict[str, Any]:
    if thing is None:
        return {"id": _identity("Even", number), "@removed": {"reason": "deleted"}}
    end = thing.starts_at + timedelta(hours=1)
    own = dict(thing.people).get(account, "accepted")
    return {
        "id": _identity("Even", number),
        "subject": thing.summary,
        "isAllDay": thing.is_whole_day,
        "isCancelled": thing.is_cancelled,
        "lastModifiedDateTime": _text(thing.changed_at),
        "responseStatus": {"response": RESPONSES.get(own, own), "time": _text(thing.changed_at)},
        "start": {"dateTime": thing.starts_at.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"},
        "end": {"dateTime": end.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"},
        "organizer": _person(account),
        "attendees": [
            {
                "type": "required",
                "status": {"response": RESPONSES.get(response, response), "time": "0001-01-01T00:00:00Z"},
                **_person(address),
            }
            for address, response in thing.people
        ],
    }
