"""The page on which a file is handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from imports import lifecycle
from imports.models import ImportJob

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from imports.admin.job import ImportJobAdmin


class UploadForm(forms.Form):
    file = forms.FileField(widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".vcf,.vcard,.csv,.tsv,.txt"}))
    has_preview = forms.BooleanField(
        label="Show me a preview first",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Nothing is written before you have looked at it and confirmed.",
    )
    on_conflict = forms.ChoiceField(
        label="When a contact is known already",
        choices=ImportJob.OnConflict.choices,
        initial=ImportJob.OnConflict.FILL_BLANKS,
        widget=UnfoldAdminSelectWidget,
        help_text="E-mails, phones, addresses and tags are added either way; fields edited by hand stay as they are.",
    )


def upload_view(model_admin: ImportJobAdmin, request: HttpRequest) -> HttpResponse:
    """Take a file in and go to the page of its job, or say what is wrong with it."""
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            job = start(request, form.cleaned_data)
            return model_admin.to_page(job)
        except lifecycle.UploadRefused as refusal:
            form.add_error("file", str(refusal))
    context = {
        **model_admin.page_context(request, title="Import a file"),
        "form": form,
        "csv_limit": filesizeformat(settings.IMPORT_CSV_MAX_BYTES),
        "vcard_limit": filesizeformat(settings.IMPORT_VCARD_MAX_BYTES),
    }
    return render(request, "imports/admin/upload.html", context)


def start(request: HttpRequest, choices: dict[str, Any]) -> ImportJob:
    upload = choices["file"]
    return lifecycle.start_upload(
        cast("AbstractBaseUser", request.user),
        file=upload,
        name=upload.name,
        has_preview=choices["has_preview"],
        on_conflict=choices["on_conflict"],
    )
