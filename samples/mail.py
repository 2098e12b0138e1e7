"""A year of made-up mail, as a mail program would save it (mbox): who wrote to whom, and when."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime

SUBJECTS = ("Thursday", "The offer", "Photos from the harbour", "A question", "Next steps", "Lunch?", "Draft", "Notes")
# Days between messages, and how long ago the last one was: lively, steady, slow, and gone quiet.
RHYTHMS = ((3, 0), (7, 2), (14, 5), (5, 38), (21, 70), (9, 26))
YEAR = timedelta(days=365)


def mailbox(people: Sequence[str], *, owner: str, now: datetime) -> bytes:
    """Return an mbox file with the mail between `owner` and these addresses until `now`; the same for the same hour."""
    dice = random.Random(7)  # noqa: S311 (made-up mail)
    letters = [letter for at, person in enumerate(people) for letter in _letters(at, person, owner, now, dice)]
    return "".join(text for _, text in sorted(letters)).encode()


def _letters(at: int, person: str, owner: str, now: datetime, dice: random.Random) -> Iterator[tuple[datetime, str]]:
    days, silent_for = RHYTHMS[at % len(RHYTHMS)]
    sent_at = now - YEAR + timedelta(days=dice.uniform(0, days))
    number = 0
    while sent_at < now - timedelta(days=silent_for):
        asked, subject = f"demo-{at}-{number}", dice.choice(SUBJECTS)
        yield sent_at, _letter(owner, person, sent_at, subject, asked)
        # The quiet ones no longer answer towards the end.
        if dice.random() < 0.9 and (silent_for < 20 or sent_at < now - timedelta(days=silent_for + 3 * days)):
            answered_at = min(sent_at + timedelta(hours=dice.uniform(1, 30)), now)
            yield answered_at, _letter(person, owner, answered_at, f"Re: {subject}", f"{asked}-re", thread=asked)
        sent_at += timedelta(days=days * dice.uniform(0.6, 1.4))
        number += 1


def _letter(sender: str, recipient: str, sent_at: datetime, subject: str, number: str, *, thread: str = "") -> str:
    reference = f"References: <{thread}@mail.example.com>\n" if thread else ""
    return (
        f"From {sender} {sent_at:%a %b %d %H:%M:%S %Y}\nFrom: {sender}\nTo: {recipient}\nSubject: {subject}\n"
        f"Date: {format_datetime(sent_at)}\nMessage-ID: <{number}@mail.example.com>\n{reference}\nMade up.\n\n"
    )
