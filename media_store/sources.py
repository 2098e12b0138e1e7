"""Where the bytes of a photo job come from: a registry that apps above fill with the kinds they know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from django.conf import settings
from django.core.files.storage import default_storage

from media_store.fetching import Fetched, FetchError
from media_store.models import PhotoJob

Verdict = PhotoJob.Verdict

Download = Callable[[], Fetched]
"""Fetches in a thread of its own and raises FetchError; touches no database."""

Answer = bytes | Verdict | Fetched | FetchError | Download
FetchMany = Callable[[Sequence[PhotoJob]], Mapping[int, Answer]]

_registered: dict[str, FetchMany] = {}
_uncertain: set[str] = set()


def register_source(kind: str, fetch_many: FetchMany, *, is_uncertain: bool = False) -> None:
    """Make the source kind `kind` known; called from AppConfig.ready.

    An uncertain one is asked without knowing whether it has a picture: that it has none is no failure of the job.

    `fetch_many(jobs)` runs outside of transactions, in the thread of the worker, and returns for each job's id the
    bytes or why there are none, or a function that fetches them, which is called in a thread beside other downloads.
    A job that it leaves out has failed for now.
    """
    _registered[kind] = fetch_many
    if is_uncertain:
        _uncertain.add(kind)


def is_uncertain(kind: str) -> bool:
    return kind in _uncertain


def fetch_registered(jobs: Sequence[PhotoJob]) -> Iterator[tuple[PhotoJob, Fetched | FetchError | Download]]:
    """Give each job of a registered kind with its bytes, its failure, or how its bytes are fetched."""
    for kind in {job.source_kind for job in jobs}:
        of_kind = [job for job in jobs if job.source_kind == kind]
        fetch_many = _registered.get(kind)
        if fetch_many is None:
            problem = FetchError(Verdict.STORAGE_ERROR, f"Nothing here knows pictures of the kind {kind}.")
            yield from ((job, problem) for job in of_kind)
            continue
        answers = fetch_many(of_kind)
        for job in of_kind:
            yield job, _as_result(answers.get(job.pk, Verdict.SERVER_ERROR))


def _as_result(answer: Answer) -> Fetched | FetchError | Download:
    if isinstance(answer, Verdict):
        return FetchError(answer, f"{answer.label}.")
    return Fetched(answer) if isinstance(answer, bytes) else answer


def read_stored(jobs: Sequence[PhotoJob]) -> dict[int, Answer]:
    """Return the content of the files that were set aside in our own store, named by `source_ref`."""
    return {job.pk: _read(job.source_ref) for job in jobs}


def _read(name: str) -> bytes | FetchError:
    try:
        if default_storage.size(name) > settings.PHOTO_MAX_BYTES:
            return FetchError(Verdict.TOO_LARGE, f"The file is larger than {settings.PHOTO_MAX_BYTES:,} bytes.")
        with default_storage.open(name) as file:
            content: bytes = file.read()
            return content
    except FileNotFoundError:
        return FetchError(Verdict.GONE, "The file that was set aside is no longer there.")
    except OSError as error:
        return FetchError(Verdict.STORAGE_ERROR, f"The set-aside file cannot be read ({type(error).__name__}).")
