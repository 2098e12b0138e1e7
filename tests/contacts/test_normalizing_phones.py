from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS

from contacts import normalizing
from contacts.normalizing import normalize_phone

REGIONS = st.sampled_from([*sorted(SUPPORTED_REGIONS), ""])
NUMBERS = st.from_regex(r"\+?[0-9(][0-9 ().-]{0,18}[0-9]", fullmatch=True)


def prefixed(code: int, rest: str) -> str:
    return f"+{code}{rest}"


WITH_CODE = st.builds(
    prefixed,
    st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)),
    st.text("0123456789", min_size=2, max_size=14),
)


@settings(max_examples=1500, deadline=None)
@given(st.one_of(NUMBERS, WITH_CODE, st.text("0123456789 ", min_size=5, max_size=12)), REGIONS)
@example("+1 212-555-0100", "")
@example("212-555-0100", "US")
@example("+040100000", "")
@example("0151 12345678", "DE")
@example("+49 0151 12345678", "DE")
@example("+39 06 555 0100", "")
@example("+5215512345678", "")
@example("+800 1234 5678", "")
@example("011 44 20 7946 0100", "US")
@example("0114420794", "US")
@example("44 20 7946 0100", "GB")
@example("8 912 555 01 00", "RU")
@example("+7 8 912 555 01 00", "")
def test_the_short_cuts_give_the_same_answer_as_the_library(raw: str, region: str) -> None:
    assert normalize_phone(raw, region=region) == normalizing._parse_phone(raw, region)


@pytest.mark.parametrize(("raw", "region"), [("+1 212-555-0100", ""), ("(212) 555-0100", "US")])
def test_the_short_cut_is_taken_for_an_ordinary_number(raw: str, region: str) -> None:
    normalizing._parse_phone.cache_clear()
    assert normalize_phone(raw, region=region) == "+12125550100"
    assert normalizing._parse_phone.cache_info().misses == 0


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("030 901820", "DE", "+4930901820"),
        ("030 901820", "", ""),
        ("+49 (0)30 901820", "US", "+4930901820"),
        ("(212) 555-0100 ext. 5", "US", "+12125550100"),
        ("tel:+1-212-555-0100", "", "+12125550100"),
        ("+52 1 55 1234 5678", "", "+525512345678"),
        ("+52 55 1234 5678", "", "+525512345678"),
        ("555-0100", "US", ""),
        ("911", "US", ""),
        ("call me", "US", ""),
        ("+1 212 555 0100", "XX", "+12125550100"),
    ],
)
def test_numbers_become_e164_or_nothing(raw: str, region: str, e164: str) -> None:
    assert normalize_phone(raw, region=region) == e164


def test_a_number_of_a_megabyte_is_not_looked_at() -> None:
    normalizing._parse_phone.cache_clear()
    assert normalize_phone("+1" * 500_000, region="US") == ""
    assert normalizing._parse_phone.cache_info().misses == 0
