"""A person decides about all rows of a kind at once, whatever page is shown."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts.identifiers import uuid7_sql
from contacts.models import Contact, ExternalIdentity
from imports import deciding, lifecycle
from imports.lifecycle import NotAllowed
from imports.models import ImportJob, ImportRow
from tests.factories import make_contact
from tests.imports.builders import adds_up, card, cards, counts, plan_file, run

pytestmark = pytest.mark.django_db


def duplicates(number: int) -> str:
    """Return a file of one person, and of that many more entries of the same one."""
    return cards(*[card("Ada Example", uid="ada", emails=["ada@example.com"])] * (number + 1))


def families(number: int) -> str:
    """Return a file of people who have the addresses of others."""
    return cards(*[card(f"Child {index}", emails=[f"family{index}@example.com"]) for index in range(number)])


def complete(job: ImportJob) -> ImportJob:
    lifecycle.confirm(job)
    return run(job)


def post(client: Client, job: ImportJob, data: Mapping[str, str]) -> str:
    client.force_login(job.owner)
    response = client.post(reverse("admin:imports_importjob_rows", args=[job.pk]), data, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_all_duplicates_become_contacts_of_their_own_by_one_statement(owner: User) -> None:
    job = plan_file(owner, duplicates(60))
    with CaptureQueriesContext(connection) as queries:
        number = deciding.decide_where(job, "create", decision="skip", reason="duplicate_in_file")
    assert number == 60
    assert sum("with entry as" in query["sql"] for query in queries) == 1
    assert len(queries) <= 5
    complete(job)
    assert counts(job) == {"created": 61}
    assert ExternalIdentity.objects.filter(external_id="ada").count() == 1
    ids = list(ImportRow.objects.filter(job=job, position__gt=1).order_by("position").values_list("contact", flat=True))
    assert ids == sorted(ids)


def test_of_equal_identities_that_were_all_left_out_the_first_has_it(owner: User) -> None:
    entry = card("Bo Example", uid="bo", emails=["bo@example.com"])
    job = plan_file(owner, cards(entry, entry, entry))
    ImportRow.objects.filter(job=job).update(decision="skip", reason="duplicate_in_file")
    assert deciding.decide_where(job, "create", decision="skip", reason="duplicate_in_file") == 3
    rows = ImportRow.objects.filter(job=job).order_by("position")
    assert list(rows.values_list("external_id", flat=True)) == ["bo", "", ""]


def test_an_identity_that_a_contact_has_already_is_not_given_again(owner: User) -> None:
    known = make_contact(owner, "Bo Example")
    ExternalIdentity.objects.create(owner=owner, contact=known, source="vcard", external_id="bo")
    job = plan_file(owner, card("Bo Example", uid="bo"))
    kind = ImportRow.objects.get(job=job)
    assert deciding.decide_where(job, "create", decision=kind.decision, reason=kind.reason) == 1
    kind.refresh_from_db()
    assert (kind.external_id, kind.decision, kind.contact_id == known.pk) == ("", "create", False)


def test_all_who_share_an_address_are_merged(owner: User) -> None:
    parents = [make_contact(owner, f"Parent {number}", email=f"family{number}@example.com") for number in range(5)]
    job = plan_file(owner, families(5))
    assert deciding.decide_where(job, "merge", decision="create", reason="shared_address") == 5
    complete(job)
    assert Contact.objects.filter(owner=owner).count() == len(parents)
    assert adds_up(job)


def test_rows_of_other_kinds_and_of_other_imports_stay_as_they_are(owner: User) -> None:
    other = plan_file(owner, duplicates(1))
    job = plan_file(owner, cards(duplicates(2), card("", lines=["NOTE:nobody"])))
    before = list(ImportRow.objects.filter(job=other).order_by("pk").values())
    invalid = ImportRow.objects.get(job=job, decision="invalid")
    assert deciding.decide_where(job, "create", decision="", reason="") == 3
    invalid.refresh_from_db()
    assert invalid.decision == "invalid"
    assert list(ImportRow.objects.filter(job=other).order_by("pk").values()) == before


def test_what_was_left_out_is_imported_after_the_end_and_the_counts_stay_honest(owner: User) -> None:
    job = complete(plan_file(owner, duplicates(3)))
    assert counts(job) == {"created": 1, "skipped": 3}
    assert deciding.decide_where(job, "create", decision="skip", reason="duplicate_in_file") == 3
    job.refresh_from_db()
    run(job)
    assert counts(job) == {"created": 4}
    assert adds_up(job)


def test_merging_more_than_a_page_can_wait_for_is_refused(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        make_contact(owner, f"Parent {number}", email=f"family{number}@example.com")
    job = plan_file(owner, families(2))
    monkeypatch.setattr(deciding, "MERGED_AT_ONCE", 1)
    with pytest.raises(NotAllowed, match="More than 1 rows"):
        deciding.decide_where(job, "merge", decision="create", reason="shared_address")


def test_the_page_of_one_kind_offers_to_decide_on_all_of_it(client: Client, admin_user: User) -> None:
    job = plan_file(admin_user, duplicates(60))
    client.force_login(admin_user)
    address = reverse("admin:imports_importjob_rows", args=[job.pk])
    page = client.get(address, {"decision": "skip", "reason": "duplicate_in_file"}).content.decode()
    assert "All 60 rows of this kind" in page
    assert "of this kind" not in client.get(address).content.decode()
    page = post(client, job, {"decision": "skip", "reason": "duplicate_in_file", "listed": "all", "how": "create"})
    assert "60 rows will be imported." in page
    assert ImportRow.objects.filter(job=job, decision="create").count() == 61


def test_the_page_skips_all_of_a_kind(client: Client, admin_user: User) -> None:
    job = plan_file(admin_user, cards(families(3), duplicates(0)))
    post(client, job, {"decision": "create", "reason": "new", "scope": "none"})
    assert not ImportRow.objects.filter(job=job, selected=True).exists()


def test_who_may_only_look_decides_nothing(client: Client, owner: User) -> None:
    job = plan_file(owner, duplicates(2))
    owner.is_staff = True
    owner.save()
    owner.user_permissions.set(Permission.objects.filter(codename="view_importjob"))
    client.force_login(owner)
    data = {"decision": "skip", "reason": "duplicate_in_file", "listed": "all", "how": "create"}
    assert client.post(reverse("admin:imports_importjob_rows", args=[job.pk]), data).status_code == 403
    assert ImportRow.objects.filter(job=job, decision="skip").count() == 2


def test_ids_made_by_the_database_are_version_7_and_in_order() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"select {uuid7_sql('number')} from generate_series(0, 9000) number order by number")
        ids = [row[0] for row in cursor.fetchall()]
    assert ids == sorted(set(ids))
    assert {(each.version, each.variant) for each in ids} == {(7, "specified in RFC 4122")}
