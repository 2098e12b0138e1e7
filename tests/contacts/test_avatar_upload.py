"""A contact's picture, an organization's logo and a user's photo, uploaded, shown and taken away."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from PIL import Image

from config.jobs import at_once
from config.jobs.claiming import claim
from config.jobs.draining import drain, queues
from config.jobs.models import JobAttempt
from contacts.models import Contact, ContactPicture, Organization
from contacts.pictures import choose
from media_store import sandbox as sandbox_module
from media_store.models import PhotoJob, StoredFile
from tests.factories import make_contact, make_picture
from tests.media_store.asking import picture, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def contact(owner: User) -> Contact:
    return make_contact(owner)


@pytest.fixture
def client(owner: User) -> Client:
    return signed_in(owner)


def address(contact: Contact) -> str:
    return f"/api/v1/contacts/{contact.pk}/avatar"


def upload(client: Client, contact: Contact, number: int = 0) -> Any:
    return client.post(address(contact), {"file": picture(number)})


def size_of(content: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(content)).size


def test_it_is_a_photo_job_that_is_done_when_the_answer_comes(client: Client, contact: Contact) -> None:
    response = upload(client, contact)
    assert response.status_code == 201
    made = ContactPicture.objects.get()
    job = made.photo_job
    assert (made.source, made.owner, job.source_kind, job.state, job.verdict) == (
        "upload", contact.owner, "stored", "completed", "ok",
    )  # fmt: skip
    assert (job.attempts, job.lease_token) == (0, None)
    assert JobAttempt.objects.get(job_id=job.pk).outcome == "completed"
    url = f"/images/contacts/{contact.pk}/avatar?v={job.sha256[:16]}"
    assert response.json() == {"url": url, "state": "completed", "reason": "uploaded by hand"}
    shown = client.get(url)
    assert size_of(shown.content) == (400, 400)
    assert shown["Cache-Control"] == "private, max-age=31536000, immutable"


def test_the_upload_is_shown_before_what_the_sources_have(client: Client, contact: Contact) -> None:
    google = make_picture(contact, source="google", job_finished_at=timezone.now())
    assert upload(client, contact).json()["reason"] == "uploaded by hand"
    assert client.delete(address(contact)).status_code == 204
    assert choose(contact.pictures.select_related("photo_job")).picture == google


def test_another_upload_replaces_the_first(client: Client, contact: Contact) -> None:
    first = upload(client, contact, 1).json()
    ref = PhotoJob.objects.get().source_ref
    second = upload(client, contact, 2)
    assert (second.status_code, ContactPicture.objects.count(), PhotoJob.objects.count()) == (201, 1, 1)
    assert second.json()["url"] != first["url"]
    assert client.get(second.json()["url"]).status_code == 200
    assert not default_storage.exists(ref)


def test_a_refused_upload_leaves_the_first_as_it_is(client: Client, contact: Contact) -> None:
    upload(client, contact)
    before = PhotoJob.objects.values().get(), set(StoredFile.objects.live().values_list("name", flat=True))
    from django.core.files.uploadedfile import SimpleUploadedFile

    assert client.post(address(contact), {"file": SimpleUploadedFile("a.png", b"<svg/>")}).status_code == 415
    assert before == (PhotoJob.objects.values().get(), set(StoredFile.objects.live().values_list("name", flat=True)))


def test_a_picture_of_one_colour_is_a_placeholder(client: Client, contact: Contact) -> None:
    content = io.BytesIO()
    Image.new("RGB", (300, 300), "red").save(content, "PNG")
    content.seek(0)
    content.name = "a.png"
    response = client.post(address(contact), {"file": content})
    assert (response.status_code, response.json()["code"]) == (400, "placeholder")
    assert not ContactPicture.objects.exists()


def test_taking_it_away_leaves_no_job_and_no_file(client: Client, contact: Contact) -> None:
    upload(client, contact)
    for _ in range(2):
        assert client.delete(address(contact)).status_code == 204
    assert not PhotoJob.objects.exists()
    assert not StoredFile.objects.live().exists()
    assert client.get(f"/images/contacts/{contact.pk}/avatar")["Content-Type"] == "image/svg+xml"


def test_a_worker_cannot_take_the_job_in_between(
    client: Client, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []
    run_leased = at_once.run_leased

    def run(job: PhotoJob) -> None:
        taken.extend(claim(PhotoJob, limit=10))
        run_leased(job)

    monkeypatch.setattr("contacts.avatars.run_leased", run)
    assert upload(client, contact).status_code == 201
    assert taken == []


def test_what_fails_for_the_moment_is_left_to_a_worker(
    client: Client, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, calls = sandbox_module.sandbox.square_webp, [0]

    def fail_second(content: bytes) -> bytes:
        calls[0] += 1
        if calls[0] == 2:
            raise sandbox_module.SandboxUnavailable("not now")
        return decode(content)

    monkeypatch.setattr(sandbox_module.sandbox, "square_webp", fail_second)
    response = upload(client, contact)
    assert (response.status_code, response.json()["state"], response.json()["url"]) == (202, "pending", None)
    PhotoJob.objects.update(next_attempt_at=timezone.now())
    assert drain(PhotoJob.QUEUE).as_counts()["completed"] == 1
    assert PhotoJob.objects.get().state == "completed"


def test_a_process_that_dies_leaves_the_job_to_the_reaper(
    client: Client, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(job: PhotoJob) -> None:
        raise SystemExit

    monkeypatch.setattr("contacts.avatars.run_leased", die)
    with pytest.raises(SystemExit):
        upload(client, contact)
    job = PhotoJob.objects.get()
    assert (job.state, job.attempts) == ("downloading", 1)
    assert job.lease_until is not None
    assert default_storage.exists(job.source_ref)


def test_an_error_in_the_pipeline_is_recorded_in_the_job(
    client: Client, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def run(self, jobs: Any, budget: Any) -> None:
            raise RuntimeError("boom")

    monkeypatch.setitem(queues, "photos", Broken())
    assert upload(client, contact).status_code == 202
    job = PhotoJob.objects.get()
    assert (job.state, job.error_code, job.lease_token) == ("pending", "internal_error", None)


def test_a_blocked_upload_is_shown_again_by_a_new_one(client: Client, contact: Contact) -> None:
    upload(client, contact, 1)
    ContactPicture.objects.update(blocked=True)
    assert upload(client, contact, 2).json()["reason"] == "uploaded by hand"


def test_a_superuser_may_upload_for_others_and_the_owner_owns_it(admin_client: Client, contact: Contact) -> None:
    assert upload(admin_client, contact).status_code == 201
    made = ContactPicture.objects.get()
    assert made.owner == made.photo_job.owner == contact.owner
    assert str(made.photo_job.file.name).startswith(f"o{contact.owner_id}/")


# --- Logos and profile photos -----------------------------------------------------------------------------------------
def test_a_logo_is_for_its_owner(client: Client, owner: User, other_owner: User, admin_client: Client) -> None:
    organization = Organization.objects.create(owner=owner, name="Example")
    base = f"/images/organizations/{organization.pk}/logo"
    assert client.get(base).status_code == 404
    url = client.post(f"/uploads/organizations/{organization.pk}/logo", {"file": picture()}).json()["url"]
    assert url.startswith(f"{base}?v=")
    for viewer in (client, admin_client):
        assert size_of(viewer.get(url).content) == (300, 200)
    assert signed_in(other_owner).get(url).status_code == 404
    assert Client().get(url).status_code == 302
    assert client.delete(f"/uploads/organizations/{organization.pk}/logo").status_code == 204
    assert client.get(url).status_code == 404
    assert not StoredFile.objects.live().exists()


def test_a_profile_photo_is_ones_own_to_change_and_for_all_staff_to_see(
    client: Client, owner: User, other_owner: User
) -> None:
    base = f"/images/users/{owner.pk}/profile"
    url = client.post("/uploads/users/profile-photo", {"file": picture()}).json()["url"]
    assert url.startswith(f"{base}?v=")
    stranger = signed_in(other_owner)
    assert size_of(stranger.get(url).content) == (400, 400)
    assert stranger.delete("/uploads/users/profile-photo").status_code == 204
    assert stranger.get(url).status_code == 200
    guest = signed_in(User.objects.create_user("guest"))
    assert guest.get(url).status_code == Client().get(url).status_code == 302
    client.delete("/uploads/users/profile-photo")
    assert client.get(base).status_code == 404


@pytest.mark.parametrize("kind", ["logo", "profile"])
def test_pictures_are_kept_by_their_version(kind: str, client: Client, owner: User) -> None:
    organization = Organization.objects.create(owner=owner, name="Example")
    upload_to = {"logo": f"/uploads/organizations/{organization.pk}/logo", "profile": "/uploads/users/profile-photo"}
    first, second = (client.post(upload_to[kind], {"file": picture(number)}).json()["url"] for number in (1, 2))
    current = client.get(second)
    assert current["Cache-Control"] == "private, max-age=31536000, immutable"
    assert client.get(first)["Cache-Control"] == "private, no-cache"
    assert client.get(first)["ETag"] == current["ETag"]
    bare = client.get(second.partition("?")[0], headers={"If-None-Match": current["ETag"]})
    assert (bare.status_code, bare["Cache-Control"]) == (304, "private, no-cache")
    for response in (current, bare):
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    head = client.head(second)
    assert (head.content, head["Content-Length"]) == (b"", str(len(current.content)))


def test_a_picture_that_was_named_by_others_is_served_too(client: Client, owner: User) -> None:
    from django.core.files.base import ContentFile

    from tests.factories import draw_image

    organization = Organization.objects.create(owner=owner, name="Example")
    name = default_storage.save(f"o{owner.pk}/logos/moved.webp", ContentFile(draw_image("WEBP")))
    Organization.objects.update(logo=name)
    organization.refresh_from_db()
    response = client.get(f"/images/organizations/{organization.pk}/logo?v=")
    assert (response.status_code, response["Cache-Control"]) == (200, "private, no-cache")
    assert response["ETag"] == f'"{StoredFile.objects.get().sha256}"'
