from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from contacts.admin import ContactAdmin
from contacts.admin.exporting import EXPORT_ACTIONS
from contacts.models import Contact
from tests.factories import make_contact

LIST = "admin:contacts_contact_changelist"


@pytest.fixture(autouse=True)
def actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The actions, whether ContactAdmin has them already or not."""
    known: list[Any] = list(EXPORT_ACTIONS)
    others = [action for action in ContactAdmin.actions or [] if action not in known]
    monkeypatch.setattr(ContactAdmin, "actions", [*others, *EXPORT_ACTIONS])


def signed_in(user: User) -> Client:
    user.user_permissions.set(Permission.objects.filter(codename="view_contact"))
    client = Client()
    client.force_login(user)
    return client


def export(user: User, action: str, contacts: list[Contact], **fields: Any) -> bytes:
    form = {"action": action, "_selected_action": [str(contact.pk) for contact in contacts], **fields}
    response = signed_in(user).post(reverse(LIST), form)
    assert response.status_code == 200, response.headers
    assert response["Content-Disposition"].startswith('attachment; filename="contacts-20')
    assert "no-store" in response["Cache-Control"]
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("export_vcard", b"VERSION:3.0"),
        ("export_vcard4", b"VERSION:4.0"),
        ("export_csv", b"Kith ID"),
        ("export_spreadsheet", b"\xef\xbb\xbfName"),
    ],
)
def test_the_chosen_contacts_come_as_a_file(owner: User, action: str, expected: bytes) -> None:
    chosen, other = make_contact(owner, "Chosen One"), make_contact(owner, "Other One")
    content = export(owner, action, [chosen])
    assert expected in content
    assert b"Chosen One" in content
    assert other.display_name.encode() not in content


def test_all_that_a_search_found_come_without_each_being_ticked(owner: User) -> None:
    contacts = [make_contact(owner, f"Name {number}") for number in range(30)]
    content = export(owner, "export_vcard", contacts[:1], select_across="1")
    assert content.count(b"BEGIN:VCARD") == 30


def test_nobody_exports_another_s_contacts(owner: User, other_owner: User) -> None:
    mine, theirs = make_contact(owner, "Mine Own"), make_contact(other_owner, "Theirs Own")
    content = export(owner, "export_vcard", [mine, theirs], select_across="0")
    assert b"Theirs" not in content
    assert export(owner, "export_csv", [mine, theirs], select_across="1").count(b"\r\n") == 2
