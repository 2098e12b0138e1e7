"""Which contacts are suggested as duplicates, and which are merged without a look."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import duplicates
from contacts.duplicates import find_duplicates, merge_certain
from contacts.merging import MergeRefused, Pair, merge
from contacts.models import Contact, DuplicateSuggestion, MergeRecord, Organization
from contacts.relations import delete_contacts
from media_store.models import PhotoJob
from tests.factories import make_contact, make_picture, make_user

pytestmark = pytest.mark.django_db


def find(owner: User, *, is_full: bool = False) -> dict[tuple[str, str], tuple[list[str], int]]:
    find_duplicates(owner.pk, now=timezone.now(), is_full=is_full)
    found = DuplicateSuggestion.objects.filter(owner=owner, state="open").select_related("first", "second")
    return {
        (pair.first.display_name, pair.second.display_name): (pair.reasons, pair.strength)
        for pair in found.order_by("pk")
    }


def test_each_rule_finds_its_pairs(owner: User) -> None:
    company = Organization.objects.create(owner=owner, name="Example Works")
    for name, email in (("A", "a@example.com"), ("B", "a@example.com"), ("C", "c@example.com")):
        make_contact(owner, name, email=email)
    for name in ("D", "E"):
        make_contact(owner, name, phone="+12025550110")
    for name in ("Same", "Same", "Other"):
        make_contact(owner, name, organization=company)
    pictures = [make_picture(make_contact(owner, name)) for name in ("F", "G")]
    PhotoJob.objects.filter(contact_picture__in=pictures).update(sha256="f" * 64)
    assert find(owner) == {
        ("A", "B"): (["email"], 70),
        ("D", "E"): (["phone"], 60),
        ("Same", "Same"): (["name"], 80),
        ("F", "G"): (["picture"], 50),
    }


def test_the_same_address_and_name_is_certain_and_reasons_add_up(owner: User) -> None:
    for _ in range(2):
        make_contact(owner, "Ada Example", email="ada@example.com", phone="+12025550110")
    assert find(owner) == {("Ada Example", "Ada Example"): (["email", "phone"], 100)}


def test_what_many_share_says_nothing(owner: User) -> None:
    for number in range(21):
        make_contact(owner, f"P{number}", email="office@example.com")
    assert find(owner) == {}


def test_a_group_gives_a_chain_not_every_pair(owner: User) -> None:
    for number in range(10):
        make_contact(owner, f"P{number}", email="ada@example.com")
    assert len(find(owner)) == 9


def test_owners_archived_and_empty_keys_are_kept_apart(owner: User, other_owner: User) -> None:
    make_contact(owner, "A", email="a@example.com")
    make_contact(other_owner, "B", email="a@example.com")
    make_contact(owner, "C", email="a@example.com", archived_at=timezone.now())
    for name in ("D", "E"):
        contact = make_contact(owner, name)
        contact.emails.create(owner=owner, address="x", normalized="")
        contact.phones.create(owner=owner, raw="x", e164="")
        make_picture(contact, is_stored=False)
    assert find(owner) == find(other_owner) == {}


def test_only_what_changed_is_compared_again_with_all(owner: User) -> None:
    old = timezone.now() - timedelta(days=2)
    for name in ("A", "B", "Z"):
        make_contact(owner, name, email=f"{name}@example.com")
    Contact.objects.update(updated_at=old)
    assert find(owner) == {}
    Contact.objects.get(display_name="A").emails.update(normalized="shared", address="shared")
    Contact.objects.get(display_name="B").emails.update(normalized="shared", address="shared")
    assert find(owner) == {}
    Contact.objects.filter(display_name="B").update(updated_at=timezone.now())
    assert list(find(owner)) == [("A", "B")]
    Contact.objects.get(display_name="B").emails.all().delete()
    Contact.objects.filter(display_name="B").update(updated_at=timezone.now())
    assert find(owner) == {}
    Contact.objects.get(display_name="A").emails.update(normalized="z@example.com")
    assert list(find(owner)) == []
    assert list(find(owner, is_full=True)) == [("A", "Z")]


def test_a_picture_stored_later_is_compared_although_the_contact_did_not_change(owner: User) -> None:
    pictures = [make_picture(make_contact(owner, name)) for name in ("A", "B")]
    Contact.objects.update(updated_at=timezone.now() - timedelta(days=2))
    assert find(owner) == {}
    PhotoJob.objects.filter(contact_picture__in=pictures).update(sha256="f" * 64)
    PhotoJob.objects.filter(contact_picture=pictures[0]).update(stored_at=timezone.now())
    assert list(find(owner)) == [("A", "B")]


def test_a_dismissed_pair_stays_dismissed(owner: User) -> None:
    for name in ("A", "B"):
        make_contact(owner, name, email="a@example.com")
    find(owner)
    duplicates.dismiss(DuplicateSuggestion.objects.all())
    Contact.objects.update(updated_at=timezone.now())
    assert find(owner) == find(owner, is_full=True) == {}
    assert DuplicateSuggestion.objects.get().state == "dismissed"


def test_who_is_left_of_a_chain_is_paired_after_a_merge_and_an_erasure_takes_suggestions(owner: User) -> None:
    people = [make_contact(owner, name, email="a@example.com") for name in ("A", "B", "C")]
    assert list(find(owner)) == [("A", "B"), ("B", "C")]
    merge(Pair(people[0].pk, people[1].pk), owner_id=owner.pk, now=timezone.now())
    assert list(find(owner)) == [("A", "C")]
    delete_contacts([people[2].pk])
    assert not DuplicateSuggestion.objects.exists()


def test_certain_pairs_are_merged_into_the_oldest_and_others_are_left(owner: User) -> None:
    people = [make_contact(owner, "Ada Example", email="ada@example.com") for _ in range(4)]
    make_contact(owner, "Bo Example", email="ada@example.com")
    find(owner)
    ids = list(DuplicateSuggestion.objects.values_list("pk", flat=True))
    records = merge_certain(ids, owner_id=owner.pk, now=timezone.now())
    assert len(records) == 3
    assert set(Contact.objects.values_list("pk", flat=True)) >= {people[0].pk}
    assert Contact.objects.count() == 2


def test_what_is_certain_no_longer_is_not_merged(owner: User, other_owner: User) -> None:
    for _ in range(2):
        make_contact(owner, "Ada Example", email="ada@example.com")
    find(owner)
    ids = list(DuplicateSuggestion.objects.values_list("pk", flat=True))
    assert merge_certain(ids, owner_id=other_owner.pk, now=timezone.now()) == []
    Contact.objects.order_by("pk")[0].emails.update(normalized="new@example.com")
    assert merge_certain(ids, owner_id=owner.pk, now=timezone.now()) == []
    assert Contact.objects.count() == 2


def test_finding_takes_the_same_queries_for_any_number(owner: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            find_duplicates(owner.pk, now=timezone.now())
        return len(captured)

    queries()
    few = queries()
    for number in range(30):
        make_contact(owner, f"P{number // 2}", email=f"p{number // 2}@example.com")
    assert queries() == few <= 12


def test_the_nightly_work_serves_every_owner(owner: User, other_owner: User) -> None:
    for person in (owner, other_owner):
        for name in ("A", "B"):
            make_contact(person, name, email="a@example.com")
    assert duplicates.tidy(now=timezone.now()) == 2


@pytest.mark.django_db(transaction=True)
def test_two_merges_of_one_pair_at_once_merge_it_once() -> None:
    owner = make_user("dora")
    first, second = (make_contact(owner, name, email=f"{name}@example.com") for name in ("A", "B"))
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def attempt(pair: Pair) -> None:
        start.wait()
        try:
            merge(pair, owner_id=owner.pk, now=timezone.now())
            outcomes.append("merged")
        except MergeRefused:
            outcomes.append("refused")
        finally:
            connection.close()

    pairs = (Pair(first.pk, second.pk), Pair(second.pk, first.pk))
    threads = [threading.Thread(target=attempt, args=(pair,)) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["merged", "refused"]
    assert Contact.objects.get().emails.count() == 2
    assert MergeRecord.objects.count() == 1
