"""Chats find their contacts by number and address, and what a person decides about them stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from contacts.chats.incoming import IncomingChat, IncomingMessage, IncomingPerson
from contacts.chats.linking import NotLinkable, link_chat, make_contact, unlink_chat
from contacts.chats.matching import match_chats
from contacts.chats.recording import record_messages
from contacts.chats.writing import write_chats
from contacts.identifiers import uuid7
from contacts.merging import Pair, merge, unmerge
from contacts.models import Chat, ChatParticipant, Contact, ContactPicture
from contacts.relations import delete_contacts
from media_store.models import PhotoJob
from tests.admin.rows import make_member
from tests.factories import make_contact as make_person
from tests.factories import make_photo_job
from tests.media_store.asking import allow

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ACCOUNT = uuid7()
PHONE, EMAIL = "+12025550111", "ada@example.com"


def bring_in(owner: User, *people: IncomingPerson, kind: str = "single", external_id: str = "!a:example.com") -> Chat:
    chat = IncomingChat(
        external_id=external_id,
        network="Signal",
        kind=kind,
        title="Ada",
        people=people,
        people_count=len(people),
        last_activity=NOW,
    )
    write_chats(owner.pk, ACCOUNT, [chat], now=NOW)
    match_chats(owner.pk, ACCOUNT)
    return Chat.objects.get(owner=owner, external_id=external_id)


def person(external_id: str = "@ada:example.com", **fields: str) -> IncomingPerson:
    return IncomingPerson(external_id=external_id, **{"name": "Ada Example", **fields})


def say(chat: Chat, *, first: int = 0, number: int = 3, sender: str = "@ada:example.com") -> None:
    messages = [
        IncomingMessage(
            external_id=f"m{n}",
            sent_at=NOW + timedelta(minutes=n),
            is_outbound=n % 2 == 1,
            sender_id=sender,
        )
        for n in range(first, first + number)
    ]
    record_messages(chat.owner_id, {UUID(str(chat.pk)): messages})


def test_a_number_is_believed_before_an_address(owner: User) -> None:
    by_phone = make_person(owner, "Ada Example", phone=PHONE)
    make_person(owner, "Bo Example", email=EMAIL)
    chat = bring_in(owner, person(phone=PHONE, email=EMAIL))
    assert (chat.contact, chat.matched_by) == (by_phone, "phone")


def test_an_address_is_believed_where_there_is_no_number(owner: User) -> None:
    contact = make_person(owner, "Ada Example", email=EMAIL)
    chat = bring_in(owner, person(phone="+12025550199", email=EMAIL))
    assert (chat.contact, chat.matched_by) == (contact, "email")


def test_what_several_contacts_share_says_nothing(owner: User) -> None:
    for name in ("Ada Example", "Bo Example"):
        make_person(owner, name, phone=PHONE)
    assert bring_in(owner, person(phone=PHONE)).contact is None


def test_nobody_elses_contact_is_found(owner: User, other_owner: User) -> None:
    make_person(other_owner, "Ada Example", phone=PHONE)
    assert bring_in(owner, person(phone=PHONE)).contact is None


def test_a_contact_that_comes_later_is_found_then(owner: User) -> None:
    assert bring_in(owner, person(phone=PHONE)).contact is None
    contact = make_person(owner, "Ada Example", phone=PHONE)
    chat = bring_in(owner, person(phone=PHONE))
    assert chat.contact == contact
    assert chat.read_activity is None


def test_what_a_person_said_stays_whatever_is_found(owner: User) -> None:
    other = make_person(owner, "Bo Example")
    chat = bring_in(owner, person(phone=PHONE))
    link_chat(chat, other)
    make_person(owner, "Ada Example", phone=PHONE)
    assert bring_in(owner, person(phone=PHONE)).contact == other
    unlink_chat(chat)
    again = bring_in(owner, person(phone=PHONE))
    assert (again.contact, again.matched_by) == (None, "nobody")


def test_messages_move_with_the_chat_and_are_never_doubled(owner: User) -> None:
    first, second = make_person(owner, "Ada Example", phone=PHONE), make_person(owner, "Bo Example")
    chat = bring_in(owner, person(phone=PHONE))
    say(chat)
    say(chat, first=1)
    assert first.events.count() == 4
    link_chat(chat, second)
    assert (first.events.count(), second.events.count()) == (0, 4)
    say(chat)
    assert second.events.count() == 4
    for contact in (first, second):
        contact.refresh_from_db()
        assert contact.facts_at is not None
    unlink_chat(chat)
    assert second.events.count() == 0


def test_a_group_is_linked_to_nobody(owner: User) -> None:
    chat = bring_in(owner, person(), person("@bo:example.com"), kind="group")
    with pytest.raises(NotLinkable, match="several people"):
        link_chat(chat, make_person(owner))
    with pytest.raises(NotLinkable, match="one other person"):
        make_contact(chat, region="US")


def test_a_chat_is_not_linked_to_somebody_elses_contact(owner: User, other_owner: User) -> None:
    with pytest.raises(NotLinkable, match="somebody else"):
        link_chat(bring_in(owner, person()), make_person(other_owner))


def test_an_unknown_person_becomes_a_contact_with_all_that_the_messenger_says(owner: User) -> None:
    chat = bring_in(owner, person(phone=PHONE, email=EMAIL, username="@ada"))
    seen_before = Chat.objects.get(pk=chat.pk)
    Chat.objects.filter(pk=chat.pk).update(picture_url="mxc://beeper.local/a")
    contact = make_contact(Chat.objects.get(pk=chat.pk), region="US")
    assert (contact.display_name, contact.given_name, contact.family_name) == ("Ada Example", "Ada", "Example")
    assert (contact.phones.get().e164, contact.emails.get().normalized) == (PHONE, EMAIL)
    assert contact.identities.get().account_key == ACCOUNT
    picture = ContactPicture.objects.get(contact=contact)
    assert (picture.source, picture.photo_job.source_kind) == ("beeper", "beeper")
    assert Chat.objects.get(pk=chat.pk).contact == contact
    for known in (Chat.objects.get(pk=chat.pk), seen_before):
        with pytest.raises(NotLinkable, match="already"):
            make_contact(known, region="US")
    assert Contact.objects.count() == 1


def test_the_same_person_in_another_chat_is_known_by_identity(owner: User) -> None:
    contact = make_contact(bring_in(owner, person()), region="US")
    chat = bring_in(owner, person(), external_id="!b:example.com")
    assert (chat.contact, chat.matched_by) == (contact, "identity")


def test_chats_follow_a_merge_and_come_back_with_its_undoing(owner: User) -> None:
    loser, survivor = make_person(owner, "Ada E.", phone=PHONE), make_person(owner, "Ada Example")
    chat = bring_in(owner, person(phone=PHONE))
    record = merge(Pair(survivor.pk, loser.pk), owner_id=owner.pk, now=NOW)
    chat.refresh_from_db()
    assert chat.contact_id == chat.participants.get().contact_id == survivor.pk
    unmerge([record], owner_id=owner.pk, now=NOW)
    chat.refresh_from_db()
    assert chat.contact_id == loser.pk


def test_with_a_contact_go_their_chats_and_pictures_and_their_place_in_groups(owner: User) -> None:
    contact = make_person(owner, "Ada Example", phone=PHONE)
    chat = bring_in(owner, person(phone=PHONE))
    group = bring_in(owner, person(phone=PHONE), person("@bo:x"), kind="group", external_id="!g:example.com")
    Chat.objects.filter(pk=chat.pk).update(photo_job=make_photo_job(owner, is_stored=True))
    delete_contacts([contact.pk])
    assert list(Chat.objects.all()) == [group]
    assert list(ChatParticipant.objects.values_list("external_id", flat=True)) == ["@bo:x"]
    assert not PhotoJob.objects.exists()


def test_a_member_links_a_chat_to_a_contact_that_they_search_for(client: Client) -> None:
    member = make_member("carol")
    client.force_login(member)
    contact = make_person(member, "Grace Example")
    chat = bring_in(member, person())
    changelist = reverse("admin:contacts_chat_changelist")
    to_page = client.post(changelist, {"action": "link", "_selected_action": str(chat.pk), "index": 0})
    assert to_page.headers["Location"] == reverse("admin:contacts_chat_link", args=[chat.pk])
    page = client.get(to_page.headers["Location"], {"q": "grace"}).content.decode()
    assert f'value="{contact.pk}"' in page
    client.post(to_page.headers["Location"], {"contact": str(contact.pk)})
    chat.refresh_from_db()
    assert chat.contact == contact


def test_a_member_can_link_no_foreign_contact(client: Client, other_owner: User) -> None:
    member = make_member("carol")
    client.force_login(member)
    chat = bring_in(member, person())
    foreign = make_person(other_owner, "Grace Example")
    for contact in (str(foreign.pk), "nonsense", ""):
        client.post(reverse("admin:contacts_chat_link", args=[chat.pk]), {"contact": contact})
    chat.refresh_from_db()
    assert chat.contact is None


def test_a_member_makes_contacts_of_several_chats(client: Client) -> None:
    member = make_member("carol")
    client.force_login(member)
    chats = [bring_in(member, person(f"@p{n}:x"), external_id=f"!{n}:x") for n in range(3)]
    ids = [str(chat.pk) for chat in chats]
    url = reverse("admin:contacts_chat_changelist")
    client.post(url, {"action": "make_contacts", "_selected_action": ids, "index": 0})
    assert Contact.objects.filter(owner=member).count() == 3
    contact = Contact.objects.filter(owner=member)[0]
    page = client.get(reverse("admin:contacts_contact_change", args=[contact.pk])).content.decode()
    assert reverse("admin:contacts_chat_change", args=[contact.chats.get().pk]) in page


def test_somebody_who_may_not_add_contacts_makes_none_of_chats(client: Client) -> None:
    member = make_member("carol")
    member.groups.clear()
    client.force_login(allow(member, "view_chat", "change_chat"))
    chat = bring_in(member, person())
    url = reverse("admin:contacts_chat_changelist")
    client.post(url, {"action": "make_contacts", "_selected_action": [str(chat.pk)], "index": 0})
    page = client.get(reverse("admin:contacts_chat_change", args=[chat.pk]))
    assert b'value="make"' not in page.content
    assert client.post(reverse("admin:contacts_chat_act", args=[chat.pk]), {"verb": "make"}).status_code == 403
    assert client.get(reverse("admin:contacts_chat_link", args=[chat.pk])).status_code == 403
    assert not Contact.objects.exists()
