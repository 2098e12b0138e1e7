from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from config.owned_admin import OwnedAdmin, OwnedAutocompleteFilter
from contacts.admin.erasing import erase_chosen, erase_view
from contacts.admin.exporting import EXPORT_ACTIONS
from contacts.admin.filters import ArchivedFilter, GoneAtSourceFilter, HasPictureFilter, SourceFilter, TagFilter
from contacts.admin.forms import ContactForm
from contacts.admin.inlines import (
    AddressInline,
    EmailInline,
    EventInline,
    IdentityInline,
    LinkInline,
    PhoneInline,
    PictureInline,
)
from contacts.admin.log import log_view
from contacts.admin.picture import decide_view
from contacts.admin.search import search_contacts
from contacts.avatars import delete_avatar, upload_avatar_on_commit, uploaded_picture
from contacts.initials import color, initials
from contacts.models import Contact
from contacts.pictures import choose, image_url, with_pictures
from contacts.provenance import ROW_TEXTS, note_edits
from contacts.regions import phone_region
from contacts.registries import panels_for
from contacts.relations import delete_contacts
from media_store.admin_uploads import UploadAdmin

NAMES_SHOWN = 100

# What an import may write and a person may claim for themselves by editing it.
LOCKABLE = (
    "display_name",
    "given_name",
    "family_name",
    "nickname",
    "organization",
    "title",
    "department",
    "birthday",
    "notes",
)


@admin.register(Contact)
class ContactAdmin(UploadAdmin, OwnedAdmin):
    form = ContactForm
    list_display = ["picture", "name", "company", "email", "phone", "labels", "last_fact", "sources"]
    list_display_links = ["name"]
    list_select_related = ["organization"]
    sortable_by = ["name"]
    search_fields = ["sort_name"]  # shows the box; `get_search_results` does the searching
    search_help_text = "Name, e-mail, phone or organization"
    list_filter = [
        TagFilter,
        ("organization", OwnedAutocompleteFilter),
        HasPictureFilter,
        SourceFilter,
        GoneAtSourceFilter,
        ArchivedFilter,
    ]
    autocomplete_fields = ["organization", "tags"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "display_name",
                    ("given_name", "family_name"),
                    ("organization", "title"),
                    "tags",
                    "notes",
                    "uploaded_picture",
                ]
            },
        ),
        ("More", {"fields": [("nickname", "birthday"), "department", "from_import"]}),
    ]
    readonly_fields = ["from_import"]
    inlines = [EmailInline, PhoneInline, AddressInline, LinkInline, EventInline, PictureInline, IdentityInline]
    actions = ["archive", "unarchive", *EXPORT_ACTIONS, erase_chosen]
    actions_detail = ["log", "erase"]
    change_form_outer_before_template = "contacts/admin/contact_head.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        contacts = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == "contacts_contact_changelist":
            return with_pictures(contacts).prefetch_related("emails", "phones", "tags", "identities")
        return contacts

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        if not search_term.strip():
            return queryset, False
        region = phone_region(request.user.pk)
        return search_contacts(queryset, search_term, user=request.user, region=region), False

    # --- Columns ------------------------------------------------------------------------------------------------------
    @display(description="")
    def picture(self, contact: Contact) -> SafeString:
        return avatar(contact, size=36)

    @display(description="Name", ordering="sort_name")
    def name(self, contact: Contact) -> str:
        return contact.display_name

    @display(description="Organization")
    def company(self, contact: Contact) -> str:
        return contact.organization.name if contact.organization else ""

    @display(description="E-mail")
    def email(self, contact: Contact) -> str:
        return primary(contact.emails.all(), "address")

    @display(description="Phone")
    def phone(self, contact: Contact) -> str:
        return primary(contact.phones.all(), "raw")

    @display(description="Tags")
    def labels(self, contact: Contact) -> SafeString:
        return render_to_string("contacts/admin/labels.html", {"labels": [tag.name for tag in contact.tags.all()]})

    @display(description="Updated")
    def last_fact(self, contact: Contact) -> str:
        return f"{timezone.localtime(contact.facts_at):%Y-%m-%d}" if contact.facts_at else ""

    @display(description="Source")
    def sources(self, contact: Contact) -> str:
        return ", ".join(sorted({identity.source for identity in contact.identities.all()}))

    @display(description="Picture")
    def uploaded_picture(self, contact: Contact) -> str:
        """What those see who may only look: the picture itself is in the head of the page."""
        return "uploaded by hand" if uploaded_picture(contact) else "none uploaded"

    @display(description="Also in the import")
    def from_import(self, contact: Contact) -> SafeString:
        return render_to_string("contacts/admin/extra.html", {"extra": contact.extra})

    # --- The page of one contact --------------------------------------------------------------------------------------
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        contact = self.get_object(request, object_id)
        if contact is not None and request.method == "GET":
            chosen = choose(contact.pictures.select_related("photo_job"))
            extra_context = {
                **(extra_context or {}),
                "contact": contact,
                "avatar": avatar(contact, size=72),
                "picture_reason": chosen.reason,
                "gone": contact.identities.filter(gone_at__isnull=False),
                "panels": panels_for(contact, request),
                "locked": [field_label(name) for name in contact.locked_fields],
            }
        page: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return page

    @action(
        description="Log a note, call or meeting",
        url_path="log",
        icon="edit_note",
        permissions=["change"],
        variant=ActionVariant.PRIMARY,
    )
    def log(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return log_view(self, request, self.get_owned_or_404(request, object_id))

    @action(
        description="Erase",
        url_path="erase",
        icon="person_remove",
        permissions=["delete"],
    )
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return erase_view(self, request, self.get_owned_or_404(request, object_id))

    # --- Writing ------------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: Any) -> None:
        """Lock the fields that this person has written against later imports."""
        written = form.changed_data if change else [name for name in LOCKABLE if getattr(obj, name)]
        written = [name for name in written if name in LOCKABLE]
        obj.locked_fields = sorted({*obj.locked_fields, *written})
        super().save_model(request, obj, form, change)
        self._save_picture(obj, form.cleaned_data.get("uploaded_picture"))
        note_edits(obj, [(name, 0) for name in written], edited_by=request.user.get_username(), now=timezone.now())

    def _save_picture(self, contact: Contact, upload: Any) -> None:
        """Take the chosen file as the contact's picture, or the uploaded one away, or do neither."""
        if upload is False:
            delete_avatar(contact)
        elif isinstance(upload, UploadedFile):
            upload_avatar_on_commit(contact, upload)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """An address or number changed by hand is a change of the contact too: a plan made before it is stale."""
        super().save_related(request, form, formsets, change)
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            Contact.objects.filter(pk=form.instance.pk).update(updated_at=Now())
        rows = [
            (formset.prefix, row.pk)
            for formset in formsets
            if formset.prefix in ROW_TEXTS
            for row in [*formset.new_objects, *(changed for changed, _ in formset.changed_objects)]
        ]
        note_edits(form.instance, rows, edited_by=request.user.get_username(), now=timezone.now())

    def get_urls(self) -> list[Any]:
        unlock = self.admin_site.admin_view(self.unlock)
        decide = self.admin_site.admin_view(self.decide_about_picture)
        own = [
            path("<path:object_id>/unlock/", unlock, name="contacts_contact_unlock"),
            path("<path:object_id>/picture/", decide, name="contacts_contact_picture"),
        ]
        return [*own, *super().get_urls()]

    def decide_about_picture(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Pin, unpin, block, unblock or fetch one picture again."""
        return decide_view(self, request, self.get_owned_or_404(request, object_id))

    def unlock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let imports write one field again that a person has edited."""
        contact: Contact = self.get_owned_or_404(request, object_id)
        if not self.has_change_permission(request, contact):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        field = request.POST.get("field", "")
        with transaction.atomic():
            locked = Contact.objects.select_for_update().get(pk=contact.pk)
            if field in locked.locked_fields:
                left = [name for name in locked.locked_fields if name != field]
                Contact.objects.filter(pk=contact.pk).update(locked_fields=left, updated_at=Now())
                messages.success(request, f"Imports may write this again: {field_label(field)}.")
        return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[contact.pk]))

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        delete_contacts([obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        delete_contacts(list(queryset.order_by().values_list("pk", flat=True)))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the first contacts only: all of them, with all that hangs on them, may be millions of lines."""
        number = objs.count() if isinstance(objs, QuerySet) else len(objs)
        names = [str(contact) for contact in objs[:NAMES_SHOWN]]
        if number > len(names):
            names.append(f"and {number - len(names):,} more")
        return names, {"contacts": number}, set(), []

    @admin.action(description="Archive", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        self._set_archived(request, queryset.filter(archived_at=None), timezone.now())

    @admin.action(description="Take back from the archive", permissions=["change"])
    def unarchive(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        self._set_archived(request, queryset.exclude(archived_at=None), None)

    def _set_archived(self, request: HttpRequest, contacts: QuerySet[Contact], at: Any) -> None:
        with transaction.atomic():
            count = Contact.objects.filter(pk__in=list(contacts.order_by().values_list("pk", flat=True))).update(
                archived_at=at, updated_at=Now()
            )
        word = "contact" if count == 1 else "contacts"
        messages.success(request, f"{count} {word} {'archived' if at else 'taken back'}.")


def avatar(contact: Contact, *, size: int) -> SafeString:
    """Return the stored picture, or the initials drawn without a request. `size` is in pixels."""
    context = {
        "url": image_url(contact),
        "initials": initials(contact.display_name),
        "color": color(contact.display_name),
        "name": contact.display_name,
        "size": size,
    }
    return render_to_string("contacts/admin/avatar.html", context)


def primary(rows: Any, field: str) -> str:
    """Return the value of the primary row, else of the first."""
    ordered = sorted(rows, key=lambda row: (not row.is_primary, row.pk))
    return str(getattr(ordered[0], field)) if ordered else ""


def field_label(name: str) -> str:
    return str(capfirst(Contact._meta.get_field(name).verbose_name)) if name in LOCKABLE else name  # type: ignore[union-attr]
