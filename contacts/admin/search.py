"""Find contacts by what a person types: each way of matching has an index, so a million contacts are no slower."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from django.contrib.postgres.search import SearchQuery
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce

from config.ownership import Viewer
from contacts.models import Contact, ContactEmail, ContactPhone, Organization
from contacts.models.contact import NAME_WORDS
from contacts.normalizing import normalize_phone
from contacts.text import clean_line, fold

TERM_MAX = 200
MATCHES_MAX = 1_000
WORDS = re.compile(r"[^\W_]+")
DIGITS_MIN = 4
RARE_LENGTH = 3

Keys: TypeAlias = QuerySet[Any, Any]


def search_contacts(contacts: QuerySet[Contact], term: str, *, user: Viewer, region: str) -> QuerySet[Contact]:
    """Return those of `contacts`, which `user` may see, whose name, e-mail, number or organization begins with `term`.

    The words of a name may come in any order and may be cut short. Each way gives at most 1,000 contacts. `region` is
    the country of numbers without a prefix.
    """
    term = clean_line(term)[:TERM_MAX]
    matches = [_by_name(contacts, term), _by_organization(contacts, term, user=user), _by_email(term, user=user)]
    if sum(character.isdigit() for character in term) >= DIGITS_MIN:
        matches.append(_by_phone(term, user=user, region=region))
    found = [match for match in matches if match is not None]
    return contacts.filter(pk__in=found[0].union(*found[1:])) if found else contacts.none()


def _by_name(contacts: QuerySet[Contact], term: str) -> Keys | None:
    words = WORDS.findall(fold(term))
    if not words:
        return None
    query = SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")
    rows = contacts.alias(words=NAME_WORDS).filter(words=query)
    # In the order of the list PostgreSQL would walk its index and try every name, as it cannot know how few begin so.
    # The same order as an expression has no index, so it takes the one of the words. Short words are on every page.
    is_rare = max(map(len, words)) >= RARE_LENGTH
    order = Coalesce("sort_name", Value("")) if is_rare else F("sort_name")
    return rows.order_by(order).values("pk")[:MATCHES_MAX]


def _by_organization(contacts: QuerySet[Contact], term: str, *, user: Viewer) -> Keys | None:
    if not term:
        return None
    organizations = Organization.objects.visible_to(user).filter(name__istartswith=term).order_by().values("pk")
    rows = contacts.filter(organization__in=organizations)
    return rows.order_by("sort_name", "id").values("pk")[:MATCHES_MAX]


def _by_email(term: str, *, user: Viewer) -> Keys | None:
    if not term or " " in term:
        return None
    rows = ContactEmail.objects.visible_to(user).filter(normalized__startswith=term.casefold())
    return rows.order_by("normalized").values("contact_id")[:MATCHES_MAX]


def _by_phone(term: str, *, user: Viewer, region: str) -> Keys:
    digits = "".join(character for character in term if character.isascii() and character.isdigit())
    beginning = normalize_phone(term, region=region) or f"+{digits}"
    rows = ContactPhone.objects.visible_to(user).filter(e164__startswith=beginning)
    return rows.order_by("e164").values("contact_id")[:MATCHES_MAX]
