"""What a person does about one contact, from its page or the list of those that go cold."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from config.jobs.models import Priority
from contacts.models import Contact
from health import reminders
from health.models import Reminder
from health.refreshing import request_run
from health.talking import talked

SNOOZE = timedelta(days=14)
LONGEST_GAP = 3_650


def act_view(request: HttpRequest, contact_id: str) -> HttpResponse:
    """Do what the button says and go back to where the person was; other people's contacts are unknown."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        contact = Contact.objects.visible_to(request.user).get(pk=contact_id)
    except (Contact.DoesNotExist, ValidationError):
        raise Http404 from None
    if not request.user.has_perm("contacts.change_contact"):
        raise PermissionDenied
    act = ACTS.get(request.POST.get("verb", ""))
    if act is not None:
        act(request, contact, timezone.now())
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("admin:contacts_contact_change", args=[contact.pk])
    return HttpResponseRedirect(back)


def _talked(request: HttpRequest, contact: Contact, now: datetime) -> None:
    closed = talked(contact, now=now)
    also = f" {closed} follow-up{'s' if closed > 1 else ''} closed." if closed else ""
    messages.success(request, f"Noted: you talked with {contact} today.{also} The score follows in a moment.")


def _snooze(request: HttpRequest, contact: Contact, now: datetime) -> None:
    reminders.snooze(contact, until=now + SNOOZE)
    messages.success(request, f"{contact} is quiet for {SNOOZE.days} days: no alerts, not among those who go cold.")


def _wake(request: HttpRequest, contact: Contact, now: datetime) -> None:
    reminders.snooze(contact, until=None)
    messages.success(request, f"{contact} is not snoozed any more.")


def _gap(request: HttpRequest, contact: Contact, now: datetime) -> None:
    text = request.POST.get("days", "").strip()
    if text and not (text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST_GAP):
        messages.error(request, f"Write a number of days from 1 to {LONGEST_GAP:,}, or nothing for what is usual.")
        return
    reminders.wish_gap(contact, days=int(text) if text else None)
    wish = "as often as is usual between you" if not text else "every day" if text == "1" else f"every {text} days"
    messages.success(request, f"You wish to be in touch with {contact} {wish}.")


def _refresh(request: HttpRequest, contact: Contact, now: datetime) -> None:
    request_run(
        owner_id=contact.owner_id, only=[contact.pk], max_age_hours=0, triggered_by="person", priority=Priority.PERSON
    )
    messages.success(request, f"The score of {contact} is being computed.")


def _done(request: HttpRequest, contact: Contact, now: datetime) -> None:
    number = request.POST.get("reminder", "")
    mine = Reminder.objects.filter(contact=contact, pk=int(number)) if number.isdecimal() else Reminder.objects.none()
    if reminders.complete(mine.values_list("pk", flat=True), now=now):
        messages.success(request, f"The follow-up for {contact} is done.")
    else:
        messages.warning(request, "That follow-up was closed before.")


ACTS = {"done": _done, "talked": _talked, "snooze": _snooze, "wake": _wake, "gap": _gap, "refresh": _refresh}
