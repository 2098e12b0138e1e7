"""Google Calendar: the meetings of the primary calendar, by its sync token.

https://developers.google.com/workspace/calendar/api/guides/sync
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from contacts.normalizing import normalize_email
from contacts.recording import Meeting
from imports.accounts.sessions import ProviderRefusal
from imports.sync.headers import SUBJECT_MAX, short
from imports.sync.pages import Cursor, Page, Reading, moment

EVENTS = "/calendar/v3/calendars/primary/events"
# The same for every call, also with a sync token.
ALWAYS: dict[str, str | int] = {"singleEvents": "true", "maxResults": 250, "showDeleted": "true"}
AHEAD = timedelta(days=90)


class GoogleCalendar(Reading):
    """The meetings of one account since `since` and for 90 days ahead, or what changed since an earlier run."""

    name = "google-cal"

    def pages(self, cursor: Cursor) -> Iterator[Page[Meeting]]:
        place = cursor or ({"sync": self.known["sync"]} if self.known.get("sync") else self._everything())
        while True:
            try:
                answer = self.session.get(EVENTS, params=_parameters(place))
            except ProviderRefusal as refusal:
                if refusal.status != 410 or "sync" not in place:
                    raise
                place = self._everything()
                continue
            items = answer.get("items", [])
            meetings = [meeting for item in items if (meeting := self._meeting(item)) is not None]
            token = answer.get("nextPageToken")
            account_cursor = None if token else {"sync": answer["nextSyncToken"]}
            place = {**place, "page": token}
            yield Page(meetings, place, len(items), account_cursor=account_cursor)
            if account_cursor is not None:
                return

    def _everything(self) -> Cursor:
        return {"from": self.since.isoformat(), "to": (self.now + AHEAD).isoformat()}

    def _meeting(self, item: dict[str, Any]) -> Meeting | None:
        """Return the meeting; None for what lasts whole days and what lies too far ahead."""
        external_id = short(f"gcal:{item['id']}")
        changed_at = min(moment(item.get("updated")) or self.now, self.now)
        if item.get("status") == "cancelled":
            return Meeting(external_id=external_id, changed_at=changed_at, is_cancelled=True)
        starts_at = moment(item.get("start", {}).get("dateTime"))
        if starts_at is None or starts_at > self.now + AHEAD:
            return None
        if any(
            person.get("self") and person.get("responseStatus") == "declined" for person in item.get("attendees", [])
        ):
            return Meeting(external_id=external_id, changed_at=changed_at, is_cancelled=True)
        return Meeting(
            external_id=external_id,
            changed_at=changed_at,
            starts_at=starts_at,
            addresses=tuple(self._others(item)),
            subject=str(item.get("summary", ""))[:SUBJECT_MAX],
        )

    def _others(self, item: dict[str, Any]) -> Iterator[str]:
        """Yield the match keys of those who take part: not the owner, no rooms, nobody who has declined."""
        people = [person for person in item.get("attendees", []) if person.get("responseStatus") != "declined"]
        for person in [*people, item.get("organizer", {})]:
            key = normalize_email(str(person.get("email", "")))[1]
            if key and key not in self.own and not person.get("self") and not person.get("resource"):
                yield key


def _parameters(place: Cursor) -> dict[str, str | int]:
    where = {"syncToken": place["sync"]} if "sync" in place else {"timeMin": place["from"], "timeMax": place["to"]}
    page = {"pageToken": place["page"]} if place.get("page") else {}
    return {**ALWAYS, **where, **page}
