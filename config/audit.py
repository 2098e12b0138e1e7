"""Who did what: an append-only journal of the acts that cannot be seen in the data itself, without personal values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

Actor = AbstractBaseUser | AnonymousUser | str | None
"""Who acts: a person, or the name of what acts by itself."""

_who: ContextVar[Callable[[], Actor] | None] = ContextVar("audit_actor", default=None)


class Verb(models.TextChoices):
    CONFIRMED = "confirmed", "Confirmed"
    UNDONE = "undone", "Undone"
    MERGED = "merged", "Merged"
    UNMERGED = "unmerged", "Unmerged"
    DELETED = "deleted", "Deleted"
    ERASED = "erased", "Erased"
    EXPORTED = "exported", "Exported"
    BACKED_UP = "backed_up", "Backed up"
    RESTORED = "restored", "Restored"
    CONNECTED = "connected", "Connected"
    DISCONNECTED = "disconnected", "Disconnected"


class AuditEvent(models.Model):
    """One act. Users are plain ids and names, so that the journal outlives them; a trigger refuses changes."""

    actor_id = models.BigIntegerField(null=True, help_text="Empty for a command or a schedule.")
    actor_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    owner_id = models.BigIntegerField(help_text="Whose rows they were.")
    verb = models.CharField(max_length=12, choices=Verb.choices)
    object_type = models.CharField(max_length=60, help_text="The model, as app_label.model.")
    object_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    fields = models.JSONField(default=list, help_text="Names of the fields that were changed, never their values.")
    number = models.PositiveIntegerField(
        default=1, db_default=1, help_text="How many objects, where there are several."
    )
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["owner_id", "-id"], name="auditevent_owner")]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} {self.object_type} {self.object_id}".strip()


def record(
    verb: Verb,
    model: type[models.Model],
    *,
    owner_id: int,
    object_id: object = "",
    fields: Collection[str] = (),
    number: int = 1,
) -> None:
    """Write one act down, in the caller's transaction, as done by who `acting` says."""
    record_all([event(verb, model, owner_id=owner_id, object_id=object_id, fields=fields, number=number)])


def event(
    verb: Verb,
    model: type[models.Model],
    *,
    owner_id: int,
    object_id: object = "",
    fields: Collection[str] = (),
    number: int = 1,
) -> AuditEvent:
    """Return an act that `record_all` can write; for many at once."""
    actor_id, actor_name = _actor()
    return AuditEvent(
        actor_id=actor_id,
        actor_name=actor_name,
        owner_id=owner_id,
        verb=verb,
        object_type=model._meta.label_lower,
        object_id=str(object_id),
        fields=sorted(fields),
        number=number,
    )


def record_all(events: Collection[AuditEvent]) -> None:
    AuditEvent.objects.bulk_create(events)


@contextmanager
def acting(who: Callable[[], Actor]) -> Iterator[None]:
    """Let what is recorded in this block be done by whom `who` returns; it is asked only when needed."""
    token = _who.set(who)
    try:
        yield
    finally:
        _who.reset(token)


def by_request_user(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, after authentication: acts of a request are those of its user."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with acting(lambda: request.user):
            return get_response(request)

    return middleware


def _actor() -> tuple[int | None, str]:
    who = _who.get()
    actor = who() if who else None
    if isinstance(actor, str):
        return None, actor
    return (actor.pk, actor.get_username()) if actor is not None and actor.is_authenticated else (None, "")
