"""What is killed at every step, and what must hold after each death."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from contacts.models import Organization
from imports.models import ImportJob
from media_store.collecting import collect
from media_store.doctor import examine
from media_store.mending import mend
from media_store.models import BLOB_LIMIT, Blob, MediaMove, StoredFile
from media_store.moving import Source, move_in, undo
from media_store.references import dangling, references
from tests.factories import draw_image

LARGE = b"large" * (BLOB_LIMIT // 5 + 1)
LATER = timedelta(hours=50)
FOLDER = Path(mkdtemp(prefix="kith-kill-"))


def prepare() -> None:
    owner = User.objects.create(username="killed")
    Organization.objects.create(pk=7, owner=owner, name="Example")
    (FOLDER / "7.png").write_bytes(draw_image("PNG"))


def before_each() -> None:
    """A job with an old upload of each size, and files that have been marked long ago."""
    owner = User.objects.get(username="killed")
    ImportJob.objects.all().delete()
    for name, content in (("small", b"small"), ("large", LARGE)):
        ImportJob.objects.create(owner=owner, provider="csv", upload_name=name, upload=save(f"o1/{name}", content))
        default_storage.delete(save(f"o1/marked-{name}", content[:-1] + b"!"))
    StoredFile.objects.filter(deleted_at__isnull=False).update(deleted_at=timezone.now() - LATER)
    Organization.objects.update(logo="")
    MediaMove.objects.all().delete()


def save(name: str, content: bytes) -> str:
    return default_storage.save(name, ContentFile(content))


def replace_and_delete() -> None:
    """Save new uploads of each size for a job, in its transaction or not, and delete the old ones."""
    for number, job in enumerate(ImportJob.objects.order_by("upload_name")[:1]):
        old = str(job.upload.name)
        for content in (b"new%d" % number, LARGE + b"%d" % number):
            with transaction.atomic():
                job.upload = save("o1/new", content)
                job.save(update_fields=["upload"])
                default_storage.delete(old)
                old = str(job.upload.name)
        job.upload = save("o1/plain", LARGE + b"plain")
        job.save(update_fields=["upload"])
        default_storage.delete(old)


def collect_garbage() -> None:
    collect(now=timezone.now())


def move_picture() -> None:
    move_in(Source(FOLDER / "7.png", "organizations", "7"))
    for _ in undo():
        pass
    move_in(Source(FOLDER / "7.png", "organizations", "7"))


def mend_store() -> None:
    """Move a small file from the wrong tier, and delete an orphan."""
    default_storage.files.save("o1/orphan", ContentFile(b"orphan"))  # type: ignore[attr-defined]
    stored = StoredFile.objects.filter(name__startswith="o1/small", deleted_at=None).first()
    if stored and stored.blob_id:
        default_storage.files.save(stored.name, ContentFile(b"small"))  # type: ignore[attr-defined]
        StoredFile.objects.filter(pk=stored.pk).update(blob=None)
    _mend_all()


SCENARIOS = {
    "save": replace_and_delete,
    "collect": collect_garbage,
    "move": move_picture,
    "mend": mend_store,
}


def state() -> dict[str, Any]:
    """Return what is wrong now, and what is left after the doctor and the collector have been at work for days."""
    wrong = [name for reference in references() for _, name in dangling(reference)]
    wrong += [name for reference in references() for name in _unlike_its_hash(reference)]
    for _ in range(2):
        _mend_all()
        collect(now=timezone.now() + LATER)
    in_use = {
        str(name) for reference in references() for name in reference.rows().values_list(reference.column, flat=True)
    }
    return {
        "dangling": wrong,
        "findings": [f"{finding.kind} {finding.name}" for finding in examine(now=timezone.now() + LATER)],
        "unused": sorted(set(StoredFile.objects.values_list("name", flat=True)) - in_use),
        "blobs": Blob.objects.filter(files=None).count(),
    }


def _unlike_its_hash(reference: Any) -> list[str]:
    """Return the files that cannot be read as they were written."""
    wrong = []
    for name in reference.rows().values_list(reference.column, flat=True):
        with default_storage.open(name) as file:
            if hashlib.sha256(file.read()).hexdigest() != StoredFile.objects.get(name=name).sha256:
                wrong.append(name)
    return wrong


def _mend_all() -> None:
    for finding in examine(now=timezone.now() + LATER):
        mend(finding, now=timezone.now() + LATER)
