"""A person reads why a relationship is cold, finds it on the list, calls, and sees the score follow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from config.jobs.draining import drain
from health.models import HealthRun, RelationshipHealth, Reminder
from tests.browser.browsing import MARKS, sign_in
from tests.factories import make_contact
from tests.health.factories import add_event, refresh

pytestmark = [*MARKS, pytest.mark.usefixtures("live_server")]


def test_a_cold_relationship_is_warmed(page: Page, member: User, complaints: list[str]) -> None:
    now = timezone.now()
    contact = make_contact(member, "Ada Example", given_name="Ada")
    for days in range(40, 100, 6):
        add_event(contact, "call", at=now - timedelta(days=days))
    Reminder.objects.create(owner=member, contact=contact, due_on=now.date(), created_at=now - timedelta(days=1))
    refresh(member, now=now)
    before = RelationshipHealth.objects.get(contact=contact)

    sign_in(page)
    page.locator("#content").get_by_role("link", name="Ada Example").first.click()
    panel = page.get_by_role("region", name="Health")
    expect(panel.get_by_text(before.sentence)).to_be_visible()
    expect(panel.get_by_text("Hello Ada, it has been 40 days")).to_be_visible()
    expect(panel.get_by_role("img")).to_be_visible()
    panel.get_by_text("Facts and changes").click()
    expect(panel.get_by_text("Own rhythm, in days")).to_be_visible()

    page.locator("#nav-sidebar-apps").get_by_role("link", name="Going cold").click()
    page.get_by_role("region", name="Ada Example").get_by_role("button", name="Talked today").click()
    expect(page.get_by_text("Noted: you talked with Ada Example today. 1 follow-up closed.")).to_be_visible()
    drain(HealthRun.QUEUE, is_ringing=False)
    page.reload()
    expect(page.get_by_text("Nobody is going cold. Well done.")).to_be_visible()

    after = RelationshipHealth.objects.get(contact=contact)
    assert after.score is not None
    assert before.score is not None
    assert after.score > before.score
    page.goto(f"/admin/contacts/contact/{contact.pk}/change/")
    expect(page.get_by_role("region", name="Health").get_by_text(after.sentence)).to_be_visible()
    assert complaints == []
