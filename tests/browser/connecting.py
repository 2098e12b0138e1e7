"""The way over a stand-in's consent page, in a real browser."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from config.security import policy
from tests.browser.browsing import sign_in
from tests.providers.oauth import OAuthStandIn


def set_up(settings: Any, live_server: Any, stand_in: OAuthStandIn) -> None:
    """Let the application talk to `stand_in`, and the stand-in send people back to the live server."""
    for name, value in stand_in.settings().items():
        setattr(settings, name, [value] if name == "PHOTO_ALLOWED_HOSTS" else value)
    settings.BASE_URL = live_server.url
    settings.CONTENT_SECURITY_POLICY = policy([stand_in.address])


def connect(page: Page, provider: str) -> None:
    """Sign in, connect an account of `provider`, and arrive on the page of its import."""
    sign_in(page)
    page.goto("/admin/imports/provideraccount/")
    page.get_by_role("link", name="Connect an account").first.click()
    page.get_by_role("button", name=f"Connect {provider}").click()
    consent(page)
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()


def consent(page: Page) -> None:
    expect(page.get_by_text("A stand-in on this machine.")).to_be_visible()
    page.get_by_role("button", name="Allow").click()


def deselect(page: Page, *positions: int) -> None:
    """Look at the rows of the preview and leave these out."""
    page.reload()
    page.get_by_role("link", name="Look at the rows").click()
    for position in positions:
        with page.expect_response(lambda response: response.request.method == "POST") as saved:
            page.get_by_label(f"Import row {position}", exact=True).uncheck()
        assert saved.value.status == 204
    page.get_by_role("link", name="Done looking").click()


def ours(complaints: list[str], stand_in: OAuthStandIn) -> list[str]:
    """Return the complaints that are not about the visit to the stand-in's own pages."""
    # It has no icon for the browser's tab, and the console does not name what was missing.
    no_icon = "Failed to load resource: the server responded with a status of 404 (Not Found)"
    return [complaint for complaint in complaints if stand_in.address not in complaint and complaint != no_icon]
