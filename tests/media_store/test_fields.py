"""OptimizedImageField: what becomes of an uploaded picture, and of the one that it replaces."""

from __future__ import annotations

import hashlib
import io
import os
import random
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.forms import modelform_factory
from PIL import Image

from contacts.models import Organization, UserProfile
from media_store import processing
from media_store.models import StoredFile
from media_store.optimizing import MAX_BYTES, QUALITIES, optimized_webp
from media_store.processing import ImageRefused
from media_store.refusals import UploadRefused
from media_store.sandbox import SandboxUnavailable, sandbox
from tests.factories import draw_image
from tests.media_store.asking import files

pytestmark = pytest.mark.django_db


def opened(webp: bytes) -> Image.Image:
    return Image.open(io.BytesIO(webp))


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, format, **options)
    return content.getvalue()


def noise(size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((3000, 1500), (1024, 512)),
        ((1500, 3000), (512, 1024)),
        ((1025, 100), (1024, 100)),
        ((1024, 1024), (1024, 1024)),
        ((50, 30), (50, 30)),
        ((1, 1), (1, 1)),
        ((4000, 200), (1024, 51)),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_the_longest_side_is_1024_and_nothing_is_enlarged(
    size: tuple[int, int], expected: tuple[int, int], format: str
) -> None:
    webp = opened(optimized_webp(draw_image(format, size=size)))
    assert (webp.format, webp.size) == ("WEBP", expected)


def test_a_users_photo_is_a_square_of_400() -> None:
    assert opened(optimized_webp(draw_image(size=(900, 500)), is_square=True)).size == (400, 400)


def test_transparency_becomes_white() -> None:
    clear = Image.new("RGBA", (60, 40), (255, 0, 0, 0))
    webp = opened(optimized_webp(encoded(clear))).convert("RGB")
    assert min(low for low, _ in webp.getextrema()) >= 253  # type: ignore[misc]


def test_it_is_upright_and_says_nothing_about_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a secret maker"
    webp = optimized_webp(draw_image(size=(200, 100), exif=exif))
    assert opened(webp).size == (100, 200)
    assert b"secret" not in webp
    assert not {"exif", "icc_profile", "xmp"} & set(opened(webp).info)


def test_the_best_quality_that_fits_is_taken() -> None:
    picture = encoded(noise((300, 300)))
    sizes = [len(encoded(noise((300, 300)), "WEBP", quality=quality, method=4)) for quality in QUALITIES]
    assert sizes == sorted(sizes, reverse=True)
    for size in sizes:
        assert len(optimized_webp(picture, max_bytes=size + 1)) == size
    with pytest.raises(ImageRefused, match="even at the lowest quality") as refused:
        optimized_webp(picture, max_bytes=sizes[-1])
    assert refused.value.verdict == "too_large"


def test_the_limit_is_that_of_the_database() -> None:
    assert MAX_BYTES == 512_000
    assert len(optimized_webp(encoded(noise((1100, 1100)), "JPEG", quality=60))) < MAX_BYTES


def png_bomb() -> bytes:
    return encoded(Image.new("1", (9_000, 9_000)))


HOSTILE = {
    "a page": (b"<html><script>alert(1)</script>", "not_an_image", "This is not a complete JPEG"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "not_an_image", "not a complete"),
    "half a picture": (draw_image("PNG")[:-300], "not_an_image", "not a complete"),
    "a TIFF": (encoded(Image.new("RGB", (9, 9)), "TIFF"), "not_an_image", "not a complete"),
    "a bomb": (png_bomb(), "too_large", "too many pixels"),
    "a strip": (encoded(Image.new("RGB", (2_100, 100))), "not_an_image", "strip"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_picture_is_an_error_of_the_form_and_of_the_row_in_the_same_words(name: str, owner: User) -> None:
    content, code, message = HOSTILE[name]
    organization = Organization(owner=owner, name="Example")
    form_class = modelform_factory(Organization, fields=["name", "logo"])
    form = form_class({"name": "Example"}, files(logo=SimpleUploadedFile("a.png", content)), instance=organization)
    assert not form.is_valid()
    (error,) = form.errors.as_data()["logo"]
    assert error.code == code
    assert message in error.message
    organization = Organization(owner=owner, name="Example", logo=ContentFile(content, name="a.png"))
    with pytest.raises(UploadRefused) as refused, transaction.atomic():
        organization.save()
    assert (refused.value.code, str(refused.value)) == (code, error.message)
    assert not StoredFile.objects.exists()


def test_a_file_that_is_too_large_is_not_even_read(owner: User, settings: Any) -> None:
    settings.PHOTO_MAX_BYTES = 1_000
    organization = Organization(owner=owner, name="Example", logo=ContentFile(bytes(1_001), name="a.png"))
    with pytest.raises(UploadRefused, match="larger than 1,000 bytes") as refused:
        organization.save()
    assert (refused.value.code, refused.value.status) == ("too_large", 413)


def test_this_process_decodes_nothing(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("decoded outside of the sandbox"))
    with pytest.raises(pytest.fail.Exception):
        processing.square_webp(draw_image())
    organization = Organization.objects.create(owner=owner, name="Example", logo=upload())
    assert organization.logo.name


def test_a_sandbox_that_is_down_says_so(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> bytes:
        raise SandboxUnavailable("no")

    monkeypatch.setattr(sandbox, "optimized_webp", down)
    with pytest.raises(UploadRefused) as refused:
        Organization.objects.create(owner=owner, name="Example", logo=upload())
    assert (refused.value.code, refused.value.status) == ("decoder_busy", 503)


def upload(number: int = 0, name: str = "../../etc/passwd.php") -> ContentFile:  # type: ignore[type-arg]
    return ContentFile(draw_image(size=(300 + number, 200)), name=name)


def live() -> set[str]:
    return set(StoredFile.objects.live().values_list("name", flat=True))


def test_the_name_comes_from_the_content_and_the_owner_alone(owner: User) -> None:
    logo = Organization.objects.create(owner=owner, name="Example", logo=upload()).logo
    with default_storage.open(str(logo.name)) as file:
        content = file.read()
    folder, _, name = str(logo.name).rpartition("/")
    assert folder == f"o{owner.pk}/logos"
    assert name.startswith(hashlib.sha256(content).hexdigest()[:16] + "-")
    assert name.endswith(".webp")
    assert StoredFile.objects.get().content_type == "image/webp"


def test_the_address_has_the_version(owner: User) -> None:
    organization = Organization.objects.create(owner=owner, name="Example", logo=upload())
    version = StoredFile.objects.get().sha256[:16]
    assert organization.logo.url == f"/images/organizations/{organization.pk}/logo?v={version}"
    profile = UserProfile.objects.create(user=owner, photo=upload(9))
    assert profile.photo.url.startswith(f"/images/users/{owner.pk}/profile?v=")


def test_a_new_picture_has_a_new_name_and_the_old_one_goes_after_the_row(owner: User) -> None:
    organization = Organization.objects.create(owner=owner, name="Example", logo=upload())
    old = str(organization.logo.name)
    organization.logo = upload(1)
    organization.save()
    assert live() == {str(organization.logo.name)} != {old}
    assert StoredFile.objects.get(name=old).deleted_at


def test_the_same_picture_again_is_stored_and_the_old_name_goes(owner: User) -> None:
    organization = Organization.objects.create(owner=owner, name="Example", logo=upload())
    organization.logo = upload()
    organization.save(update_fields=["logo"])
    assert live() == {str(Organization.objects.get().logo.name)}


def test_a_cleared_picture_and_a_deleted_row_leave_nothing(owner: User) -> None:
    for end in ("clear", "delete", "delete all"):
        organization = Organization.objects.create(owner=owner, name="Example", logo=upload())
        if end == "clear":
            organization.logo = ""
            organization.save()
            assert live() == set()
        Organization.objects.all().delete() if end == "delete all" else organization.delete()
        assert live() == set(), end


def test_saving_anything_else_leaves_the_picture_alone(owner: User) -> None:
    organization = Organization.objects.create(owner=owner, name="Example", logo=upload())
    organization.name = "Another"
    organization.save()
    Organization.objects.get().save(update_fields=["name"])
    assert live() == {str(organization.logo.name)}


def test_a_stale_row_marks_what_is_stored_now_not_what_it_read(owner: User) -> None:
    Organization.objects.create(owner=owner, name="Example", logo=upload())
    stale, fresh = Organization.objects.get(), Organization.objects.get()
    fresh.logo = upload(1)
    fresh.save()
    stale.logo = upload(2)
    stale.save()
    assert live() == {str(stale.logo.name)}


def test_a_rolled_back_change_keeps_the_old_picture(owner: User) -> None:
    organization = Organization.objects.create(owner=owner, name="Example", logo=upload())
    before = live()
    with transaction.atomic():
        organization.logo = upload(1)
        organization.save()
        transaction.set_rollback(True)
    assert live() == before == {str(Organization.objects.get().logo.name)}


def test_the_form_stores_what_it_checked_once(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    original = sandbox.optimized_webp

    def counting(content: bytes, **options: Any) -> bytes:
        asked.append(len(content))
        return original(content, **options)

    monkeypatch.setattr(sandbox, "optimized_webp", counting)
    form_class = modelform_factory(UserProfile, fields=["photo"])
    form = form_class({}, files(photo=SimpleUploadedFile("a.jpg", draw_image())), instance=UserProfile(user=owner))
    assert form.is_valid(), form.errors
    photo = form.save().photo
    assert len(asked) == 1
    with photo.open() as file:
        assert opened(file.read()).size == (400, 400)


def test_random_bytes_never_get_in(owner: User) -> None:
    for _ in range(20):
        with pytest.raises(UploadRefused):
            Organization(owner=owner, name="x", logo=ContentFile(os.urandom(500), name="x")).save()
