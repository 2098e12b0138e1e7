"""How many chats have their picture in the cache, network by network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum

from contacts.models import Chat, ChatPictureCount
from media_store.models import PhotoJob, StoredFile

COUNTED = timedelta(days=30)
State = PhotoJob.State


class PictureState(models.TextChoices):
    """What there is of a chat's own picture; each chat is in exactly one of them."""

    CACHED = "cached", "Cached"
    WAITING = "waiting", "Waiting"
    FAILED = "failed", "Failed"
    LET_GO = "let_go", "Let go"
    BLOCKED = "blocked", "Blocked"
    NONE = "none", "No picture at the source"


# In this order: what holds first.
CONDITIONS: dict[PictureState, Q] = {
    PictureState.BLOCKED: Q(is_picture_blocked=True),
    PictureState.CACHED: Q(photo_job__isnull=False) & ~Q(photo_job__file=""),
    PictureState.NONE: Q(picture_url=""),
    PictureState.WAITING: Q(photo_job=None) | Q(photo_job__state__in=[State.PENDING, State.DOWNLOADING]),
    PictureState.FAILED: Q(photo_job__state__in=[State.FAILED, State.CANCELLED]),
    PictureState.LET_GO: Q(photo_job__state=State.COMPLETED),
}


@dataclass
class Coverage:
    """Chats of one network by the state of their picture, bytes and age of what is cached, and use in 30 days."""

    network: str
    chats: int = 0
    states: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    hits: int = 0
    misses: int = 0
    refetches: int = 0

    @property
    def by_state(self) -> list[tuple[str, int]]:
        """Return the number of chats in each state, in the order of the states."""
        return [(state.value, self.states.get(state.value, 0)) for state in PictureState]

    @property
    def hit_rate(self) -> int | None:
        """Return hits in percent of all looks; None where nobody looked."""
        looks = self.hits + self.misses
        return round(100 * self.hits / looks) if looks else None


def in_state(chats: QuerySet[Chat], state: str) -> QuerySet[Chat]:
    """Return those of `chats` whose own picture is in this state."""
    return chats.annotate(picture_state=_state()).filter(picture_state=state)


def coverage(chats: QuerySet[Chat], counts: QuerySet[ChatPictureCount], *, now: datetime) -> list[Coverage]:
    """Return the coverage of these chats by network, in alphabetical order."""
    found: dict[str, Coverage] = {}
    size = StoredFile.objects.live().filter(name=OuterRef("photo_job__file")).values("size")[:1]
    rows = chats.filter(merged_into="").annotate(picture_state=_state(), size=Subquery(size))
    sums = rows.order_by().values("network", "picture_state")
    sums = sums.annotate(
        n=Count("pk"),
        bytes=Sum("size", default=0),
        oldest=Min("photo_job__stored_at", filter=~Q(photo_job__file="")),
        newest=Max("photo_job__stored_at", filter=~Q(photo_job__file="")),
    )
    for row in sums:
        _add(found.setdefault(row["network"], Coverage(row["network"])), row)
    since = (now - COUNTED).date()
    used = counts.filter(day__gte=since, network__in=found).order_by().values("network")
    for looks in used.annotate(hits=Sum("hits"), misses=Sum("misses"), refetches=Sum("refetches")):
        here = found[looks["network"]]
        here.hits, here.misses, here.refetches = looks["hits"], looks["misses"], looks["refetches"]
    return [found[network] for network in sorted(found, key=str.casefold)]


def counts_by_state(chats: QuerySet[Chat]) -> dict[str, int]:
    """Return how many of these chats are in each state, none left out."""
    rows = chats.filter(merged_into="").annotate(picture_state=_state()).order_by().values("picture_state")
    counted = dict(rows.annotate(n=Count("pk")).values_list("picture_state", "n"))
    return {state.value: counted.get(state.value, 0) for state in PictureState}


def _add(here: Coverage, row: Mapping[str, Any]) -> None:
    here.chats += row["n"]
    here.states[row["picture_state"]] = row["n"]
    here.bytes += row["bytes"]
    here.oldest = min(filter(None, (here.oldest, row["oldest"])), default=None)
    here.newest = max(filter(None, (here.newest, row["newest"])), default=None)


def _state() -> models.Case:
    whens = [models.When(condition, then=models.Value(state.value)) for state, condition in CONDITIONS.items()]
    return models.Case(*whens, default=models.Value(PictureState.WAITING.value), output_field=models.CharField())
