"""People who do not exist, without end: the same seed and number always give the same person."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

Photo = Literal["portrait", "placeholder", "pixel", "gone", "none"]

NAMES = (
    (("Mara", "Ada", "Jonas", "Grace", "Ines", "Tomas"), ("Lindholm", "Example", "Keller", "O'Neill", "Söderberg")),
    (("José", "Zoë", "Łukasz", "Nguyễn Thị"), ("Müller-Lüdenscheidt", "de la Cruz", "Wiśniewski", "Đặng")),
    (("Анна", "Дмитрий", "Ольга"), ("Иванова", "Кузнецов", "Шевченко")),
    (("Ελένη", "Γιώργος"), ("Παπαδοπούλου", "Νικολάου")),
    (("فاطمة", "محمد"), ("الهاشمي", "بن علي")),
    (("נועה", "דוד"), ("כהן", "לוי")),
    (("伟", "秀英"), ("王", "欧阳")),
    (("さくら", "健太"), ("田中", "佐藤")),
    (("지우", "민준"), ("김", "남궁")),
    (("अनन्या", "राजेश"), ("शर्मा", "पटेल")),
)
COMPANIES = (
    "Example GmbH",
    "Acme & Sons",
    "Северный ветер",
    "株式会社サンプル",
    "Miller, Roe & Co",
    'O\'Hara "Bros"',
)
TITLES = ("Engineer", "Head of Sales", "Owner", "Geschäftsführerin", "研究員", "")
CITIES = (("Berlin", "Germany", "DE"), ("Lisbon", "Portugal", "PT"), ("Kyoto", "Japan", "JP"), ("Austin", "USA", "US"))
TAGS = ("Friends", "Family", "Customers 2026", "Ski trip")
NOTES = ("Met at the fair.", "Two lines:\nthe second.", "Likes <b>tea</b> & 'quotes'", "🙂 prefers phone")
LONG = 500
PHOTOS: tuple[Photo, ...] = (
    *("portrait", "portrait", "placeholder", "portrait", "none"),
    *("portrait", "gone", "portrait", "pixel", "portrait"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in an address book, in no provider's terms. Labels and values come in pairs, the main one first."""

    given_name: str = ""
    family_name: str = ""
    nickname: str = ""
    emails: tuple[tuple[str, str], ...] = ()
    phones: tuple[tuple[str, str], ...] = ()
    organization: str = ""
    title: str = ""
    department: str = ""
    birthday: tuple[int, int, int] | None = None  # year (0: not known), month, day
    notes: str = ""
    street: str = ""
    city: tuple[str, str, str] | None = None  # city, country, country code
    website: str = ""
    tags: tuple[str, ...] = ()
    photo: Photo = "none"
    photo_version: int = 0
    folder: int = 0
    has_primary: bool = True

    @property
    def full_name(self) -> str:
        return " ".join(part for part in (self.given_name, self.family_name) if part)


def made_up(number: int, *, seed: str = "kith") -> Person:
    """Return person `number` of the world `seed`.

    Of each hundred, 4 have no name, 4 no e-mail address, 1 neither, and 1 a name of 500 characters; of each ten, the
    pictures are `PHOTOS`; of each twenty, one is in the second folder and one in the third.
    """
    dice = random.Random(f"{seed}/{number}")
    given, family = (dice.choice(part) for part in dice.choice(NAMES))
    place = number % 100
    if place % 25 == 7 or place == 13:
        given = family = ""
    elif place == 17:
        given = (f"{given}-" * LONG)[: LONG - 1 - len(family)]
    return Person(
        given_name=given,
        family_name=family,
        nickname=given[:3] if dice.random() < 0.1 else "",
        emails=() if place % 25 == 11 or place == 13 else _emails(dice, number, seed),
        phones=_phones(dice, number, at_least=1 if place % 25 == 11 else 0),
        photo=PHOTOS[number % len(PHOTOS)],
        folder={3: 1, 9: 2}.get(number % 20, 0),
        has_primary=dice.random() < 0.9,
        **_work(dice, needed=place == 13),
        **_life(dice, number),
    )


def _emails(dice: random.Random, number: int, seed: str) -> tuple[tuple[str, str], ...]:
    addresses = [("home", f"person{number}@{seed}.example.com"), ("work", f"P{number}.Work@{seed}.example.org")]
    return tuple(addresses[: dice.choice((1, 1, 2))])


def _phones(dice: random.Random, number: int, *, at_least: int) -> tuple[tuple[str, str], ...]:
    area = 201 + number // 100 % 700
    numbers = [("mobile", f"+1 {area}-555-01{number % 100:02d}"), ("work", f"({area}) 555 01{(number + 37) % 100:02d}")]
    return tuple(numbers[: max(at_least, dice.choice((0, 1, 1, 2)))])


def _work(dice: random.Random, *, needed: bool) -> dict[str, Any]:
    if not needed and dice.random() < 0.4:
        return {}
    return {
        "organization": dice.choice(COMPANIES),
        "title": dice.choice(TITLES),
        "department": dice.choice(("", "Research", "Vertrieb")),
    }


def _life(dice: random.Random, number: int) -> dict[str, Any]:
    born = (dice.choice((0, 1904, 1956, 1984, 2003)), dice.randint(1, 12), dice.randint(1, 28))
    return {
        "birthday": born if dice.random() < 0.3 else None,
        "notes": dice.choice(NOTES) if dice.random() < 0.2 else "",
        "street": f"{number} Example Street" if (settled := dice.random() < 0.3) else "",
        "city": dice.choice(CITIES) if settled else None,
        "website": f"https://www.example.org/people/{number}" if dice.random() < 0.1 else "",
        "tags": tuple(tag for tag in TAGS if dice.random() < 0.15),
    }
