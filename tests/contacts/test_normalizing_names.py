from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nameparser import HumanName

from contacts import names
from contacts.birthdays import read_birthday
from contacts.composing import Composer
from contacts.links import handle, web_address
from contacts.names import sort_name, split_free_name
from contacts.text import clean_line, clean_text, fold


@pytest.mark.parametrize(
    ("written", "given_name", "family_name"),
    [
        ("Ann Lee", "Ann", "Lee"),
        ("Lee, Ann", "Ann", "Lee"),
        ("Lars von Trier", "Lars", "von Trier"),
        ("van der Berg, Jan", "Jan", "van der Berg"),
        ("John Doe, CEO @ Acme", "John", "Doe"),
        ("John Doe, Head of Sales", "John", "Doe"),
        ("Ann", "Ann", ""),
        ("Мария Иванова", "Мария", "Иванова"),
        ("ann@example.com", "", ""),
        ("", "", ""),
    ],
)
def test_a_name_in_one_field_is_taken_apart(written: str, given_name: str, family_name: str) -> None:
    assert split_free_name(written) == (given_name, family_name)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*sorted(names._special_words())[::7], "Ann", "Lee", "Möller", "Zoë"]), min_size=2, max_size=2
    )
)
def test_two_plain_words_are_split_as_the_parser_would(words: list[str]) -> None:
    if all(names._is_plain(word) for word in words):
        parsed = HumanName(" ".join(words))
        assert split_free_name(" ".join(words)) == (parsed.first, parsed.last)


def test_the_list_key_is_family_first_folded_and_short() -> None:
    assert sort_name(display_name="x", given_name="Zoë", family_name="Ångström") == "angstrom zoe"
    assert sort_name(display_name="Straße GmbH") == "strasse gmbh"
    assert len(sort_name(display_name="x" * 500)) == 300


def test_folding_leaves_the_vowels_of_other_scripts() -> None:
    assert fold("हिन्दी").startswith("हि")


@given(st.text())
def test_clean_text_can_be_stored_and_shown(text: str) -> None:
    for cleaned in (clean_line(text), clean_text(text)):
        cleaned.encode()
        assert not set(cleaned) & set("\0\x07\x85\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
    assert "\n" not in clean_line(text)


def test_cleaning_composes_and_keeps_joined_emoji() -> None:
    assert clean_line("e\u0301 \n x\t\t👩\u200d🔬") == "é x 👩\u200d🔬"
    assert clean_text("a\r\nb\rc") == "a\nb\nc"


@pytest.mark.parametrize(
    ("written", "birthday"),
    [
        ("1980-03-22", "1980-03-22"),
        ("19800322", "1980-03-22"),
        ("1980-03-22T00:00:00Z", "1980-03-22"),
        ("--03-07", "--03-07"),
        ("--0307", "--03-07"),
        ("1604-03-07", "--03-07"),
        ("22.03.1980", "1980-03-22"),
        ("03.04.1980", "1980-04-03"),
        ("3/22/1980", "1980-03-22"),
        ("22/3/1980", "1980-03-22"),
        ("4/4/1980", "1980-04-04"),
        ("22 March 1980", "1980-03-22"),
        ("Mar 22, 1980", "1980-03-22"),
        ("22. März 1980", "1980-03-22"),
        ("22 de marzo de 1980", "1980-03-22"),
        ("0/0/00", ""),
        ("0000-00-00", ""),
        ("03/04/1980", None),
        ("3/4/80", None),
        ("1980-02-30", None),
        ("soon", None),
        ("٣/٤/١٩٨٠", None),
    ],
)
def test_a_birthday_is_read_only_when_it_is_one_date(written: str, birthday: str | None) -> None:
    assert read_birthday(written) == birthday


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("www.example.com", "https://www.example.com"),
        ("example.com/a?b", "https://example.com/a?b"),
        ("HTTP://example.com", "HTTP://example.com"),
        ("javascript:alert(1)", ""),
        ("java\nscript:alert(1)", ""),
        ("\x01javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//example.com", ""),
        ("https://", ""),
        ("ann", ""),
        ("https://example.com/" + "x" * 3000, ""),
    ],
)
def test_only_web_addresses_become_links(written: str, address: str) -> None:
    assert web_address(written) == address


def test_messenger_names_lose_their_scheme_and_scripts_are_dropped() -> None:
    assert handle("skype:ann.lee") == "ann.lee"
    assert handle("ann@example.com") == "ann@example.com"
    assert handle("JavaScript:alert(1)") == ""


def test_values_that_are_too_long_are_cut_with_a_problem() -> None:
    composer = Composer(region="")
    composer.set_line("title", "t" * 201)
    composer.add_phone("+" + "1" * 100)
    composer.add_email("a@example.com", label="l" * 100)
    contact = composer.finish()
    assert (len(contact.title), len(contact.phones[0].raw), len(contact.emails[0].label)) == (200, 60, 60)
    assert len(contact.problems) == 2


def test_an_identity_that_is_too_long_is_left_out_not_cut() -> None:
    composer = Composer(region="")
    composer.set_external_id("x" * 256)
    assert composer.finish().external_id == ""


def test_the_display_name_falls_back_to_what_there_is() -> None:
    def shown(**values: str) -> str:
        composer = Composer(region="US")
        for field, value in values.items():
            if field in ("email", "phone"):
                getattr(composer, f"add_{field}")(value)
            else:
                composer.set_line(field, value)
        return composer.finish().display_name

    assert shown(given_name="Ann", family_name="Lee", organization="Acme") == "Ann Lee"
    assert shown(organization="Acme", email="ann@example.com") == "Acme"
    assert shown(email="ann@example.com", phone="212-555-0100") == "ann@example.com"
    assert shown(phone="212-555-0100") == "212-555-0100"


def test_more_than_a_hundred_values_of_a_kind_are_left_out_and_told() -> None:
    composer = Composer(region="")
    for number in range(150):
        composer.add_email(f"a{number}@example.com")
    contact = composer.finish()
    assert len(contact.emails) == 100
    assert "More than 100" in contact.problems[0]


def test_the_same_value_twice_is_kept_once() -> None:
    composer = Composer(region="US")
    for value in ("ann@example.com", "ANN@example.com"):
        composer.add_email(value)
    for value in ("212-555-0100", "+1 212 555 0100"):
        composer.add_phone(value)
    contact = composer.finish()
    assert (len(contact.emails), len(contact.phones)) == (1, 1)
