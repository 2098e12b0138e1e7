"""Addresses for machines: opened by a shared secret in a header, never by a session or the query string."""

from __future__ import annotations

import secrets

from django.http import HttpRequest, JsonResponse

SCHEME = "Bearer "


def holds(request: HttpRequest, secret: str, *, header: str = "") -> bool:
    """Say whether the request carries `secret` as a bearer token, or alone in `header`; never when it is empty."""
    authorization = request.headers.get("Authorization", "")
    given = [authorization.removeprefix(SCHEME)] if authorization.startswith(SCHEME) else []
    if header in request.headers:
        given.append(request.headers[header])
    return bool(secret) and any(secrets.compare_digest(each.encode(), secret.encode()) for each in given)


def refused() -> JsonResponse:
    """Answer the same whether the secret is wrong, missing or not configured."""
    response = JsonResponse({"error": "A valid secret is needed.", "code": "not_authorized"}, status=401)
    response["WWW-Authenticate"] = SCHEME.strip()
    response["Cache-Control"] = "no-store"
    return response
