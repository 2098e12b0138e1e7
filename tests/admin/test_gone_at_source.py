"""What the admin says of people whom their provider no longer has, and of imports that wait for one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.models import ExternalIdentity
from imports.models import ImportJob
from tests.admin.rows import make_member
from tests.factories import make_contact
from tests.imports.accounts import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol(client: Client) -> Client:
    client.force_login(make_member("carol"))
    return client


def test_a_mark_on_the_page_and_a_filter_find_who_was_deleted_there(carol: Client) -> None:
    owner = User.objects.get(username="carol")
    gone, there = make_contact(owner, "Gone There"), make_contact(owner, "Still There")
    for contact, at in ((gone, timezone.now()), (there, None)):
        ExternalIdentity.objects.create(
            owner=owner, contact=contact, source="google", external_id=f"people/{contact.pk}", gone_at=at
        )
    page = carol.get(reverse("admin:contacts_contact_change", args=[gone.pk])).content.decode()
    assert "Deleted at Google" in page
    assert (
        "Deleted at Google" not in carol.get(reverse("admin:contacts_contact_change", args=[there.pk])).content.decode()
    )
    listed = carol.get(reverse("admin:contacts_contact_changelist"), {"gone": "yes"}).content.decode()
    assert "Gone There" in listed
    assert "Still There" not in listed


def test_an_import_that_waits_for_its_provider_says_until_when(carol: Client) -> None:
    account = make_account(User.objects.get(username="carol"))
    until = timezone.now() + timedelta(minutes=5)
    job = ImportJob.objects.create(
        owner=account.owner,
        account=account,
        provider="google",
        upload_name=account.address,
        held_reason="throttled",
        last_error="Google asked us to wait.",
        next_attempt_at=until,
        cursor={"position": 1_000, "expected": 4_000},
        total=1_000,
        processed=1_000,
    )
    page = carol.get(reverse("admin:imports_importjob_change", args=[job.pk])).content.decode()
    assert f"after {until:%H:%M:%S}" in page
    assert "Google asked us to wait." in page
    assert "1000 of 4000 rows" in page
    assert "The account" in page
    assert "every 2s" in page, "the page follows by itself"
    ImportJob.objects.update(held_reason="needs_reconnect")
    page = carol.get(reverse("admin:imports_importjob_change", args=[job.pk])).content.decode()
    assert "Reconnect the account" in page
    assert reverse("admin:imports_provideraccount_change", args=[account.pk]) in page
