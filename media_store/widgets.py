"""What a form shows for a picture: the present one, a way to choose another, and one to take it away."""

from __future__ import annotations

from typing import Any

from django.forms.widgets import ClearableFileInput
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

ACCEPTED = "image/jpeg,image/png,image/webp,image/gif,image/avif"


class PictureWidget(ClearableFileInput):
    """A plain file input, so that it works without scripts; its template is one of ours, not of a form renderer."""

    template_name = "media_store/admin/picture_input.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"accept": ACCEPTED, **(attrs or {})})

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        return render_to_string(self.template_name, self.get_context(name, value, attrs))
