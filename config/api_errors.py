"""Errors under /api are {"error", "code"} also where no view of the API was reached."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

PREFIX = "/api/"
SENTENCES = {
    404: "There is no such thing here.",
    405: "This address does not take that method.",
}


def api_errors(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: put the page of an unknown address, wrong method or crash into the API's words.

    While DEBUG is on, the page of a crash stays as it is.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(PREFIX) and response.status_code >= 400 and _is_page(response):
            return _answer(response)
        return response

    return middleware


def _is_page(response: HttpResponse) -> bool:
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    return not is_json and not (settings.DEBUG and response.status_code >= 500)


def _answer(page: HttpResponse) -> JsonResponse:
    status = HTTPStatus(page.status_code)
    sentence = SENTENCES.get(status, f"{status.phrase}.")
    answer = JsonResponse({"error": sentence, "code": status.name.lower()}, status=status)
    if "Allow" in page.headers:
        answer.headers["Allow"] = page.headers["Allow"]
    return answer
