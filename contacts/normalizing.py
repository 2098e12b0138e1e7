"""Match keys of addresses and numbers.

Address books repeat the same values and most of them are plain, so both functions answer plain values without the
libraries, which take 10 to 100 microseconds each, and cache the rest by value. The short cuts give exactly the
libraries' answers; tests compare them.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumberFormat,
    ValidationResult,
    format_number,
    is_possible_number_with_reason,
    parse,
)

from contacts.text import clean_line

EMAIL_MAX = 320
EMAIL_CUT = 640
PHONE_MAX = 250

ATOM = r"[a-z0-9_!#$%&'*+\-/=?^`{|}~]+"
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
PLAIN_EMAIL = re.compile(rf"({ATOM}(?:\.{ATOM})*)@(?:{LABEL}\.)+([a-z0-9-]{{0,62}}[a-z])", re.IGNORECASE | re.ASCII)
ANGLE_ADDRESS = re.compile(r"<([^<>\s]+@[^<>\s]+)>\s*\Z")

PLAIN_PHONE = re.compile(r"\+?[0-9(][0-9 ().-]*[0-9]", re.ASCII)
NOT_DIGITS = str.maketrans("", "", "+ ().-")


def normalize_email(address: str) -> tuple[str, str]:
    """Return (address as written, match key).

    The key is casefolded and empty when the address is not valid; both are empty when there is no @ in it.
    """
    if len(address) <= 254:
        plain = PLAIN_EMAIL.fullmatch(address)
        if plain is not None and _is_ordinary_domain(address, tld=plain.group(2)):
            return address, address.lower()
    return _normalize_unusual_email(address[:EMAIL_CUT])


def _is_ordinary_domain(address: str, *, tld: str) -> bool:
    """Say whether nothing but the pattern has to be checked: no Punycode, no reserved name, no over-long part."""
    return tld.lower() not in _RESERVED and "--" not in address and tld[0] != "-" and len(address) <= 254


_RESERVED = frozenset(SPECIAL_USE_DOMAIN_NAMES)


@lru_cache(maxsize=16384)
def _normalize_unusual_email(address: str) -> tuple[str, str]:
    address = clean_line(address)
    if address[:7].lower() == "mailto:":
        address = address[7:]
    angle = ANGLE_ADDRESS.search(address)
    if angle is not None:
        address = angle.group(1)
    if "@" not in address:
        return "", ""
    try:
        normalized = validate_email(address, check_deliverability=False).normalized.casefold()
    except (EmailNotValidError, UnicodeError):
        return address[:EMAIL_MAX], ""
    return address, normalized if len(normalized) <= EMAIL_MAX else ""


def normalize_phone(raw: str, *, region: str) -> str:
    """Return the number in E.164 form, or "" when it is none or has no area code.

    `region` is the country (as DE) of numbers without a prefix; without one they give "". An extension is not part of
    the answer. The library calls a number without area code "possible locally"; as a key it would join strangers.
    """
    if len(raw) > PHONE_MAX:
        return ""
    if PLAIN_PHONE.fullmatch(raw) is not None:
        digits = raw.translate(NOT_DIGITS)
        quick = _international(digits) if raw[0] == "+" else _national(digits, region=region)
        if quick:
            return quick
    return _parse_phone(raw, region)


class _Plan(NamedTuple):
    """The parts of a numbering plan that decide whether the digits can stand as they are."""

    code: str
    lengths: frozenset[int]
    prefix: re.Pattern[str] | None
    international: re.Pattern[str] | None


def _international(digits: str) -> str:
    if digits[0] == "0":
        return ""
    for size in (1, 2, 3):
        if int(digits[:size]) in COUNTRY_CODE_TO_REGION_CODE:
            plan = _plan_of_code(int(digits[:size]))
            rest = digits[size:]
            return "+" + digits if _stands(rest, plan=plan) else ""
    return ""


def _national(digits: str, *, region: str) -> str:
    """Return the number if it needs no prefix stripped and no country code recognised in it."""
    plan = _plan_of_region(region)
    if plan is None or digits.startswith(plan.code):
        return ""
    if plan.international is not None and plan.international.match(digits):
        return ""
    main = _plan_of_code(int(plan.code))
    return f"+{plan.code}{digits}" if _stands(digits, plan=plan) and len(digits) in main.lengths else ""


def _stands(digits: str, *, plan: _Plan) -> bool:
    return len(digits) in plan.lengths and (plan.prefix is None or plan.prefix.match(digits) is None)


@cache
def _plan_of_code(code: int) -> _Plan:
    region = COUNTRY_CODE_TO_REGION_CODE[code][0]
    return _plan(PhoneMetadata.metadata_for_region_or_calling_code(code, region))


@lru_cache(maxsize=512)
def _plan_of_region(region: str) -> _Plan | None:
    metadata = PhoneMetadata.metadata_for_region(region.upper(), None) if region else None
    return None if metadata is None else _plan(metadata)


def _plan(metadata: PhoneMetadata | None) -> _Plan:
    if metadata is None or metadata.general_desc is None:
        return _Plan("", frozenset(), None, None)
    prefix, international = metadata.national_prefix_for_parsing, metadata.international_prefix
    return _Plan(
        code=str(metadata.country_code),
        lengths=frozenset(metadata.general_desc.possible_length),
        prefix=re.compile(prefix) if prefix else None,
        international=re.compile(international) if international else None,
    )


@lru_cache(maxsize=16384)
def _parse_phone(raw: str, region: str) -> str:
    try:
        number = parse(raw, region.upper() or None)
        if is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
            number = parse(_without_old_mexican_mobile_prefix(raw), region.upper() or None)
            if is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
                return ""
    except NumberParseException:
        return ""
    e164 = format_number(number, PhoneNumberFormat.E164)
    # Mexico dropped the 1 of mobile numbers in 2019; address books still have both forms of one number.
    return "+52" + e164[4:] if e164.startswith("+521") and len(e164) == 14 else e164


def _without_old_mexican_mobile_prefix(raw: str) -> str:
    return re.sub(r"\A\s*(?:\+|00)\s*52[\s.-]*1(?=[\s.\-()]*\d)", "+52 ", raw)
