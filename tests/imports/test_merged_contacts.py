"""An import that comes after a merge finds the survivor by what was the loser's."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from contacts.merging import Pair, merge, unmerge
from contacts.models import Contact
from imports.models import ImportRow
from tests.imports.builders import card, cards, counts, import_file

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("again", [{"uid": "two"}, {"emails": ["two@example.com"]}])
def test_the_losers_identity_and_address_lead_to_the_survivor(owner: User, again: dict[str, str]) -> None:
    both = [card("Ada Example", uid=uid, emails=[f"{uid}@example.com"]) for uid in ("one", "two")]
    import_file(owner, cards(*both))
    first, second = Contact.objects.order_by("pk")
    merge(Pair(first.pk, second.pk), owner_id=owner.pk, now=timezone.now())
    job = import_file(owner, card("Ada Example", lines=["TITLE:Countess"], **again))
    assert counts(job) == {"updated": 1}
    assert Contact.objects.get().title == "Countess"


def test_undoing_a_merge_leaves_the_rows_of_the_import_as_they_were(owner: User) -> None:
    both = [card("Ada Example", uid=uid, emails=[f"{uid}@example.com"]) for uid in ("one", "two")]
    import_file(owner, cards(*both))
    before = list(ImportRow.objects.order_by("pk").values("contact", "before"))
    first, second = Contact.objects.order_by("pk")
    record = merge(Pair(first.pk, second.pk), owner_id=owner.pk, now=timezone.now())
    assert set(ImportRow.objects.values_list("contact", "before__merged")) == {(first.pk, True)}
    unmerge([record], owner_id=owner.pk, now=timezone.now())
    assert list(ImportRow.objects.order_by("pk").values("contact", "before")) == before
