from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from contacts.models import Contact
from tests.factories import make_contact
from tests.imports.builders import card, counts, emails_of, import_file, plan_file, the_contact

pytestmark = pytest.mark.django_db

NEW_VALUES = ["TITLE:Director", "ORG:New Company;Sales", "NICKNAME:A", "BDAY:1815-12-10", "NOTE:new"]


def known(owner: User, **fields: str) -> Contact:
    names = {"given_name": "Ada", "family_name": "Example", "sort_name": "example ada"}
    return make_contact(owner, "Ada Example", email="ada@example.com", **{**names, **fields})


def test_blanks_are_filled_and_what_is_there_stays(owner: User) -> None:
    contact = known(owner, title="Engineer")
    assert counts(import_file(owner, card("Ada Example", emails=["ada@example.com"], lines=NEW_VALUES))) == {
        "updated": 1
    }
    contact.refresh_from_db()
    assert (contact.title, contact.department, contact.nickname) == ("Engineer", "Sales", "A")
    assert (contact.birthday, contact.notes) == ("1815-12-10", "new")
    assert contact.organization is not None
    assert contact.organization.name == "New Company"


def test_overwrite_replaces_single_values(owner: User) -> None:
    contact = known(owner, title="Engineer", notes="old")
    import_file(owner, card("Ada Example", emails=["ada@example.com"], lines=NEW_VALUES), on_conflict="overwrite")
    contact.refresh_from_db()
    assert (contact.title, contact.notes) == ("Director", "new")


def test_blanks_never_overwrite(owner: User) -> None:
    contact = known(owner, title="Engineer", notes="old")
    job = import_file(owner, card("Ada Example", emails=["ada@example.com"]), on_conflict="overwrite")
    assert counts(job) == {"unchanged": 1}
    contact.refresh_from_db()
    assert (contact.title, contact.notes) == ("Engineer", "old")


def test_fields_locked_by_hand_stay(owner: User) -> None:
    contact = known(owner, title="Engineer")
    Contact.objects.filter(pk=contact.pk).update(locked_fields=["title", "organization", "nickname"])
    import_file(owner, card("Ada Example", emails=["ada@example.com"], lines=NEW_VALUES), on_conflict="overwrite")
    contact.refresh_from_db()
    assert (contact.title, contact.nickname, contact.organization) == ("Engineer", "", None)
    assert contact.department == "Sales"


def test_a_name_shown_by_address_only_gives_way_to_a_real_one(owner: User) -> None:
    contact = make_contact(owner, "ada@example.com", email="ada@example.com")
    import_file(owner, card("Ada Example", emails=["ada@example.com"]))
    contact.refresh_from_db()
    assert (contact.display_name, contact.given_name, contact.sort_name) == ("Ada Example", "Ada", "example ada")


def test_two_names_are_never_mixed_into_a_third(owner: User) -> None:
    import_file(owner, card("Ada", uid="u1"))
    import_file(owner, card("Ben Other", uid="u1"))
    contact = the_contact(owner)
    assert (contact.display_name, contact.given_name, contact.family_name) == ("Ada", "Ada", "")


def test_overwriting_a_name_moves_the_contact_in_the_list(owner: User) -> None:
    import_file(owner, card("Ada Example", uid="u1"))
    import_file(owner, card("Ada Zuse", uid="u1"), on_conflict="overwrite")
    contact = the_contact(owner)
    assert (contact.display_name, contact.sort_name) == ("Ada Zuse", "zuse ada")


def test_lists_are_united_and_the_first_primary_stays(owner: User) -> None:
    contact = known(owner)
    lines = ["EMAIL;TYPE=PREF:pref@example.com", "URL:https://example.com/", "CATEGORIES:friends"]
    import_file(owner, card("Ada Example", emails=["ada@example.com"], phones=["+12025550123"], lines=lines))
    assert emails_of(contact) == ["ada@example.com", "pref@example.com"]
    assert contact.emails.get(is_primary=True).address == "ada@example.com"
    assert contact.phones.count() == contact.links.count() == contact.tags.count() == 1


def test_one_number_in_two_writings_is_one(owner: User) -> None:
    import_file(owner, card("Ada Example", phones=["+1 202 555 0123", "(202) 555-0123"]))
    assert the_contact(owner).phones.count() == 1
    assert counts(import_file(owner, card("Ada Example", phones=["202.555.0123"]))) == {"unchanged": 1}


def test_addresses_that_cannot_be_keys_are_kept_once_each(owner: User) -> None:
    text = card("Ada Example", uid="u1", emails=["broken@", "also broken@nowhere", "BROKEN@"])
    import_file(owner, text)
    contact = the_contact(owner)
    before = emails_of(contact)
    assert len(before) == 2
    assert counts(import_file(owner, text)) == {"unchanged": 1}
    assert emails_of(contact) == before


def test_the_journal_tells_what_was_replaced_and_added(owner: User) -> None:
    contact = known(owner, title="Engineer")
    job = import_file(
        owner,
        card("Ada Example", uid="u1", emails=["ada@example.com", "b@example.com"], lines=NEW_VALUES),
        on_conflict="overwrite",
    )
    before = job.rows.get().before
    assert before is not None
    assert before["fields"]["title"] == {"old": "Engineer", "new": "Director"}
    assert before["fields"]["organization"] == {"old": "", "new": "New Company"}
    added = contact.emails.get(address="b@example.com")
    assert before["added"] == {"emails": [added.pk], "identities": [contact.identities.get().pk]}


def test_the_preview_shows_exactly_what_is_written(owner: User) -> None:
    contact = known(owner, title="Engineer")
    job = plan_file(owner, card("Ada Example", emails=["ada@example.com", "b@example.com"], lines=["NICKNAME:A"]))
    assert job.rows.get().changes == {
        "fields": {"nickname": {"old": "", "new": "A"}},
        "emails": [{"address": "b@example.com", "normalized": "b@example.com"}],
    }
    contact.refresh_from_db()
    assert contact.nickname == ""
