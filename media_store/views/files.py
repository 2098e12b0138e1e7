"""Stored files by their names."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from media_store.models import StoredFile
from media_store.serving import file_response, missing_response


@require_safe
@login_required
def stored_file(request: HttpRequest, name: str) -> HttpResponseBase:
    """Answer with a file of the signed-in user, or of anybody for a superuser; foreign and missing names are 404."""
    user = request.user
    if "\0" in name:  # which PostgreSQL cannot look for
        return missing_response()
    if not user.is_superuser and not name.startswith(f"o{user.pk}/"):
        return missing_response()
    stored = StoredFile.objects.live().filter(name=name).first()
    return file_response(request, stored) if stored else missing_response()
