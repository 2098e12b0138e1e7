"""Made-up people with hostile values: scripts, separators, formulas, unknown properties. The same for each seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from contacts.composing import Composer
from contacts.identifiers import uuid7
from contacts.incoming import IncomingContact
from contacts.models import (
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ExternalIdentity,
    Organization,
    Tag,
)
from contacts.text import clean_text

WORDS = (
    *(
        "Ada",
        "Jos\u00e9",
        "\u00c5ngstr\u00f6m",
        "O'Neil",
        "de la Cruz",
        "van der Berg",
        "\u674e\u5c0f\u9f99",
        "\u5c71\u7530 \u592a\u90ce",
    ),
    *(
        "\u041c\u0430\u0440\u0438\u044f",
        "\u0645\u062d\u0645\u062f",
        "\u05d3\u05d5\u05d3",
        "\u0905\u0928\u093f\u0932",
        "\u0e2a\u0e21\u0e0a\u0e32\u0e22",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f389\U0001f389",
        "e\u0301\u0302a\u0308\u0323",
    ),
    *(
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2",
        "@SUM(1)",
        "'=quoted",
        "''+twice",
        "'",
        "\uff1dfull",
        "\uff0bwidth",
        '"',
        '""',
        "a;b",
        "c,d",
        "e:f",
    ),
    *(
        "back\\slash",
        "\\n",
        "\\\\",
        "\\,",
        "\\;",
        "tab\there",
        " ::: ",
        ":::",
        "* star",
        "*",
        "BEGIN:VCARD",
        "END:VCARD",
        "AGENT:",
        "item1.",
    ),
    *(
        "_$!<Home>!$_",
        "<b>",
        "{{ x }}",
        "%s",
        "null",
        "0",
        "\u2028line",
        "\u00a0space",
        "\ufe0f",
        "ENCODING=b",
        ";base64",
    ),
    *("a" * 80, "\u00e9" * 60, "\U0001f600" * 30, " " * 90 + "x", "x " * 60, "wide \u5bbd" * 20),
)
LABELS = (
    "",
    "home",
    "work",
    "mobile",
    "fax",
    "work fax",
    "other",
    "Ferienhaus",
    "pref",
    "* star",
    "=label",
    "a,b;c:d",
    '"q"',
    "_$!<Odd>!$_",
    "Home",
)
REGION = "US"


def make_people(owner: User, number: int, *, seed: int = 1) -> list[Contact]:
    """Make contacts as the hub can hold them: what the Composer makes of the values, stored as they then are."""
    rng = random.Random(seed)
    made = [(_contact(owner, incoming), incoming) for incoming in (_incoming(rng, n) for n in range(number))]
    organizations = _named(owner, Organization, [person.organization for _, person in made])
    tags = _named(owner, Tag, [tag for _, person in made for tag in person.tags])
    for contact, person in made:
        contact.organization = organizations.get(person.organization)
        if rng.random() < 0.3:
            contact.updated_at = contact.created_at + timedelta(days=rng.randint(1, 900))
    contacts = Contact.objects.bulk_create([contact for contact, _ in made], batch_size=2_000)
    models: dict[str, Any] = {
        "emails": ContactEmail,
        "phones": ContactPhone,
        "addresses": ContactAddress,
        "links": ContactLink,
    }
    for kind, model in models.items():
        rows = [
            model(owner=owner, contact=contact, **asdict(entry))
            for contact, person in made
            for entry in getattr(person, kind)
        ]
        model._default_manager.bulk_create(rows, batch_size=5_000)
    Contact.tags.through._default_manager.bulk_create(
        [Contact.tags.through(contact=contact, tag=tags[tag]) for contact, person in made for tag in person.tags]
    )
    ExternalIdentity.objects.bulk_create([row for contact, person in made for row in _identities(rng, contact, person)])
    return contacts


def _contact(owner: User, person: IncomingContact) -> Contact:
    names = (
        "display_name",
        "given_name",
        "family_name",
        "nickname",
        "sort_name",
        "title",
        "department",
        "birthday",
        "notes",
        "extra",
    )
    fields: dict[str, Any] = {name: getattr(person, name) for name in names}
    made_at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Contact(id=uuid7(), owner=owner, created_at=made_at, updated_at=made_at, **fields)


def _named(owner: User, model: Any, names: Sequence[str]) -> dict[str, Any]:
    rows = [model(owner=owner, name=name) for name in dict.fromkeys(names) if name]
    model.objects.bulk_create(rows, ignore_conflicts=True)
    return {row.name: row for row in model.objects.filter(owner=owner)}


def _identities(rng: random.Random, contact: Contact, person: IncomingContact) -> list[ExternalIdentity]:
    rows = []
    for source in ("google", "vcard", "csv"):
        if rng.random() < 0.4:
            external_id = f"{source}:{contact.pk}" + rng.choice(["", "=x", ";,\\n", "\u5c71"])
            etag = rng.choice(["", "2020-01-01T00:00:00Z", "a;b,c"])
            rows.append(
                ExternalIdentity(
                    owner=contact.owner, contact=contact, source=source, external_id=external_id, etag=etag
                )
            )
    return rows


def _text(rng: random.Random, most: int = 4) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, most)))


def _incoming(rng: random.Random, number: int) -> IncomingContact:
    composer = Composer(region=REGION)
    composer.set_line("display_name", _text(rng) if rng.random() < 0.9 else "Same Name")
    for field, chance in (
        ("given_name", 0.6),
        ("family_name", 0.6),
        ("nickname", 0.3),
        ("organization", 0.5),
        ("title", 0.4),
        ("department", 0.3),
    ):
        if rng.random() < chance:
            composer.set_line(field, _text(rng, 2))
    if rng.random() < 0.4:
        composer.set_birthday(rng.choice(["1980-03-28", "--02-29", "2001-12-01", "0987-01-02", "--12-31"]))
    if rng.random() < 0.4:
        composer.add_notes(rng.choice(["\n", "\r\n", "\n\n", " "]).join(rng.choices(WORDS, k=rng.choice([1, 3, 40]))))
    for index in range(_some(rng, 12)):
        address = rng.choice(
            [
                "{0}.{1}@example.com",
                "{0}.{1}@EXAMPLE.org",
                "no key {0}.{1}@nowhere",
                "a@b@{0}.{1}",
                "=f{0}+{1}@example.net",
                "\u5c71{0}.{1}@example.com",
                "x:::{0}.{1}@example.com",
            ]
        )
        composer.add_email(address.format(number, index), label=rng.choice(LABELS), is_primary=rng.random() < 0.3)
    for index in range(_some(rng, 12)):
        phone = rng.choice(
            ["+1 202 {0:03d} {1:04d}", "tel {0} ::: {1}", "{0}-{1} ext 5", "=0{0}{1}", "+49 30 {0:04d}{1:03d}"]
        )
        composer.add_phone(phone.format(number, index), label=rng.choice(LABELS), is_primary=rng.random() < 0.3)
    for _ in range(_some(rng, 6)):
        parts = {name: _text(rng, 2) for name in ("city", "region", "postal_code", "country") if rng.random() < 0.7}
        composer.add_address(
            label=rng.choice(LABELS), street="\n".join(rng.choices(WORDS, k=rng.randint(0, 3))), **parts
        )
    for _ in range(_some(rng, 8)):
        _add_link(rng, composer)
    for _ in range(_some(rng, 5)):
        composer.add_tag(_text(rng, 2))
    _add_extra(rng, composer)
    person = composer.finish()
    # The engine takes these for the same value, whatever their labels: only the admin could hold them twice.
    person.links = list({(link.kind, link.value): link for link in reversed(person.links)}.values())
    person.addresses = list(
        {str(address).casefold().partition("street")[2]: address for address in person.addresses}.values()
    )
    return person


def _some(rng: random.Random, most: int) -> int:
    """Return how many: mostly none to two, now and then many."""
    return rng.randint(0, most) if rng.random() < 0.05 else rng.choice([0, 0, 1, 1, 2])


def _add_link(rng: random.Random, composer: Composer) -> None:
    label = rng.choice([*LABELS, "Skype", "Jabber"])
    url = rng.choice(
        [
            "https://example.com/a,b;c?d=e&f",
            "http://example.com/back\\slash",
            "www.example.com",
            "https://example.com/\u5c71",
            "https://example.com/" + "x" * 200,
            "https://example.com/:::",
        ]
    )
    kind = rng.choice(["url", "im", "social"])
    if kind == "url" or (kind == "social" and rng.random() < 0.5):
        composer.add_url(url, label=label, kind=kind)
    else:
        composer.add_handle(
            rng.choice(
                [
                    "ann",
                    "skype:ann",
                    "matrix:@ann:example.com",
                    "@ann",
                    "im:skype:bob",
                    "+1 202 555 0100",
                    "a;b,c\\n",
                    url,
                ]
            ),
            label=label,
            kind=kind,
        )


def _add_extra(rng: random.Random, composer: Composer) -> None:
    kept: list[list[object]] = []
    for _ in range(_some(rng, 30)):
        params = rng.choice(
            [
                {},
                {"TYPE": ["home", "x-odd"]},
                {"VALUE": ["uri"]},
                {"X-P": ["a:b;c"], "LANGUAGE": ["de"]},
                {"X-CUSTOM(CHARSET": ["UTF-8", "ENCODING=QUOTED-PRINTABLE", "=4D)"]},
            ]
        )
        name = rng.choice(
            [
                "X-FOO",
                "item1.X-BAR",
                "item2.X-ABLABEL",
                "GEO",
                "RELATED",
                "X-STRASSE",
                "LOGO",
                "AGENT",
                "TZ",
                "X-EVOLUTION/FILE-AS",
            ]
        )
        value = rng.choice(
            [
                "plain",
                "a\\,b\\;c\\nd",
                "a,b;c:d",
                " leading",
                "https://example.com/logo.png",
                "BEGIN:VCARD\\nFN:Inner\\nEND:VCARD",
                "x" * 1_990,
                "\U0001f389" * 70,
                "END:VCARD " * 40,
            ]
        )
        kept.append([name, dict(params), value])
    if rng.random() < 0.1:
        kept.append(["N", {}, "Old;Name;Middle\\, X;Dr.;Jr."])
    if kept:
        composer.contact.extra["vcard"] = kept
    if rng.random() < 0.1:
        composer.contact.extra["csv"] = {
            header: value for header in ("Custom, 1", "=Field;2", "Middle Name") if (value := clean_text(_text(rng, 2)))
        }
