"""The rows that failed can be downloaded, repaired and imported again by themselves."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from contacts.models import Contact
from imports.export import failed_rows_csv
from imports.lifecycle import UploadRefused
from tests.imports.builders import counts, import_file, start, the_contact

pytestmark = pytest.mark.django_db

GOOGLE = "First Name,Last Name,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Value,Notes\n"


def test_repaired_rows_of_a_known_layout_import_as_the_original_would(owner: User) -> None:
    job = import_file(owner, GOOGLE + 'Bo,Example,,bo@example.com,,x\n,,,,,"=1+1, only a note"\n', "contacts.csv")
    assert counts(job) == {"created": 1, "invalid": 1}
    failed = "".join(failed_rows_csv(job))
    assert failed.splitlines()[0].endswith("Reason code,Reason")
    repaired = failed.replace(",,,,,", "Ada,Example,,,+1 202 555 0101,", 1) if ",,,,," in failed else failed
    again = import_file(owner, repaired, "failed.csv")
    assert counts(again) == {"created": 1}
    ada = the_contact(owner, given_name="Ada")
    assert ada.notes == "=1+1, only a note"
    assert ada.phones.get().e164 == "+12025550101"
    assert ada.extra == {}


def test_failed_cards_are_text_to_repair_and_the_upload_says_how(owner: User) -> None:
    job = import_file(owner, "BEGIN:VCARD\r\nVERSION:3.0\r\nEND:VCARD\r\n")
    failed = "".join(failed_rows_csv(job))
    with pytest.raises(UploadRefused, match=r"\.vcf"):
        start(owner, failed, "failed.csv")
    assert not Contact.objects.exists()
