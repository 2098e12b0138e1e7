from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Hundreds of refused requests are expected here, and each traceback in the log would take longer than the page."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
