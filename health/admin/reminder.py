from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import display

from config.owned_admin import OwnedAdmin, OwnedForm
from contacts.text import clean_line
from health import reminders
from health.messages import PLACEHOLDERS, ensure_templates, unknown_placeholders
from health.models import MessageTemplate, Reminder

State = Reminder.State
WEEK = timedelta(days=7)


class ReminderStateFilter(RadioFilter):
    title = "state"
    parameter_name = "state"
    all_option = ("", "Open")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("due", "Due"), (State.DONE, "Done"), (State.DISMISSED, "Dismissed"), ("all", "All")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reminder]) -> QuerySet[Reminder]:
        if self.value() == "all":
            return queryset
        if self.value() == "due":
            return queryset.filter(state=State.OPEN, due_on__lte=timezone.localdate())
        return queryset.filter(state=self.value() or State.OPEN)


class ReminderForm(OwnedForm):
    def clean_note(self) -> str:
        return clean_line(self.cleaned_data["note"])


@admin.register(Reminder)
class ReminderAdmin(OwnedAdmin):
    """Follow-ups with a day. Contact with the person since then closes them; so does a person here."""

    form = ReminderForm
    list_display = ["contact", "due_on", "note", "is_due", "state", "closed_at"]
    list_select_related = ["contact"]
    list_filter = [ReminderStateFilter]
    sortable_by = ()
    autocomplete_fields = ["contact"]
    fields = ["contact", "due_on", "note"]
    actions = ["complete", "put_off", "dismiss"]

    @display(description="Due", boolean=True)
    def is_due(self, reminder: Reminder) -> bool:
        return reminder.state == State.OPEN and reminder.due_on <= timezone.localdate()

    @admin.action(description="Done", permissions=["change"])
    def complete(self, request: HttpRequest, queryset: QuerySet[Reminder]) -> None:
        self._report(request, reminders.complete(_ids(queryset), now=timezone.now()), "done")

    @admin.action(description="Put off for a week", permissions=["change"])
    def put_off(self, request: HttpRequest, queryset: QuerySet[Reminder]) -> None:
        until = timezone.localdate() + WEEK
        self._report(request, reminders.postpone(_ids(queryset), until=until), f"put off to {until}")

    @admin.action(description="Dismiss", permissions=["change"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Reminder]) -> None:
        self._report(request, reminders.dismiss(_ids(queryset), now=timezone.now()), "dismissed")

    def _report(self, request: HttpRequest, count: int, done: str) -> None:
        messages.success(request, f"{count} {'follow-up' if count == 1 else 'follow-ups'} {done}.")


def _ids(rows: QuerySet[Reminder]) -> list[int]:
    return list(rows.order_by().values_list("pk", flat=True))


class MessageTemplateForm(OwnedForm):
    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        if unknown := unknown_placeholders(text):
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            self.add_error("text", f"{{{unknown[0]}}} means nothing here. Known: {known}.")
        return text


@admin.register(MessageTemplate)
class MessageTemplateAdmin(OwnedAdmin):
    """What one would write to people who drift away, one text for each reason."""

    form = MessageTemplateForm
    list_display = ["context", "text"]
    list_display_links = ["context"]
    sortable_by = ()
    fields = ["context", "text"]
    readonly_fields = ["context"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Everybody finds the usual texts on the first visit."""
        ensure_templates(request.user.pk or 0)
        return super().changelist_view(request, extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
