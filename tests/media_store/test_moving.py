"""`import_media` and `export_media`: existing pictures in and out, to be interrupted and taken back at any time."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone
from PIL import Image

from contacts.models import Organization, UserProfile
from media_store.collecting import collect
from media_store.models import MediaMove, Part, PartImage, StoredFile
from media_store.moving import Source, move_in, undo
from media_store.pruning import prune
from tests.factories import draw_image, make_user

pytestmark = pytest.mark.django_db

SIZES = (120, 80)


@pytest.fixture
def folder(tmp_path: Path, owner: User) -> Path:
    """Pictures of the user alice, of an organization with the id 7, and two of the part P-1."""
    Organization.objects.create(pk=7, owner=owner, name="Example")
    Part.objects.create(number="P-1")
    for name in ("users/alice.jpg", "organizations/7.png", "parts/P-1/0.jpg", "parts/P-1/1.jpg"):
        put(tmp_path / name, name)
    return tmp_path


def put(path: Path, text: str) -> None:
    """Write a picture whose colour comes from `text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = "#" + hashlib.sha256(text.encode()).hexdigest()[:6]
    Image.new("RGB", SIZES, colour).save(path, "PNG" if path.suffix == ".png" else "JPEG")


def run(*arguments: object, command: str = "import_media") -> dict[str, Any]:
    """Run the command; its answer comes also when it ends with an error."""
    out = io.StringIO()
    options = ["--backup-done"] if command == "import_media" else []
    try:
        call_command(command, *map(str, arguments), "--json", *options, stdout=out)
    except CommandError as error:
        return {**json.loads(out.getvalue()), "error": str(error)}
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def tell(answer: dict[str, Any]) -> dict[str, int]:
    return {key: value for key, value in answer.items() if isinstance(value, int) and value and key != "duration_ms"}


def names() -> dict[str, str]:
    """Return the present picture of every place."""
    found = {f"parts/{image}": str(image.image.name) for image in PartImage.objects.order_by("position")}
    found["alice"] = str(UserProfile.objects.get(user__username="alice").photo.name or "")
    found["7"] = str(Organization.objects.get(pk=7).logo.name or "")
    return found


def test_pictures_come_to_their_places_optimised(folder: Path) -> None:
    assert tell(run(folder)) == {"moved": 4}
    for name in names().values():
        with Image.open(default_storage.open(name)) as image:
            assert image.format == "WEBP"
    with Image.open(default_storage.open(names()["alice"])) as image:
        assert image.size == (400, 400)
    assert [image.position for image in PartImage.objects.all()] == [0, 1]
    assert (folder / "users/alice.jpg").exists()


def test_a_second_run_changes_nothing(folder: Path) -> None:
    run(folder)
    before = names()
    assert tell(run(folder)) == {"unchanged": 4}
    assert (names(), StoredFile.objects.count()) == (before, 4)


def test_a_changed_file_replaces_its_own_picture(folder: Path) -> None:
    run(folder)
    before = names()
    put(folder / "parts/P-1/0.jpg", "another")
    assert tell(run(folder)) == {"moved": 1, "unchanged": 3}
    changed = {place for place, name in names().items() if before[place] != name}
    assert changed == {"parts/Picture 1"}


def test_undo_gives_back_what_was_there(folder: Path, owner: User) -> None:
    profile = UserProfile.objects.get_or_create(user=owner)[0]
    profile.photo.save("old.jpg", ContentFile(draw_image()))
    old = str(profile.photo.name)
    run(folder)
    assert names()["alice"] != old
    prune(now=timezone.now() + timedelta(days=29))
    prune(now=timezone.now() + timedelta(days=29))
    assert tell(run("--undo")) == {"undone": 4}
    assert names() == {"alice": old, "7": ""}
    assert default_storage.exists(old)
    assert tell(run("--undo")) == {}


def test_an_undo_that_is_cut_keeps_what_it_has_told(folder: Path) -> None:
    run(folder)
    move, outcome, _ = next(undo())  # nothing holds the generator: it is closed here
    assert (outcome, MediaMove.objects.get(pk=move.pk).state) == ("undone", "undone")


def test_undo_leaves_what_a_person_has_changed_since(folder: Path) -> None:
    run(folder)
    organization = Organization.objects.get(pk=7)
    organization.logo.save("new.jpg", ContentFile(draw_image()))
    answer = run("--undo")
    assert tell(answer) == {"undone": 3, "kept": 1}
    assert answer["problems"] == [{"file": "organizations/7", "reason": "The picture has been changed since."}]
    assert names()["7"] == organization.logo.name


def test_the_old_pictures_are_freed_after_a_month(folder: Path, owner: User) -> None:
    profile = UserProfile.objects.get_or_create(user=owner)[0]
    profile.photo.save("old.jpg", ContentFile(draw_image()))
    old = str(profile.photo.name)
    run(folder)
    prune(now=timezone.now() + timedelta(days=31))
    assert not default_storage.exists(old)
    assert {default_storage.exists(name) for name in names().values()} == {True}


def test_a_run_that_was_cut_between_copy_and_switch_goes_on_with_the_copy(folder: Path) -> None:
    run(folder)
    before = names()
    UserProfile.objects.update(photo="")
    MediaMove.objects.filter(folder="users").update(state="copied", row_id="")
    collect(now=timezone.now() + timedelta(days=3))
    assert tell(run(folder)) == {"moved": 1, "unchanged": 3}
    assert names() == before


def test_a_copy_that_cannot_be_read_back_is_not_switched_to(folder: Path) -> None:
    run(folder)
    UserProfile.objects.update(photo="")
    move = MediaMove.objects.get(folder="users")
    MediaMove.objects.filter(pk=move.pk).update(state="copied", row_id="")
    StoredFile.objects.filter(name=move.new_file.name).update(sha256="0" * 64)
    outcome, reason = move_in(Source(folder / "users/alice.jpg", "users", "alice"))
    assert (outcome, reason) == ("refused", "The copy in the store is not what was written.")
    assert names()["alice"] == ""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("users/mallory.jpg", "There is no user 'mallory'."),
        ("organizations/8.png", "There is no organization '8'."),
        ("organizations/x.png", "There is no organization 'x'."),
        ("parts/P-1/front.jpg", "with n from 0"),
        ("cats/1.jpg", "not named after anything"),
        ("alone.jpg", "not named after anything"),
    ],
)
def test_what_has_no_place_is_told_and_the_rest_is_moved(folder: Path, name: str, reason: str) -> None:
    put(folder / name, name)
    answer = run(folder)
    assert tell(answer) == {"moved": 4, "refused": 1}
    assert answer["problems"][0]["file"] == name
    assert reason in answer["problems"][0]["reason"]
    assert "1 picture was left" in answer["error"]


def test_what_is_no_picture_is_refused_and_nothing_is_stored_for_it(folder: Path) -> None:
    (folder / "users/alice.jpg").write_bytes(b"<svg onload=alert(1)>")
    assert tell(run(folder)) == {"moved": 3, "refused": 1}
    assert StoredFile.objects.count() == 3


def test_hidden_files_and_links_are_not_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret.jpg"
    put(elsewhere, "secret")
    (folder / "users/alice.jpg").unlink()
    (folder / "users/alice.jpg").symlink_to(elsewhere)
    put(folder / "users/.bob.jpg", "hidden")
    assert tell(run(folder)) == {"moved": 3}


def test_two_files_for_one_place_stop_the_run(folder: Path) -> None:
    put(folder / "users/alice.png", "other")
    with pytest.raises(CommandError, match=r"alice\.(png|jpg) and .* are for users/alice"):
        call_command("import_media", str(folder), "--backup-done")


def test_a_map_names_the_places(folder: Path) -> None:
    make_user("bob")
    put(folder / "scans/77.jpg", "scan")
    mapping = folder / "map.csv"
    mapping.write_text("file,target\nscans/77.jpg,users/bob\n", encoding="utf-8")
    assert tell(run(folder, "--map", mapping)) == {"moved": 1}
    assert UserProfile.objects.get(user__username="bob").photo
    for row in ("../out.jpg,users/bob", "scans/78.jpg,users/bob", "scans/77.jpg,"):
        mapping.write_text(f"file,target\n{row}\n", encoding="utf-8")
        with pytest.raises(CommandError, match="line 2"):
            call_command("import_media", str(folder), "--map", str(mapping), "--backup-done")


def test_the_pictures_of_a_part_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (1, 2, 10, 9):
        put(tmp_path / f"parts/P-9/{number}.jpg", f"picture {number}")
    assert tell(run(tmp_path)) == {"moved": 4}
    moved = MediaMove.objects.order_by("pk").values_list("key", flat=True)
    assert list(moved) == ["P-9/1", "P-9/2", "P-9/9", "P-9/10"]
    assert tell(run(tmp_path)) == {"unchanged": 4}


def test_without_a_backup_nothing_begins(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Make a backup first"):
        call_command("import_media", str(folder))
    with pytest.raises(CommandError, match="not a backup"):
        call_command("import_media", str(folder), "--backup", str(tmp_path))
    with pytest.raises(CommandError, match="no folder"):
        call_command("import_media", str(folder / "none"), "--backup-done")
    assert not MediaMove.objects.exists()


def test_an_export_is_what_an_import_reads(folder: Path, tmp_path_factory: pytest.TempPathFactory, owner: User) -> None:
    Part.objects.create(number="A/7 ..")
    put(folder / "parts/A/7 ../0.jpg", "odd")
    dots = make_user("..")
    UserProfile.objects.get_or_create(user=dots)[0].photo.save("a.jpg", ContentFile(draw_image()))
    assert tell(run(folder)) == {"moved": 5}
    out = tmp_path_factory.mktemp("out")
    assert run(out, command="export_media")["written"] == {"users": 2, "organizations": 1, "parts": 3}
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.webp"))
    assert files == [
        "organizations/7.webp",
        "parts/A/7 ../0.webp",
        "parts/P-1/0.webp",
        "parts/P-1/1.webp",
        "users/%2E..webp",
        "users/alice.webp",
    ]
    PartImage.objects.all().delete()
    UserProfile.objects.update(photo="")
    Organization.objects.update(logo="")
    assert tell(run(out)) == {"moved": 6}
    assert {default_storage.exists(name) for name in names().values()} == {True}


def test_an_export_says_what_is_lost(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    run(folder)
    default_storage.delete(names()["alice"])
    answer = run(tmp_path_factory.mktemp("out"), command="export_media")
    assert answer["missing"] == [names()["alice"]]
    assert "not in the store" in answer["error"]
