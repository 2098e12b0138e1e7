"""Files of made-up people, and imports of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from config.jobs.draining import drain
from contacts.models import Contact
from imports import lifecycle
from imports.models import ImportJob, ImportRow

OUTCOMES = ("created", "updated", "unchanged", "skipped", "invalid", "failed")


def card(
    name: str = "", *, uid: str = "", emails: Sequence[str] = (), phones: Sequence[str] = (), lines: Sequence[str] = ()
) -> str:
    """Return one vCard 3.0; a name of two words becomes given and family name."""
    given, _, family = name.partition(" ")
    properties = [f"N:{family};{given};;;", f"FN:{name}"] if name else []
    properties += [f"UID:{uid}"] if uid else []
    properties += [f"EMAIL:{email}" for email in emails] + [f"TEL:{phone}" for phone in phones]
    return "\r\n".join(["BEGIN:VCARD", "VERSION:3.0", *properties, *lines, "END:VCARD", ""])


def cards(*entries: str) -> str:
    return "".join(entries)


def many_cards(number: int, *, first: int = 0) -> str:
    """Return the cards of this many different people."""
    return cards(
        *(
            card(
                f"Given{n} Family{n}", uid=f"uid-{n}", emails=[f"person{n}@example.com"], lines=[f"ORG:Company {n % 7}"]
            )
            for n in range(first, first + number)
        )
    )


def start(owner: User, content: str | bytes, name: str = "people.vcf", **options: Any) -> ImportJob:
    data = content.encode() if isinstance(content, str) else content
    return lifecycle.start_upload(owner, file=ContentFile(data, name=name), name=name, **options)


def run(job: ImportJob) -> ImportJob:
    """Let the job go as far as it can without a person."""
    drain("imports", seconds=None, is_ringing=False)
    job.refresh_from_db()
    return job


def import_file(owner: User, content: str | bytes, name: str = "people.vcf", **options: Any) -> ImportJob:
    """Import without a preview, to the end."""
    return run(start(owner, content, name, **{"has_preview": False, **options}))


def plan_file(owner: User, content: str | bytes, name: str = "people.vcf", **options: Any) -> ImportJob:
    """Import as far as the preview."""
    return run(start(owner, content, name, **options))


def counts(job: ImportJob) -> dict[str, int]:
    """Return the counters that are not zero."""
    return {name: number for name in OUTCOMES if (number := getattr(job, name))}


def adds_up(job: ImportJob) -> bool:
    """Say whether every row has one outcome and the counters are the rows'."""
    rows = Counter(ImportRow.objects.filter(job=job).values_list("outcome", flat=True))
    counters = {name: getattr(job, name) for name in OUTCOMES}
    return sum(counters.values()) == job.total == sum(rows.values()) and +Counter(counters) == rows


def reasons(job: ImportJob) -> list[tuple[str, str]]:
    """Return (decision, reason) of each row in the order of the file."""
    return list(ImportRow.objects.filter(job=job).order_by("position").values_list("decision", "reason"))


def emails_of(contact: Contact) -> list[str]:
    return sorted(contact.emails.values_list("address", flat=True))


def the_contact(owner: User, **lookups: Any) -> Contact:
    return Contact.objects.get(owner=owner, **lookups)
