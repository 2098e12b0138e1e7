"""The admin of users, groups and the machinery; for superusers, and what the system writes is read-only."""

from __future__ import annotations

from typing import Any

import django_q.admin  # noqa: F401 (it registers its own admins, which are replaced below)
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import CASCADE
from django.db.models.deletion import get_candidate_relations_to_delete
from django.http import HttpRequest
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.audit import AuditEvent
from config.job_admin import JobAdmin
from config.jobs.models import JobAttempt, WorkerBeat
from config.notices.models import Notice
from config.owned_admin import CappedPaginator, OwnedChangeList, ReadOnlyAdmin
from imports.accounts import revoking
from imports.models import ProviderAccount

admin.site.index_title = "Home"

for model in (User, Group, Schedule, Success, Failure, OrmQ):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class SuperuserAdmin(ModelAdmin):
    """Shared by all users, so only superusers come in, whatever permissions others were given."""

    view_on_site = False
    list_per_page = 25
    list_max_show_all = 25

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)


class MachineryAdmin(SuperuserAdmin):
    """Rows that the system writes. Not even a superuser edits them: a schedule's function is code to be run."""

    paginator = CappedPaginator
    show_full_result_count = False
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return OwnedChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(SuperuserAdmin, DjangoUserAdmin):  # type: ignore[type-arg,misc]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "first_name", "last_name", "is_staff", "is_active", "last_login"]

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Count what goes with these users, which may be a million rows, and name only the accounts they connected.

        The lists of what the system writes let nobody delete there; a superuser who deletes a user does not need to.
        """
        ids = [user.pk for user in objs]
        meta: Any = User._meta
        counts = {str(meta.verbose_name_plural): len(ids)}
        relations: list[Any] = list(get_candidate_relations_to_delete(meta))
        for relation in relations:
            if relation.on_delete is CASCADE and not relation.related_model._meta.auto_created:
                rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": ids})
                counts[str(relation.related_model._meta.verbose_name_plural)] = rows.count()
        accounts = ProviderAccount.objects.filter(owner__in=ids).exclude(state=ProviderAccount.State.DISCONNECTED)
        named = [*map(str, objs), *(f"{account} ({revoking.fate(account)})" for account in accounts)]
        return named, {title: number for title, number in counts.items() if number}, set(), []


@admin.register(Group)
class GroupAdmin(SuperuserAdmin, DjangoGroupAdmin):  # type: ignore[misc]
    pass


@admin.register(Schedule)
class ScheduleAdmin(MachineryAdmin):
    list_display = ["name", "func", "schedule_type", "cron", "minutes", "next_run"]
    search_fields = ["name", "func"]
    fields = ["name", "func", "args", "schedule_type", "cron", "minutes", "repeats", "next_run", "task"]


@admin.register(Success)
class SuccessAdmin(MachineryAdmin):
    list_display = ["name", "func", "started", "stopped", "attempt_count"]
    search_fields = ["name", "func"]
    fields = ["id", "name", "func", "started", "stopped", "attempt_count"]


@admin.register(Failure)
class FailureAdmin(MachineryAdmin):
    list_display = ["name", "func", "started", "stopped", "attempt_count"]
    search_fields = ["name", "func"]
    fields = ["id", "name", "func", "started", "stopped", "attempt_count", "result"]


@admin.register(OrmQ)
class QueueAdmin(MachineryAdmin):
    list_display = ["id", "key", "queued_task", "lock"]
    fields = ["id", "key", "queued_task", "lock"]
    readonly_fields = ["queued_task"]

    @display(description="Task")
    def queued_task(self, entry: OrmQ) -> str:
        return str(entry.name())


@admin.register(JobAttempt)
class JobAttemptAdmin(MachineryAdmin):
    list_display = ["id", "kind", "job_id", "outcome", "code", "started_at", "finished_at", "bytes"]
    list_filter = ["kind", "outcome"]
    ordering = ["-id"]


@admin.register(WorkerBeat)
class WorkerBeatAdmin(MachineryAdmin):
    list_display = ["name", "beat_at"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Superusers read everything; the others what was done with their own rows."""

    owner_lookup = "owner_id"
    list_display = ["at", "actor", "verb", "object_type", "object_id", "field_names", "number"]
    list_filter = ["verb"]
    fields = ["at", "actor", "verb", "object_type", "object_id", "field_names", "number"]
    readonly_fields = ["actor", "field_names"]
    ordering = ["-id"]
    actions = None

    @display(description="Who")
    def actor(self, event: AuditEvent) -> str:
        return event.actor_name or "the system"

    @display(description="Fields")
    def field_names(self, event: AuditEvent) -> str:
        return ", ".join(map(str, event.fields))


@admin.register(Notice)
class NoticeAdmin(JobAdmin):
    """What was told to the owner outside, and what is still to be told."""

    list_display = ["subject", "channel", "badge", "attempts", "last_error", "queued_at", "finished_at"]
    list_filter = [("state", ChoicesDropdownFilter), ("channel", ChoicesDropdownFilter)]
    fields = ["subject", "kind", "channel", "badge", "attempts", "next_attempt_at", "last_error", "body", "payload"]
    readonly_fields = ["badge"]
