"""Our own addresses, and a picture from the disk behind the same login and owner check."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

from django.contrib.admin.views.decorators import staff_member_required
from django.http import FileResponse, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import path
from django.views.decorators.http import require_safe

from config.urls import urlpatterns as own_addresses
from contacts.models import Contact

FOLDER = "KITH_BENCH_FOLDER"
"""The environment variable that names the folder of the rival's pictures, `<contact>.webp`."""


@require_safe
@staff_member_required
def picture_on_disk(request: HttpRequest, contact_id: UUID) -> FileResponse:
    contact = get_object_or_404(Contact.objects.visible_to(request.user), pk=contact_id)
    file = Path(os.environ[FOLDER], f"{contact.pk}.webp").open("rb")  # noqa: SIM115 (the answer closes it)
    return FileResponse(file, content_type="image/webp", headers={"Cache-Control": "private, no-cache"})


urlpatterns = [*own_addresses, path("disk/<uuid:contact_id>", picture_on_disk)]
