"""A file's way through the admin: upload, columns, preview, selection, confirm, failed rows."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from config.jobs.draining import drain
from contacts.models import Contact
from imports.models import ImportJob
from tests.admin.rows import make_member
from tests.factories import make_contact

CARDS = "".join(
    f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{name}\r\nEMAIL:{email}\r\nTITLE:Director\r\nEND:VCARD\r\n"
    for name, email in [("Ada Example", "ada@example.com"), ("Grace Example", "grace@example.com")]
)
TABLE = "Who;Where;Electronic\r\nAda Example;Ulm;ada@example.com\r\n"

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return make_member("carol")


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


def upload(browser: Client, content: str, name: str = "people.vcf", **choices: str) -> ImportJob:
    file = SimpleUploadedFile(name, content.encode())
    data = {"file": file, "has_preview": "on", "on_conflict": "overwrite", **choices}
    response = browser.post(reverse("admin:imports_importjob_upload"), data)
    assert response.status_code == 302, response.content.decode()[-2000:]
    drain("imports", seconds=None)
    return ImportJob.objects.get()


def page(job: ImportJob, name: str) -> str:
    return reverse(f"admin:imports_importjob_{name}", args=[job.pk])


def act(browser: Client, job: ImportJob, verb: str) -> str:
    return browser.post(page(job, "act"), {"verb": verb}, follow=True).content.decode()


def test_only_the_selected_rows_are_imported(browser: Client) -> None:
    job = upload(browser, CARDS)
    assert job.state == ImportJob.State.READY
    rows = browser.get(page(job, "rows")).content.decode()
    assert "Ada Example" in rows
    assert "2 rows are selected" in rows

    first, second = job.rows.order_by("position")
    browser.post(page(job, "rows"), {"shown": [first.pk, second.pk], "selected": [second.pk]})
    assert "1 rows are selected" in browser.get(page(job, "rows")).content.decode()
    assert "Confirmed" in act(browser, job, "confirm")
    drain("imports", seconds=None)
    assert [contact.display_name for contact in Contact.objects.all()] == ["Grace Example"]
    assert "Completed" in browser.get(page(job, "change")).content.decode()


def test_the_preview_shows_what_is_replaced_and_why(browser: Client, member: User) -> None:
    known = make_contact(member, "Ada Example", email="ada@example.com", title="Engineer")
    job = upload(browser, CARDS)
    rows = browser.get(page(job, "rows"), {"decision": "update"}).content.decode()
    assert "<del>Engineer</del> → </dd>" in rows.replace("<ins>Director</ins>", "")
    assert "<ins>Director</ins>" in rows
    assert "The contact has one of the e-mail addresses, and the names agree." in rows
    assert f"/admin/contacts/contact/{known.pk}/change/" in rows
    assert "Grace Example" not in rows


def test_everything_that_a_filter_lists_is_selected_at_once(browser: Client) -> None:
    job = upload(browser, CARDS)
    browser.post(page(job, "rows"), {"scope": "none", "decision": "create"})
    assert job.rows.filter(selected=True).count() == 0
    browser.post(page(job, "rows"), {"scope": "all", "decision": "create", "reason": "new"})
    assert job.rows.filter(selected=True).count() == 2


def test_htmx_saves_a_selection_without_a_new_page(browser: Client) -> None:
    job = upload(browser, CARDS)
    ids = [row.pk for row in job.rows.all()]
    response = browser.post(page(job, "rows"), {"shown": ids}, headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert job.rows.filter(selected=True).count() == 0


def test_unknown_columns_are_mapped_by_a_person(browser: Client) -> None:
    job = upload(browser, TABLE, name="table.csv")
    assert job.held_reason == "needs_mapping"
    form = browser.get(page(job, "mapping")).content.decode()
    assert "Electronic" in form
    assert "Ulm" in form
    data = {"column_0": "display_name", "column_1": "ignore", "column_2": "email"}
    browser.post(page(job, "mapping"), data)
    drain("imports", seconds=None)
    act(browser, job, "confirm")
    drain("imports", seconds=None)
    assert Contact.objects.get().emails.get().address == "ada@example.com"


def test_a_mapping_without_a_field_is_refused(browser: Client) -> None:
    job = upload(browser, TABLE, name="table.csv")
    response = browser.post(page(job, "mapping"), dict.fromkeys(("column_0", "column_1", "column_2"), "ignore"))
    assert "Choose a field for at least one column." in response.content.decode()


def test_progress_tells_htmx_to_stop_when_nothing_moves_any_more(browser: Client, member: User) -> None:
    job = ImportJob.objects.create(owner=member, provider="vcard", state="confirmed", total=10, processed=4)
    moving = browser.get(page(job, "progress"))
    assert moving.status_code == 200
    assert 'hx-trigger="every 2s"' in moving.content.decode()
    assert 'value="40"' in moving.content.decode()
    ImportJob.objects.update(state="completed")
    final = browser.get(page(job, "progress"))
    assert final.status_code == 286
    assert "hx-trigger" not in final.content.decode()


def test_a_file_that_is_none_of_ours_is_refused_with_a_reason(browser: Client) -> None:
    data = {"file": SimpleUploadedFile("a.bin", bytes(range(256)) * 20), "on_conflict": "overwrite"}
    response = browser.post(reverse("admin:imports_importjob_upload"), data)
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    ("state", "verb", "after"),
    [("ready", "cancel", "cancelled"), ("failed", "retry", "pending"), ("cancelled", "retry", "pending")],
)
def test_buttons_move_the_job(browser: Client, member: User, state: str, verb: str, after: str) -> None:
    job = ImportJob.objects.create(owner=member, provider="vcard", state=state)
    act(browser, job, verb)
    job.refresh_from_db()
    assert job.state == after


def test_a_pause_holds_the_job_until_it_is_resumed(browser: Client, member: User) -> None:
    job = ImportJob.objects.create(owner=member, provider="vcard", state="confirmed")
    assert ">Resume<" in act(browser, job, "pause")
    assert ">Pause<" in act(browser, job, "resume")


def test_what_is_not_allowed_is_said_and_not_done(browser: Client, member: User) -> None:
    job = ImportJob.objects.create(owner=member, provider="vcard", state="completed")
    assert "The import has already ended." in act(browser, job, "cancel")
    assert "not waiting for a review" in act(browser, job, "confirm")


def test_a_link_alone_changes_nothing(browser: Client, member: User) -> None:
    job = ImportJob.objects.create(owner=member, provider="vcard", state="ready")
    assert browser.get(page(job, "act"), {"verb": "cancel"}).status_code == 405
    job.refresh_from_db()
    assert job.state == "ready"


def test_a_person_who_may_only_look_cannot_confirm(client: Client, member: User) -> None:
    group = member.groups.get()
    group.permissions.remove(group.permissions.get(codename="change_importjob"))
    client.force_login(User.objects.get(pk=member.pk))
    job = ImportJob.objects.create(owner=member, provider="vcard", state="ready")
    assert "Import the selected rows" not in client.get(page(job, "change")).content.decode()
    assert client.post(page(job, "act"), {"verb": "confirm"}).status_code == 403
    assert client.post(page(job, "rows"), {"scope": "none"}).status_code == 403


@pytest.mark.parametrize("name", ["decision", "reason", "undo", "undo_reason", "after"])
def test_nonsense_in_the_filter_counts_as_not_given(browser: Client, name: str) -> None:
    job = upload(browser, CARDS)
    assert "Grace Example" in browser.get(page(job, "rows"), {name: "\0"}).content.decode()
