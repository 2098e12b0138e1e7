"""What every journey through the browser needs besides its fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

CHROMIUM = Path(os.environ.get("KITH_CHROMIUM", "/usr/bin/chromium"))
PHONE = {"width": 390, "height": 844}

MARKS = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing; KITH_CHROMIUM may name another"),
]


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("carol")
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Things to do")).to_be_visible()
