"""Which profile is active, also when two people choose at the same moment."""

from __future__ import annotations

import pytest

from health import profiles
from health.models import HealthProfile
from tests.at_once import second_of_two

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_profiles_that_are_activated_at_once_the_last_one_stays() -> None:
    active = HealthProfile.objects.get(active=True)
    other = HealthProfile.objects.exclude(pk=active.pk).get()
    with second_of_two(lambda: profiles.activate(active)) as second:
        profiles.activate(other)
    second.result()
    assert HealthProfile.objects.get(active=True) == active
