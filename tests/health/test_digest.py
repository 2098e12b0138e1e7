from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from config.jobs.draining import drain
from config.notices.models import Notice
from contacts.deals import open_deal
from contacts.models import Contact, UserProfile
from health import digest, slack
from health.models import Alert, AlertRule, MessageTemplate, RelationshipHealth, Reminder
from tests.factories import make_contact
from tests.health.factories import NOW, add_event, add_reminder, ago, health_of, refresh, stage
from tests.postbox import Hook, Postbox, mail_server, webhook

DAY = timedelta(days=1)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(settings: Any) -> Iterator[Hook]:
    with webhook() as found:
        settings.ALERT_WEBHOOK_URL = found.url
        yield found


@pytest.fixture
def postbox(settings: Any) -> Iterator[Postbox]:
    with mail_server() as found:
        settings.EMAIL_URL = "smtp://set"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", found.port, 5
        yield found


def daily(owner: User, now: datetime) -> None:
    """Run what the clock runs, and send what it has to say."""
    refresh(owner, now=now, max_age_hours=20, triggered_by="schedule")
    drain("notices")


def cooling(owner: User, name: str = "Ada Example") -> Contact:
    """Make a contact who was well five weeks ago and has not answered since."""
    contact = make_contact(owner, name, given_name=name.split()[0])
    for days in range(35, 60, 3):
        add_event(contact, at=ago(days), direction="inbound", thread=f"{name}{days}")
    for days in (12, 10, 8):
        add_event(contact, at=ago(days), direction="outbound", thread=f"{name}{days}")
    return contact


def known_as(contact: Contact, status: str) -> None:
    RelationshipHealth.objects.filter(contact=contact).update(told_status=status)


def test_a_band_is_told_once_when_it_has_held_for_two_runs(owner: User, hook: Hook, postbox: Postbox) -> None:
    contact = cooling(owner)
    daily(owner, NOW - DAY)
    known_as(contact, "healthy")
    first = health_of(contact)
    daily(owner, NOW)
    daily(owner, NOW + DAY)
    assert first.status == health_of(contact).status != "healthy"
    assert len(hook.posts) == len(postbox.mails) == 1
    text = hook.payloads()[0]["text"]
    assert "Ada Example" in text
    assert "Healthy -&gt; " in text
    for kind in ("plain", "html"):
        part = postbox.mails[0].get_body((kind,))
        assert part
        assert f"/admin/contacts/contact/{contact.pk}/change/" in part.get_content()


def test_the_first_band_is_no_news(owner: User, hook: Hook) -> None:
    cooling(owner)
    for day in range(3):
        daily(owner, NOW + day * DAY)
    assert hook.posts == []


def test_a_band_that_has_held_for_one_run_only_is_not_told_yet(owner: User, hook: Hook) -> None:
    contact = make_contact(owner)
    for days in range(1, 11):
        add_event(contact, at=ago(days))
    refresh(owner, now=NOW, profile="classic")
    assert health_of(contact).status == "healthy"
    for day, profile in enumerate(["classic", "classic"]):
        refresh(owner, now=ago(-45 - day), profile=profile, triggered_by="schedule")
        drain("notices")
        assert len(hook.posts) == day


def test_the_suggested_next_step_is_the_owners_own_words(owner: User, hook: Hook) -> None:
    MessageTemplate.objects.create(
        owner=owner, context="multiple_followups_ignored", text="Dear {first_name}, {nonsense} after {days} days"
    )
    contact = cooling(owner)
    daily(owner, NOW - DAY)
    known_as(contact, "healthy")
    daily(owner, NOW)
    assert health_of(contact).message_context == "multiple_followups_ignored"  # type: ignore[union-attr]
    assert "Dear Ada, {nonsense} after 8 days" in hook.payloads()[0]["text"]


def test_alerts_are_told_once(owner: User, hook: Hook) -> None:
    deal = open_deal(owner_id=owner.pk, name="Renewal", stage=stage(), now=ago(20), contacts=(make_contact(owner),))
    daily(owner, NOW)
    daily(owner, NOW + DAY)
    daily(owner, NOW + 2 * DAY)
    assert Alert.objects.filter(deal=deal, state="active").exists()
    [payload] = hook.payloads()
    assert "Renewal" in payload["text"]
    assert "14 days in the stage" in payload["text"]
    assert not Alert.objects.filter(notified_at=None).exists()


def test_follow_ups_and_birthdays_are_in_the_digest_of_their_day(owner: User, hook: Hook) -> None:
    contact = make_contact(owner, birthday=f"1990-{(NOW + 8 * DAY):%m-%d}")
    add_reminder(contact, due_on=(NOW + 2 * DAY).date(), note="Send the offer", now=ago(1))
    told = []
    for day in range(10):
        daily(owner, NOW + day * DAY)
        told.append(len(hook.posts))
    # A birthday a week, a day ahead and today; the follow-up on its day, once.
    assert told == [0, 1, 2, 2, 2, 2, 2, 3, 4, 4]
    assert "turns 36" in hook.payloads()[0]["text"]
    assert "Send the offer" in hook.payloads()[1]["text"]
    assert Reminder.objects.get().told_at is not None


def test_there_is_one_digest_for_each_day_of_the_owners_own_zone(owner: User, hook: Hook) -> None:
    UserProfile.objects.create(user=owner, time_zone="Pacific/Auckland")
    contact = make_contact(owner)
    evening = datetime(2026, 3, 1, 10, 30, tzinfo=NOW.tzinfo)  # 23:30 in Auckland
    for hours, due in ((0, date(2026, 3, 1)), (0.2, date(2026, 3, 1)), (1, date(2026, 3, 2))):
        add_reminder(contact, due_on=due, now=evening - DAY)
        daily(owner, evening + timedelta(hours=hours))
    assert list(Notice.objects.order_by("pk").values_list("key", flat=True)) == ["2026-03-01", "2026-03-02"]
    # What came up after the first digest of a day is in the next one.
    assert Reminder.objects.filter(told_at=None).count() == 0


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../Europe/Berlin", ""])
def test_in_a_zone_that_nobody_knows_the_day_is_the_hubs(owner: User, hook: Hook, settings: Any, zone: str) -> None:
    settings.TIME_ZONE = "Pacific/Auckland"
    UserProfile.objects.create(user=owner, time_zone=zone)
    add_reminder(make_contact(owner), due_on=date(2026, 3, 1), now=NOW - DAY)
    assert digest.send(owner.pk, now=datetime(2026, 3, 1, 11, 30, tzinfo=NOW.tzinfo))  # 0:30 of the 2nd in Auckland
    assert Notice.objects.get().key == "2026-03-02"


def test_without_a_channel_nothing_is_marked_as_told(owner: User) -> None:
    add_reminder(make_contact(owner), due_on=NOW.date(), now=ago(1))
    assert not digest.send(owner.pk, now=NOW)
    assert Reminder.objects.filter(told_at=None).count() == 1


def test_a_run_that_only_follows_new_facts_sends_nothing(owner: User, hook: Hook) -> None:
    add_reminder(make_contact(owner), due_on=NOW.date(), now=ago(1))
    refresh(owner, now=NOW, triggered_by="facts")
    drain("notices")
    assert hook.posts == []


def test_an_owner_reads_nothing_of_others(owner: User, other_owner: User, hook: Hook) -> None:
    add_reminder(make_contact(other_owner, "Secret Example"), due_on=NOW.date(), now=ago(1))
    add_reminder(make_contact(owner, "Ada Example"), due_on=NOW.date(), now=ago(1))
    daily(owner, NOW)
    assert "Secret" not in hook.payloads()[0]["text"]


def test_a_name_cannot_call_a_whole_channel_or_become_a_link() -> None:
    line = {"title": "<!channel> a|b", "text": "<https://evil.example|x> & co", "url": "https://kith.example.com/"}
    text = slack.payload("Kith", [slack.Section("Alerts", [line])])["text"]
    assert "<!channel>" not in text
    assert "<https://evil" not in text
    assert "<https://kith.example.com/|&lt;!channel&gt; a/b>" in text


def test_names_stay_text_in_the_mail(owner: User, postbox: Postbox) -> None:
    contact = make_contact(owner, "<img src=x> & co")
    add_reminder(contact, due_on=NOW.date(), now=ago(1))
    daily(owner, NOW)
    [mail] = postbox.mails
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain
    assert html
    assert "- <img src=x> & co: 2026-" in plain.get_content()
    assert "&lt;img src=x&gt; &amp; co</a>" in html.get_content()
    assert Notice.objects.get().html == ""


def test_long_lists_are_cut_and_say_so(owner: User, hook: Hook) -> None:
    rule = AlertRule.objects.filter(metric="entered_ghost").get()
    for number in range(12):
        contact = make_contact(owner, f"Person {number}")
        Alert.objects.create(owner=owner, rule=rule, contact=contact, severity="critical", raised_at=NOW)
    digest.send(owner.pk, now=NOW)
    drain("notices")
    payload = hook.payloads()[0]
    assert "and 2 more" in payload["text"]
    assert all(len(block["text"]["text"]) <= 3_000 for block in payload["blocks"])
