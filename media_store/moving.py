"""Bring existing pictures in, and take ours out, as files in folders: users/ada.jpg, parts/P-7/0.png.

Each picture is copied, read back, and only then switched to, with the old one kept beside it for 30 days. The journal
(MediaMove) says how far it came: after a kill the same command goes on, and `undo` goes back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from media_store.fields import OptimizedImageField
from media_store.models import MediaMove, StoredFile
from media_store.refusals import UploadRefused
from media_store.tiers import CHUNK

State = MediaMove.State

KEPT = timedelta(days=30)
"""How long the replaced pictures stay, and with them the way back."""


class NoSuchPlace(Exception):
    """There is nobody, or nothing, of this name that could have a picture; the message says so."""


class Destination(Protocol):
    """A folder of pictures, by the key that its files are named after (`ada`, `P-7/0`)."""

    folder: str

    def row(self, key: str) -> Any:
        """Return the row for the picture of `key`, perhaps not saved yet; raises NoSuchPlace."""

    def switch(self, row: Any, *, old: str, new: str) -> bool:
        """Let the row name the file `new` if it still names `old`, and say whether it did; saves a new row."""

    def find(self, row_id: str) -> Any | None:
        """Return a saved row by its primary key."""

    def clear(self, row: Any, *, new: str) -> bool:
        """Take the file `new` back from a row that had none before; say whether it was still there."""

    def stored(self) -> Iterator[tuple[str, str]]:
        """Give key and file of every picture."""

    @property
    def field(self) -> OptimizedImageField: ...


@dataclass(frozen=True)
class Source:
    """A file to bring in, and the place it is for."""

    path: Path
    folder: str
    key: str


class Outcome:
    """What came of one file."""

    MOVED, UNCHANGED, REFUSED, UNDONE, KEPT = "moved", "unchanged", "refused", "undone", "kept"


_destinations: dict[str, Destination] = {}


def register_destination(destination: Destination) -> None:
    """Let pictures be moved into and out of a folder; called from AppConfig.ready."""
    _destinations[destination.folder] = destination


def destinations() -> dict[str, Destination]:
    return dict(_destinations)


def move_in(source: Source) -> tuple[str, str]:
    """Bring one file in; return the outcome and, for one that was refused, why. May be repeated at any time."""
    destination = _destinations.get(source.folder)
    if destination is None:
        return Outcome.REFUSED, f"There is no place {source.folder!r} for pictures."
    try:
        sha256 = _sha256(source.path)
        moved, row = _moved_before(destination, source)
        if moved and moved.source_sha256 == sha256:
            return Outcome.UNCHANGED, ""
        row = row or destination.row(source.key)
        move = _copy(destination, source, row, sha256)
        _verify(move)
        return _switch(destination, move, row)
    except (NoSuchPlace, UploadRefused, OSError) as refusal:
        return Outcome.REFUSED, str(refusal)


def undo() -> Iterator[tuple[MediaMove, str, str]]:
    """Give the places their old pictures back, the last move first; gives each move with outcome and reason.

    A place whose picture has been changed since is left alone.
    """
    for pk in list(MediaMove.objects.filter(state=State.SWITCHED).order_by("-pk").values_list("pk", flat=True)):
        with transaction.atomic():
            move = MediaMove.objects.select_for_update(no_key=True).get(pk=pk)
            outcome, reason = _undo(move)
        yield move, outcome, reason


def forget_moves(*, now: datetime) -> int:
    """Delete the journal of moves of more than 30 days ago: their old pictures are then collected."""
    return MediaMove.objects.filter(created_at__lt=now - KEPT).delete()[0]


def _moved_before(destination: Destination, source: Source) -> tuple[MediaMove | None, Any]:
    """Return the last move to this place and its row, if the picture is still in use there."""
    moves = MediaMove.objects.filter(folder=source.folder, key=source.key, state=State.SWITCHED)
    move = moves.order_by("-pk").first()
    row = destination.find(move.row_id) if move else None
    is_in_use = move and row is not None and _name_in(destination, row) == move.new_file.name
    return (move, row) if is_in_use else (None, None)


def _copy(destination: Destination, source: Source, row: Any, sha256: str) -> MediaMove:
    """Store the optimised picture with its journal entry, or return what an interrupted run has stored."""
    begun = MediaMove.objects.filter(
        folder=source.folder, key=source.key, source_sha256=sha256, state=State.COPIED
    ).first()
    if begun and default_storage.exists(begun.new_file.name or ""):
        return begun
    with source.path.open("rb") as file:
        picture = destination.field.check_file(File(file, name=source.path.name))
    name = destination.field.generate_filename(row, picture.name or "")
    with transaction.atomic():
        stored = default_storage.save(name, picture)
        return MediaMove.objects.create(folder=source.folder, key=source.key, source_sha256=sha256, new_file=stored)


def _verify(move: MediaMove) -> None:
    """Read the copy back; OSError when it is not what was stored."""
    name = move.new_file.name or ""
    with default_storage.open(name) as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != StoredFile.objects.get(name=name).sha256:
        raise OSError("The copy in the store is not what was written.")


def _switch(destination: Destination, move: MediaMove, row: Any) -> tuple[str, str]:
    old, new = _name_in(destination, row), move.new_file.name or ""
    with transaction.atomic():
        if not destination.switch(row, old=old, new=new):
            return Outcome.REFUSED, "The picture was changed by somebody else at the same time."
        MediaMove.objects.filter(pk=move.pk).update(state=State.SWITCHED, old_file=old, row_id=str(row.pk))
    return Outcome.MOVED, ""


def _undo(move: MediaMove) -> tuple[str, str]:
    destination = _destinations[move.folder]
    row, new, old = destination.find(move.row_id), move.new_file.name or "", move.old_file.name or ""
    if row is None or _name_in(destination, row) != new:
        return Outcome.KEPT, "The picture has been changed since."
    if old and not default_storage.exists(old):
        return Outcome.KEPT, "The old picture is no longer there."
    is_back = destination.switch(row, old=new, new=old) if old else destination.clear(row, new=new)
    if not is_back:
        return Outcome.KEPT, "The picture was changed by somebody else at the same time."
    MediaMove.objects.filter(pk=move.pk).update(state=State.UNDONE)
    return Outcome.UNDONE, ""


def _name_in(destination: Destination, row: Any) -> str:
    return getattr(row, destination.field.attname).name or ""


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


class FieldDestination:
    """A folder whose keys are found in one model, with the picture in one field of it."""

    def __init__(self, folder: str, field: Any, *, row: Callable[[str], Any], key: Callable[[Any], str]) -> None:
        self.folder = folder
        self.field: OptimizedImageField = field
        self.model = field.model
        self.row = row
        self.key = key

    def switch(self, row: Any, *, old: str, new: str) -> bool:
        """By one statement and without signals: the old file is not deleted, as the way back needs it."""
        column = self.field.attname
        is_ours = bool(self.model._base_manager.filter(pk=row.pk, **{column: old}).update(**{column: new}))
        if is_ours:
            setattr(row, column, new)
        return is_ours

    def find(self, row_id: str) -> Any | None:
        return self.model._base_manager.filter(pk=row_id).first()

    def clear(self, row: Any, *, new: str) -> bool:
        return self.switch(row, old=new, new="")

    def stored(self) -> Iterator[tuple[str, str]]:
        rows = self.model._base_manager.exclude(**{self.field.attname: ""}).order_by("pk")
        for row in rows.iterator(chunk_size=1_000):
            yield self.key(row), getattr(row, self.field.attname).name
