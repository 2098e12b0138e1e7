"""Pictures chosen in forms of the admin: a contact's, an organization's logo, one's own photo."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from contacts.models import Contact, ContactPicture, Organization, UserProfile
from media_store.models import PhotoJob, StoredFile
from tests.admin.rows import make_member
from tests.admin.test_isolation import empty_formsets
from tests.factories import draw_image, make_contact
from tests.media_store import zoo

pytestmark = pytest.mark.django_db

NOT_AN_IMAGE = "This is not a complete JPEG, PNG, WebP, GIF or AVIF."
# What is chosen, and the status and the sentence that come back with the form.
REFUSED = {
    "no picture": (b"<svg/>", 415, NOT_AN_IMAGE),
    "a picture of another kind": (draw_image("BMP"), 415, NOT_AN_IMAGE),
    "a bomb": (zoo.png(20_000, 20_000), 413, "The picture has too many pixels."),
    "a large file": (b"\xff\xd8\xff" + bytes(1_001), 413, "The file is larger than 1,000 bytes."),
}


@pytest.fixture
def member() -> User:
    return make_member("carol")


@pytest.fixture
def browser(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


@pytest.fixture(params=REFUSED)
def refused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, int, str]:
    if request.param == "a large file":
        monkeypatch.setattr(settings, "PHOTO_MAX_BYTES", 1_000)
    return REFUSED[request.param]


def chosen(content: bytes = b"", name: str = "me.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content or draw_image())


def size_of(content: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(content)).size


def save_contact(browser: Client, contact: Contact | None, **fields: Any) -> Any:
    url = (
        reverse("admin:contacts_contact_change", args=[contact.pk])
        if contact
        else reverse("admin:contacts_contact_add")
    )
    return browser.post(url, {**empty_formsets(), "display_name": "Ada Example", **fields})


def test_a_chosen_file_becomes_the_contacts_picture(
    browser: Client, member: User, django_capture_on_commit_callbacks: Any
) -> None:
    contact = make_contact(member)
    with django_capture_on_commit_callbacks(execute=True):
        assert save_contact(browser, contact, uploaded_picture=chosen()).status_code == 302
    made = ContactPicture.objects.get()
    assert (made.contact, made.source, made.owner, made.photo_job.state) == (contact, "upload", member, "completed")
    page = browser.get(reverse("admin:contacts_contact_change", args=[contact.pk])).content.decode()
    assert "uploaded by hand" in page
    assert f'src="{made.photo_job.file.url}"' in page
    contact.refresh_from_db()
    assert "uploaded_picture" not in contact.locked_fields


def test_a_new_contact_may_come_with_its_picture(browser: Client, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        save_contact(browser, None, uploaded_picture=chosen())
    assert ContactPicture.objects.get().photo_job.state == "completed"


def test_saving_without_a_file_leaves_the_picture_and_the_box_takes_it_away(
    browser: Client, member: User, django_capture_on_commit_callbacks: Any
) -> None:
    contact = make_contact(member)
    with django_capture_on_commit_callbacks(execute=True):
        save_contact(browser, contact, uploaded_picture=chosen())
    save_contact(browser, contact)
    assert ContactPicture.objects.count() == 1
    save_contact(browser, contact, **{"uploaded_picture-clear": "on"})
    assert not PhotoJob.objects.exists()
    assert not StoredFile.objects.live().exists()


def test_what_is_no_picture_for_a_contact_is_said_in_the_form(
    browser: Client, member: User, refused: tuple[bytes, int, str]
) -> None:
    content, status, sentence = refused
    response = save_contact(browser, make_contact(member), uploaded_picture=chosen(content))
    assert (response.status_code, sentence in response.content.decode()) == (status, True)
    assert response.context["adminform"].form.errors == {"uploaded_picture": [sentence]}
    assert not ContactPicture.objects.exists()


def test_the_api_says_the_same_as_the_form(browser: Client, member: User, refused: tuple[bytes, int, str]) -> None:
    content, status, sentence = refused
    contact = make_contact(member)
    response = browser.post(f"/api/v1/contacts/{contact.pk}/avatar", {"file": chosen(content)})
    assert (response.status_code, response.json()["error"]) == (status, sentence)


def test_a_picture_is_chosen_only_for_ones_own_contact(browser: Client, other_owner: User) -> None:
    contact = make_contact(other_owner)
    assert save_contact(browser, contact, uploaded_picture=chosen()).status_code == 404
    assert not PhotoJob.objects.exists()


def test_who_may_only_look_chooses_nothing(client: Client, member: User) -> None:
    contact = make_contact(member)
    member.groups.clear()
    member.user_permissions.add(Permission.objects.get(codename="view_contact"))
    client.force_login(User.objects.get(pk=member.pk))
    page = client.get(reverse("admin:contacts_contact_change", args=[contact.pk]))
    assert page.status_code == 200
    assert 'name="uploaded_picture"' not in page.content.decode()
    assert save_contact(client, contact, uploaded_picture=chosen()).status_code == 403
    assert not PhotoJob.objects.exists()


def test_a_logo_is_chosen_replaced_and_removed(browser: Client, member: User) -> None:
    organization = Organization.objects.create(owner=member, name="Example")
    url = reverse("admin:contacts_organization_change", args=[organization.pk])
    names: list[str] = []
    for number in (1, 2):
        browser.post(url, {"name": "Example", "domain": "", "logo": chosen(draw_image(size=(300 * number, 200)))})
        organization.refresh_from_db()
        names.append(str(organization.logo.name))
    assert size_of(browser.get(organization.logo.url).content) == (600, 200)
    assert list(StoredFile.objects.live().values_list("name", flat=True)) == names[1:]
    assert f'src="{organization.logo.url}"' in browser.get(url).content.decode().replace("&amp;", "&")
    browser.post(url, {"name": "Example", "domain": "", "logo-clear": "on"})
    organization.refresh_from_db()
    assert not organization.logo
    assert not StoredFile.objects.live().exists()


def test_what_is_no_logo_is_said_in_the_form(browser: Client, member: User, refused: tuple[bytes, int, str]) -> None:
    content, status, sentence = refused
    url = reverse("admin:contacts_organization_add")
    response = browser.post(url, {"name": "Example", "domain": "", "logo": chosen(content)})
    assert (response.status_code, sentence in response.content.decode()) == (status, True)
    assert not Organization.objects.exists()


def test_nobody_chooses_a_foreign_logo_or_photo(browser: Client, other_owner: User) -> None:
    organization = Organization.objects.create(owner=other_owner, name="Example")
    UserProfile.objects.create(user=other_owner)
    for name, pk in (("organization", organization.pk), ("userprofile", other_owner.pk)):
        url = reverse(f"admin:contacts_{name}_change", args=[pk])
        data = {"name": "Example", "time_zone": "UTC", "logo": chosen(), "photo": chosen()}
        assert browser.post(url, data).status_code == 404
    assert not StoredFile.objects.exists()


def test_ones_own_photo_is_chosen_and_square(browser: Client, member: User) -> None:
    UserProfile.objects.create(user=member)
    url = reverse("admin:contacts_userprofile_change", args=[member.pk])
    assert browser.post(url, {"time_zone": "UTC", "phone_region": "", "photo": chosen()}).status_code == 302
    photo = UserProfile.objects.get(user=member).photo
    assert size_of(browser.get(photo.url).content) == (400, 400)


def test_what_is_no_photo_is_said_in_the_form(browser: Client, member: User, refused: tuple[bytes, int, str]) -> None:
    content, status, sentence = refused
    UserProfile.objects.create(user=member)
    url = reverse("admin:contacts_userprofile_change", args=[member.pk])
    response = browser.post(url, {"time_zone": "UTC", "phone_region": "", "photo": chosen(content)})
    assert (response.status_code, sentence in response.content.decode()) == (status, True)
    assert not UserProfile.objects.get(user=member).photo
