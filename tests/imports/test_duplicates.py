from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from contacts.models import Contact
from imports.models import ImportRow
from tests.imports.builders import adds_up, card, cards, counts, emails_of, import_file, plan_file, reasons, the_contact

pytestmark = pytest.mark.django_db

JOINED = ("skip", "duplicate_in_file")
NEW = ("create", "new")


def test_a_later_entry_with_the_same_email_joins_the_first(owner: User) -> None:
    job = import_file(
        owner,
        cards(
            card("Ada Example", emails=["ada@example.com"]),
            card("Ada Example", emails=["ADA@example.com", "work@example.com"], phones=["+12025550123"]),
        ),
    )
    assert reasons(job) == [NEW, JOINED]
    assert counts(job) == {"created": 1, "skipped": 1}
    assert adds_up(job)
    contact = the_contact(owner)
    assert emails_of(contact) == ["ada@example.com", "work@example.com"]
    assert contact.phones.get().e164 == "+12025550123"
    assert ImportRow.objects.get(job=job, position=2).joined_to == 1


def test_joined_tags_links_and_blanks_reach_the_contact(owner: User) -> None:
    import_file(
        owner,
        cards(
            card("Ada Example", emails=["ada@example.com"], lines=["CATEGORIES:one", "TITLE:Engineer"]),
            card(
                "Ada Example",
                emails=["ada@example.com"],
                lines=["CATEGORIES:two", "TITLE:Ignored", "NICKNAME:Countess", "URL:https://example.com/ada"],
            ),
        ),
    )
    contact = the_contact(owner)
    assert sorted(contact.tags.values_list("name", flat=True)) == ["one", "two"]
    assert (contact.title, contact.nickname) == ("Engineer", "Countess")
    assert contact.links.get().value == "https://example.com/ada"


def test_entries_with_one_uid_are_one_person_whatever_their_names(owner: User) -> None:
    job = import_file(owner, cards(card("Ada Example", uid="u1"), card("Ada Married", uid="u1")))
    assert reasons(job) == [NEW, JOINED]
    contact = the_contact(owner)
    assert (contact.display_name, contact.given_name, contact.family_name) == ("Ada Example", "Ada", "Example")


def test_a_shared_address_and_name_are_stronger_than_two_uids(owner: User) -> None:
    """As an address book has them that was filled from two phones."""
    one, two = (card("Ada Example", uid=uid, emails=["ada@example.com"]) for uid in ("u1", "u2"))
    assert reasons(plan_file(owner, cards(one, two))) == [NEW, JOINED]
    other = card("Ben Example", uid="u3", emails=["ada@example.com"])
    assert reasons(plan_file(owner, cards(one, other))) == [NEW, NEW]


def test_an_address_that_two_names_share_keeps_them_two(owner: User) -> None:
    family = ["family@example.com"]
    job = import_file(
        owner,
        cards(
            card("Ada Example", emails=family),
            card("Ben Example", emails=family),
            card("Ada Example", emails=family),
            card("Ben Example", emails=family, phones=["+12025550123"]),
        ),
    )
    assert reasons(job) == [NEW, NEW, JOINED, JOINED]
    assert the_contact(owner, given_name="Ben").phones.count() == 1


def test_a_nameless_first_entry_takes_the_name_and_then_refuses_others(owner: User) -> None:
    shared = {"emails": ["x@example.com"], "phones": ["+12025550123"]}
    job = import_file(
        owner,
        cards(
            card(**shared),  # type: ignore[arg-type]
            card("Ada Example", emails=["x@example.com"]),
            card("Ben Other", phones=["+12025550123"]),
        ),
    )
    assert reasons(job) == [NEW, JOINED, NEW]
    assert sorted(Contact.objects.values_list("display_name", flat=True)) == ["Ada Example", "Ben Other"]


def test_within_one_address_a_named_entry_decides_for_the_nameless_one(owner: User) -> None:
    job = plan_file(
        owner,
        cards(
            card(emails=["x@example.com"]),
            card("Ada Example", emails=["x@example.com"]),
            card("Ben Other", emails=["x@example.com"]),
            card(emails=["x@example.com"]),
        ),
    )
    assert reasons(job) == [NEW, JOINED, NEW, JOINED]


def test_a_chain_over_email_and_phone_ends_at_the_first(owner: User) -> None:
    job = import_file(
        owner,
        cards(
            card("Ada Example", emails=["a@example.com"]),
            card("Ada Example", emails=["b@example.com"]),
            card("Ada Example", emails=["a@example.com"], phones=["+12025550123"]),
            card("Ada Example", phones=["202-555-0123"], lines=["EMAIL:c@example.com"]),
        ),
    )
    assert reasons(job) == [NEW, NEW, JOINED, JOINED]
    first = the_contact(owner, emails__address="a@example.com")
    assert emails_of(first) == ["a@example.com", "c@example.com"]


def test_a_row_that_links_two_others_joins_the_first_of_them(owner: User) -> None:
    job = plan_file(
        owner,
        cards(
            card("Ada Example", emails=["a@example.com"]),
            card("Ada Example", emails=["b@example.com"]),
            card("Ada Example", emails=["a@example.com", "b@example.com"]),
        ),
    )
    assert [row.joined_to for row in job.rows.order_by("position")] == [None, None, 1]


def test_joined_keys_are_matched_against_known_contacts(owner: User) -> None:
    import_file(owner, card("Ada Example", phones=["+12025550123"]))
    job = import_file(
        owner,
        cards(
            card("Ada Example", emails=["a@example.com"]),
            card("Ada Example", emails=["a@example.com"], phones=["+12025550123"]),
        ),
    )
    assert reasons(job) == [("update", "phone"), JOINED]
    assert Contact.objects.count() == 1


def test_two_thousand_entries_of_one_address_are_planned_in_no_time(owner: User) -> None:
    """Many names on one address: each is compared with a bounded number of others."""
    text = cards(*(card(f"Given{n} Family{n}", emails=["all@example.com"]) for n in range(2_000)))
    job = plan_file(owner, text + card("Given7 Family7", emails=["all@example.com"]))
    assert reasons(job)[-1] == JOINED
    assert job.rows.filter(decision="create").count() == 2_000
