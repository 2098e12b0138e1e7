"""The content security policy: strict everywhere, with what Unfold needs under the admin's address."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse


def policy(authorize_urls: Iterable[str] = ()) -> dict[str, Any]:
    """Return django-csp's setting. A form here may lead to the hosts of `authorize_urls`, and to no other.

    Browsers hold a redirect after a form to this rule, too: that is how people get to a provider's consent page.
    """
    origins = sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, authorize_urls)})
    return {
        "DIRECTIVES": {
            "default-src": [SELF],
            "img-src": [SELF, "data:"],
            "object-src": [NONE],
            "base-uri": [NONE],
            "frame-ancestors": [NONE],
            "form-action": [SELF, *origins],
        }
    }


# Alpine, which Unfold is built on, evaluates the expressions in its attributes, and its widgets set styles inline.
ADMIN_SOURCES = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
ADMIN_PREFIX = "/admin/"


def admin_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, placed after django-csp's: widen the policy for pages of the admin."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(ADMIN_PREFIX):
            response._csp_replace = ADMIN_SOURCES  # type: ignore[attr-defined]
        return response

    return middleware
