"""Two contacts become one, and two again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.audit import AuditEvent
from contacts import registries
from contacts.merging import MergeRefused, Pair, forget_merges, merge, merge_pairs, unmerge
from contacts.models import Contact, ContactEmail, DuplicateSuggestion, HandEdit, MergeRecord, Organization, Tag
from contacts.provenance import note_edits
from contacts.relations import delete_contacts
from media_store.models import PhotoJob
from tests.contacts.test_relations import rich_contact
from tests.factories import make_contact, make_picture, make_user

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def merge_two(survivor: Contact, loser: Contact, **options: Any) -> MergeRecord:
    return merge(Pair(survivor.pk, loser.pk, **options), owner_id=survivor.owner_id, now=NOW)


def everything() -> dict[str, list[str]]:
    """Return every row of contacts and of what hangs on them, without the times at which they were touched."""
    tables = {Contact._meta.db_table, *(r.model._meta.db_table for r in registries.relations.values())}
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(tables - {MergeRecord._meta.db_table}):
            cursor.execute(f"select (to_jsonb(t) - 'updated_at' - 'facts_at')::text from {table} t order by 1")
            found[table] = [row[0] for row in cursor.fetchall()]
    return found


def test_rows_are_united_and_the_loser_is_gone(owner: User) -> None:
    survivor, loser = rich_contact(owner, "Ada Example"), rich_contact(owner, "A. Example")
    ContactEmail.objects.create(
        owner=owner, contact=loser, address="a@example.org", normalized="a@example.org", is_primary=True
    )
    merge_two(survivor, loser)
    assert list(Contact.objects.all()) == [survivor]
    assert set(survivor.emails.values_list("normalized", flat=True)) == {"ada@example.com", "a@example.org"}
    assert survivor.emails.get(is_primary=True).normalized == "ada@example.com"
    assert survivor.identities.count() == survivor.events.count() == 2
    assert survivor.pictures.count() == survivor.phones.count() == survivor.tags.count() == 1


def test_addresses_that_are_no_match_key_are_all_kept(owner: User) -> None:
    survivor, loser = make_contact(owner), make_contact(owner)
    for contact, address in ((survivor, "nobody"), (loser, "somebody"), (loser, "NOBODY")):
        ContactEmail.objects.create(owner=owner, contact=contact, address=address, normalized="")
    merge_two(survivor, loser)
    assert set(survivor.emails.values_list("address", flat=True)) == {"nobody", "somebody"}


def test_a_person_chooses_field_by_field_and_the_choice_is_locked(owner: User) -> None:
    survivor = make_contact(owner, "Ada Example", title="Engineer", nickname="Addie", notes="One")
    loser = make_contact(owner, "Ada Lovelace", title="Countess", notes="Two", given_name="Ada", family_name="Lovelace")
    merge_two(survivor, loser, take={"display_name", "given_name", "family_name", "nickname"}, notes_of_both=True)
    survivor.refresh_from_db()
    assert (survivor.display_name, survivor.sort_name) == ("Ada Lovelace", "lovelace ada")
    assert (survivor.title, survivor.nickname, survivor.notes) == ("Engineer", "", "One\n\nTwo")
    assert set(survivor.locked_fields) == {*("display_name", "family_name", "given_name", "nickname", "notes", "title")}


def test_without_a_choice_blanks_are_filled_and_what_was_written_by_hand_wins(owner: User) -> None:
    survivor = make_contact(owner, title="From an import", department="Sales", notes="One", extra={"x": [1], "a": 1})
    company = Organization.objects.create(owner=owner, name="Example Works")
    loser = make_contact(
        owner, title="By hand", department="Other", birthday="1980-03-28", notes="Two", organization=company,
        locked_fields=["title"], extra={"x": [1, 2], "a": 2, "b": 3},
    )  # fmt: skip
    merge_two(survivor, loser)
    survivor.refresh_from_db()
    assert (survivor.title, survivor.department, survivor.birthday) == ("By hand", "Sales", "1980-03-28")
    assert survivor.notes == "One\n\nTwo"
    assert survivor.organization == company
    assert survivor.locked_fields == ["title"]
    assert survivor.extra == {"x": [1, 2], "a": 1, "b": 3}


def test_undoing_keeps_what_a_person_changed_since(owner: User) -> None:
    survivor, loser = rich_contact(owner, "Ada Example"), rich_contact(owner, "A. Example")
    Contact.objects.filter(pk=loser.pk).update(title="Countess", department="Sums")
    moved = ContactEmail.objects.create(owner=owner, contact=loser, address="a@example.org", normalized="a@example.org")
    lost = ContactEmail.objects.create(owner=owner, contact=loser, address="b@example.org", normalized="b@example.org")
    record = merge_two(survivor, loser)
    Contact.objects.filter(pk=survivor.pk).update(title="Mathematician")
    ContactEmail.objects.filter(pk=moved.pk).update(label="private")
    ContactEmail.objects.filter(pk=lost.pk).delete()
    added = survivor.emails.create(owner=owner, address="new@example.org", normalized="new@example.org")
    assert unmerge([record], owner_id=owner.pk, now=NOW) == 1
    survivor.refresh_from_db()
    assert (survivor.title, survivor.department) == ("Mathematician", "")
    assert added in survivor.emails.all()
    again = Contact.objects.get(pk=loser.pk)
    assert (again.title, again.department) == ("Countess", "Sums")
    assert set(again.emails.values_list("normalized", "label")) == {
        ("ada@example.com", ""),
        ("a@example.org", "private"),
    }


def test_what_was_written_by_hand_stays_locked_when_both_say_the_same(owner: User) -> None:
    for take in (None, (), ("title",)):
        survivor = make_contact(owner, title="Countess")
        merge_two(survivor, make_contact(owner, title="Countess", locked_fields=["title"]), take=take)
        survivor.refresh_from_db()
        assert survivor.locked_fields == ["title"], take


def test_undoing_leaves_what_was_written_since_even_in_the_same_words(owner: User) -> None:
    survivor, loser = make_contact(owner), make_contact(owner, title="Countess", locked_fields=["title"])
    record = merge_two(survivor, loser)
    note_edits(survivor, [("title", 0)], edited_by="alice", now=NOW + timedelta(hours=1))
    unmerge([record], owner_id=owner.pk, now=NOW + timedelta(hours=2))
    survivor.refresh_from_db()
    assert (survivor.title, survivor.locked_fields) == ("Countess", ["title"])


def test_undoing_leaves_the_lock_of_a_field_that_was_changed_since(owner: User) -> None:
    survivor, loser = make_contact(owner), make_contact(owner, title="Countess", locked_fields=["title"])
    record = merge_two(survivor, loser)
    Contact.objects.filter(pk=survivor.pk).update(title="Mathematician")
    unmerge([record], owner_id=owner.pk, now=NOW)
    survivor.refresh_from_db()
    assert (survivor.title, survivor.locked_fields) == ("Mathematician", ["title"])


def test_of_several_merges_into_one_contact_the_last_is_undone_first(owner: User) -> None:
    """The second finds the first one's address there and drops its own: alone, undoing the first would take both."""
    survivor, one, other = (make_contact(owner, email="" if letter == "A" else "ada@example.com") for letter in "ABC")
    first, second = merge_two(survivor, one), merge_two(survivor, other)
    with pytest.raises(MergeRefused):
        unmerge([first], owner_id=owner.pk, now=NOW)
    assert unmerge([second], owner_id=owner.pk, now=NOW) == 1
    assert survivor.emails.count() == 1
    assert unmerge([first], owner_id=owner.pk, now=NOW) == 1


def test_undoing_survives_what_was_deleted_since(owner: User) -> None:
    survivor, loser = rich_contact(owner, "Ada Example"), rich_contact(owner, "A. Example")
    company = Organization.objects.create(owner=owner, name="Example Works")
    Contact.objects.filter(pk=loser.pk).update(organization=company)
    record = merge_two(survivor, loser)
    Tag.objects.all().delete()
    company.delete()
    unmerge([record], owner_id=owner.pk, now=NOW)
    again = Contact.objects.get(pk=loser.pk)
    assert (again.organization, again.tags.count()) == (None, 0)


def test_the_picture_that_made_way_comes_back(owner: User) -> None:
    survivor, loser = make_contact(owner), make_contact(owner)
    make_picture(survivor)
    picture = make_picture(loser)
    record = merge_two(survivor, loser)
    assert survivor.pictures.count() == 1
    unmerge([record], owner_id=owner.pk, now=NOW)
    assert loser.pictures.get() == picture
    assert loser.pictures.get().photo_job.file


def test_a_merge_stands_after_thirty_days_and_its_leftovers_go(owner: User) -> None:
    survivor, loser = make_contact(owner), make_contact(owner)
    make_picture(survivor)
    make_picture(loser)
    record = merge_two(survivor, loser)
    late = NOW + timedelta(days=30)
    with pytest.raises(MergeRefused):
        unmerge([record], owner_id=owner.pk, now=late)
    assert forget_merges(now=late - timedelta(seconds=1)) == 0
    assert PhotoJob.objects.count() == 2
    assert forget_merges(now=late) == 1
    assert PhotoJob.objects.get().contact_picture.contact == survivor


def test_a_second_undo_does_nothing(owner: User) -> None:
    survivor, loser = make_contact(owner), make_contact(owner)
    record = merge_two(survivor, loser)
    unmerge([record], owner_id=owner.pk, now=NOW)
    before = everything()
    with pytest.raises(MergeRefused):
        unmerge([record], owner_id=owner.pk, now=NOW)
    assert everything() == before


def test_later_merges_are_undone_first(owner: User) -> None:
    people = [rich_contact(owner, f"{letter} Example") for letter in "ABC"]
    before = everything()
    first = merge_two(people[0], people[1])
    second = merge_two(people[2], people[0])
    first.refresh_from_db()
    with pytest.raises(MergeRefused):
        unmerge([first], owner_id=owner.pk, now=NOW)
    unmerge([second], owner_id=owner.pk, now=NOW)
    unmerge([first], owner_id=owner.pk, now=NOW)
    assert everything() == before


def test_nobody_merges_or_parts_what_is_not_theirs(owner: User, other_owner: User) -> None:
    mine, other = make_contact(owner), make_contact(owner)
    foreign = make_contact(other_owner)
    for pair in (Pair(mine.pk, foreign.pk), Pair(foreign.pk, mine.pk), Pair(mine.pk, mine.pk)):
        with pytest.raises(MergeRefused):
            merge(pair, owner_id=owner.pk, now=NOW)
    record = merge_two(mine, other)
    with pytest.raises(MergeRefused):
        unmerge([record], owner_id=other_owner.pk, now=NOW)


def test_a_dismissed_pair_stays_dismissed_for_the_survivor(owner: User) -> None:
    survivor, loser, other = (make_contact(owner, name) for name in ("A", "B", "C"))
    DuplicateSuggestion.objects.create(
        owner=owner, first=loser, second=other, reasons=["email"], strength=70, state="dismissed"
    )
    before = everything()
    record = merge_two(survivor, loser)
    suggestion = DuplicateSuggestion.objects.get()
    assert {suggestion.first, suggestion.second} == {survivor, other}
    assert suggestion.state == "dismissed"
    unmerge([record], owner_id=owner.pk, now=NOW)
    assert everything() == before


def test_erasing_the_survivor_erases_the_journal_and_its_pictures(owner: User) -> None:
    people = [make_contact(owner, f"{letter} Example") for letter in "ABC"]
    for person in people:
        make_picture(person)
        HandEdit.objects.create(owner=owner, contact=person, field="title", edited_at=NOW)
    merge_two(people[0], people[1])
    merge_two(people[2], people[0])
    delete_contacts([people[2].pk])
    assert not MergeRecord.objects.exists()
    assert not PhotoJob.objects.exists()
    assert not HandEdit.objects.exists()


def test_erasing_a_contact_that_was_merged_and_parted_forgets_its_name(owner: User) -> None:
    survivor, loser = make_contact(owner, "Ada"), make_contact(owner, "Zoë Secret")
    unmerge([merge_two(survivor, loser)], owner_id=owner.pk, now=NOW)
    delete_contacts([loser.pk])
    assert not MergeRecord.objects.exists()


def test_what_was_done_is_in_the_audit_without_values(owner: User) -> None:
    survivor, loser = make_contact(owner, "Ada"), make_contact(owner, "Zoë Secret", title="Hidden")
    record = merge_two(survivor, loser)
    unmerge([record], owner_id=owner.pk, now=NOW)
    delete_contacts([loser.pk])
    events = list(AuditEvent.objects.order_by("pk").values_list("verb", "object_id", "fields", "owner_id"))
    changed = ["title"]
    assert events == [
        ("merged", str(survivor.pk), changed, owner.pk),
        ("unmerged", str(survivor.pk), changed, owner.pk),
        ("deleted", str(loser.pk), [], owner.pk),
    ]


def test_many_pairs_need_no_more_queries_than_one(owner: User) -> None:
    numbers = count()

    def merged(number: int) -> int:
        people = [rich_contact(owner, f"{next(numbers)} Example") for _ in range(2 * number)]
        pairs = [Pair(a.pk, b.pk) for a, b in zip(people[::2], people[1::2], strict=True)]
        with CaptureQueriesContext(connection) as queries:
            records = merge_pairs(pairs, owner_id=owner.pk, now=NOW)
            assert unmerge(records, owner_id=owner.pk, now=NOW) == number
        return len(queries)

    merged(1)
    assert merged(6) == merged(1)


texts = st.sampled_from(["", "one", "two"])
people = st.fixed_dictionaries(
    {
        "fields": st.fixed_dictionaries(
            dict.fromkeys(("given_name", "family_name", "title", "notes"), texts),
            optional={"locked_fields": st.sampled_from([["title"], ["given_name"], []])},
        ),
        "emails": st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
        "phones": st.lists(st.sampled_from(["1", "2"]), unique=True),
        "tags": st.lists(st.sampled_from(["x", "y"]), unique=True),
        "picture": st.booleans(),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(both=st.tuples(people, people), take=st.none() | st.sets(st.sampled_from(["title", "notes", "given_name"])))
def test_merging_and_undoing_restores_exactly(db: None, both: Any, take: set[str] | None) -> None:
    owner = make_user()
    contacts = [_make(owner, person) for person in both]
    before = everything()
    record = merge_two(contacts[0], contacts[1], take=take, notes_of_both=True)
    kept = set(contacts[0].emails.values_list("normalized", flat=True))
    assert kept == {*both[0]["emails"], *both[1]["emails"]}
    unmerge([record], owner_id=owner.pk, now=NOW)
    assert everything() == before


def _make(owner: User, person: dict[str, Any]) -> Contact:
    contact = make_contact(owner, "Ada Example", **person["fields"])
    for address in person["emails"]:
        contact.emails.create(owner=owner, address=address, normalized=address, is_primary=True)
    for number in person["phones"]:
        contact.phones.create(owner=owner, raw=number, e164=f"+{number}")
    for name in person["tags"]:
        contact.tags.add(Tag.objects.get_or_create(owner=owner, name=name)[0])
    if person["picture"]:
        make_picture(contact, is_stored=False, pinned=True)
    return contact
