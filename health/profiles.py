"""Read a profile as the parameters of the scoring statements, and change it as a new version."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F

from health.models import HealthProfile, StageLimits
from health.scoring import deals, signals


class UnknownProfile(ValueError):
    """There is no profile of that name, or none is active."""


def load(name: str = "") -> HealthProfile:
    """Return the profile called `name`, or the active one; UnknownProfile with a plain sentence."""
    profiles = HealthProfile.objects.filter(name=name) if name else HealthProfile.objects.filter(active=True)
    profile = profiles.first()
    if profile is None:
        known = ", ".join(HealthProfile.objects.values_list("name", flat=True)) or "none"
        raise UnknownProfile(f"There is no profile {name!r}. Known: {known}." if name else "No profile is active.")
    return profile


def parameters(profile: HealthProfile, kind: str) -> dict[str, Any]:
    """Return the parameters of a profile's statements for `relationship` or `deal`: bands `b_…`, weights `w_…`.

    A missing weight is zero: the factor is shown and does not count.
    """
    names = signals.FACTORS if kind == "relationship" else deals.FACTORS
    weights = profile.weights.get(kind, {})
    return {
        "profile": profile.name,
        "profile_id": profile.pk,
        "version": profile.version,
        **{f"b_{band}": lowest for band, lowest in profile.thresholds[kind].items()},
        **{f"w_{name}": weights.get(name, 0) for name in names},
    }


def revise(
    profile: HealthProfile,
    *,
    weights: dict[str, Any] | None = None,
    thresholds: dict[str, Any] | None = None,
    limits: dict[int | None, tuple[int, int, int] | None] | None = None,
) -> HealthProfile:
    """Change weights, bands, or the day limits of stages (stage id or None -> three ascending numbers of days, or
    None where the stage has none of its own).

    The version goes up, so that every score of the profile is due. ValueError for negative or unknown weights.
    """
    with transaction.atomic():
        profile = HealthProfile.objects.select_for_update().get(pk=profile.pk)
        if weights is not None:
            _check_weights(weights)
            profile.weights = weights
        if thresholds is not None:
            profile.thresholds = thresholds
        for stage_id, days in (limits or {}).items():
            if days is None:
                StageLimits.objects.filter(profile=profile, stage_id=stage_id).delete()
                continue
            values = dict(zip(("optimal", "warning", "critical"), days, strict=True))
            StageLimits.objects.update_or_create(profile=profile, stage_id=stage_id, defaults=values)
        profile.save(update_fields=["weights", "thresholds"])
        HealthProfile.objects.filter(pk=profile.pk).update(version=F("version") + 1)
    return HealthProfile.objects.get(pk=profile.pk)


def activate(profile: HealthProfile) -> None:
    """Make this the profile that runs use; of several at the same moment the last one stays."""
    with transaction.atomic():
        # Locked one after the other: without it neither of two sees that the other's profile has become active.
        list(HealthProfile.objects.select_for_update().order_by("pk"))
        HealthProfile.objects.filter(active=True).exclude(pk=profile.pk).update(active=False)
        HealthProfile.objects.filter(pk=profile.pk).update(active=True)


def _check_weights(weights: dict[str, Any]) -> None:
    for kind, names in (("relationship", signals.FACTORS), ("deal", deals.FACTORS)):
        for name, weight in weights.get(kind, {}).items():
            if name not in names:
                raise ValueError(f"There is no factor {name!r} of a {kind}.")
            if not isinstance(weight, (int, float)) or isinstance(weight, bool) or not 0 <= weight <= 1000:
                raise ValueError(f"The weight of {name!r} must be from 0 to 1000.")
