"""Google Calendar: the meetings of the primary calendar, by its sync token.

https://developers.google.com/workspace/calendar/api/guides/sync
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from contacts.normalizing import normalize_email
from contacts.recording import Meeting
from contacts.text import clean_line
from imports.accounts.sessions import ProviderRefusal
from imports.answers import Object, is_true
from imports.sync.headers import SUBJECT_MAX, short
from imports.sync.pages import Cursor, Page, Reading
from imports.sync.shapes import (
    Misshapen,
    bad_page,
    changed_at,
    credible,
    identity_of,
    items_of,
    moment,
    part,
    parts,
    place_in,
    read_each,
    words,
)

EVENTS = "/calendar/v3/calendars/primary/events"
# The same for every call, also with a sync token.
ALWAYS: dict[str, str | int] = {"singleEvents": "true", "maxResults": 250, "showDeleted": "true"}
AHEAD = timedelta(days=90)
GOOGLE = "Google"
UNREADABLE = "a meeting that cannot be read"


class GoogleCalendar(Reading):
    """The meetings of one account since `since` and for 90 days ahead, or what changed since an earlier run."""

    name = "google-cal"

    def pages(self, cursor: Cursor) -> Iterator[Page[Meeting]]:
        place = cursor or ({"sync": self.known["sync"]} if self.known.get("sync") else self._everything())
        while True:
            try:
                answer = self.session.get(EVENTS, params=_parameters(place))
            except ProviderRefusal as refusal:
                if refusal.status not in (400, 410) or "sync" not in place:
                    raise
                place = self._everything()
                continue
            items = items_of(answer, "items", provider=GOOGLE, is_optional=True)
            token, sync = (place_in(answer, key, provider=GOOGLE) for key in ("nextPageToken", "nextSyncToken"))
            if not (token or sync):
                raise bad_page(GOOGLE)
            meetings, left_out = read_each(items, self._meeting, unreadable=UNREADABLE)
            account_cursor = None if token else {"sync": sync}
            place = {**place, "page": token}
            yield Page(meetings, place, len(items), left_out, account_cursor)
            if account_cursor is not None:
                return

    def _everything(self) -> Cursor:
        return {"from": self.since.isoformat(), "to": (self.now + AHEAD).isoformat()}

    def _meeting(self, item: Object) -> Meeting | None:
        """Return the meeting; None for what lasts whole days and what lies too far ahead."""
        external_id, changed = short(f"gcal:{identity_of(item)}"), changed_at(item, "updated", now=self.now)
        people = parts(item, "attendees")
        has_declined = any(is_true(person, "self") and _has_declined(person) for person in people)
        if words(item, "status") == "cancelled" or has_declined:
            return Meeting(external_id=external_id, changed_at=changed, is_cancelled=True)
        starts_at = moment(words(item, "start", "dateTime"))
        if starts_at is None and not words(item, "start", "date"):
            raise Misshapen
        if starts_at is None or credible(starts_at) > self.now + AHEAD:
            return None
        return Meeting(
            external_id=external_id,
            changed_at=changed,
            starts_at=starts_at,
            addresses=tuple(self._others([*people, part(item, "organizer")])),
            subject=clean_line(words(item, "summary"))[:SUBJECT_MAX],
        )

    def _others(self, people: Iterable[Object]) -> Iterator[str]:
        """Yield the match keys of those who take part: not the owner, no rooms, nobody who has declined."""
        for person in people:
            key = normalize_email(words(person, "email"))[1]
            is_other = key not in self.own and not is_true(person, "self") and not is_true(person, "resource")
            if key and is_other and not _has_declined(person):
                yield key


def _has_declined(person: Object) -> bool:
    return words(person, "responseStatus") == "declined"


def _parameters(place: Cursor) -> dict[str, str | int]:
    where = {"syncToken": place["sync"]} if "sync" in place else {"timeMin": place["from"], "timeMax": place["to"]}
    page = {"pageToken": place["page"]} if place.get("page") else {}
    return {**ALWAYS, **where, **page}
