"""The form of a profile: weights, bands and day limits, for trying out and for saving."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from django import forms

from contacts.models import DealStage
from health.models import HealthProfile
from health.scoring import deals, signals
from health.whatif import Proposal
from health.wording import FACTORS

KINDS = {"relationship": signals.FACTORS, "deal": deals.FACTORS}
LIMITS = ("optimal", "warning", "critical")
BEYOND = {"optimal": "slow", "warning": "late", "critical": "far too late"}
BANDS = {
    "healthy": "Healthy from",
    "at_risk": "At risk from",
    "warning": "Warning from",
    "critical": "Critical from",
}


class ProfileForm(forms.Form):
    """Fields `<kind>_w_<factor>`, `<kind>_b_<band>` and `l_<stage or 0>_<limit>`; blank limits mean the others' row."""

    def __init__(self, profile: HealthProfile, data: Any = None) -> None:
        super().__init__(data)
        self.profile = profile
        self.stages: dict[int | None, str] = dict(
            DealStage.objects.filter(outcome=DealStage.Outcome.OPEN).values_list("pk", "name")
        )
        if profile.name == HealthProfile.Name.SIGNALS:
            self.stages[None] = "All other stages"
        self._add_scores()
        self._add_limits()

    def _add_scores(self) -> None:
        for kind, factors in KINDS.items():
            weights = self.profile.weights.get(kind)
            for factor in factors if weights else ():
                self.fields[f"{kind}_w_{factor}"] = forms.FloatField(
                    label=FACTORS[factor], min_value=0, max_value=1000, initial=weights.get(factor, 0), widget=_number()
                )
            for band, lowest in sorted(self.profile.thresholds[kind].items(), key=lambda found: -found[1]):
                self.fields[f"{kind}_b_{band}"] = forms.IntegerField(
                    label=BANDS.get(band, band), min_value=0, max_value=100, initial=lowest, widget=_number()
                )

    def _add_limits(self) -> None:
        known = {limits.stage_id: limits for limits in self.profile.stage_limits.all()}
        for stage_id, name in self.stages.items():
            for limit in LIMITS:
                self.fields[f"l_{stage_id or 0}_{limit}"] = forms.IntegerField(
                    min_value=1,
                    max_value=1000,
                    required=stage_id is None,
                    initial=getattr(known.get(stage_id), limit, None),
                    widget=_number(f"{name}: days until {BEYOND[limit]}"),
                )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for kind in KINDS:
            lowest = [cleaned[name] for name in self._names(f"{kind}_b_") if name in cleaned]
            if any(low >= high for high, low in itertools.pairwise(lowest)):
                self.add_error(None, f"The bands of a {kind} must begin at lower and lower scores.")
        for stage_id, name in self.stages.items():
            typed = [cleaned.get(f"l_{stage_id or 0}_{limit}") for limit in LIMITS]
            days = [number for number in typed if number is not None]
            if days and (len(days) < len(LIMITS) or days != sorted(set(days))):
                self.add_error(None, f"{name}: write three rising numbers of days, or none.")
        return cleaned

    def proposal(self) -> Proposal:
        """Return what was typed; call it on a valid form."""
        weights = {kind: self._values(f"{kind}_w_") for kind in KINDS if self.profile.weights.get(kind)}
        thresholds = {kind: self._values(f"{kind}_b_") for kind in KINDS}
        return Proposal(weights, thresholds, {stage_id: self._days(stage_id) for stage_id in self.stages})

    def groups(self) -> Iterator[dict[str, Any]]:
        """Give title, fields and hint of each part of the form, for the template."""
        for kind, title in (("relationship", "Relationships"), ("deal", "Deals")):
            if weights := self._names(f"{kind}_w_"):
                yield {"title": f"{title}: weights", "fields": [self[name] for name in weights]}
            bands = [self[name] for name in self._names(f"{kind}_b_")]
            yield {"title": f"{title}: bands", "fields": bands, "hint": "The lowest score of each."}

    def limit_rows(self) -> list[dict[str, Any]]:
        """Return name and three fields of each stage."""
        return [
            {"name": name, "fields": [self[f"l_{stage_id or 0}_{limit}"] for limit in LIMITS]}
            for stage_id, name in self.stages.items()
        ]

    def _names(self, prefix: str) -> list[str]:
        return [name for name in self.fields if name.startswith(prefix)]

    def _values(self, prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): self.cleaned_data[name] for name in self._names(prefix)}

    def _days(self, stage_id: int | None) -> tuple[int, int, int] | None:
        first, second, third = (self.cleaned_data[f"l_{stage_id or 0}_{limit}"] for limit in LIMITS)
        return None if first is None else (first, second, third)


def _number(label: str = "") -> forms.NumberInput:
    """Return a number's field; `label` names it to screen readers where a heading does so to the eye."""
    named = {"aria-label": label} if label else {}
    return forms.NumberInput(attrs={"class": "kith-input", "step": "any", **named})
