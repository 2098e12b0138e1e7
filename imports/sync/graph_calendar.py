"""Outlook calendars through Microsoft Graph: the default calendar's view of a window, by its delta.

https://learn.microsoft.com/graph/delta-query-events
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from config.jobs.failures import PermanentFailure
from contacts.normalizing import normalize_email
from contacts.recording import Meeting
from contacts.text import clean_line
from imports.answers import Object
from imports.sync.graph_mail import is_forgotten, parts_of
from imports.sync.headers import SUBJECT_MAX, short
from imports.sync.pages import Cursor, Page, Reading
from imports.sync.shapes import (
    Misshapen,
    changed_at,
    credible,
    flag,
    identity_of,
    moment,
    part,
    parts,
    read_each,
    words,
)

AHEAD = timedelta(days=90)
# A delta belongs to its window for good: it is opened anew while there is still something of it ahead.
RENEW_BEFORE = timedelta(days=30)
UNREADABLE = "a meeting that cannot be read"
HEADERS = {"Prefer": 'IdType="ImmutableId", outlook.timezone="UTC", odata.maxpagesize=100'}


class GraphCalendar(Reading):
    """The meetings of one account since `since` and for 90 days ahead, or what changed since an earlier run."""

    name = "graph-cal"

    def pages(self, cursor: Cursor) -> Iterator[Page[Meeting]]:
        place = cursor or self._beginning()
        while True:
            items, following, end = parts_of(self._asked(place))
            meetings, left_out = read_each(items, self._meeting, unreadable=UNREADABLE)
            place = {**place, "link": following or end}
            yield Page(meetings, place, len(items), left_out, account_cursor=None if following else place)
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
            except PermanentFailure as refusal:
                if not is_forgotten(refusal, is_old=place["link"] == self.known.get("link")):
                    raise
        window = {"startDateTime": self.since.isoformat(), "endDateTime": place["until"]}
        return self.session.get(f"/v1.0/me/calendarView/delta?{urlencode(window)}", headers=HEADERS)

    def _meeting(self, item: Object) -> Meeting | None:
        """Return the meeting; None for what lasts whole days."""
        external_id = short(f"graph:{identity_of(item)}")
        changed = changed_at(item, "lastModifiedDateTime", now=self.now)
        if "@removed" in item or flag(item, "isCancelled") or _has_declined(part(item, "responseStatus")):
            return Meeting(external_id=external_id, changed_at=changed, is_cancelled=True)
        if flag(item, "isAllDay"):
            return None
        starts_at = moment(words(item, "start", "dateTime"))
        if starts_at is None:
            raise Misshapen
        return Meeting(
            external_id=external_id,
            changed_at=changed,
            starts_at=credible(starts_at),
            addresses=tuple(self._others(item)),
            subject=clean_line(words(item, "subject"))[:SUBJECT_MAX],
        )

    def _others(self, item: Object) -> Iterator[str]:
        """Yield the match keys of those who take part: not the owner, no rooms, nobody who has declined."""
        for person in [*parts(item, "attendees"), part(item, "organizer")]:
            key = normalize_email(words(person, "emailAddress", "address"))[1]
            is_other = key not in self.own and words(person, "type") != "resource"
            if key and is_other and not _has_declined(part(person, "status")):
                yield key


def _has_declined(status: Object) -> bool:
    return words(status, "response") == "declined"
