"""The page on which a person writes down a note, call or meeting."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from contacts.events import LOGGABLE_KINDS, log_event
from contacts.models import CommunicationEvent, Contact
from contacts.text import clean_line, clean_text

if TYPE_CHECKING:
    from contacts.admin.contact import ContactAdmin

LOCAL_TIME = "%Y-%m-%dT%H:%M"
NOTE_MAX = 20_000
RATINGS = [
    ("", "No rating"),
    ("1", "Very well"),
    ("0.5", "Well"),
    ("0", "So-so"),
    ("-0.5", "Not well"),
    ("-1", "Badly"),
]


class LogForm(forms.Form):
    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in LOGGABLE_KINDS], widget=UnfoldAdminSelectWidget
    )
    direction = forms.ChoiceField(
        choices=CommunicationEvent.Direction.choices,
        initial=CommunicationEvent.Direction.MUTUAL,
        widget=UnfoldAdminSelectWidget,
    )
    rating = forms.TypedChoiceField(
        label="How did it go?",
        choices=RATINGS,
        coerce=Decimal,
        empty_value=None,
        required=False,
        help_text="Your own judgement; the mood of a relationship comes from nothing else.",
        widget=UnfoldAdminSelectWidget,
    )
    happened_at = forms.DateTimeField(label="When", widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}))
    subject = forms.CharField(max_length=500, required=False, widget=UnfoldAdminTextInputWidget)
    body = forms.CharField(
        label="Text",
        max_length=NOTE_MAX,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
    )

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or self.cleaned_data
        cleaned["subject"] = clean_line(str(cleaned.get("subject") or ""))
        cleaned["body"] = clean_text(str(cleaned.get("body") or ""))
        if cleaned.get("kind") == CommunicationEvent.Kind.NOTE and not (cleaned["subject"] or cleaned["body"]):
            raise forms.ValidationError("A note needs a subject or a text.")
        return cleaned

    def clean_happened_at(self) -> object:
        happened_at = self.cleaned_data["happened_at"]
        if happened_at > timezone.now() + timedelta(minutes=5):
            raise forms.ValidationError("Only what has already happened can be logged.")
        return happened_at


def log_view(model_admin: ContactAdmin, request: HttpRequest, contact: Contact) -> HttpResponse:
    """Show the form, or record what it says and go back to the contact's timeline."""
    now = timezone.localtime()
    form = LogForm(request.POST or None, initial={"happened_at": now.strftime(LOCAL_TIME)})
    if request.method == "POST" and form.is_valid():
        event = log_event(contact, **form.cleaned_data)
        messages.success(request, f"{event.get_kind_display()} logged.")
        return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[contact.pk]))
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Log a note, call or meeting",
        "contact": contact,
        "form": form,
    }
    return render(request, "contacts/admin/log.html", context)
