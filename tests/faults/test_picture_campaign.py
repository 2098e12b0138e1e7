"""Damaged pictures of every format, as photos and as uploads: the long form of tests/media_store/test_zoo.py.

Short in the test suite; `make faults` (KITH_FAULTS=long) decodes 2,000 of each format in each way. The seed is printed,
KITH_FAULTS_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from media_store.sandbox import Sandbox
from tests.media_store import zoo
from tests.media_store.test_zoo import DEADLINE, outcome

IS_LONG = os.environ.get("KITH_FAULTS") == "long"
COUNT = 2_000 if IS_LONG else 50
SEED = int(os.environ.get("KITH_FAULTS_SEED", "0")) or random.randrange(1, 10**6)

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One child for all, so that what a picture leaves behind is seen."""
    pool = Sandbox(size=1, seconds=DEADLINE)
    yield pool
    pool.close()


@pytest.mark.parametrize("is_upload", [False, True], ids=["photo", "upload"])
@pytest.mark.parametrize("format", zoo.FORMATS)
def test_no_damaged_picture_harms_more_than_itself(format: str, is_upload: bool, sandbox: Sandbox) -> None:
    """`outcome` fails above 512 MB, after the deadline, and when what comes out is not clean."""
    print(f"KITH_FAULTS_SEED={SEED}")
    damaged = zoo.mutated(format, count=COUNT, seed=SEED)
    verdicts = Counter(outcome(sandbox, content, is_upload=is_upload) for content in damaged)
    print(f"{format}: {dict(verdicts)}")
    assert sum(verdicts.values()) == COUNT
    assert set(verdicts) <= {"ok", "not_an_image", "too_large", "placeholder"}


def test_random_bytes_behind_every_signature_are_no_picture(sandbox: Sandbox) -> None:
    chance = random.Random(SEED)
    for _ in range(COUNT):
        start = chance.choice(zoo.SIGNATURES)
        content = start + chance.randbytes(chance.randrange(5_000))
        assert outcome(sandbox, content, is_upload=False) in ("not_an_image", "too_large"), (SEED, start)
