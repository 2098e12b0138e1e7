from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.decorators import display

from config.owned_admin import OwnedStackedInline, OwnedTabularInline, ReadOnlyInline
from contacts.admin.forms import AddressForm, EmailForm, EmailFormSet, LinkForm, PhoneForm
from contacts.admin.picture import verbs_for
from contacts.models import (
    CommunicationEvent,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    ExternalIdentity,
)
from contacts.regions import phone_region

TIMELINE_PAGE = 20


class EmailInline(OwnedTabularInline):
    model = ContactEmail
    form = EmailForm
    formset = EmailFormSet
    fields = ["address", "label", "is_primary"]
    verbose_name = "e-mail"
    verbose_name_plural = "E-mails"
    tab = False


class PhoneInline(OwnedTabularInline):
    model = ContactPhone
    form = PhoneForm
    fields = ["raw", "label", "is_primary"]
    verbose_name = "phone"
    verbose_name_plural = "Phones"
    tab = False

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = type("PhoneForm", (PhoneForm,), {"region": phone_region(request.user.pk)})
        return super().get_formset(request, obj, **{**kwargs, "form": form})


class AddressInline(OwnedStackedInline):
    model = ContactAddress
    form = AddressForm
    fields = ["label", "street", ("postal_code", "city"), ("region", "country")]
    verbose_name = "address"
    verbose_name_plural = "Addresses"


class LinkInline(OwnedTabularInline):
    model = ContactLink
    form = LinkForm
    fields = ["kind", "value", "label"]
    verbose_name = "link"
    verbose_name_plural = "Links"


class PictureInline(ReadOnlyInline):
    """The pictures that sources gave, with a button for each thing that a person may decide about one."""

    model = ContactPicture
    fields = ["preview", "source", "state", "decision"]
    readonly_fields = ["preview", "source", "state", "decision"]
    verbose_name_plural = "Pictures"
    may_decide = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContactPicture]:
        self.may_decide = request.user.has_perm("contacts.change_contact")
        return super().get_queryset(request).select_related("photo_job", "contact").order_by("source")

    @display(description="Stored picture")
    def preview(self, picture: ContactPicture) -> SafeString:
        return render_to_string("media_store/admin/stored_picture.html", {"job": picture.photo_job, "size": 64})

    @display(description="State")
    def state(self, picture: ContactPicture) -> SafeString:
        return render_to_string("contacts/admin/picture_state.html", {"picture": picture})

    @display(description="Decide")
    def decision(self, picture: ContactPicture) -> SafeString | str:
        if not self.may_decide:
            return ""
        context = {"picture": picture, "verbs": verbs_for(picture)}
        return render_to_string("contacts/admin/picture_decision.html", context)


class IdentityInline(ReadOnlyInline):
    model = ExternalIdentity
    fields = ["source", "external_id", "gone_at"]
    readonly_fields = ["source", "external_id", "gone_at"]
    verbose_name_plural = "Identities"


class EventInline(ReadOnlyInline):
    """The timeline, newest first, page by page."""

    model = CommunicationEvent
    fields = ["happened_at", "kind", "direction", "subject", "body", "source"]
    readonly_fields = ["happened_at", "kind", "direction", "subject", "body", "source"]
    verbose_name_plural = "Timeline"
    ordering = ["-happened_at"]
    per_page = TIMELINE_PAGE
