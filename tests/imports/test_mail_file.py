"""Mail files as mail programs write them, and what is wrong in them."""

from __future__ import annotations

import io
import mailbox
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from config.jobs.claiming import claim
from config.jobs.draining import Budget, drain
from contacts import news
from contacts.models import CommunicationEvent
from contacts.recording import Message
from imports.models import SyncRun
from imports.sync import mail
from imports.sync.headers import Unusable, fields_of, to_message
from imports.sync.mbox import NotMbox, read_mbox
from imports.sync.running import request_file_sync
from tests.factories import make_contact, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now() -> object:
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def owner() -> User:
    return make_user("alice")


def letter(number: int = 1, *, lines: Sequence[str] = (), **fields: str) -> str:
    """Return one message of an mbox; a field set to "" is left out, and `_` in a name stands for `-`."""
    usual = {
        "From": "Ada Example <ada@example.com>",
        "To": "alice@example.com",
        "Date": f"Mon, 9 Mar 2026 10:{number % 60:02d}:00 +0100",
        "Message-ID": f"<m{number}@mail.example.com>",
        "Subject": f"Letter {number}",
    }
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    header = [f"{name}: {value}" for name, value in {**usual, **named}.items() if value]
    return "\n".join(["From ada@example.com Mon Mar  9 10:00:00 2026", *header, *lines, "", "Text.", "", ""])


def sync(owner: User, content: str | bytes) -> SyncRun:
    data = content.encode() if isinstance(content, str) else content
    run = SyncRun.objects.create(owner=owner, kind="mail", upload=ContentFile(data, name="mail.mbox"))
    drain("sync", seconds=None, is_ringing=False)
    run.refresh_from_db()
    return run


def events() -> list[CommunicationEvent]:
    return list(CommunicationEvent.objects.order_by("happened_at"))


def parsed(**fields: str) -> Message:
    text = letter(1, **fields)
    [entry] = read_mbox(io.BytesIO(text.encode()))
    return to_message(entry.fields, own={"alice@example.com"}, now=NOW)


def test_a_mail_file_becomes_events_with_directions_threads_and_answers(owner: User) -> None:
    ada = make_contact(owner, email="ada@example.com")
    asked = letter(1, From="alice@example.com", To='"Example, Ada" <Ada@Example.com>')
    answered = letter(31, References="<m1@mail.example.com>")
    run = sync(owner, asked + answered + letter(3, From="stranger@example.net"))
    assert (run.state, run.seen, run.written, run.contacts_matched, run.errors) == ("completed", 3, 2, 1, [])
    ours, theirs = events()
    assert (ours.contact, ours.direction, ours.subject) == (ada, "outbound", "Letter 1")
    assert (theirs.direction, theirs.thread_id, ours.thread_id) == (
        "inbound",
        "m1@mail.example.com",
        "m1@mail.example.com",
    )
    assert (ours.answered_at, theirs.answer_seconds) == (theirs.happened_at, 1_800)


def test_the_file_goes_as_soon_as_it_has_been_read(owner: User) -> None:
    run = request_file_sync(owner.pk, io.BytesIO(letter().encode()), name="archive.mbox")
    name = str(run.upload)
    assert default_storage.exists(name)
    drain("sync", seconds=None, is_ringing=False)
    run.refresh_from_db()
    assert (run.state, str(run.upload), default_storage.exists(name)) == ("completed", "", False)


def test_the_scores_hear_of_the_contacts_that_have_news(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = make_contact(owner, email="ada@example.com")
    make_contact(owner, "Ben", email="ben@example.com")
    heard: list[object] = []
    monkeypatch.setattr(news, "_listeners", [lambda *told: heard.append(told)])
    sync(owner, letter())
    sync(owner, letter())
    assert heard == [(owner.pk, [ada.pk])]


def test_the_same_file_again_changes_nothing(owner: User) -> None:
    make_contact(owner, email="ada@example.com")
    sync(owner, letter())
    again = sync(owner, letter())
    assert (again.seen, again.written, len(events())) == (1, 0, 1)


def test_a_run_that_is_interrupted_goes_on_at_the_next_message(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_contact(owner, email="ada@example.com")
    monkeypatch.setattr(mail, "PAGE", 2)
    content = "".join(letter(number) for number in range(5))
    SyncRun.objects.create(owner=owner, kind="mail", upload=ContentFile(content.encode(), name="mail.mbox"))
    counts = []
    while claimed := claim(SyncRun, limit=1):
        mail.sync_mail(claimed[0], Budget.of(0))
        counts.append(SyncRun.objects.values_list("seen", "written").get())
    assert counts == [(2, 2), (4, 4), (5, 5), (5, 5)]
    assert len(events()) == 5


def test_what_is_no_mail_file_is_said_in_a_sentence(owner: User) -> None:
    run = sync(owner, "Dear Ada,\n")
    assert (run.state, run.error_code) == ("failed", "not_mbox")
    assert run.last_error.startswith("A mail file (mbox) begins with")


def test_messages_without_a_date_or_sender_are_counted_by_reason(owner: User) -> None:
    make_contact(owner, email="ada@example.com")
    bad = [letter(1, Date=""), letter(2, Date="yesterday"), letter(3, Date="Mon, 9 Mar 2099 10:00:00 +0000")]
    run = sync(owner, "".join([*bad, letter(4, From=""), letter(5)]))
    assert (run.seen, run.written) == (5, 1)
    assert run.errors == [
        {"reason": "an impossible date", "count": 1},
        {"reason": "no date", "count": 2},
        {"reason": "no sender", "count": 1},
    ]


def test_text_that_begins_with_from_does_not_begin_a_message() -> None:
    text = letter(1).replace("Text.", "Text.\n\nFrom here on it is mine.\n\n>From 10:00 2026") + letter(2)
    assert [entry.fields["subject"] for entry in read_mbox(io.BytesIO(text.encode()))] == [["Letter 1"], ["Letter 2"]]


def test_the_standard_librarys_files_are_read_message_by_message(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "sent.mbox")
    for number in range(20):
        box.add(letter(number).partition("\n")[2] + "From the window I see 10:00 in 2026\n")
    box.close()
    with (tmp_path / "sent.mbox").open("rb") as file:
        found = list(read_mbox(file))
    assert len(found) == 20
    with (tmp_path / "sent.mbox").open("rb") as file:
        assert list(read_mbox(file, offset=found[11].next_offset)) == found[12:]


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"BEGIN:VCARD\n", b"\n" + letter().encode()],
    ids=["binary", "another kind", "a blank line first"],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(NotMbox):
        list(read_mbox(io.BytesIO(content)))


def test_broken_headers_cost_only_what_they_hold() -> None:
    raw = letter().encode().replace(b"Subject: Letter 1", b"Subject: =?utf-9?q?Gr=FC?=\nBroken line\nX: \xff\xfe")
    [entry] = read_mbox(io.BytesIO(raw))
    message = to_message(entry.fields, own=set(), now=NOW)
    assert (message.addresses, message.subject) == (("ada@example.com",), "=?utf-9?q?Gr=FC?=")


def test_a_header_of_megabytes_is_cut_and_not_kept() -> None:
    text = letter(To=", ".join(f"p{number}@example.com" for number in range(60_000)))
    [entry] = read_mbox(io.BytesIO(text.encode()))
    assert sum(len(value) for values in entry.fields.values() for value in values) < 300_000


AUTOMATED = {
    "List-Unsubscribe": "<https://example.com/leave>",
    "List-Id": "<friends.example.com>",
    "Auto-Submitted": "auto-replied",
    "Precedence": "bulk",
    "Return-Path": "<>",
    "From": "No Reply <do-not-reply@example.com>",
}


@pytest.mark.parametrize(("name", "value"), AUTOMATED.items(), ids=list(AUTOMATED))
def test_lists_and_machines_are_marked(name: str, value: str) -> None:
    assert parsed(**{name.replace("-", "_"): value}).is_automated


def test_people_are_not_taken_for_machines() -> None:
    ordinary = parsed(Auto_Submitted="no", Precedence="first-class", From="noreen@example.com")
    assert not ordinary.is_automated


def test_a_letter_to_many_is_bulk_mail() -> None:
    many = ", ".join(f"p{number}@example.com" for number in range(21))
    assert parsed(From="alice@example.com", To=many).is_automated
    assert not parsed(From="bob@example.com", To=many).is_automated


def test_mail_to_oneself_is_nobodys_event(owner: User) -> None:
    make_contact(owner, "Me", email="alice@example.com")
    run = sync(owner, letter(From="alice@example.com", To="alice@example.com"))
    assert (run.seen, run.written) == (1, 0)


def test_an_inbound_message_is_an_event_of_its_sender_alone(owner: User) -> None:
    ada = make_contact(owner, email="ada@example.com")
    make_contact(owner, "Ben", email="ben@example.com")
    sync(owner, letter(Cc="ben@example.com"))
    assert [event.contact_id for event in events()] == [ada.pk]


def test_a_message_without_an_id_is_known_by_its_header_fields(owner: User) -> None:
    make_contact(owner, email="ada@example.com")
    for _ in range(2):
        sync(owner, letter(Message_ID=""))
    assert len(events()) == 1


def test_a_clock_that_runs_ahead_by_minutes_is_taken_as_now() -> None:
    ahead = fields_of([("From", "ada@example.com"), ("Date", "Tue, 10 Mar 2026 13:00:00 +0000")])
    assert to_message(ahead, own=set(), now=NOW).sent_at == NOW
    with pytest.raises(Unusable):
        to_message(fields_of([("From", "ada@example.com")]), own=set(), now=NOW)


def test_only_messages_since_the_given_day_are_recorded(owner: User) -> None:
    make_contact(owner, email="ada@example.com")
    old = letter(1, Date="Mon, 9 Mar 2020 10:00:00 +0000")
    run = SyncRun.objects.create(
        owner=owner,
        kind="mail",
        since=NOW - timedelta(days=30),
        upload=ContentFile((old + letter(2)).encode(), name="mail.mbox"),
    )
    drain("sync", seconds=None, is_ringing=False)
    run.refresh_from_db()
    assert (run.seen, run.written) == (2, 1)
