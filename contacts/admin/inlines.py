from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.decorators import display

from config.owned_admin import OwnedStackedInline, OwnedTabularInline, ReadOnlyInline
from contacts.admin.forms import AddressForm, EmailForm, EmailFormSet, LinkForm, PhoneForm
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


class PictureInline(OwnedTabularInline):
    """The pictures that sources gave; a person may pin one or block one, but not write their addresses."""

    model = ContactPicture
    fields = ["preview", "source", "state", "pinned", "blocked"]
    readonly_fields = ["preview", "source", "state"]
    verbose_name_plural = "Pictures"
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContactPicture]:
        return super().get_queryset(request).select_related("photo_job", "contact")

    @display(description="Stored picture")
    def preview(self, picture: ContactPicture) -> SafeString:
        return render_to_string("media_store/admin/stored_picture.html", {"job": picture.photo_job, "size": 64})

    @display(description="State")
    def state(self, picture: ContactPicture) -> SafeString:
        return render_to_string("media_store/admin/photo_state.html", {"job": picture.photo_job})


class IdentityInline(ReadOnlyInline):
    model = ExternalIdentity
    fields = ["source", "external_id"]
    readonly_fields = ["source", "external_id"]
    verbose_name_plural = "Identities"


class EventInline(ReadOnlyInline):
    """The timeline, newest first, page by page."""

    model = CommunicationEvent
    fields = ["happened_at", "kind", "direction", "subject", "body", "source"]
    readonly_fields = ["happened_at", "kind", "direction", "subject", "body", "source"]
    verbose_name_plural = "Timeline"
    ordering = ["-happened_at"]
    per_page = TIMELINE_PAGE
