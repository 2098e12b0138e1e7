"""What is taken out of pages and forms with pictures: rights, owners, and what an upload must be."""

from __future__ import annotations

from tests.mutants.table import Mutant

DECISIONS = "tests/admin/test_picture_decisions.py::"
FORMS = "tests/admin/test_picture_forms.py::"
PHOTOS = "tests/admin/test_photo_pages.py::"


def decision(old: str, new: str, test: str) -> Mutant:
    return Mutant("pages", "contacts/admin/picture.py", old, new, DECISIONS + test)


PAGE_GUARDS = [
    decision("    if not model_admin.has_change_permission(request, contact):\n        raise PermissionDenied\n", "",
             "test_who_may_only_look_decides_nothing"),
    decision("contact.pictures.filter(pk=", "ContactPicture.objects.filter(pk=",
             "test_a_foreign_picture_is_out_of_reach_also_through_ones_own_contact"),
    decision('if request.method != "POST":', "if False:", "test_nothing_is_done_by_looking"),
    Mutant("pages", "contacts/admin/contact.py",
           "return decide_view(self, request, self.get_owned_or_404(request, object_id))",
           "return decide_view(self, request, Contact.objects.get(pk=object_id))",
           DECISIONS + "test_a_foreign_picture_is_out_of_reach_also_through_ones_own_contact"),
    Mutant("pages", "contacts/pictures.py", "pinned=True).update(pinned=False)", "pinned=True)",
           DECISIONS + "test_only_one_picture_is_pinned"),
    Mutant("pages", "contacts/pictures.py", "and (%s or picture.owner_id = %s)", "and (%s or %s > 0)",
           "tests/contacts/test_avatar.py::test_a_foreign_and_an_unknown_contact_are_the_same_404"),
    Mutant("pages", "media_store/admin.py",
           "        if not self.has_act_permission(request):\n            raise PermissionDenied\n", "",
           PHOTOS + "test_nothing_happens_without_a_verb_a_right_or_a_post"),
    Mutant("pages", "media_store/admin.py", "        jobs = self.get_queryset(request)\n        if",
           "        jobs = PhotoJob.objects.all()\n        if",
           PHOTOS + "test_all_that_wait_are_cancelled_and_what_runs_ends"),
    Mutant("pages", "media_store/admin_statistics.py", "PhotoJob.objects.visible_to(request.user)",
           "PhotoJob.objects.all()", PHOTOS + "test_the_numbers_are_ones_own_with_a_bar_for_every_hour"),
    Mutant("pages", "media_store/admin_statistics.py",
           '    if not request.user.has_perm("media_store.view_photojob"):\n        raise PermissionDenied\n', "",
           PHOTOS + "test_the_numbers_are_for_those_who_may_see_photos"),
    Mutant("pages", "media_store/admin_doctor.py",
           "    if not request.user.is_superuser:\n        raise PermissionDenied\n", "",
           "tests/media_store/test_doctor.py::test_only_superusers_see_the_page"),
    Mutant("uploads", "contacts/avatars.py", "if file.size > settings.PHOTO_MAX_BYTES:", "if False:",
           FORMS + "test_what_is_no_picture_for_a_contact_is_said_in_the_form"),
    Mutant("uploads", "contacts/avatars.py", "        sandbox.square_webp(file.read())\n", "        pass\n",
           FORMS + "test_what_is_no_picture_for_a_contact_is_said_in_the_form"),
    Mutant("uploads", "media_store/fields.py", "if file.size > settings.PHOTO_MAX_BYTES:", "if False:",
           FORMS + "test_what_is_no_logo_is_said_in_the_form"),
    Mutant("uploads", "media_store/admin_uploads.py", "page.status_code = max(", "page.unused = max(",
           FORMS + "test_what_is_no_photo_is_said_in_the_form"),
]  # fmt: skip
