"""What a person decides about a chat: it is with this contact, with nobody here, or with somebody new."""

from __future__ import annotations

from uuid import UUID

from django.db import connection, transaction

from config.jobs.models import Priority
from contacts.chats.caching import BEEPER
from contacts.chats.describing import describe
from contacts.chats.recording import SOURCE
from contacts.incoming import IncomingContact
from contacts.models import (
    Chat,
    ChatParticipant,
    CommunicationEvent,
    Contact,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    ExternalIdentity,
)
from contacts.models.chat import Matched
from contacts.recording import link_answers
from contacts.registries import ContactIds, among
from media_store.models import PhotoJob
from media_store.photos import create_photo_job

EVENTS = CommunicationEvent._meta.db_table

MOVE = f"""
    with moved as (
        update {EVENTS} event set contact_id = %(to)s
        where event.contact_id = %(from)s and event.source = '{SOURCE}' and event.thread_id = any(%(threads)s)
            and not exists (
                select from {EVENTS} twin where twin.contact_id = %(to)s
                    and twin.source = event.source and twin.external_id = event.external_id
            )
        returning 1
    )
    delete from {EVENTS} event
    where event.contact_id = %(from)s and event.source = '{SOURCE}' and event.thread_id = any(%(threads)s)
        and exists (
            select from {EVENTS} twin where twin.contact_id = %(to)s
                and twin.source = event.source and twin.external_id = event.external_id
        )
"""


class NotLinkable(Exception):
    """This cannot be done with this chat; the message says why in one sentence."""


def link_chat(chat: Chat, contact: Contact) -> None:
    """Say that the chat, with all its parts, is with `contact`: past messages move there, more are read by the sync."""
    if chat.kind != Chat.Kind.SINGLE:
        raise NotLinkable("A group has several people: link your chats with each of them instead.")
    if contact.owner_id != chat.owner_id:
        raise NotLinkable("The contact belongs to somebody else.")
    with transaction.atomic():
        _set_contact(chat, contact.pk, how=Matched.HAND)


def unlink_chat(chat: Chat) -> None:
    """Say that the chat is with nobody here; it is not matched again, and its messages leave the timeline."""
    with transaction.atomic():
        _set_contact(chat, None, how=Matched.NOBODY)


def free_chats(contact_ids: ContactIds) -> None:
    """Let the chats of these contacts stay, and be matched anew, when the contacts go; in the caller's transaction."""
    freed = {"contact": None, "matched_by": Matched.NOT}
    ChatParticipant.objects.filter(contact__in=among(contact_ids)).update(**freed)
    Chat.objects.filter(contact__in=among(contact_ids)).update(**freed, read_activity=None, read_until=None)


def make_contact(chat: Chat, *, region: str) -> Contact:
    """Make a contact of the one other person in the chat, with what the messenger says of them, and link it."""
    people = list(chat.participants.all()[:2])
    if chat.kind != Chat.Kind.SINGLE or len(people) != 1:
        raise NotLinkable("Only a chat with one other person can become a contact.")
    with transaction.atomic():
        # Asked under the lock: two clicks must not make two contacts.
        if Chat.objects.select_for_update(no_key=True).get(pk=chat.pk).contact_id is not None:
            raise NotLinkable(f"{chat} is linked to a contact already.")
        contact = _create(chat, people[0], region=region)
        _set_contact(chat, contact.pk, how=Matched.HAND)
    return contact


def _set_contact(chat: Chat, contact_id: UUID | None, *, how: Matched) -> None:
    whole = Chat.objects.select_for_update(no_key=True).get(pk=chat.pk)
    parts = Chat.objects.filter(owner_id=chat.owner_id, account_key=chat.account_key, merged_into=chat.external_id)
    rows = [whole, *parts.select_for_update(no_key=True).order_by("pk")]
    before = {row.contact_id for row in rows if row.contact_id and row.contact_id != contact_id}
    _move_events([row.pk for row in rows], sorted(before), contact_id)
    ids = [row.pk for row in rows]
    decided = {"contact_id": contact_id, "matched_by": how}
    Chat.objects.filter(pk__in=ids).update(**decided, read_activity=None, read_until=None)
    ChatParticipant.objects.filter(chat__in=ids).update(**decided)
    chat.contact_id, chat.matched_by = contact_id, how


def _move_events(chat_ids: list[UUID], before: list[UUID], contact_id: UUID | None) -> None:
    threads = [str(pk) for pk in chat_ids]
    for old_id in before:
        if contact_id is None:
            CommunicationEvent.objects.filter(contact_id=old_id, source=SOURCE, thread_id__in=threads).delete()
            continue
        with connection.cursor() as cursor:
            cursor.execute(MOVE, {"from": old_id, "to": contact_id, "threads": threads})
    if before:
        link_answers([*before, *([contact_id] if contact_id else [])])


def _create(chat: Chat, person: ChatParticipant, *, region: str) -> Contact:
    found = describe(person, network=chat.network, title=chat.title, region=region)
    contact = Contact.objects.create(
        owner_id=chat.owner_id,
        display_name=found.display_name or str(chat),
        given_name=found.given_name,
        family_name=found.family_name,
        sort_name=found.sort_name or str(chat).casefold()[:300],
    )
    _add_ways(contact, found)
    identity = ExternalIdentity(
        owner_id=chat.owner_id,
        contact=contact,
        source=SOURCE,
        account_key=chat.account_key,
        external_id=person.external_id,
    )
    ExternalIdentity.objects.bulk_create([identity], ignore_conflicts=True)
    _add_picture(contact, chat)
    return contact


def _add_ways(contact: Contact, found: IncomingContact) -> None:
    """Add how to reach the contact."""
    to = {"owner_id": contact.owner_id, "contact": contact}
    for email in found.emails:
        ContactEmail.objects.create(
            **to, address=email.address, normalized=email.normalized, label=email.label, is_primary=email.is_primary
        )
    for phone in found.phones:
        ContactPhone.objects.create(
            **to, raw=phone.raw, e164=phone.e164, label=phone.label, is_primary=phone.is_primary
        )
    for link in found.links:
        ContactLink.objects.create(**to, kind=link.kind, value=link.value, label=link.label)


def _add_picture(contact: Contact, chat: Chat) -> None:
    """Give the contact a picture of its own from the same place: that of the chat may be let go, this one stays."""
    if not chat.picture_url or chat.is_picture_blocked:
        return
    is_web = chat.picture_url.lower().startswith(("http://", "https://"))
    job = create_photo_job(
        chat.owner_id,
        kind=PhotoJob.SourceKind.URL if is_web else BEEPER,
        source_url=chat.picture_url,
        source_ref=str(chat.account_key),
        path_hint="contacts",
        priority=Priority.PERSON,
    )
    ContactPicture.objects.create(
        owner_id=contact.owner_id, contact=contact, source=ContactPicture.Source.BEEPER, photo_job=job
    )
