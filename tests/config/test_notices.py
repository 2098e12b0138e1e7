from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django_q.models import OrmQ

from config.jobs import controls
from config.jobs.draining import Drained, drain
from config.notices import notify
from config.notices.models import Notice
from config.notices.notifying import has_channel, prune
from tests.postbox import Hook, Postbox, mail_server, webhook

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(settings: Any) -> Iterator[Hook]:
    with webhook() as found:
        settings.ALERT_WEBHOOK_URL = found.url
        settings.WEBHOOK_SECRET = SECRET
        yield found


@pytest.fixture
def postbox(settings: Any) -> Iterator[Postbox]:
    with mail_server() as found:
        settings.EMAIL_URL = "smtp://set"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", found.port, 5
        yield found


def tell(owner: User, **fields: Any) -> list[Notice]:
    usual = {
        "kind": "digest",
        "subject": "Zwei Kontakte kühlen ab",
        "body": "Ada\n.dot\n",
        "payload": {"text": "Ada é"},
    }
    return notify(owner.pk, webhook="ALERT_WEBHOOK_URL", **{**usual, **fields})


def send() -> Drained:
    return drain("notices")


def state_of(notice: Notice) -> tuple[str, str]:
    notice.refresh_from_db()
    return notice.state, notice.error_code


def test_a_notice_goes_out_by_both_channels_and_keeps_no_text(owner: User, hook: Hook, postbox: Postbox) -> None:
    assert len(tell(owner)) == 2
    assert send().as_counts()["completed"] == 2
    assert hook.payloads() == [{"text": "Ada é"}]
    [mail] = postbox.mails
    assert mail["Subject"] == "Zwei Kontakte kühlen ab"
    assert mail["To"] == "alice@example.com"
    assert mail.get_content().splitlines() == ["Ada", ".dot"]
    assert set(Notice.objects.values_list("state", "payload", "body")) == {("completed", None, "")}


def test_a_request_is_signed_as_standard_webhooks_say(owner: User, hook: Hook) -> None:
    [notice] = tell(owner)
    send()
    [(headers, content)] = hook.posts
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    expected = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-id"] == f"notice-{notice.pk}"
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_without_a_secret_nothing_is_signed(owner: User, hook: Hook, settings: Any) -> None:
    settings.WEBHOOK_SECRET = ""
    tell(owner)
    send()
    assert "webhook-signature" not in hook.posts[0][0]


def test_channels_that_are_not_set_up_get_no_row(owner: User) -> None:
    assert tell(owner) == []
    assert not has_channel(owner.pk, "ALERT_WEBHOOK_URL")
    assert OrmQ.objects.count() == 0


def test_an_owner_without_an_address_gets_no_mail(owner: User, postbox: Postbox) -> None:
    User.objects.update(email="")
    assert tell(owner) == []


def test_the_same_key_again_sends_nothing(owner: User, other_owner: User, hook: Hook) -> None:
    assert len(tell(owner, key="7")) == 1
    assert tell(owner, key="7") == []
    assert len(tell(owner, key="7", kind="other")) == len(tell(other_owner, key="7")) == 1
    assert len(tell(owner)) == len(tell(owner)) == 1
    send()
    assert tell(owner, key="7") == []


def test_a_notice_is_rolled_back_with_what_it_tells_of(owner: User, hook: Hook) -> None:
    with transaction.atomic():
        tell(owner)
        transaction.set_rollback(True)
    assert (Notice.objects.count(), OrmQ.objects.count()) == (0, 0)
    with transaction.atomic():
        tell(owner)
    assert (Notice.objects.count(), OrmQ.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("status", "state"), [(500, "pending"), (429, "pending"), (404, "failed"), (302, "failed"), (403, "failed")]
)
def test_a_refusal_is_retried_or_final_by_its_status(owner: User, hook: Hook, status: int, state: str) -> None:
    hook.statuses = [status]
    hook.headers = {"Location": hook.url}
    [notice] = tell(owner)
    send()
    assert state_of(notice) == (state, f"http_{status}")
    assert len(hook.posts) == 1
    assert notice.payload == {"text": "Ada é"}


def test_a_server_that_asks_for_time_gets_it_and_then_the_same_notice(owner: User, hook: Hook) -> None:
    hook.statuses, hook.headers = [503], {"Retry-After": "7200"}
    [notice] = tell(owner)
    send()
    notice.refresh_from_db()
    assert notice.next_attempt_at - notice.queued_at > timedelta(minutes=119)
    Notice.objects.update(next_attempt_at=notice.queued_at)
    send()
    first, second = (headers["webhook-id"] for headers, _ in hook.posts)
    assert first == second
    assert state_of(notice) == ("completed", "")


def test_no_error_names_the_address_and_a_person_can_retry(owner: User, hook: Hook, settings: Any) -> None:
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:9/services/very-secret"
    [notice] = tell(owner)
    send()
    assert state_of(notice) == ("pending", "connection_failed")
    assert "secret" not in notice.last_error
    settings.ALERT_WEBHOOK_URL = ""
    Notice.objects.update(next_attempt_at=notice.queued_at)
    send()
    assert state_of(notice) == ("failed", "not_set_up")
    settings.ALERT_WEBHOOK_URL = hook.url
    controls.retry(Notice.objects.all())
    send()
    assert state_of(notice) == ("completed", "")


@pytest.mark.parametrize(("reply", "state"), [("451 later", "pending"), ("550 no such user", "failed")])
def test_mail_that_is_refused_is_retried_or_final_by_its_code(
    owner: User, postbox: Postbox, reply: str, state: str
) -> None:
    postbox.replies = [reply]
    [notice] = tell(owner)
    send()
    assert state_of(notice) == (state, f"smtp_{reply[:3]}")
    assert postbox.mails == []


def test_mail_waits_for_a_server_that_is_away(owner: User, postbox: Postbox, settings: Any) -> None:
    settings.EMAIL_PORT = 9
    [notice] = tell(owner)
    send()
    assert state_of(notice) == ("pending", "connection_failed")
    settings.EMAIL_PORT = postbox.port
    Notice.objects.update(next_attempt_at=notice.queued_at)
    send()
    assert len(postbox.mails) == 1


def test_a_subject_cannot_add_headers(owner: User, postbox: Postbox) -> None:
    tell(owner, subject="Hello\nBcc: mallory@example.com")
    send()
    assert postbox.mails[0]["Bcc"] is None
    assert len(postbox.recipients) == 1


def test_notices_are_kept_for_thirty_days_after_their_end(owner: User, hook: Hook) -> None:
    for _ in range(3):
        tell(owner)
    send()
    young, old, waiting = Notice.objects.order_by("pk")
    Notice.objects.filter(pk=young.pk).update(finished_at=NOW - timedelta(days=29))
    Notice.objects.filter(pk=old.pk).update(finished_at=NOW - timedelta(days=31))
    Notice.objects.filter(pk=waiting.pk).update(state="pending", finished_at=None, queued_at=NOW - timedelta(days=60))
    assert prune(now=NOW) == 1
    assert set(Notice.objects.values_list("pk", flat=True)) == {young.pk, waiting.pk}
