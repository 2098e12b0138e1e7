"""The HTTP API under /api/: session login, errors as {"error", "code"}."""

from __future__ import annotations

from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import django_auth

from imports.api import router as imports
from imports.lifecycle import NotAllowed, UploadRefused

api = NinjaAPI(title="Kith", version="1", auth=django_auth, docs_decorator=staff_member_required)
api.add_router("v1/contacts/import/", imports)

CODES = {401: "not_signed_in", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


def _answer(request: HttpRequest, message: str, *, code: str, status: int) -> HttpResponse:
    return api.create_response(request, {"error": message, "code": code}, status=status)


@api.exception_handler(AuthenticationError)
def not_signed_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return _answer(request, "Sign in first.", code="not_signed_in", status=401)


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return _answer(request, "There is no such thing here.", code="not_found", status=404)


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    code = CODES.get(error.status_code, "bad_request")
    return _answer(request, str(error), code=code, status=error.status_code)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Name the fields and what is wrong with them; never repeat what was sent."""
    faults = [f"{'.'.join(str(part) for part in fault['loc'][1:])}: {fault['msg']}" for fault in error.errors]
    return _answer(request, "; ".join(faults), code="invalid_request", status=422)


@api.exception_handler(UploadRefused)
def upload_refused(request: HttpRequest, error: UploadRefused) -> HttpResponse:
    return _answer(request, str(error), code=error.code, status=413 if error.code == "too_large" else 400)


@api.exception_handler(NotAllowed)
def not_allowed(request: HttpRequest, error: NotAllowed) -> HttpResponse:
    return _answer(request, str(error), code="not_allowed", status=409)
