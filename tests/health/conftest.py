from __future__ import annotations

import pytest

from tests.health.factories import seed


@pytest.fixture(autouse=True)
def seeded(db: None) -> None:
    """Stages, profiles and rules."""
    seed()
