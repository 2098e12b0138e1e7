from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter

from config.ownership import choices_for
from contacts.models import Contact, ContactPicture, ExternalIdentity, Tag

TAGS_SHOWN = 200


class HasPictureFilter(RadioFilter):
    title = "picture"
    parameter_name = "picture"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Stored"), ("no", "Initials only")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        stored = ContactPicture.objects.filter(contact=OuterRef("pk"), blocked=False).exclude(photo_job__file="")
        if self.value() == "yes":
            return queryset.filter(Exists(stored))
        return queryset.filter(~Exists(stored)) if self.value() == "no" else queryset


class TagFilter(DropdownFilter):
    """By a tag; asked as a condition and not as a join, so that nothing has to be made distinct among a million."""

    title = "tag"
    parameter_name = "tags__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tags = choices_for(Tag.objects.all(), request.user)
        return [(str(tag.pk), tag.name) for tag in tags[:TAGS_SHOWN]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        value = self.value()
        if not value:
            return queryset
        tagged = Contact.tags.through._default_manager.filter(contact=OuterRef("pk"))
        return queryset.filter(Exists(tagged.filter(tag=value))) if value.isdecimal() else queryset.none()


class SourceFilter(DropdownFilter):
    """By the address book that knows the contact; "manual" is nobody but ourselves."""

    title = "source"
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        sources = [choice for choice in ContactPicture.Source.choices if choice[0] != ContactPicture.Source.UPLOAD]
        return [*((value, str(label)) for value, label in sources), ("manual", "Only here")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        known = ExternalIdentity.objects.filter(contact=OuterRef("pk"))
        if self.value() == "manual":
            return queryset.filter(~Exists(known))
        return queryset.filter(Exists(known.filter(source=self.value()))) if self.value() else queryset


class GoneAtSourceFilter(RadioFilter):
    """Whom a provider no longer has: deletions there are only marked here."""

    title = "gone at the source"
    parameter_name = "gone"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Deleted there")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        gone = ExternalIdentity.objects.filter(contact=OuterRef("pk"), gone_at__isnull=False)
        return queryset.filter(Exists(gone)) if self.value() == "yes" else queryset


class ArchivedFilter(RadioFilter):
    """Archived contacts are left out unless somebody asks for them."""

    title = "archived"
    parameter_name = "archived"
    all_option = ("", "Active")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Archived"), ("all", "Both")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> QuerySet[Contact]:
        if self.value() == "all":
            return queryset
        return queryset.filter(archived_at__isnull=self.value() != "yes")
