"""The list of chats and their messages come in once, however often and from wherever they are read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Chat, ChatAttachment, ChatParticipant, CommunicationEvent, Contact
from imports.models import ProviderAccount, SyncRun
from imports.sync.asking import CannotSync
from media_store.models import PhotoJob
from tests.factories import make_contact
from tests.imports.chat_kit import account_of, beeper_at_work, chat_of, sync
from tests.providers.beeper import BeeperStandIn
from tests.providers.chats import chat_id
from tests.providers.faults import (
    bad_item,
    broken,
    cut,
    empty_page,
    repeated_page,
    throttled,
    truncated,
    unauthorized,
    usual,
    wrong_types,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def beeper() -> Iterator[BeeperStandIn]:
    with beeper_at_work(chats=60) as standing:
        yield standing


def state_of_everything() -> list[tuple[object, ...]]:
    """Return what a sync writes, without ids and times of our own."""
    chats = Chat.objects.order_by("external_id").values_list(
        "external_id", "title", "kind", "network", "people", "last_activity", "unread", "is_archived", "merged_into"
    )
    people = ChatParticipant.objects.order_by("chat__external_id", "external_id").values_list("external_id", "phone")
    events = CommunicationEvent.objects.order_by("contact__display_name", "happened_at", "external_id")
    files = ChatAttachment.objects.order_by("chat__external_id", "message_id").values_list("message_id", "source_url")
    told = events.values_list("contact__display_name", "happened_at", "direction")
    return [*chats, *people, *told, *files]


def test_every_chat_comes_in_with_its_people_and_state(owner: User, beeper: BeeperStandIn) -> None:
    run = sync(owner)
    assert (run.state, run.seen, run.errors) == (SyncRun.State.COMPLETED, 60, [])
    assert Chat.objects.count() == 60
    single, group = chat_of(4), chat_of(7)
    assert (single.kind, single.network, single.people) == ("single", "WhatsApp", 1)
    assert single.participants.get().phone.startswith("+")
    assert (group.kind, group.people, group.participants.count()) == ("group", 30, 30)
    assert [chat_of(n).is_archived for n in (4, 5)] == [False, True]
    assert [chat_of(n).is_muted for n in (2, 4)] == [True, False]
    assert [chat_of(n).is_pinned for n in (1, 4)] == [True, False]
    assert chat_of(5).unread == 2


def test_neither_oneself_nor_bots_are_people(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    assert not ChatParticipant.objects.filter(external_id__contains="bot:").exists()
    assert not ChatParticipant.objects.filter(external_id__startswith="@mara_").exists()
    assert chat_of(4).participants.count() == 1


def test_parts_of_a_merged_chat_are_hidden_behind_the_whole(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    assert chat_of(26).merged_into == chat_of(27).merged_into == chat_id(25)
    assert chat_of(25).merged_into == ""


def test_messages_of_the_parts_count_for_the_contact_of_the_whole(owner: User, beeper: BeeperStandIn) -> None:
    account_of(owner)
    sync(owner)
    whole = chat_of(25).participants.get()
    contact = make_contact(owner, "Ada Example", phone=whole.phone or "+12025550110")
    chat_of(25).participants.update(phone=contact.phones.get().e164)
    ChatParticipant.objects.exclude(chat=chat_of(25)).update(phone="", email="")
    sync(owner)
    assert chat_of(26).contact == chat_of(27).contact == contact
    assert contact.events.count() > 60


def test_a_second_sync_changes_nothing_and_asks_for_no_messages(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    before, asked = state_of_everything(), beeper.count("messages")
    run = sync(owner)
    assert state_of_everything() == before
    assert run.seen == 0
    assert beeper.count("messages") == asked


def test_new_activity_alone_is_read_the_next_time(owner: User, beeper: BeeperStandIn) -> None:
    phone_of(4, owner)
    sync(owner)
    known = CommunicationEvent.objects.count()
    asked = (beeper.count("chats"), beeper.count("messages"))
    beeper.add_message(4)
    run = sync(owner)
    assert (run.seen, run.written) == (1, 1)
    assert CommunicationEvent.objects.count() == known + 1
    assert (beeper.count("chats"), beeper.count("messages")) == (asked[0] + 1, asked[1] + 1)


def phone_of(number: int, owner: User) -> Contact:
    """Make a contact with the number of the one person in this chat."""
    account_of(owner)
    sync(owner)
    return make_contact(owner, "Ada Example", phone=chat_of(number).participants.get().phone)


def test_messages_are_events_by_direction_and_time_without_their_text(owner: User, beeper: BeeperStandIn) -> None:
    contact = phone_of(4, owner)
    sync(owner)
    events = list(contact.events.order_by("happened_at"))
    # 45 messages, of which two are deleted; every third is the owner's.
    assert len(events) == 43
    assert {event.kind for event in events} == {"chat"}
    assert [event.direction for event in events[:4]] == ["outbound", "inbound", "inbound", "outbound"]
    assert events[1].happened_at - events[0].happened_at == timedelta(hours=1)
    assert {event.body for event in events} == {""}
    contact.refresh_from_db()
    assert contact.facts_at is not None
    assert any(event.answer_seconds for event in events)


def test_text_is_kept_only_when_the_settings_say_so(owner: User) -> None:
    with beeper_at_work(chats=10, more={"CHAT_KEEP_TEXT": True}):
        contact = phone_of(4, owner)
        sync(owner)
        assert contact.events.filter(body__startswith="Words that nobody keeps").count() == 43


def test_messages_in_a_small_group_count_for_whoever_writes_and_ours_for_all(
    owner: User, beeper: BeeperStandIn
) -> None:
    account_of(owner)
    sync(owner)
    people = list(chat_of(3 + 8).participants.exclude(phone=""))
    assert len(people) >= 2
    first, second = (make_contact(owner, f"Person {n}", phone=people[n].phone) for n in range(2))
    sync(owner)
    for contact in (first, second):
        assert set(contact.events.values_list("direction", flat=True)) == {"inbound", "outbound"}
    inbound = [set(c.events.filter(direction="inbound").values_list("happened_at", flat=True)) for c in (first, second)]
    assert not inbound[0] & inbound[1]


def test_a_large_group_is_an_audience_and_makes_no_events(owner: User, beeper: BeeperStandIn) -> None:
    account_of(owner)
    sync(owner)
    person = chat_of(7).participants.exclude(phone="").first()
    assert person
    contact = make_contact(owner, phone=person.phone)
    sync(owner)
    person.refresh_from_db()
    assert person.contact == contact
    assert not contact.events.exists()


def test_files_of_messages_are_noted_by_their_address(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    files = list(chat_of(4).attachments.all())
    # Every tenth message of 45 brings one.
    assert len(files) == 5
    assert {file.source_url.partition(":")[0] for file in files} == {"mxc", "file"}
    assert (files[0].file_name, files[0].content_type) == ("holiday 44.jpg", "image/jpeg")


def test_only_the_window_is_read_of_a_chat_that_is_new(owner: User) -> None:
    with beeper_at_work(chats=10, more={"CHAT_WINDOW_DAYS": 1}) as beeper:
        sync(owner)
        assert beeper.count("messages") == 0
        assert Chat.objects.count() == 10


def test_the_past_is_read_again_from_a_given_day(owner: User) -> None:
    with beeper_at_work(chats=10, more={"CHAT_WINDOW_DAYS": 1}):
        contact = phone_of(4, owner)
        sync(owner)
        assert not contact.events.exists()
        moment = chat_of(4).last_activity
        assert moment
        sync(owner, since=moment - timedelta(hours=9, minutes=30))
        assert 8 <= contact.events.count() <= 10


def test_a_chat_that_is_gone_is_marked_and_kept(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    beeper.delete_chat(8)
    ProviderAccount.objects.update(cursors={})
    sync(owner)
    assert chat_of(8).gone_at is not None
    assert Chat.objects.filter(gone_at=None).count() == 59


def test_a_chat_that_moves_to_the_top_during_the_walk_is_not_taken_for_gone(owner: User) -> None:
    with beeper_at_work(chats=450, more={"CHAT_WINDOW_DAYS": 1}) as beeper:
        sync(owner)
        ProviderAccount.objects.update(cursors={})
        beeper.fault("chats", usual(), moved_up(beeper, 440))
        sync(owner)
        assert chat_of(440).gone_at is None


def moved_up(beeper: BeeperStandIn, number: int):  # type: ignore[no-untyped-def]
    from tests.providers.faults import Fault

    def spoil(_stand_in, _request, answer):  # type: ignore[no-untyped-def]
        beeper.add_message(number)
        return answer()

    return Fault(spoil)


def test_changes_without_activity_are_seen_by_the_walk_through_everything(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    beeper.change_chat(8, title="Renamed", isArchived=True)
    sync(owner)
    assert chat_of(8).title != "Renamed"
    account = ProviderAccount.objects.get()
    account.cursors["chats"]["all_at"] = "2026-01-01T00:00:00+00:00"
    account.save()
    sync(owner)
    assert (chat_of(8).title, chat_of(8).is_archived) == ("Renamed", True)


@pytest.mark.parametrize("fault", [cut(), truncated(), broken(), throttled(retry_after=1), wrong_types()])
def test_a_faulty_page_is_read_again_and_nothing_is_doubled(owner: User, fault: object) -> None:
    with beeper_at_work(chats=30) as beeper:
        sync(owner)
        whole = state_of_everything()
        Chat.objects.all().delete()
        ProviderAccount.objects.all().delete()
        beeper.fault("chats", fault)  # type: ignore[arg-type]
        run = sync(owner)
        assert run.state == SyncRun.State.QUEUED
        assert run.last_error
        SyncRun.objects.update(next_attempt_at=run.queued_at, error_code="")
        sync(owner)
        assert state_of_everything() == whole


@pytest.mark.parametrize("fault", [empty_page(), repeated_page()])
def test_an_odd_page_costs_no_chat(owner: User, beeper: BeeperStandIn, fault: object) -> None:
    beeper.fault("chats", fault)  # type: ignore[arg-type]
    assert sync(owner).state == SyncRun.State.COMPLETED
    assert Chat.objects.count() == 60


def test_an_item_that_cannot_be_read_costs_itself_alone(owner: User, beeper: BeeperStandIn) -> None:
    beeper.fault("chats", bad_item())
    run = sync(owner)
    assert (run.state, run.seen) == (SyncRun.State.COMPLETED, 59)
    assert run.errors == [{"reason": "a chat that cannot be read", "count": 1}]


def test_a_place_that_beeper_has_forgotten_leads_through_everything_again(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    account = ProviderAccount.objects.get()
    account.cursors["chats"]["newest"] = "nonsense"
    account.save()
    beeper.add_message(9)
    run = sync(owner)
    assert (run.state, run.seen) == (SyncRun.State.COMPLETED, 60)


def test_a_refused_token_holds_the_account_until_it_is_connected_again(owner: User, beeper: BeeperStandIn) -> None:
    beeper.fault("chats", unauthorized())
    run = sync(owner)
    account = ProviderAccount.objects.get()
    assert (run.held_reason, account.state) == ("needs_reconnect", "needs_reconnect")
    assert "connect it again" in account.last_error
    assert beeper.access_token not in run.last_error + account.last_error


def test_a_sync_costs_the_same_number_of_statements_for_more_chats(owner: User) -> None:
    counts = []
    for number in (20, 180):
        Chat.objects.all().delete()
        ProviderAccount.objects.all().delete()
        with beeper_at_work(chats=number, more={"CHAT_WINDOW_DAYS": 1}), CaptureQueriesContext(connection) as queries:
            sync(owner)
        counts.append(len(queries))
    # One more look at how many people of cut-short groups are known.
    assert counts[1] <= counts[0] + 2


def test_a_sync_queues_a_picture_for_every_chat_that_has_one(owner: User, beeper: BeeperStandIn) -> None:
    sync(owner)
    shown = Chat.objects.filter(merged_into="")
    assert shown.exclude(picture_url="").filter(photo_job=None).count() == 0
    assert PhotoJob.objects.count() == shown.exclude(picture_url="").count() > 30
    assert set(PhotoJob.objects.values_list("state", flat=True)) == {"pending"}


def test_the_token_of_the_settings_belongs_to_one_person(owner: User, other_owner: User, beeper: BeeperStandIn) -> None:
    account_of(owner)
    with pytest.raises(CannotSync, match="reads the chats of alice"):
        sync(other_owner)
    assert not Chat.objects.exclude(owner=owner).exists()
