from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.admin.rows import make_member
from tests.browser.browsing import CHROMIUM


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Playwright runs an event loop in this thread, and Django takes any for asynchronous code that must not wait.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            yield browser
            browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the console said: errors, warnings, broken policies, failed scripts."""
    return []


@pytest.fixture
def page(browser: Browser, live_server: Any, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: _note_failure(request, complaints))
    page.on("request", lambda request: _must_be_ours(request.url, live_server.url, complaints))
    yield page
    context.close()


def _note_failure(request: Request, complaints: list[str]) -> None:
    """Note what failed; a picture that was still loading when the person went to another page has not."""
    if request.failure != "net::ERR_ABORTED":
        complaints.append(f"{request.url}: {request.failure}")


def _must_be_ours(url: str, server: str, complaints: list[str]) -> None:
    if not url.startswith((server, "data:")):
        complaints.append(f"A request to a stranger: {url}")


@pytest.fixture
def member(live_server: Any) -> User:
    return make_member("carol")
