from __future__ import annotations

import pytest
from django.db import transaction
from django_q.models import OrmQ

from config.jobs.bell import ring

pytestmark = pytest.mark.django_db(transaction=True)


def rung() -> list[str]:
    return [row.task["args"][0] for row in OrmQ.objects.order_by("pk")]


class Undone(Exception):
    pass


def ring_and_undo() -> None:
    with transaction.atomic():
        ring("photos")
        raise Undone


def test_a_transaction_rings_each_queue_once() -> None:
    with transaction.atomic():
        for _ in range(3):
            ring("photos")
            ring("imports")
    assert rung() == ["photos", "imports"]


def test_the_next_transaction_rings_again() -> None:
    for _ in range(2):
        with transaction.atomic():
            ring("photos")
    assert rung() == ["photos", "photos"]


def test_a_rolled_back_transaction_rings_nobody() -> None:
    with pytest.raises(Undone):
        ring_and_undo()
    assert rung() == []


def test_a_ring_lost_with_its_savepoint_is_rung_again() -> None:
    with transaction.atomic():
        with pytest.raises(Undone):
            ring_and_undo()
        ring("photos")
        ring("photos")
    assert rung() == ["photos"]


def test_outside_a_transaction_a_ring_is_heard_at_once() -> None:
    ring("photos")
    assert rung() == ["photos"]
