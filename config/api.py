"""The HTTP API under /api/: session login, errors as {"error", "code"}."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.decorators import staff_member_required
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import django_auth

from contacts.api import router as contacts
from contacts.merging import MergeRefused
from imports.accounts.providers import NotConfigured
from imports.api import router as imports
from imports.api_accounts import router as accounts
from imports.lifecycle import NotAllowed, UploadRefused

PROBLEM = {"type": "object", "properties": {"error": {"type": "string"}, "code": {"type": "string"}}}
EVERYWHERE = {
    401: "Not signed in",
    403: "Not allowed, or the CSRF token is missing or wrong",
    422: "A parameter is wrong",
}
WITH_A_BODY = {400: "The body cannot be read"}


class DocumentedAPI(NinjaAPI):
    """Writes down the refusals that every address can give, beside those that each names itself."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        schema["components"]["schemas"].setdefault("Problem", {**PROBLEM, "required": ["error", "code"]})
        for operation in (operation for path in schema["paths"].values() for operation in path.values()):
            refusals = EVERYWHERE | (WITH_A_BODY if "requestBody" in operation else {})
            for status, description in refusals.items():
                operation["responses"].setdefault(status, {"description": description, "content": problem})
        return schema


api = DocumentedAPI(title="Kith", version="1", auth=django_auth, docs_decorator=staff_member_required)
api.add_router("v1/contacts/import/", accounts)
api.add_router("v1/contacts/import/", imports)
api.add_router("v1/contacts/", contacts)

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


@api.exception_handler(MergeRefused)
def merge_refused(request: HttpRequest, error: MergeRefused) -> HttpResponse:
    return _answer(request, str(error), code="not_allowed", status=409)


@api.exception_handler(NotAllowed)
def not_allowed(request: HttpRequest, error: NotAllowed) -> HttpResponse:
    return _answer(request, str(error), code="not_allowed", status=409)


@api.exception_handler(NotConfigured)
def not_configured(request: HttpRequest, error: NotConfigured) -> HttpResponse:
    return _answer(request, str(error), code="not_configured", status=409)
