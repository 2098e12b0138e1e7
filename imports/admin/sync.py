from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from config.job_admin import ButtonsAdmin, JobAdmin
from config.jobs import controls
from config.jobs.models import JobAttempt, Priority
from imports.admin.beeper import connect_beeper_view
from imports.admin.mail import mail_file_view, mail_server_view, past_view
from imports.models import SyncRun
from imports.sync.asking import CannotSync, ask

ATTEMPTS_SHOWN = 20

VERBS = {
    "retry": (controls.retry, "Trying again from where it stopped."),
    "cancel": (controls.cancel, "Cancelled. What was already read stays."),
    "pause": (controls.pause, "Paused."),
    "resume": (controls.resume, "Resumed."),
}


@admin.register(SyncRun)
class SyncRunAdmin(ButtonsAdmin, JobAdmin):
    """Every reading of mail, meetings or chats: how far it came, and what was left out, and why."""

    list_display = ["name", "of_account", "badge", "seen", "written", "left_out", "queued_at", "finished_at"]
    list_display_links = ["name"]
    list_select_related = ["account"]
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    actions_list = [
        {"title": "Read now", "icon": "sync", "items": ["sync_mail", "sync_calendar", "sync_chats"]},
        {"title": "Read more", "icon": "history", "items": ["read_past", "read_file"]},
        {"title": "Connect", "icon": "add_link", "items": ["connect_mail_server", "connect_beeper"]},
    ]

    # --- Columns ------------------------------------------------------------------------------------------------------
    @display(description="Sync")
    def name(self, run: SyncRun) -> str:
        return str(run)

    @display(description="Account")
    def of_account(self, run: SyncRun) -> str:
        return str(run.account) if run.account else "A mail file"

    @display(description="Left out")
    def left_out(self, run: SyncRun) -> int:
        return sum(int(error.get("count", 1)) for error in run.errors if isinstance(error, dict))

    # --- Pages --------------------------------------------------------------------------------------------------------
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        run: SyncRun = self.get_owned_or_404(request, object_id)
        attempts = JobAttempt.objects.filter(kind=run._meta.label_lower, job_id=run.pk).order_by("-id")
        is_final = run.state in SyncRun.FINAL_STATES
        context = {
            **self.page_context(request, title=str(run), original=run),
            "run": run,
            "attempts": attempts[:ATTEMPTS_SHOWN],
            "may_act": self.has_act_permission(request),
            "can_retry": run.state in (SyncRun.State.FAILED, SyncRun.State.CANCELLED),
            "can_cancel": not is_final,
            "can_pause": not is_final and not run.held_reason,
            "can_resume": run.held_reason == "paused",
        }
        return render(request, "imports/admin/sync.html", context)

    def do(self, request: HttpRequest, run: SyncRun, verb: str) -> None:
        act, done = VERBS.get(verb, (None, ""))
        if act is not None and self._is_alone(run, request) and act(SyncRun.objects.filter(pk=run.pk)):
            messages.success(request, done)

    @action(description="Mail", url_path="mail", icon="mail", permissions=["act"])
    def sync_mail(self, request: HttpRequest) -> HttpResponse:
        return self._sync_now(request, SyncRun.Kind.MAIL)

    @action(description="Calendars", url_path="calendar", icon="calendar_month", permissions=["act"])
    def sync_calendar(self, request: HttpRequest) -> HttpResponse:
        return self._sync_now(request, SyncRun.Kind.CALENDAR)

    @action(description="The past of an account", url_path="past", icon="history", permissions=["act"])
    def read_past(self, request: HttpRequest) -> HttpResponse:
        return past_view(self, request)

    @action(description="A mail file (mbox)", url_path="file", icon="upload_file", permissions=["act"])
    def read_file(self, request: HttpRequest) -> HttpResponse:
        return mail_file_view(self, request)

    @action(description="A mail server (IMAP)", url_path="mail-server", icon="dns", permissions=["connect"])
    def connect_mail_server(self, request: HttpRequest) -> HttpResponse:
        return mail_server_view(self, request)

    @action(description="Chats", url_path="chats", icon="sync", permissions=["act"])
    def sync_chats(self, request: HttpRequest) -> HttpResponse:
        return self._sync_now(request, SyncRun.Kind.CHATS)

    @action(description="Beeper", url_path="beeper", icon="chat", permissions=["connect"])
    def connect_beeper(self, request: HttpRequest) -> HttpResponse:
        return connect_beeper_view(self, request)

    def _sync_now(self, request: HttpRequest, kind: SyncRun.Kind) -> HttpResponse:
        """Ask first: a link that somebody was sent must not start anything."""
        if request.method != "POST":
            context = {**self.page_context(request, title=f"Read {kind.label.lower()} now"), "kind": kind}
            return render(request, "imports/admin/sync_now.html", context)
        try:
            owner_id = int(request.user.pk or 0)
            runs = ask(kind, now=timezone.now(), owner_id=owner_id, triggered_by="person", priority=Priority.PERSON)
        except CannotSync as problem:
            messages.error(request, str(problem))
            return self.to_list()
        if runs:
            messages.success(request, f"Started: {len(runs)}.")
        else:
            messages.warning(request, f"You have no account whose {kind.label.lower()} could be read.")
        return self.to_list()

    # --- Actions ------------------------------------------------------------------------------------------------------
    @admin.action(description="Retry", permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[SyncRun]) -> None:
        count = sum(
            controls.retry(SyncRun.objects.filter(pk=run.pk)) for run in queryset if self._is_alone(run, request)
        )
        messages.success(request, f"Put back in the queue: {count}.")

    def _is_alone(self, run: SyncRun, request: HttpRequest) -> bool:
        """Say whether no other run of the account and kind is on its way: then this one can be taken up again."""
        others = SyncRun.objects.filter(account=run.account_id, kind=run.kind, state__in=["queued", "running"])
        if run.account_id is None or run.state not in SyncRun.FINAL_STATES or not others.exists():
            return True
        messages.warning(request, f"{run}: a later run is already waiting or running.")
        return False

    def has_connect_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("imports.add_provideraccount"))
