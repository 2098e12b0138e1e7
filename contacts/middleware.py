from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from contacts.models import UserProfile

SEEN_EVERY = timedelta(hours=1)


def own_time_zone(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: times are in the zone of the signed-in person's profile, which notes at most hourly that they came.

    One query for both; a second one only when there is something to note.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone_and_visit(request.user.pk) if request.user.is_authenticated else None):
            return get_response(request)

    return middleware


def _zone_and_visit(user_id: int) -> ZoneInfo | None:
    known = UserProfile.objects.filter(pk=user_id).values_list("time_zone", "last_seen_at").first()
    name, last_seen_at = known or ("", None)
    now = timezone.now()
    if last_seen_at is None or last_seen_at < now - SEEN_EVERY:
        visit = UserProfile(user_id=user_id, last_seen_at=now)
        UserProfile.objects.bulk_create(
            [visit], update_conflicts=True, unique_fields=["user"], update_fields=["last_seen_at"]
        )
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
