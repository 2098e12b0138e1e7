"""`storage_doctor` finds what is wrong, mends what can be mended, and loses nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.test import RequestFactory
from django.utils import timezone

from imports.models import ImportJob
from media_store.admin_doctor import storage_doctor
from media_store.doctor import Finding, Kind, Progress, examine
from media_store.mending import mend
from media_store.models import BLOB_LIMIT, Blob, Part, PartImage, PhotoJob, StoredFile
from tests.factories import draw_image, make_contact, make_photo_job, make_picture
from tests.media_store.conftest import FilesTier

pytestmark = pytest.mark.django_db

LARGE = os.urandom(BLOB_LIMIT)
LATER = timedelta(hours=49)


def keep(owner: User, name: str, content: bytes) -> str:
    """Store a file and name it, so that it is no finding by itself."""
    stored = default_storage.save(f"o{owner.pk}/{name}", ContentFile(content))
    ImportJob.objects.create(owner=owner, provider="csv", upload=stored)
    return stored


def find(**options: Any) -> list[Finding]:
    return list(examine(now=timezone.now() + LATER, **options))


def kinds(findings: list[Finding]) -> list[tuple[Kind, str]]:
    return [(finding.kind, finding.name) for finding in findings]


def doctor(*options: str) -> dict[str, Any]:
    """Run the command; its answer comes also when it ends with an error."""
    out = io.StringIO()
    try:
        call_command("storage_doctor", "--json", *options, stdout=out)
    except CommandError as error:
        return {**json.loads(out.getvalue()), "error": str(error)}
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_a_sound_store_has_no_findings(tier: FilesTier, owner: User) -> None:
    keep(owner, "large.bin", LARGE)
    keep(owner, "small.bin", b"small")
    make_picture(make_contact(owner))
    assert find() == []


def test_lost_cut_and_changed_bytes_are_found(tier: FilesTier, owner: User) -> None:
    lost, cut, changed = (keep(owner, f"{name}.bin", LARGE) for name in ("a", "b", "c"))
    tier.remove(lost)
    tier.remove(cut)
    tier.write(cut, LARGE[:-1])
    tier.remove(changed)
    tier.write(changed, bytes(BLOB_LIMIT))
    expected = [(Kind.MISSING, lost), (Kind.SIZE_MISMATCH, cut), (Kind.HASH_MISMATCH, changed)]
    assert kinds(find()) == expected
    assert kinds(find(is_quick=True)) == expected[:2]
    answer = doctor("--fix")
    assert (answer["left"], answer["fixed"]) == (3, 0)
    assert answer["error"] == "3 files are lost or damaged."


def test_changed_content_in_the_database_is_found(owner: User) -> None:
    name = keep(owner, "small.bin", b"small")
    Blob.objects.update(data=b"smell")
    assert kinds(find()) == [(Kind.HASH_MISMATCH, name)]
    Blob.objects.update(data=b"smaller")
    assert kinds(find(is_quick=True)) == [(Kind.SIZE_MISMATCH, name)]


def test_an_object_without_a_row_is_an_orphan_after_two_days(tier: FilesTier) -> None:
    tier.write("o1/left.bin", LARGE)
    assert list(examine(now=timezone.now())) == []
    findings = find()
    assert kinds(findings) == [(Kind.ORPHAN, "o1/left.bin")]
    assert mend(findings[0], now=timezone.now()).done == ""
    assert tier.names() == {"o1/left.bin"}
    assert mend(findings[0], now=timezone.now() + LATER).done == "deleted"
    assert tier.names() == set()


def test_an_orphan_that_has_become_a_file_is_not_deleted(tier: FilesTier, owner: User) -> None:
    tier.write("o1/left.bin", LARGE)
    (finding,) = find()
    StoredFile.objects.create(name="o1/left.bin", size=BLOB_LIMIT, sha256=hashlib.sha256(LARGE).hexdigest())
    assert mend(finding, now=timezone.now() + LATER).done == ""
    assert tier.names() == {"o1/left.bin"}


def test_a_small_file_in_the_wrong_tier_is_moved_and_its_old_copy_goes_later(tier: FilesTier, owner: User) -> None:
    name = keep(owner, "small.bin", b"small")
    StoredFile.objects.update(blob=None)
    Blob.objects.all().delete()
    tier.write(name, b"small")
    findings = find()
    assert kinds(findings) == [(Kind.WRONG_TIER, name)]
    assert mend(findings[0], now=timezone.now()).done == "moved to the database"
    assert tier.names() == {name}
    tier.remove(name)
    assert default_storage.open(name).read() == b"small"
    tier.write(name, b"small")
    (old,) = find()
    assert old.kind == Kind.ORPHAN
    mend(old, now=timezone.now() + LATER)
    assert tier.names() == set()
    assert default_storage.open(name).read() == b"small"


def test_damaged_bytes_are_not_moved(tier: FilesTier, owner: User) -> None:
    name = keep(owner, "small.bin", b"small")
    StoredFile.objects.update(blob=None)
    Blob.objects.all().delete()
    tier.write(name, b"smell")
    finding = Finding(Kind.WRONG_TIER, name, "")
    assert mend(finding, now=timezone.now()).done == ""
    assert StoredFile.objects.get(name=name).blob is None


def test_a_row_whose_content_is_only_in_the_database_is_switched(tier: FilesTier, owner: User) -> None:
    name = keep(owner, "small.bin", b"small")
    StoredFile.objects.update(blob=None)
    (finding,) = find()
    assert finding.kind == Kind.WRONG_TIER
    assert mend(finding, now=timezone.now()).done
    assert default_storage.open(name).read() == b"small"


def test_a_lost_photo_with_a_source_is_fetched_again(owner: User) -> None:
    job = make_photo_job(owner, is_stored=True)
    StoredFile.objects.all().delete()
    (finding,) = find()
    assert (finding.kind, finding.used_by) == (Kind.DANGLING, f"media_store.photojob.file of {job.pk}")
    answer = doctor("--fix")
    assert (answer["fixed"], answer["left"], "error" in answer) == (1, 0, False)
    job.refresh_from_db()
    assert (job.state, job.file.name, job.sha256) == ("pending", "", "")
    assert find() == []


@pytest.mark.parametrize("verdict", ["gone", "denied"])
def test_a_lost_photo_whose_source_has_refused_is_reported_and_left(owner: User, verdict: str) -> None:
    job = make_photo_job(owner, is_stored=True)
    PhotoJob.objects.update(verdict=verdict)
    StoredFile.objects.all().delete()
    assert doctor("--fix")["left"] == 1
    job.refresh_from_db()
    assert job.file.name


def test_a_damaged_photo_can_be_stored_again_under_its_true_hash(owner: User) -> None:
    job = make_photo_job(owner, is_stored=True)
    with default_storage.open(str(job.file.name)) as file:
        good = file.read()
    Blob.objects.update(data=bytes(reversed(good)))
    assert doctor("--fix")["fixed"] == 1
    again = default_storage.save("o1/again.webp", ContentFile(good))
    assert default_storage.open(again).read() == good


def test_a_file_that_is_marked_and_in_use_is_restored(tier: FilesTier, owner: User) -> None:
    name = keep(owner, "large.bin", LARGE)
    default_storage.delete(name)
    (finding,) = find()
    assert finding.kind == Kind.DELETED_IN_USE
    assert mend(finding, now=timezone.now()).done == "restored"
    with default_storage.open(name) as file:
        assert file.read() == LARGE


def test_an_unreadable_file_is_found(owner: User, tmp_path: Path, settings: Any) -> None:
    disk = {"BACKEND": "tests.media_store.odd_storage.UnreadableStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "files": disk}
    name = keep(owner, "large.bin", LARGE)
    findings = find()
    assert kinds(findings) == [(Kind.UNREADABLE, name)]
    assert "PermissionError" in findings[0].detail
    assert doctor("--fix")["left"] == 1


def test_a_dry_run_changes_nothing(tier: FilesTier, owner: User) -> None:
    tier.write("o1/left.bin", LARGE, days_old=9)
    make_photo_job(owner, is_stored=True)
    StoredFile.objects.all().delete()
    answer = doctor()
    assert answer["fixed"] == 0
    assert answer["counts"]["dangling"] == 1
    assert tier.names() == {"o1/left.bin"}
    assert PhotoJob.objects.get().state == "completed"


def test_it_goes_on_after_a_name(tier: FilesTier, owner: User) -> None:
    names = sorted(keep(owner, f"{number}/x.bin", LARGE) for number in range(4))
    for name in names:
        tier.remove(name)
    progress = Progress()
    for finding in examine(now=timezone.now(), progress=progress):
        if finding.name == names[1]:
            break
    assert [finding.name for finding in find(start_after=progress.last_name)][: len(names)] == names[1:]
    assert doctor("--start-after", names[2])["counts"] == {"missing": 1}


def test_names_are_met_in_the_same_order_in_both_places(tier: FilesTier, owner: User) -> None:
    for name in ("a.bin", "a/b.bin", "a-b/c.bin", "a0.bin", "é.bin", "Z.bin", "a/é/ü.bin"):
        keep(owner, name, LARGE)
    assert find() == []
    assert doctor()["examined"] == 7


def test_usage_and_owner(tier: FilesTier, owner: User) -> None:
    keep(owner, "uploads/large.bin", LARGE)
    make_picture(make_contact(owner, "Grace Example"))
    make_contact(owner, "Ada Example")
    part = Part.objects.create(number="P-1")
    PartImage.objects.create(part=part, image=ContentFile(draw_image(), name="a.jpg"))
    answer = doctor()
    assert answer["pictures"]["contacts"] == {"total": 2, "with_picture": 1}
    assert answer["pictures"]["parts"] == {"total": 1, "with_picture": 1}
    assert answer["pictures"]["users"] == {"total": 1, "with_picture": 0}
    assert answer["pictures"]["organizations"] == {"total": 0, "with_picture": 0}
    assert answer["bytes"]["files"]["uploads"] == {"files": 1, "bytes": BLOB_LIMIT}
    assert answer["bytes"]["database"]["photos"]["files"] == 1
    name = PhotoJob.objects.get().file.name
    out = io.StringIO()
    call_command("storage_doctor", "--owner-of", f"http://127.0.0.1:8000/files/{name}", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert (found["owner"], found["tier"]) == ("alice", "database")
    assert found["used_by"][0].startswith("media_store.photojob.file of ")
    with pytest.raises(CommandError, match="no file"):
        call_command("storage_doctor", "--owner-of", "o1/other")


def open_page(user: User, method: str = "get", **data: str) -> HttpResponse:
    request = getattr(RequestFactory(), method)("/admin/storage-doctor/", data)
    request.user, request.session = user, {}
    request._messages = FallbackStorage(request)
    response = storage_doctor(request)
    return response.render() if isinstance(response, TemplateResponse) else response


def test_the_page_shows_findings_and_mends_them(owner: User, admin_user: User) -> None:
    job = make_photo_job(owner, is_stored=True)
    StoredFile.objects.all().delete()
    page = open_page(admin_user).content.decode()
    assert f"media_store.photojob.file of {job.pk} names a file that is not there." in page
    assert '<span class="kith-state kith-failed">1 dangling</span>' in page
    assert open_page(admin_user, "post").status_code == 302
    assert "Nothing is wrong" in open_page(admin_user).content.decode()


def test_the_page_says_whose_a_file_is_and_escapes_its_name(owner: User, admin_user: User) -> None:
    name = keep(owner, "<b>.bin", b"x")
    page = open_page(admin_user, file=name).content.decode()
    assert "<dt>Owner</dt><dd>alice</dd>" in page
    assert "<b>.bin" not in page


def test_only_superusers_see_the_page(owner: User) -> None:
    with pytest.raises(PermissionDenied):
        open_page(owner)
