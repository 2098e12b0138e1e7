"""Slow down who guesses passwords, without letting a stranger lock the right person out."""

from __future__ import annotations

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest

ADDRESS_FACTOR = 10  # an office behind one address may mistype ten times as often as one person


class LockoutHandler(AxesDatabaseHandler):
    """django-axes counts by one limit only; here the address alone has a looser one than name and address together."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the failures to compare with AXES_FAILURE_LIMIT; the querysets come as AXES_LOCKOUT_PARAMETERS."""
        of_pair, of_address = (
            attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        return max(of_pair, of_address // ADDRESS_FACTOR)


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, as the outermost of our TRUSTED_PROXIES saw it.

    Only the entries that our own proxies appended count: those to the left of them are whatever the client sent.
    """
    count: int = settings.TRUSTED_PROXIES
    forwarded = [entry.strip() for entry in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if entry.strip()]
    if count and len(forwarded) >= count:
        return str(forwarded[-count])
    return str(request.META["REMOTE_ADDR"])
