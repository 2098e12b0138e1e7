from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django_q.models import OrmQ

from config.jobs.claiming import claim
from config.jobs.draining import Budget
from config.jobs.leases import LeaseLost
from contacts.models import Contact
from imports import executing, lifecycle, sources
from imports.lifecycle import NotAllowed, UploadRefused
from imports.models import ImportJob, ImportRow
from imports.running import run_import_jobs
from media_store.models import StoredFile
from tests.factories import make_contact
from tests.imports.builders import card, cards, counts, import_file, many_cards, plan_file, run, start

pytestmark = pytest.mark.django_db

State = ImportJob.State

PEOPLE = cards(card("Ada", uid="u1"), card("Ben", uid="u2"), card("Cy", uid="u3"))
UNKNOWN_CSV = "Wer,Wohin\r\nAda,ada@example.com\r\n"
MAPPING = {"Wer": "display_name", "Wohin": "email"}


def test_an_upload_is_kept_queued_and_rung(owner: User) -> None:
    rung = OrmQ.objects.count()
    job = start(owner, PEOPLE, "my people.vcf")
    assert (job.state, job.provider, job.upload_name, job.upload_size) == (
        State.PENDING,
        "vcard",
        "my people.vcf",
        len(PEOPLE),
    )
    assert str(job.upload.name).startswith(f"o{owner.pk}/uploads/")
    assert default_storage.exists(str(job.upload.name))
    assert OrmQ.objects.count() == rung + 1


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "empty.vcf", "empty_file"),
        (b"\x00\x01\x02\xff" * 100, "junk.bin", "not_recognised"),
        (b"%PDF-1.7 something", "scan.pdf", "not_recognised"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" * 50, "people.csv", "not_text"),
    ],
)
def test_what_is_no_address_book_is_refused_and_not_kept(owner: User, content: bytes, name: str, code: str) -> None:
    with pytest.raises(UploadRefused) as refused:
        start(owner, content, name)
    assert refused.value.code == code
    assert not ImportJob.objects.exists()
    assert not StoredFile.objects.exists()


@pytest.mark.parametrize(
    ("content", "name", "setting"),
    [(PEOPLE, "a.vcf", "IMPORT_VCARD_MAX_BYTES"), (UNKNOWN_CSV, "a.csv", "IMPORT_CSV_MAX_BYTES")],
)
def test_a_file_over_the_limit_is_refused_by_the_name_of_the_setting(
    owner: User, settings: pytest.FixtureRequest, content: str, name: str, setting: str
) -> None:
    setattr(settings, setting, 20)
    with pytest.raises(UploadRefused, match=setting) as refused:
        start(owner, content, name)
    assert refused.value.code == "too_large"


def test_too_many_rows_end_the_job_by_the_name_of_the_setting(owner: User, settings: pytest.FixtureRequest) -> None:
    settings.IMPORT_MAX_ROWS = 2  # type: ignore[attr-defined]
    job = run(start(owner, PEOPLE))
    assert (job.state, job.error_code) == (State.FAILED, "too_many_rows")
    assert "IMPORT_MAX_ROWS" in job.last_error


def test_too_many_columns_are_refused(owner: User) -> None:
    header = ",".join(f"Column {n}" for n in range(201))
    with pytest.raises(UploadRefused, match="IMPORT_MAX_COLUMNS"):
        start(owner, f"{header}\r\n", "wide.csv")


def test_an_unknown_layout_waits_for_its_mapping(owner: User) -> None:
    job = run(start(owner, UNKNOWN_CSV, "people.csv"))
    assert (job.state, job.held_reason) == (State.PENDING, "needs_mapping")
    with pytest.raises(NotAllowed):
        lifecycle.resume(job)
    lifecycle.set_mapping(job, MAPPING)
    run(job)
    assert job.state == State.READY
    assert job.rows.get().parsed["display_name"] == "Ada"


@pytest.mark.parametrize("mapping", [{}, {"Wer": "ignore"}, {"Wer": "shoe_size"}, {"Nobody": "email"}])
def test_a_mapping_that_does_not_fit_is_refused(owner: User, mapping: dict[str, str]) -> None:
    job = start(owner, UNKNOWN_CSV, "people.csv")
    with pytest.raises(NotAllowed):
        lifecycle.set_mapping(job, mapping)
    with pytest.raises(UploadRefused):
        start(owner, UNKNOWN_CSV, "people.csv", mapping=mapping)


def test_a_mapping_that_comes_with_the_file_is_used_at_once(owner: User) -> None:
    job = import_file(owner, UNKNOWN_CSV, "people.csv", mapping=MAPPING)
    assert counts(job) == {"created": 1}


def test_the_preview_waits_and_writes_nothing(owner: User) -> None:
    job = plan_file(owner, PEOPLE)
    assert (job.state, job.total, counts(job)) == (State.READY, 3, {})
    run(job)
    assert job.state == State.READY


def test_confirming_some_rows_imports_these(owner: User) -> None:
    job = plan_file(owner, PEOPLE)
    chosen = list(job.rows.filter(position__in=[1, 3]).values_list("pk", flat=True))
    lifecycle.confirm(job, row_ids=chosen)
    run(job)
    assert counts(job) == {"created": 2, "skipped": 1}


def test_rows_can_be_deselected_and_selected_again(owner: User) -> None:
    job = plan_file(owner, PEOPLE)
    ids = list(job.rows.values_list("pk", flat=True))
    assert lifecycle.select_rows(job, ids, is_selected=False) == 3
    assert lifecycle.select_rows(job, ids[:1], is_selected=True) == 1
    lifecycle.confirm(job)
    run(job)
    assert counts(job) == {"created": 1, "skipped": 2}


def test_rows_of_another_import_are_refused(owner: User) -> None:
    job, other = plan_file(owner, PEOPLE), plan_file(owner, PEOPLE)
    foreign = [other.rows.first().pk]  # type: ignore[union-attr]
    with pytest.raises(NotAllowed):
        lifecycle.confirm(job, row_ids=foreign)
    with pytest.raises(NotAllowed):
        lifecycle.select_rows(job, foreign, is_selected=False)
    assert ImportRow.objects.filter(selected=False).count() == 0


def test_only_rows_that_write_something_can_be_selected(owner: User) -> None:
    make_contact(owner, "x@example.com", email="x@example.com")
    job = plan_file(owner, cards(card(emails=["x@example.com"]), card()))
    assert lifecycle.select_rows(job, list(job.rows.values_list("pk", flat=True)), is_selected=False) == 0


ACTIONS: dict[str, Callable[[ImportJob], object]] = {
    "confirm": lifecycle.confirm,
    "cancel": lifecycle.cancel,
    "retry": lifecycle.retry,
    "pause": lifecycle.pause,
    "resume": lifecycle.resume,
}
ALLOWED = {
    State.PENDING: {"cancel", "pause"},
    State.FETCHING: {"cancel", "pause"},
    State.FETCHED: {"cancel", "pause"},
    State.PLANNING: {"cancel", "pause"},
    State.READY: {"confirm", "cancel", "pause"},
    State.CONFIRMED: {"cancel", "pause"},
    State.IMPORTING: {"cancel", "pause"},
    State.COMPLETED: set(),
    State.FAILED: {"retry"},
    State.CANCELLED: {"retry"},
    State.UNDO_REQUESTED: {"cancel", "pause"},
    State.UNDOING: {"cancel", "pause"},
    State.UNDONE: set(),
}


@pytest.mark.parametrize("state", State)
def test_each_state_allows_what_it_should_and_refuses_the_rest(owner: User, state: ImportJob.State) -> None:
    for name, action in ACTIONS.items():
        job = start(owner, PEOPLE)
        token = "11111111-1111-1111-1111-111111111111" if state in ImportJob.STEPS.values() else None
        ImportJob.objects.filter(pk=job.pk).update(state=state, lease_token=token)
        if name in ALLOWED[state]:
            action(job)
        else:
            with pytest.raises(NotAllowed):
                action(job)


def test_a_second_click_on_confirm_does_no_harm(owner: User) -> None:
    job = plan_file(owner, PEOPLE)
    lifecycle.confirm(job)
    with pytest.raises(NotAllowed):
        lifecycle.confirm(job)
    run(job)
    assert counts(job) == {"created": 3}


def test_a_paused_import_stops_where_it_is_and_goes_on(owner: User) -> None:
    job = start(owner, PEOPLE, has_preview=False)
    lifecycle.pause(job)
    run(job)
    assert (job.state, job.held_reason, job.total) == (State.PENDING, "paused", 0)
    lifecycle.resume(job)
    run(job)
    assert (job.state, counts(job)) == (State.COMPLETED, {"created": 3})


def test_a_paused_review_cannot_be_confirmed(owner: User) -> None:
    job = plan_file(owner, PEOPLE)
    lifecycle.pause(job)
    with pytest.raises(NotAllowed, match="paused"):
        lifecycle.confirm(job)


class Clicking(Budget):
    """A budget that is never spent, but somebody does something to the job the first time it is asked."""

    clicks: list[Callable[[], object]]

    def __init__(self, click: Callable[[], object]) -> None:
        super().__init__(None)
        object.__setattr__(self, "clicks", [click])

    def is_spent(self) -> bool:
        while self.clicks:
            self.clicks.pop()()
        return False


@pytest.mark.parametrize(("action", "back"), [("cancel", "retry"), ("pause", "resume")])
def test_a_running_import_stops_at_its_next_transaction(
    owner: User, action: str, back: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunk after the click writes nothing, what was written before stays, and going on doubles nobody."""
    monkeypatch.setattr(executing, "CHUNK_ROWS", 10)
    job = plan_file(owner, many_cards(30))
    lifecycle.confirm(job)
    (claimed,) = claim(ImportJob, limit=1)
    with pytest.raises(LeaseLost):
        run_import_jobs([claimed], Clicking(lambda: ACTIONS[action](job)))
    job.refresh_from_db()
    assert counts(job) == {"created": 10}
    assert Contact.objects.count() == 10
    ACTIONS[back](job)
    run(job)
    assert (job.state, counts(job)) == (State.COMPLETED, {"created": 30})
    assert Contact.objects.count() == 30


def test_a_failed_import_goes_on_where_it_stopped(owner: User) -> None:
    job = start(owner, PEOPLE, has_preview=False)
    name = job.upload.name
    StoredFile.objects.filter(name=name).mark_deleted()
    run(job)
    assert (job.state, job.error_code) == (State.FAILED, "upload_gone")
    StoredFile.objects.filter(name=name).update(deleted_at=None)
    lifecycle.retry(job)
    run(job)
    assert (job.state, counts(job)) == (State.COMPLETED, {"created": 3})


def test_a_long_import_gives_way_between_pages_and_goes_on(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no time at all each claim still does one page, so that the import comes to an end."""
    monkeypatch.setattr(sources, "PAGE_ROWS", 10)
    monkeypatch.setattr(executing, "CHUNK_ROWS", 10)
    job = start(owner, many_cards(35), has_preview=False)
    claims = 0
    while claimed := claim(ImportJob, limit=1):
        run_import_jobs(claimed, Budget.of(0))
        claims += 1
        assert claims < 50
    job.refresh_from_db()
    assert (job.state, counts(job)) == (State.COMPLETED, {"created": 35})
    assert claims > 8
