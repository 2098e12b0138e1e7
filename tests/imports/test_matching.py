from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from contacts.models import Contact, ExternalIdentity
from tests.factories import make_contact
from tests.imports.builders import card, cards, counts, emails_of, import_file, plan_file, reasons, the_contact

pytestmark = pytest.mark.django_db


def test_nobody_known_is_created(owner: User) -> None:
    job = import_file(owner, card("Ada Example", emails=["ada@example.com"]))
    assert reasons(job) == [("create", "new")]
    assert the_contact(owner).display_name == "Ada Example"


def test_the_same_vcard_uid_is_the_same_person_even_with_another_name(owner: User) -> None:
    import_file(owner, card("Ada Example", uid="u1"))
    job = import_file(owner, card("Ada Married", uid="u1", emails=["ada@example.com"]))
    assert reasons(job) == [("update", "vcard_uid")]
    assert emails_of(the_contact(owner)) == ["ada@example.com"]


def test_identities_of_other_sources_do_not_match(owner: User) -> None:
    contact = make_contact(owner, "Ada Example")
    ExternalIdentity.objects.create(owner=owner, contact=contact, source="google", external_id="u1")
    assert reasons(plan_file(owner, card("Someone Else", uid="u1"))) == [("create", "new")]


def test_a_row_with_nothing_to_match_is_known_again_by_its_content(owner: User) -> None:
    text = "First Name,Last Name,Organization Name,E-mail 1 - Label,E-mail 1 - Value\r\nAda,Example,Acme,,\r\n"
    import_file(owner, text, "contacts.csv")
    assert reasons(plan_file(owner, text, "contacts.csv")) == [("unchanged", "external_identity")]
    changed = text.replace("Acme", "Other")
    assert reasons(plan_file(owner, changed, "contacts.csv")) == [("create", "new")]


def test_an_email_matches_when_the_names_agree(owner: User) -> None:
    contact = make_contact(owner, "Ada Example", email="ada@example.com")
    job = plan_file(owner, card("ADA EXAMPLE", emails=["ADA@example.com"], lines=["TITLE:Engineer"]))
    assert reasons(job) == [("update", "email")]
    assert job.rows.get().contact_id == contact.pk


def test_a_phone_matches_in_any_writing(owner: User) -> None:
    make_contact(owner, "Ada Example", phone="+12025550123")
    job = plan_file(owner, card("Ada Example", phones=["(202) 555-0123"], lines=["TITLE:Engineer"]))
    assert reasons(job) == [("update", "phone")]


@pytest.mark.parametrize(
    ("known", "incoming"),
    [("Ada Example", "Ada"), ("Ada", "Ada Example"), ("Zoë Müller", "ZOE MULLER"), ("ada@example.com", "Ada Example")],
)
def test_names_agree_when_one_could_stand_for_the_other(owner: User, known: str, incoming: str) -> None:
    make_contact(owner, known, email="ada@example.com")
    assert reasons(plan_file(owner, card(incoming, emails=["ada@example.com"])))[0][1] == "email"


def test_a_nameless_entry_matches_by_its_email(owner: User) -> None:
    make_contact(owner, "Ada Example", email="ada@example.com")
    assert reasons(plan_file(owner, card(emails=["ada@example.com"]))) == [("unchanged", "email")]


def test_an_address_shared_with_another_name_makes_a_new_contact(owner: User) -> None:
    make_contact(owner, "Ada Example", email="family@example.com")
    job = import_file(owner, card("Ben Example", emails=["family@example.com"]))
    assert reasons(job) == [("create", "shared_address")]
    assert Contact.objects.filter(owner=owner).count() == 2


def test_among_several_holders_of_an_address_the_name_decides(owner: User) -> None:
    make_contact(owner, "Ada Example", email="family@example.com")
    ben = make_contact(owner, "Ben Example", email="family@example.com")
    job = plan_file(owner, card("Ben Example", emails=["family@example.com"], lines=["TITLE:Cook"]))
    assert job.rows.get().contact_id == ben.pk


def test_when_rungs_disagree_the_higher_wins_and_says_so(owner: User) -> None:
    import_file(owner, card("Ada Example", uid="u1"))
    ada = the_contact(owner)
    make_contact(owner, "Ada Example", email="ada@example.com")
    job = plan_file(owner, card("Ada Example", uid="u1", emails=["ada@example.com"]))
    assert reasons(job) == [("update", "conflict")]
    assert job.rows.get().contact_id == ada.pk


def test_a_name_alone_matches_nobody(owner: User) -> None:
    make_contact(owner, "Ada Example", email="ada@example.com")
    assert reasons(plan_file(owner, card("Ada Example"))) == [("create", "new")]


def test_contacts_of_other_owners_are_never_seen(owner: User, other_owner: User) -> None:
    text = cards(card("Ada Example", uid="u1", emails=["ada@example.com"], phones=["+12025550123"]))
    import_file(owner, text)
    job = import_file(other_owner, text)
    assert reasons(job) == [("create", "new")]
    assert [Contact.objects.filter(owner=user).count() for user in (owner, other_owner)] == [1, 1]


def test_the_same_file_twice_changes_nothing(owner: User) -> None:
    text = cards(
        card("Ada Example", uid="u1", emails=["ada@example.com"], lines=["TITLE:Engineer", "ORG:Acme", "CATEGORIES:x"]),
        card("Ben Example", emails=["family@example.com"], lines=["URL:https://example.com/", "NOTE:hello"]),
        card("Cy Example", emails=["family@example.com"], lines=["ADR:;;Street 1;Town;;12345;Land"]),
        card("Only Name"),
        card(phones=["+12025550123"]),
        card("No Key", phones=["ext. 7"]),
    )
    assert counts(import_file(owner, text)) == {"created": 6}
    assert counts(import_file(owner, text)) == {"unchanged": 6}


def test_two_people_who_match_one_nameless_contact_stay_two(owner: User) -> None:
    make_contact(owner, "x@example.com", email="x@example.com", phone="+12025550123")
    job = plan_file(
        owner,
        cards(card("Ada Example", emails=["x@example.com"]), card("Ben Other", phones=["+12025550123"])),
    )
    assert reasons(job) == [("update", "email"), ("create", "shared_address")]


def test_two_entries_of_one_known_contact_are_joined(owner: User) -> None:
    contact = make_contact(owner, "Ada Example", email="ada@example.com", phone="+12025550123")
    job = import_file(
        owner,
        cards(
            card("Ada Example", emails=["ada@example.com"], lines=["TITLE:Engineer"]),
            card("Ada Example", phones=["+12025550123"], lines=["EMAIL:second@example.com"]),
        ),
    )
    assert reasons(job) == [("update", "email"), ("skip", "duplicate_in_file")]
    assert emails_of(contact) == ["ada@example.com", "second@example.com"]
