"""Export, import into an empty hub, export again: the same file, and the same people."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from django.contrib.auth.models import User

from contacts.exporting.people import read_people
from contacts.exporting.writing import Export, Form
from contacts.models import Contact
from imports.models import ImportJob
from tests.contacts.people import make_people
from tests.factories import make_user
from tests.imports.builders import import_file

PEOPLE = 2_100  # more than a page of an export, or of the search for duplicates
FORMS: list[Form] = ["vcard-3.0", "vcard-4.0", "csv"]


def exported(owner: User, form: Form) -> bytes:
    return b"".join(Export(Contact.objects.filter(owner=owner), form))


def people_of(owner: User) -> list[dict[str, Any]]:
    """Return everything about each person but ids, times and identities, which are another hub's own."""
    people = []
    for person in read_people(Contact.objects.filter(owner=owner), has_pictures=False):
        values = asdict(person)
        for name in ("id", "created_at", "updated_at", "identities"):
            del values[name]
        # A file has its own order of properties and kinds of links; what it has no column for comes after the rest.
        lists = {name: sorted(values[name]) for name in ("emails", "phones", "addresses", "links")}
        properties = [
            entry if entry[0] != "N" else _beside_the_names(entry) for entry in values["extra"].get("vcard", [])
        ]
        people.append({**values, **lists, "extra": {**values["extra"], "vcard": sorted(properties, key=repr)}})
    return people


def _beside_the_names(entry: list[Any]) -> list[Any]:
    """Return what a kept N says beside the family and given name, which are the contact's own."""
    return [*entry[:2], entry[2].partition(";Middle")[2]]


def differences(first: list[Any], second: list[Any]) -> list[tuple[Any, Any]]:
    pairs = [(one, other) for one, other in zip(first, second, strict=False) if one != other]
    return [_differing(*pair) if isinstance(pair[0], dict) else pair for pair in pairs[:3]]


def _differing(one: dict[str, Any], other: dict[str, Any]) -> Any:
    return [(name, one[name], other[name]) for name in one if one[name] != other[name]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", FORMS)
def test_what_was_exported_and_imported_elsewhere_is_exported_the_same(form: Form, owner: User) -> None:
    make_people(owner, PEOPLE, seed=FORMS.index(form))
    first = exported(owner, form)
    newcomer = make_user()
    job = import_file(newcomer, first, name=f"people.{'csv' if form == 'csv' else 'vcf'}")
    assert (job.state, job.total, job.created) == (ImportJob.State.COMPLETED, PEOPLE, PEOPLE)
    second = exported(newcomer, form)
    assert differences(first.splitlines(), second.splitlines()) == []
    assert first == second
    assert differences(people_of(owner), people_of(newcomer)) == []
