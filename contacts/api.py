"""The contact part of the HTTP API: the review queue of duplicates, and merges."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from contacts import duplicates
from contacts.merging import Pair, merge, unmerge
from contacts.models import DuplicateSuggestion, MergeRecord
from contacts.uniting import CHOSEN

router = Router(tags=["duplicates"])

PAGE_MAX = 200

Side = Literal["first", "second"]
ChosenField = Annotated[str, Field(pattern=f"^({'|'.join(CHOSEN)})$")]


class Problem(Schema):
    error: str
    code: str


class Suggestion(Schema):
    id: int
    first_id: UUID
    first_name: str
    second_id: UUID
    second_name: str
    reasons: list[str]
    strength: int = Field(description="0 to 100; 100 is the same e-mail address and name.")
    state: str
    found_at: datetime


class Suggestions(Schema):
    total: int
    items: list[Suggestion]


class MergeChoice(Schema):
    """Without `take` blanks are filled, and what a person wrote goes before what an import wrote."""

    stays: Side = Field("first", description="Whose id survives; the other one's address leads nowhere any more.")
    take: list[ChosenField] | None = Field(None, description="Fields that get the value of the one that goes.")
    notes_of_both: bool = Field(default=False, description="With `take`: keep the notes of both.")


class Merged(Schema):
    merge_id: int
    contact_id: UUID


class Unmerged(Schema):
    contact_ids: list[UUID]


PROBLEMS = {403: Problem, 404: Problem, 409: Problem}


@router.get("duplicates", response=Suggestions)
def suggestion_list(
    request: HttpRequest,
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 50,
    offset: Annotated[int, Field(ge=0, le=2**31)] = 0,
    state: DuplicateSuggestion.State = DuplicateSuggestion.State.OPEN,
) -> dict[str, Any]:
    """List pairs of contacts that may be the same person, the surest first."""
    suggestions = DuplicateSuggestion.objects.visible_to(request.user).filter(state=state)
    page = suggestions.select_related("first", "second")[offset : offset + limit]
    return {"total": suggestions.count(), "items": [_suggestion(found) for found in page]}


@router.post("duplicates/{int:suggestion_id}/merge", response={200: Merged, **PROBLEMS})
def merge_suggestion(request: HttpRequest, suggestion_id: int, body: MergeChoice) -> dict[str, Any]:
    """Make one contact of the two; this can be undone for 30 days."""
    suggestion = _suggestion_of(request, suggestion_id)
    ids = [suggestion.first_id, suggestion.second_id]
    survivor_id, loser_id = ids if body.stays == "first" else reversed(ids)
    take = None if body.take is None else set(body.take)
    pair = Pair(survivor_id, loser_id, take=take, notes_of_both=body.notes_of_both)
    record = merge(pair, owner_id=suggestion.owner_id, now=timezone.now())
    return {"merge_id": record.pk, "contact_id": record.survivor_id}


@router.post("duplicates/{int:suggestion_id}/dismiss", response={200: Suggestion, **PROBLEMS})
def dismiss_suggestion(request: HttpRequest, suggestion_id: int) -> dict[str, Any]:
    """Say that the two are not the same; they are not suggested again."""
    suggestion = _suggestion_of(request, suggestion_id)
    duplicates.dismiss(DuplicateSuggestion.objects.filter(pk=suggestion.pk))
    suggestion.refresh_from_db(fields=["state"])
    return _suggestion(suggestion)


@router.post("merges/{int:merge_id}/undo", response={200: Unmerged, **PROBLEMS})
def undo_merge(request: HttpRequest, merge_id: int) -> dict[str, Any]:
    """Make two contacts of one again."""
    _require_change(request)
    record = get_object_or_404(MergeRecord.objects.visible_to(request.user), pk=merge_id)
    unmerge([record], owner_id=record.owner_id, now=timezone.now())
    return {"contact_ids": [record.survivor_id, record.loser_id]}


def _suggestion_of(request: HttpRequest, suggestion_id: int) -> DuplicateSuggestion:
    _require_change(request)
    visible = DuplicateSuggestion.objects.visible_to(request.user).select_related("first", "second")
    found: DuplicateSuggestion = get_object_or_404(visible, pk=suggestion_id)
    return found


def _require_change(request: HttpRequest) -> None:
    if not request.user.has_perm("contacts.change_contact"):
        raise HttpError(403, "You may not change contacts.")


def _suggestion(suggestion: DuplicateSuggestion) -> dict[str, Any]:
    names = ("id", "first_id", "second_id", "reasons", "strength", "state", "found_at")
    return {
        **{name: getattr(suggestion, name) for name in names},
        "first_name": suggestion.first.display_name,
        "second_name": suggestion.second.display_name,
    }
