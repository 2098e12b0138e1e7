"""Outlook calendars through Microsoft Graph: the default calendar's view of a window, by its delta.

https://learn.microsoft.com/graph/delta-query-events
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from contacts.normalizing import normalize_email
from contacts.recording import Meeting
from imports.accounts.sessions import ProviderRefusal
from imports.sync.graph_mail import LOST
from imports.sync.headers import SUBJECT_MAX, short
from imports.sync.pages import Cursor, Page, Reading, moment

AHEAD = timedelta(days=90)
# A delta belongs to its window for good: it is opened anew while there is still something of it ahead.
RENEW_BEFORE = timedelta(days=30)
HEADERS = {"Prefer": 'IdType="ImmutableId", outlook.timezone="UTC", odata.maxpagesize=100'}


class GraphCalendar(Reading):
    """The meetings of one account since `since` and for 90 days ahead, or what changed since an earlier run."""

    name = "graph-cal"

    def pages(self, cursor: Cursor) -> Iterator[Page[Meeting]]:
        place = cursor or self._beginning()
        while True:
            answer = self._asked(place)
            items = answer.get("value", [])
            meetings = [meeting for item in items if (meeting := self._meeting(item)) is not None]
            following = answer.get("@odata.nextLink")
            place = {**place, "link": following or answer["@odata.deltaLink"]}
            yield Page(meetings, place, len(items), account_cursor=None if following else place)
            if not following:
                return

    def _beginning(self) -> Cursor:
        until = self.known.get("until")
        if until and datetime.fromisoformat(until) - self.now > RENEW_BEFORE:
            return self.known
        return {"link": "", "until": (self.now + AHEAD).isoformat()}

    def _asked(self, place: Cursor) -> dict[str, Any]:
        if place["link"]:
            try:
                return self.session.follow(place["link"], headers=HEADERS)
            except ProviderRefusal as refusal:
                if refusal.status != 410 and not refusal.reasons & LOST:
                    raise
        window = {"startDateTime": self.since.isoformat(), "endDateTime": place["until"]}
        return self.session.get(f"/v1.0/me/calendarView/delta?{urlencode(window)}", headers=HEADERS)

    def _meeting(self, item: dict[str, Any]) -> Meeting | None:
        external_id = short(f"graph:{item['id']}")
        changed_at = min(moment(item.get("lastModifiedDateTime")) or self.now, self.now)
        declined = (item.get("responseStatus") or {}).get("response") == "declined"
        if "@removed" in item or item.get("isCancelled") or declined:
            return Meeting(external_id=external_id, changed_at=changed_at, is_cancelled=True)
        starts_at = moment((item.get("start") or {}).get("dateTime"))
        if starts_at is None or item.get("isAllDay"):
            return None
        return Meeting(
            external_id=external_id,
            changed_at=changed_at,
            starts_at=starts_at,
            addresses=tuple(self._others(item)),
            subject=str(item.get("subject") or "")[:SUBJECT_MAX],
        )

    def _others(self, item: dict[str, Any]) -> Iterator[str]:
        """Yield the match keys of those who take part: not the owner, no rooms, nobody who has declined."""
        for person in [*(item.get("attendees") or []), item.get("organizer") or {}]:
            key = normalize_email(str((person.get("emailAddress") or {}).get("address") or ""))[1]
            has_declined = (person.get("status") or {}).get("response") == "declined"
            if key and key not in self.own and person.get("type") != "resource" and not has_declined:
                yield key
