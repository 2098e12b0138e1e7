from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.providers.google import GoogleStandIn, google_stand_in
from tests.providers.microsoft import MicrosoftStandIn, microsoft_stand_in


@pytest.fixture
def google(settings: Any) -> Iterator[GoogleStandIn]:
    """Google with one account and 25 people, which the application is set up for."""
    with google_stand_in() as stand_in:
        for name, value in stand_in.settings().items():
            setattr(settings, name, [value] if name == "PHOTO_ALLOWED_HOSTS" else value)
        yield stand_in


@pytest.fixture
def microsoft(settings: Any) -> Iterator[MicrosoftStandIn]:
    """Microsoft with one account and 25 people, which the application is set up for."""
    with microsoft_stand_in() as stand_in:
        for name, value in stand_in.settings().items():
            setattr(settings, name, value)
        yield stand_in
