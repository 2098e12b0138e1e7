"""What other parts of the hub are told of chats: merges, erasures, pruning, coverage and the contact page."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from contacts.models import Chat, ChatParticipant, Contact
from contacts.registries import ContactIds, ContactRelation, Panel, among, register_panel, register_relation
from media_store.models import PhotoJob
from media_store.pruning import register_prunable
from media_store.removal import delete_photo_jobs
from media_store.usage import register_holder

SHOWN = 10


def register() -> None:
    """Enter all of it; called from ContactsConfig.ready."""
    register_relation(ContactRelation(model=Chat, field="contact", erase=_erase_chats, label="chats"))
    people = ContactRelation(model=ChatParticipant, field="contact", erase=_erase_people, label="places in chats")
    register_relation(people)
    register_prunable("chat pictures", lambda: PhotoJob.objects.filter(chat__isnull=False))
    register_holder("chats", all=_shown, with_picture=lambda: _shown().filter(photo_job__file__gt=""))
    register_panel(Panel("Chats", "contacts/admin/chats_panel.html", chats_panel, position=60))


def chats_panel(contact: Contact, request: HttpRequest) -> dict[str, Any] | None:
    """Return the chats with a contact, the most recently active first; None where there are none to see."""
    if not request.user.has_perm("contacts.view_chat"):
        return None
    chats = list(contact.chats.filter(merged_into="").defer("picture_url")[: SHOWN + 1])
    return {"chats": chats[:SHOWN], "has_more": len(chats) > SHOWN, "contact": contact} if chats else None


def _shown() -> QuerySet[Chat]:
    return Chat.objects.filter(merged_into="")


def _erase_chats(contact_ids: ContactIds) -> None:
    """Delete the chats with these contacts, with the people and files in them and the cached pictures."""
    chats = Chat.objects.filter(contact__in=among(contact_ids))
    jobs = list(chats.exclude(photo_job=None).values_list("photo_job_id", flat=True))
    chats.delete()
    delete_photo_jobs(PhotoJob.objects.filter(pk__in=jobs))


def _erase_people(contact_ids: ContactIds) -> None:
    """Take these contacts out of the groups that they are in."""
    ChatParticipant.objects.filter(contact__in=among(contact_ids)).delete()
