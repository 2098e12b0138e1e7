"""The source kind `beeper` of photo jobs: pictures by the addresses that Beeper gave us."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import requests
from django.conf import settings
from django.db.models import Q, QuerySet
from urllib3.exceptions import HTTPError

from config.jobs.failures import JobFailure, PermissionFailure, parse_retry_after
from contacts.chats.caching import BEEPER
from imports.accounts.transport import TooLarge, guard
from imports.beeper.connection import Connection, connection_of
from imports.beeper.media import Place, is_data, place_of, read_data
from imports.models import ProviderAccount
from media_store.fetching import STATUSES, Fetched, FetchError
from media_store.models import PhotoJob
from media_store.sources import Answer
from media_store.transport import DeadlinePassed

Verdict = PhotoJob.Verdict

REFERENCE_MAX = 255


def fetch_many(jobs: Sequence[PhotoJob]) -> Mapping[int, Answer]:
    """Return for each job how its picture is fetched; the workers' threads do it, ten at a time.

    `source_ref` is the id of the account, which must be the job owner's, and `source_url` what Beeper calls the
    address; or both are in `source_ref`, as `reference` writes it.
    """
    places = {job.pk: _account_and_address(job) for job in jobs}
    accounts = ProviderAccount.objects.in_bulk({pk for pk, _ in places.values() if pk})
    connections = {pk: _connection(account) for pk, account in accounts.items()}
    answers: dict[int, Answer] = {}
    for job in jobs:
        account_id, address = places[job.pk]
        account = accounts.get(account_id) if account_id else None
        if is_data(address):
            answers[job.pk] = partial(_read_data, address)
        elif account is None or account.owner_id != job.owner_id or account.state == ProviderAccount.State.DISCONNECTED:
            answers[job.pk] = FetchError(Verdict.GONE, "The account that the picture came from is gone.")
        else:
            answers[job.pk] = _answer(address, connections[account.pk])
    return answers


def reference(account_id: UUID, address: str) -> str:
    """Return what an import says of a picture, and `PhotoJob.source_ref` then; "" for an address that is too long."""
    found = f"{BEEPER}:{account_id.hex}:{address}"
    return found if len(found) <= REFERENCE_MAX else ""


def waiting_pictures(account_id: UUID) -> QuerySet[PhotoJob]:
    """Return the photo jobs that have to ask this account's Beeper; they are held and released with it."""
    own = Q(source_ref=str(account_id)) | Q(source_ref__startswith=f"{BEEPER}:{account_id.hex}:")
    return PhotoJob.objects.filter(own, source_kind=BEEPER, state=PhotoJob.State.PENDING)


def _account_and_address(job: PhotoJob) -> tuple[UUID | None, str]:
    if not job.source_ref.startswith(f"{BEEPER}:"):
        return _uuid(job.source_ref), job.source_url
    _, account_hex, address = (*job.source_ref.split(":", 2), "")[:3]
    return _uuid(account_hex), address


def _answer(address: str, found: Connection | FetchError) -> FetchError | Callable[[], Fetched]:
    if isinstance(found, FetchError):
        return found
    try:
        return partial(_download, place_of(address, found))
    except FetchError as refusal:
        return refusal


def _read_data(address: str) -> Fetched:
    return Fetched(read_data(address, max_bytes=settings.PHOTO_MAX_BYTES))


def _download(place: Place) -> Fetched:
    """Return the bytes; raises FetchError, in which nothing names the address: it has a token. Touches no database."""
    limit = settings.PHOTO_MAX_BYTES
    with guard(requests.Session(), seconds=settings.PHOTO_DEADLINE_SECONDS, max_bytes=limit) as session:
        try:
            response = session.get(place.url, headers={**place.headers, "Accept-Encoding": "identity"})
        except (requests.RequestException, HTTPError, OSError, ValueError, DeadlinePassed) as error:
            raise _typed(error, limit=limit) from None
    _refuse_status(response)
    if not response.content:
        raise FetchError(Verdict.NOT_AN_IMAGE, "Beeper sent an empty file.")
    return Fetched(response.content)


def _refuse_status(response: requests.Response) -> None:
    status = response.status_code
    if status == 200:
        return
    if status in STATUSES:
        verdict, _ = STATUSES[status]
    elif 400 <= status < 500:
        verdict = Verdict.GONE
    else:
        verdict = Verdict.SERVER_ERROR
    retry_after = parse_retry_after(response.headers.get("Retry-After", ""), now=datetime.now(UTC))
    raise FetchError(verdict, f"{verdict.label}: Beeper answered {status}.", retry_after=retry_after)


def _typed(error: Exception, *, limit: int) -> FetchError:
    if isinstance(error, TooLarge):
        return FetchError(Verdict.TOO_LARGE, f"The picture is larger than {limit:,} bytes.")
    if isinstance(error, requests.TooManyRedirects):
        return FetchError(Verdict.TOO_MANY_REDIRECTS, "Beeper wants to send us to another address.")
    if isinstance(error, DeadlinePassed | requests.Timeout):
        return FetchError(Verdict.TIMEOUT, "Beeper took too long.")
    if isinstance(error, requests.exceptions.SSLError):
        return FetchError(Verdict.TLS_ERROR, "The certificate or encryption of Beeper's server is not valid.")
    return FetchError(Verdict.CONNECTION_FAILED, f"The connection to Beeper failed ({type(error).__name__}).")


def _connection(account: ProviderAccount) -> Connection | FetchError:
    try:
        return connection_of(account)
    except PermissionFailure as failure:
        return FetchError(Verdict.DENIED, str(failure))
    except JobFailure as failure:
        return FetchError(Verdict.UNSAFE, str(failure))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
