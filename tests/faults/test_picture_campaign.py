"""Thousands of damaged pictures of every format: the long form of tests/media_store/test_zoo.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from media_store.sandbox import Sandbox
from tests.media_store import zoo
from tests.media_store.test_zoo import DEADLINE, outcome

COUNT = 2_000
SEED = 20_260_101


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    pool = Sandbox(size=1, seconds=DEADLINE)
    yield pool
    pool.close()


@pytest.mark.parametrize("format", zoo.FORMATS)
def test_no_damaged_picture_harms_more_than_itself(format: str, sandbox: Sandbox) -> None:
    verdicts = Counter(outcome(sandbox, content) for content in zoo.mutated(format, count=COUNT, seed=SEED))
    print(f"{format}: {dict(verdicts)}")
    assert sum(verdicts.values()) == COUNT
    assert set(verdicts) <= {"ok", "not_an_image", "too_large", "placeholder"}
