"""Forms of the admin with pictures and films in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.admin.options import BaseModelAdmin
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse

from media_store import refusals
from media_store.fields import OptimizedImageField
from media_store.widgets import PictureWidget


class UploadFields(BaseModelAdmin):  # type: ignore[type-arg]
    """Mixin of an admin or an inline whose model has picture fields."""

    formfield_overrides: ClassVar[dict[Any, dict[str, Any]]] = {OptimizedImageField: {"widget": PictureWidget}}


class UploadAdmin(UploadFields):
    """Mixin of an admin; a form whose upload was refused comes back with the status that the API would give."""

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        page: HttpResponse = super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]
        errors = [error for form in _forms(context) for found in form.errors.as_data().values() for error in found]
        page.status_code = max((refusals.STATUSES.get(error.code or "", 200) for error in errors), default=200)
        return page


def _forms(context: dict[str, Any]) -> Iterator[BaseForm]:
    yield context["adminform"].form
    for inline in context["inline_admin_formsets"]:
        if inline.formset.is_bound:
            yield from inline.formset.forms
