"""People are found by the beginning of any word of their name, of their e-mail, number or organization."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from contacts.admin.search import search_contacts
from contacts.models import Contact, Organization
from tests.factories import make_contact

pytestmark = pytest.mark.django_db


def found(user: User, term: str) -> set[str]:
    rows = search_contacts(Contact.objects.visible_to(user), term, user=user, region="US")
    return set(rows.values_list("display_name", flat=True))


@pytest.fixture
def people(owner: User) -> None:
    make_contact(
        owner,
        "Gabriel García Márquez",
        sort_name="garcia marquez gabriel",
        email="gabo@example.com",
        phone="+12025550142",
    )
    acme = Organization.objects.create(owner=owner, name="Example Works")
    make_contact(owner, "Anna-Lena O'Brien", sort_name="o'brien anna-lena", organization=acme)
    make_contact(owner, "山田 太郎", sort_name="山田 太郎")


@pytest.mark.parametrize(
    "term",
    [
        "gabriel",
        "MÁRQUEZ",
        "garc",
        "gab marq",
        "marquez garcia",
        "gabo@",
        "GABO@EXAMPLE.COM",
        "+1 202-555-01",
        "(202) 555-0142",
    ],
)
def test_finds_by_any_beginning(people: None, owner: User, term: str) -> None:
    assert found(owner, term) == {"Gabriel García Márquez"}


@pytest.mark.parametrize("term", ["brien", "anna", "lena o", "example w"])
def test_finds_parts_of_compound_names_and_the_organization(people: None, owner: User, term: str) -> None:
    assert found(owner, term) == {"Anna-Lena O'Brien"}


def test_finds_names_without_latin_letters(people: None, owner: User) -> None:
    assert found(owner, "山田") == {"山田 太郎"}


@pytest.mark.parametrize("term", ["arquez", "zzz", "%", "_", "'", "&|!:*", "\x00", "() <->", "\\"])
def test_finds_nobody_by_a_middle_or_by_an_operator(people: None, owner: User, term: str) -> None:
    assert found(owner, term) == set()


def test_finds_nobody_of_another_owner(people: None, other_owner: User) -> None:
    assert found(other_owner, "gabriel") == found(other_owner, "+12025550142") == found(other_owner, "gabo@") == set()
