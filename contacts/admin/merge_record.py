from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import display

from config.owned_admin import ReadOnlyAdmin
from contacts.merging import MergeRefused, unmerge
from contacts.models import MergeRecord
from contacts.models.duplicate import UNDO_WINDOW


@admin.register(MergeRecord)
class MergeRecordAdmin(ReadOnlyAdmin):
    """What was merged in the last 30 days, and the button that takes it back."""

    list_display = ["loser_name", "survivor", "merged_at", "what_now"]
    list_display_links = ["loser_name"]
    list_select_related = ["contact"]
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[MergeRecord]:
        return super().get_queryset(request).defer("journal").exclude(loser_name="")  # forgotten, but for the ids

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("contacts.change_contact"))

    @display(description="Merged into")
    def survivor(self, record: MergeRecord) -> str:
        return str(record.contact)

    @display(description="Now")
    def what_now(self, record: MergeRecord) -> str:
        if record.undone_at:
            return f"undone on {timezone.localtime(record.undone_at):%Y-%m-%d}"
        if record.can_be_undone(now=timezone.now()):
            return f"can be undone until {timezone.localtime(record.merged_at + UNDO_WINDOW):%Y-%m-%d}"
        return "stands"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        record: MergeRecord = self.get_owned_or_404(request, object_id)
        if request.method == "POST" and request.POST.get("verb") == "undo" and self.has_merge_permission(request):
            return self._undo(request, record)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Merge of {record.loser_name}",
            "record": record,
            "what_now": self.what_now(record),
            "can_undo": record.can_be_undone(now=timezone.now()) and self.has_merge_permission(request),
        }
        return render(request, "contacts/admin/merge_record.html", context)

    def _undo(self, request: HttpRequest, record: MergeRecord) -> HttpResponse:
        try:
            unmerge([record], owner_id=record.owner_id, now=timezone.now())
        except MergeRefused as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)
        messages.success(request, "The merge is undone; what was changed since is kept.")
        return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[record.loser_id]))
