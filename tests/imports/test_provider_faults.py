"""What goes wrong between us and a provider costs time or one row, never the import and never a double."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.db.models.functions import Now

from config.jobs.models import HeldReason
from contacts.models import Contact
from imports.accounts.importing import start_import
from imports.google import people
from imports.listing import MAX_RESTARTS, MAX_STALLS
from imports.microsoft import folders
from imports.models import ImportJob, ImportRow, ProviderAccount
from imports.turns import release_throttled
from tests.imports.accounts import make_account, make_old
from tests.imports.builders import adds_up, counts, run
from tests.providers import faults
from tests.providers.faults import Fault
from tests.providers.google import GoogleStandIn
from tests.providers.microsoft import MicrosoftStandIn
from tests.providers.people import Person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PAGE_SIZE", 10)
    monkeypatch.setattr(folders, "PAGE_SIZE", 10)


def begin(account: ProviderAccount) -> ImportJob:
    return run(start_import(account, has_preview=False))


def go_on(job: ImportJob) -> ImportJob:
    """Let the time pass that the job waits for."""
    ImportJob.objects.filter(pk=job.pk).update(next_attempt_at=Now())
    ProviderAccount.objects.update(paused_until=None)
    release_throttled()
    return run(job)


def assert_whole(job: ImportJob) -> None:
    assert (job.state, job.created, adds_up(job)) == ("completed", 25, True)
    assert Contact.objects.filter(owner_id=job.owner_id).count() == 25


TEMPORARY: dict[str, tuple[Fault, str]] = {
    "503": (faults.broken(503), "http_503"),
    "500": (faults.broken(500), "http_500"),
    "cut": (faults.cut(), "connection_failed"),
    "truncated": (faults.truncated(), "bad_answer"),
    "wrong types": (faults.wrong_types(), "bad_answer"),
    "an error as a success": (faults.error_in_success(), "bad_answer"),
}


@pytest.mark.parametrize("name", TEMPORARY)
def test_a_page_that_fails_is_asked_for_again_and_the_rest_goes_on(
    owner: User, google: GoogleStandIn, name: str
) -> None:
    fault, code = TEMPORARY[name]
    google.fault("connections", faults.usual(), fault, fault)  # a cut one is asked for twice at once
    job = begin(make_account(owner, google))
    assert (job.state, job.error_code, job.total) == ("pending", code, 10)
    assert job.next_attempt_at > job.started_at  # type: ignore[operator]
    for _ in range(2):
        if job.state == "pending":
            job = go_on(job)
    assert_whole(job)


@pytest.mark.parametrize(
    "fault", [faults.throttled(retry_after=90), faults.quota(), faults.quota("dailyLimitExceeded")]
)
def test_throttling_is_a_wait_that_is_shown_and_no_failure(owner: User, google: GoogleStandIn, fault: Fault) -> None:
    account = make_account(owner, google)
    google.fault("connections", faults.usual(), fault)
    job = begin(account)
    account.refresh_from_db()
    assert (job.state, job.held_reason, job.total) == ("pending", HeldReason.THROTTLED, 10)
    assert "asked us to wait until" in job.last_error
    assert account.paused_until
    assert abs((job.next_attempt_at - account.paused_until).total_seconds()) < 15
    assert release_throttled() == 0, "its time has not come"
    assert_whole(go_on(job))


def test_throttling_again_and_again_never_ends_an_import(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", *[faults.throttled()] * 12)
    job = begin(make_account(owner, google))
    for _ in range(12):
        assert job.held_reason == HeldReason.THROTTLED
        job = go_on(job)
    assert_whole(job)


def test_the_extra_quota_of_a_first_page_is_waited_for(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.first_page_quota(retry_after=1))
    job = begin(make_account(owner, google))
    assert job.held_reason == HeldReason.THROTTLED
    assert_whole(go_on(job))


def test_an_access_token_that_is_refused_is_renewed_once(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.usual(), faults.unauthorized())
    assert_whole(begin(make_account(owner, google)))
    assert google.count("token") == 1


def test_a_grant_that_was_taken_back_holds_the_import_until_it_is_renewed(owner: User, google: GoogleStandIn) -> None:
    from imports.accounts import holding

    account = make_account(owner, google)
    make_old(account)
    google.fault("token", faults.invalid_grant())
    job = begin(account)
    assert (job.state, job.held_reason) == ("pending", HeldReason.NEEDS_RECONNECT)
    assert "Sign in to Google again" in job.last_error
    ProviderAccount.objects.update(state="connected", grant_version=F("grant_version") + 1)
    holding.release(account.pk)
    assert_whole(run(job))


def test_a_person_that_cannot_be_read_is_one_invalid_row(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.bad_item("not a person", index=4), faults.bad_item(["nor", "this"], index=2))
    job = begin(make_account(owner, google))
    assert (job.state, counts(job)) == ("completed", {"created": 23, "invalid": 2})
    assert set(ImportRow.objects.filter(job=job, decision="invalid").values_list("reason", flat=True)) == {
        "broken_entry"
    }


def _twisted(payload: dict[str, Any]) -> None:
    """Give every field of the second person a wrong type, one after another deep inside."""
    person = payload["connections"][1]
    name = person["resourceName"]
    for key, value in list(person.items()):
        person[key] = {"a": 1} if isinstance(value, list) else [value]
    person["resourceName"] = name
    person["emailAddresses"] = [{"value": "still@example.com", "metadata": "no object", "formattedType": 7}, 3, None]
    person["phoneNumbers"] = [{"value": {"not": "text"}}, {"value": 15}]
    person["birthdays"] = [{"date": {"year": "1984", "month": 10**30, "day": -3}}]
    person["memberships"] = [{"contactGroupMembership": ["x"]}]


def test_a_field_of_a_wrong_type_costs_only_itself(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.changed(_twisted))
    job = begin(make_account(owner, google))
    assert_whole(job)
    row = ImportRow.objects.get(job=job, position=2)
    assert row.parsed["display_name"] == "still@example.com"
    assert any("names" in problem for problem in row.parsed["problems"])


def test_an_empty_page_is_not_the_end(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.empty_page(), faults.usual(), faults.empty_page(), faults.empty_page())
    assert_whole(begin(make_account(owner, google)))


def test_a_page_that_leads_to_itself_is_waited_for_a_while(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.usual(), *[faults.empty_page()] * MAX_STALLS)
    assert_whole(begin(make_account(owner, google)))


def test_a_page_that_leads_to_itself_for_ever_is_left_until_later(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.usual(), *[faults.empty_page()] * (MAX_STALLS + 1))
    job = begin(make_account(owner, google))
    assert (job.state, job.error_code, job.total) == ("pending", "endless_listing", 10)
    assert google.count("connections") == MAX_STALLS + 2
    assert_whole(go_on(job))


def test_a_page_that_comes_twice_makes_nobody_twice(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.usual(), faults.repeated_page())
    job = begin(make_account(owner, google))
    assert (job.total, counts(job), adds_up(job)) == (35, {"created": 25, "skipped": 10}, True)
    assert Contact.objects.filter(owner=owner).count() == 25


def test_a_dead_page_token_begins_the_list_again_without_doubles(owner: User, google: GoogleStandIn) -> None:
    google.fault("connections", faults.usual(), faults.usual(), faults.dead_page_token())
    job = begin(make_account(owner, google))
    assert job.total == 25
    assert_whole(job)
    assert google.count("connections") == 6


def test_a_provider_that_always_loses_its_place_is_given_up_and_can_be_retried(
    owner: User, google: GoogleStandIn
) -> None:
    from imports import lifecycle

    google.fault("connections", faults.forever(faults.dead_page_token()))
    job = begin(make_account(owner, google))
    assert (job.state, job.error_code) == ("failed", "page_lost")
    assert google.count("connections") == 2 * (MAX_RESTARTS + 1)
    google._faults.clear()
    lifecycle.retry(job)
    assert_whole(run(job))


@pytest.mark.parametrize(
    "address", ["https://graph.example.net/v1.0/me/contacts?$skiptoken=x", "http://user:secret@127.0.0.1/v1.0/me"]
)
def test_a_next_link_to_another_host_is_refused_and_nothing_sent_there(
    owner: User, microsoft: MicrosoftStandIn, address: str
) -> None:
    microsoft.fault("delta", faults.foreign_next(address))
    job = begin(make_account(owner, microsoft))
    assert (job.state, job.error_code) == ("failed", "foreign_link")


def test_microsofts_throttling_and_cuts_are_waited_for(owner: User, microsoft: MicrosoftStandIn) -> None:
    microsoft.fault("delta", faults.usual(), faults.throttled(retry_after=2), faults.broken(), faults.repeated_page())
    job = begin(make_account(owner, microsoft))
    assert job.held_reason == HeldReason.THROTTLED
    job = go_on(job)
    assert (job.state, job.error_code) == ("pending", "http_503")
    job = go_on(job)
    assert (job.state, job.created, adds_up(job)) == ("completed", 25, True)


def test_a_microsoft_contact_that_cannot_be_read_is_one_invalid_row(owner: User, microsoft: MicrosoftStandIn) -> None:
    microsoft.fault("delta", faults.bad_item(17, index=1))
    assert counts(begin(make_account(owner, microsoft))) == {"created": 24, "invalid": 1}


def test_people_without_a_name_or_an_address_and_endless_names(owner: User, settings: Any) -> None:
    from tests.providers.google import google_stand_in

    odd = [
        Person(emails=(("home", "nameless@example.com"),)),
        Person(given_name="No", family_name="Address"),
        Person(),
        Person(given_name="x" * 300, family_name="y" * 199, emails=(("home", "long@example.com"),)),
        Person(organization="Example GmbH"),
    ]
    with google_stand_in(people=odd) as google:
        settings.GOOGLE_PEOPLE_URL = google.address
        job = begin(make_account(owner, google))
    assert counts(job) == {"created": 4, "invalid": 1}
    names = sorted(Contact.objects.filter(owner=owner).values_list("display_name", flat=True), key=len)
    assert [len(name) for name in names] == [len("No Address"), len("Example GmbH"), len("nameless@example.com"), 300]
