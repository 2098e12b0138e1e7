"""Which relationships go cold: at risk of ghosting, or silent for longer than the wished gap or their own rhythm."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, QuerySet, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Coalesce

from contacts.models import CommunicationEvent
from health.models import RelationshipHealth

Kind = CommunicationEvent.Kind
TOUCHES = (Kind.EMAIL, Kind.CALL, Kind.CHAT, Kind.MEETING)

# Without a rhythm of their own or a wish: a month.
USUAL_GAP_DAYS = 30.0

# Who was called or written to yesterday needs no second call today.
PATIENCE_DAYS = 2


def going_cold(*, owner_id: int, now: datetime) -> QuerySet[RelationshipHealth]:
    """Return the owner's contacts that go cold and are not snoozed, the longest overdue first.

    Each has `gap_days`, the days between contacts that are meant to be, and `overdue`, by how many times they are
    exceeded.
    """
    rows = RelationshipHealth.objects.filter(owner_id=owner_id, contact__archived_at=None, contact__isnull=False)
    rows = rows.exclude(status="unstarted")
    rows = rows.exclude(contact__keep_in_touch__snoozed_until__gt=now)
    rhythm = Cast(KT("facts__rhythm_days"), FloatField())
    wished = Cast(F("contact__keep_in_touch__wished_gap_days"), FloatField())
    rows = rows.annotate(gap_days=Coalesce(wished, rhythm, Value(USUAL_GAP_DAYS)))
    overdue = (F("days_since_contact") - F("gap_days")) / F("gap_days")
    rows = rows.annotate(
        overdue=Case(When(gap_days__gt=0, days_since_contact__isnull=False, then=overdue), default=Value(0.0))
    )
    # Whoever was talked to a moment ago is gone from the list before the score has followed.
    touched = CommunicationEvent.objects.filter(
        contact=OuterRef("contact"), kind__in=TOUCHES, automated=False,
        happened_at__gt=OuterRef("calculated_at"), happened_at__lte=now,
    )  # fmt: skip
    rows = rows.exclude(Q(contact__facts_at__gt=F("calculated_at")) & Exists(touched))
    rated: QuerySet[Any] = rows
    is_cold = Q(is_ghost_risk=True, days_since_contact__gte=PATIENCE_DAYS) | Q(overdue__gt=0)
    return rated.filter(is_cold).order_by("-overdue", "score", "pk")
