from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from contacts.models import UserProfile


def own_time_zone(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: show and read times in the zone of the signed-in person's profile."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone_of(request.user.pk) if request.user.is_authenticated else None):
            return get_response(request)

    return middleware


def _zone_of(user_id: int) -> ZoneInfo | None:
    name = UserProfile.objects.filter(pk=user_id).values_list("time_zone", flat=True).first()
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
