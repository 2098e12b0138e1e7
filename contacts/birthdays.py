"""Birthdays as sources write them."""

from __future__ import annotations

import re
from datetime import date

YEAR_FIRST = re.compile(r"(\d{4})([-/. ]?)(\d{1,2})\2(\d{1,2})(?:[T ][\d:.,+\-Z ]*)?", re.ASCII)
NO_YEAR = re.compile(r"--(\d{2})-?(\d{2})(?:T.*)?", re.ASCII)
YEAR_LAST = re.compile(r"(\d{1,2})([-/.]) ?(\d{1,2})\2 ?(\d{4})(?: 0?0:00(?::00)?)?", re.ASCII)
DAY_MONTH_WORD = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?(?: de)? ([^\W\d_]{3,12})\.?,?(?: de)? (\d{4})")
MONTH_WORD_DAY = re.compile(r"([^\W\d_]{3,12})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})")
EMPTY = re.compile(r"0{1,4}[-/.]0{1,2}[-/.]0{1,4}|0000", re.ASCII)
APPLE_NO_YEAR = 1604

MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "jan january januar janvier enero ene",
            "feb february februar février fevrier febrero fév",
            "mar march märz maerz mars marzo mär",
            "apr april avril abril avr abr",
            "may mai mayo",
            "jun june juni juin junio",
            "jul july juli juillet julio juil",
            "aug august août aout agosto ago",
            "sep sept september septembre septiembre",
            "oct october oktober octobre octubre okt",
            "nov november novembre noviembre",
            "dec december dezember décembre decembre diciembre dez déc dic",
        ),
        start=1,
    )
    for word in words.split()
}


def read_birthday(text: str, *, omit_year: int = APPLE_NO_YEAR) -> str | None:
    """Return YYYY-MM-DD or --MM-DD; "" for the zeros that stand for no date; None when it cannot be told.

    03/04/1980 is two dates, so it is None; 13/04/1980, 4/4/1980 and 03.04.1980 (dots mean the day is first) are one.
    """
    text = text.strip()[:40]
    if not text or EMPTY.fullmatch(text):
        return ""
    if (match := YEAR_FIRST.fullmatch(text)) is not None:
        return _date(int(match[1]), int(match[3]), int(match[4]), omit_year=omit_year)
    if (match := NO_YEAR.fullmatch(text)) is not None:
        return _date(0, int(match[1]), int(match[2]), omit_year=omit_year)
    if (match := YEAR_LAST.fullmatch(text)) is not None:
        return _year_last(int(match[1]), int(match[3]), int(match[4]), is_dotted=match[2] == ".", omit_year=omit_year)
    return _with_month_word(text.casefold(), omit_year=omit_year)


def _year_last(first: int, second: int, year: int, *, is_dotted: bool, omit_year: int) -> str | None:
    if is_dotted or first > 12 or first == second:
        return _date(year, second, first, omit_year=omit_year)
    return _date(year, first, second, omit_year=omit_year) if second > 12 else None


def _with_month_word(text: str, *, omit_year: int) -> str | None:
    if (match := DAY_MONTH_WORD.fullmatch(text)) is not None:
        day, word, year = match[1], match[2], match[3]
    elif (match := MONTH_WORD_DAY.fullmatch(text)) is not None:
        word, day, year = match[1], match[2], match[3]
    else:
        return None
    return _date(int(year), MONTHS.get(word, 0), int(day), omit_year=omit_year)


def _date(year: int, month: int, day: int, *, omit_year: int) -> str | None:
    has_year = year not in (0, omit_year)
    try:
        found = date(year if has_year else 2000, month, day)
    except ValueError:
        return None
    return found.isoformat() if has_year else f"--{month:02d}-{day:02d}"
