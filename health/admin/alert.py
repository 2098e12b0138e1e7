from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RadioFilter
from unfold.decorators import display

from config.owned_admin import ReadOnlyAdmin
from health import alerting, reminders
from health.models import Alert

State = Alert.State
OPEN = (State.ACTIVE, State.ACKNOWLEDGED)
SNOOZE = timedelta(days=14)


class AlertStateFilter(RadioFilter):
    title = "state"
    parameter_name = "state"
    all_option = ("", "Open")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((str(value), str(label)) for value, label in State.choices), ("all", "All")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() == "all":
            return queryset
        return queryset.filter(state__in=[self.value()] if self.value() else OPEN)


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """The inbox: what the rules have to say, and what the owner makes of it."""

    list_display = ["about", "grade", "badge", "raised", "buttons"]
    list_display_links = ["about"]
    list_select_related = ["rule", "contact", "deal"]
    list_filter = [AlertStateFilter, ("severity", ChoicesDropdownFilter), "rule"]
    sortable_by = ()
    empty_text = "No rule has anything to say: alerts come when one has held for two refreshes in a row."
    actions = ["acknowledge", "resolve", "dismiss", "snooze"]

    # --- Columns ------------------------------------------------------------------------------------------------------
    @display(description="About")
    def about(self, alert: Alert) -> SafeString:
        return format_html('{}<br><span class="kith-quiet">{}</span>', alert.deal or alert.contact, alert.rule)

    @display(description="Severity")
    def grade(self, alert: Alert) -> SafeString:
        context = {"status": alert.severity, "label": alert.get_severity_display()}
        return render_to_string("health/admin/badge.html", context)

    @display(description="State")
    def badge(self, alert: Alert) -> SafeString:
        return render_to_string("health/admin/badge.html", {"status": alert.state, "label": alert.get_state_display()})

    @display(description="Raised")
    def raised(self, alert: Alert) -> SafeString:
        raised, closed = (at and timezone.localtime(at).date() for at in (alert.raised_at, alert.closed_at))
        return format_html("{}<br>to {}", raised, closed) if closed else format_html("{}", raised)

    @display(description="")
    def buttons(self, alert: Alert) -> SafeString:
        return render_to_string("health/admin/alert_buttons.html", {"alert": alert})

    # --- What a person does -------------------------------------------------------------------------------------------
    @admin.action(description="Acknowledge", permissions=["act"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        self._act(request, queryset, "acknowledge")

    @admin.action(description="Resolve", permissions=["act"])
    def resolve(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        self._act(request, queryset, "resolve")

    @admin.action(description="Dismiss", permissions=["act"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        self._act(request, queryset, "dismiss")

    @admin.action(description="Snooze the contact for 14 days", permissions=["act"])
    def snooze(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        self._act(request, queryset, "snooze")

    def _act(self, request: HttpRequest, alerts: QuerySet[Alert], verb: str) -> None:
        """Do it where the state allows it, and say how many those were."""
        do, done, why_not = VERBS[verb]
        count = do(alerts)
        if count:
            messages.success(request, f"{count} {'alert' if count == 1 else 'alerts'} {done}.")
        else:
            messages.warning(request, f"Nothing changed: {why_not}.")

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("health.change_alert"))

    def act(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One button of one row."""
        alert: Alert = self.get_owned_or_404(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_act_permission(request):
            raise PermissionDenied
        if request.POST.get("verb") in VERBS:
            self._act(request, Alert.objects.filter(pk=alert.pk), request.POST["verb"])
        return HttpResponseRedirect(_back(request))

    # --- Pages --------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(self.act)
        return [path("<path:object_id>/act/", act, name="health_alert_act"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        alert: Alert = self.get_owned_or_404(request, object_id)
        if alert.deal_id:
            return HttpResponseRedirect(reverse("admin:contacts_deal_change", args=[alert.deal_id]))
        return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[alert.contact_id]))


def _back(request: HttpRequest) -> str:
    """Return the list with the filters and the page that the person came from."""
    here = reverse("admin:health_alert_changelist")
    came_from = urlsplit(request.headers.get("Referer", ""))
    return f"{here}?{came_from.query}" if came_from.path == here and came_from.query else here


def _ids(alerts: QuerySet[Alert]) -> Iterable[int]:
    return list(alerts.order_by().values_list("pk", flat=True))


def _snooze(alerts: QuerySet[Alert]) -> int:
    """Close open alerts of contacts and raise no others for these contacts until then; deals cannot be snoozed."""
    now = timezone.now()
    found = list(alerts.filter(state__in=OPEN, contact__isnull=False).select_related("contact").order_by("pk"))
    for contact in {alert.contact_id: alert.contact for alert in found}.values():
        if contact is not None:
            reminders.snooze(contact, until=now + SNOOZE)
    return alerting.dismiss([alert.pk for alert in found], now=now)


VERBS: dict[str, tuple[Callable[[QuerySet[Alert]], int], str, str]] = {
    "acknowledge": (
        lambda alerts: alerting.acknowledge(_ids(alerts), now=timezone.now()),
        "acknowledged",
        "what is acknowledged or closed already stays so",
    ),
    "resolve": (
        lambda alerts: alerting.resolve(_ids(alerts), now=timezone.now()),
        "resolved",
        "what is closed already stays so",
    ),
    "dismiss": (
        lambda alerts: alerting.dismiss(_ids(alerts), now=timezone.now()),
        "dismissed until it has cleared",
        "what is closed already stays so",
    ),
    "snooze": (_snooze, "closed and quiet for 14 days", "only open alerts about people can be snoozed"),
}
