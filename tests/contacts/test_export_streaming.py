from __future__ import annotations

import tracemalloc

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.exporting.writing import Export, Form
from contacts.models import Contact
from tests.contacts.people import make_people
from tests.factories import make_contact, make_picture

FORMS: list[Form] = ["vcard-3.0", "csv", "spreadsheet"]


def run(form: Form, owner: User) -> int:
    """Export to nowhere; return the number of contacts."""
    export = Export(Contact.objects.filter(owner=owner), form)
    for _ in export:
        pass
    return export.count


def queries_of(form: Form, owner: User) -> int:
    with CaptureQueriesContext(connection) as queries:
        run(form, owner)
    return len(queries)


@pytest.mark.parametrize("form", FORMS)
def test_a_thousand_contacts_more_cost_a_handful_of_queries_more(form: Form, owner: User) -> None:
    make_people(owner, 1_000, seed=1)
    few = queries_of(form, owner)
    make_people(owner, 1_000, seed=2)
    assert queries_of(form, owner) - few <= 12


def test_pictures_cost_no_query_each(owner: User) -> None:
    for _ in range(3):
        make_picture(make_contact(owner))
    few = queries_of("vcard-3.0", owner)
    for _ in range(10):
        make_picture(make_contact(owner))
    assert queries_of("vcard-3.0", owner) == few


@pytest.mark.parametrize("form", FORMS)
def test_memory_does_not_grow_with_the_number_of_contacts(
    form: Form, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contacts.exporting.people.PAGE_SIZE", 100)
    make_people(owner, 200, seed=1)
    run(form, owner)
    small = peak_of(form, owner)
    make_people(owner, 800, seed=2)
    assert peak_of(form, owner) < 1.3 * small


def peak_of(form: Form, owner: User) -> int:
    tracemalloc.start()
    try:
        run(form, owner)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_people_of_one_name_at_the_edge_of_a_page_come_once(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contacts.exporting.people.PAGE_SIZE", 3)
    for number in range(11):
        make_contact(owner, "Same Name", title=f"number {number:02}")
    make_contact(owner, "Another Name")
    text = b"".join(Export(Contact.objects.all(), "csv")).decode()
    assert [text.count(f"number {number:02}") for number in range(11)] == [1] * 11
    assert text.count("\r\n") == 13
