"""The page on which a person says what the columns of an unknown CSV file mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.widgets import UnfoldAdminSelectWidget

from imports import lifecycle, presets
from imports.models import ImportJob
from imports.readers import ReadError
from imports.readers.csv import HEAD_SIZE, MAPPABLE_FIELDS, CsvLayout, inspect

if TYPE_CHECKING:
    from imports.admin.job import ImportJobAdmin

IGNORE = "ignore"
SAMPLES = 3


class MappingForm(forms.Form):
    """One select for each column, named by its place in the header: column titles are a stranger's text."""

    def __init__(self, layout: CsvLayout, *args: Any, present: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.layout = layout
        known = present or presets.guess(layout)
        for place, title in enumerate(layout.header):
            samples = [row[place] for row in layout.sample_rows if place < len(row) and row[place].strip()]
            self.fields[f"column_{place}"] = forms.ChoiceField(
                label=title or f"Column {place + 1}",
                choices=field_choices(),
                initial=known.get(title, IGNORE),
                widget=UnfoldAdminSelectWidget,
                help_text=" · ".join(sample[:60] for sample in samples[:SAMPLES]),
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not set(cleaned.values()) - {IGNORE}:
            raise forms.ValidationError("Choose a field for at least one column.")
        return cleaned

    def mapping(self) -> dict[str, str]:
        """Return header -> field; only of a valid form."""
        return {title: self.cleaned_data[f"column_{place}"] for place, title in enumerate(self.layout.header)}


def field_choices() -> list[tuple[str, str]]:
    return [(IGNORE, "Leave out"), *MAPPABLE_FIELDS.items()]


def mapping_view(model_admin: ImportJobAdmin, request: HttpRequest, job: ImportJob) -> HttpResponse:
    """Show the columns with what is in them and a guess; a POST keeps the mapping and lets the job go on."""
    try:
        with job.upload.open("rb") as upload:
            form = MappingForm(inspect(upload.read(HEAD_SIZE)), request.POST or None, present=job.mapping)
    except (ReadError, FileNotFoundError, ValueError) as error:
        messages.error(request, str(error))
        return model_admin.to_page(job)
    if request.method == "POST" and form.is_valid():
        try:
            lifecycle.set_mapping(job, form.mapping())
            messages.success(
                request, "The columns are known now, also for the next file of this kind; the file is being read."
            )
        except lifecycle.NotAllowed as refusal:
            messages.error(request, str(refusal))
        return model_admin.to_page(job)
    context = {
        **model_admin.page_context(request, title="What the columns mean", original=job),
        "job": job,
        "form": form,
    }
    return render(request, "imports/admin/mapping.html", context)
