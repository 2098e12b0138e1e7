"""A person connects a Beeper, sees the chats with their pictures, links one, clears its picture and gets it back."""

from __future__ import annotations

import os
from pathlib import Path

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from config.jobs.draining import drain
from contacts.models import Chat
from tests.browser.browsing import MARKS, PHONE, sign_in
from tests.factories import make_contact
from tests.faults.processes import wait_until
from tests.imports.chat_kit import beeper_at_work, chat_of

pytestmark = MARKS

SCREENSHOTS = os.environ.get("KITH_SCREENSHOTS", "")
NUMBER = 12


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page in light, dark and on a phone, where KITH_SCREENSHOTS names a folder."""
    size = page.viewport_size
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS, f"{name}-phone.png"), full_page=True)
    if size:
        page.set_viewport_size(size)
    for look in ("light", "dark") if SCREENSHOTS else ():
        page.evaluate("look => document.documentElement.classList.toggle('dark', look === 'dark')", look)
        page.screenshot(path=Path(SCREENSHOTS, f"{name}-{look}.png"), full_page=True)
    page.evaluate("document.documentElement.classList.remove('dark')")


def work(*queues: str) -> None:
    for queue in queues:
        drain(queue, seconds=None, is_ringing=False)


def choose(page: Page, name: str) -> None:
    """Follow an entry of the menus above the list of syncs."""
    page.goto(str(page.locator(f'a[href*="/syncrun/{name}"]').get_attribute("href")))


def to_the_chats(page: Page) -> None:
    page.locator("#nav-sidebar-apps").get_by_role("link", name="Chats").click()


def test_chats_come_in_with_their_pictures(page: Page, member: User, complaints: list[str]) -> None:
    with beeper_at_work(chats=60, more={"BEEPER_ACCESS_TOKEN": ""}) as beeper:
        contact = make_contact(member, "Grace Example", email="grace@example.com")
        sign_in(page)
        page.locator("#nav-sidebar-apps").get_by_role("link", name="Syncs").click()
        choose(page, "beeper")
        page.get_by_label("Access token").fill("wrong")
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("does not accept the token")
        shoot(page, "connect")
        page.get_by_label("Access token").fill(beeper.access_token)
        page.get_by_label("Address of a media server").fill(beeper.settings()["BEEPER_MEDIA_SERVER"])
        page.get_by_label("Token of the media server").fill(beeper.media_token)
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_text("Connected: LinkedIn, Signal, Telegram, WhatsApp.")).to_be_visible()
        choose(page, "chats")
        page.get_by_role("button", name="Read chats now").click()
        expect(page.get_by_text("Started: 1.")).to_be_visible()
        work("sync", "photos")
        page.reload()
        shoot(page, "syncs")
        page.get_by_role("link", name="Chats sync", exact=False).first.click()
        shoot(page, "sync")

        to_the_chats(page)
        expect(page.locator("img.kith-avatar").first).to_be_visible()
        shoot(page, "chats")
        chat = chat_of(NUMBER)
        page.goto(f"/admin/contacts/chat/{chat.pk}/change/")
        expect(page.get_by_text("Picture: from WhatsApp, just now.")).to_be_visible()
        page.get_by_role("link", name="Link to a contact").click()
        page.get_by_role("searchbox").fill("grace")
        page.get_by_role("button", name="Search", exact=True).click()
        shoot(page, "link")
        page.get_by_role("button", name="Link to Grace Example").click()
        expect(page.get_by_text("Linked to Grace Example.")).to_be_visible()
        work("sync")
        shoot(page, "chat")

        page.get_by_role("button", name="Clear").click()
        expect(page.get_by_text("Cleared.")).to_be_visible()
        # The page itself asks for the picture, and that look wakes it.
        wait_until(lambda: Chat.objects.filter(pk=chat.pk, photo_job__state="pending").exists(), seconds=10)
        work("photos")
        page.reload()
        expect(page.get_by_text("Picture: from WhatsApp, just now.")).to_be_visible()
        to_the_chats(page)
        page.get_by_role("link", name="Picture cache").click()
        shoot(page, "cache")
        page.goto(f"/admin/contacts/contact/{contact.pk}/change/")
        expect(page.get_by_role("region", name="Chats")).to_contain_text(str(chat))
        shoot(page, "contact")
        assert Chat.objects.get(pk=chat.pk).contact == contact
    assert complaints == []
