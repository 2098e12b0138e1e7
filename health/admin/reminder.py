from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import display

from config.owned_admin import OwnedAdmin, OwnedForm
from contacts.text import clean_line
from health import reminders
from health.messages import PLACEHOLDERS, ensure_templates, unknown_placeholders
from health.models import MessageTemplate, Reminder

State = Reminder.State
WEEK = timedelta(days=7)
BADGES: dict[str, str] = {State.OPEN: "info", State.DONE: "resolved", State.DISMISSED: "label"}


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
    list_display = ["contact", "due", "note", "badge", "closed_at"]
    list_select_related = ["contact"]
    list_filter = [ReminderStateFilter]
    sortable_by = ()
    autocomplete_fields = ["contact"]
    fields = ["contact", "due_on", "note"]
    actions = ["complete", "put_off", "dismiss"]
    empty_text = "Ask to be reminded of somebody here or on their page; being in touch closes it by itself."

    @display(description="Due on")
    def due(self, reminder: Reminder) -> str:
        return f"{reminder.due_on:%Y-%m-%d}"

    @display(description="State")
    def badge(self, reminder: Reminder) -> SafeString:
        is_due = reminder.state == State.OPEN and reminder.due_on <= timezone.localdate()
        shown = ("warning", "Due") if is_due else (BADGES[reminder.state], reminder.get_state_display())
        return render_to_string("health/admin/badge.html", {"status": shown[0], "label": shown[1]})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the day in a week."""
        due_on = timezone.localdate() + WEEK
        return {"due_on": due_on, **super().get_changeform_initial_data(request)}

    def response_add(self, request: HttpRequest, obj: Reminder, post_url_continue: Any = None) -> HttpResponse:
        """Go back to the contact from whose page the person came."""
        answer: HttpResponse = super().response_add(request, obj, post_url_continue)
        if "_save" in request.POST and request.GET.get("contact") == str(obj.contact_id):
            return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[obj.contact_id]))
        return answer

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
        if count:
            messages.success(request, f"{count} {'follow-up' if count == 1 else 'follow-ups'} {done}.")
        else:
            messages.warning(request, "Nothing changed: none of these is open.")


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
