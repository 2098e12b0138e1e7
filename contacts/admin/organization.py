from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from config.owned_admin import OwnedAdmin, OwnedForm
from contacts.models import Contact, Organization, Tag
from contacts.text import clean_line
from media_store.admin_uploads import UploadAdmin


class NamedForm(OwnedForm):
    def clean_name(self) -> str:
        return clean_line(self.cleaned_data["name"])


class NamedAdmin(OwnedAdmin):
    """Something of the owner's that has a name and contacts."""

    form = NamedForm
    search_fields = ["name__istartswith"]
    search_help_text = "Name"
    contacts_lookup: str
    memberships: QuerySet[Any]
    membership_key: str

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Count by a subquery, which PostgreSQL works out for the rows of the page only."""
        counted = self.memberships.order_by().values(self.membership_key).annotate(n=Count("pk")).values("n")
        rows: QuerySet[Any] = super().get_queryset(request)
        counts: QuerySet[Any] = rows.annotate(contact_count=Coalesce(Subquery(counted), 0))
        return counts

    @display(description="Contacts")
    def contact_count(self, named: Any) -> int:
        return int(named.contact_count)

    @display(description="Contacts")
    def contact_list(self, named: Any) -> str:
        if named.pk is None:
            return "-"
        url = reverse("admin:contacts_contact_changelist")
        return format_html('<a href="{}?{}={}">Show contacts</a>', url, self.contacts_lookup, named.pk)


@admin.register(Organization)
class OrganizationAdmin(UploadAdmin, NamedAdmin):
    list_display = ["name", "domain", "contact_count"]
    fields = ["name", "domain", "logo", "contact_list"]
    readonly_fields = ["contact_list"]
    contacts_lookup = "organization__id__exact"
    memberships = Contact.objects.filter(organization=OuterRef("pk"))
    membership_key = "organization"


@admin.register(Tag)
class TagAdmin(NamedAdmin):
    list_display = ["name", "contact_count"]
    fields = ["name", "contact_list"]
    readonly_fields = ["contact_list"]
    contacts_lookup = "tags__id__exact"
    memberships = Contact.tags.through.objects.filter(tag=OuterRef("pk"))
    membership_key = "tag"
