"""The admin of what all users share: parts with their galleries, and films. Model permissions say who may what."""

from __future__ import annotations

from django.contrib.admin.sites import AdminSite
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold.decorators import display

from config.owned_admin import OwnedAdmin, OwnedTabularInline, SharedFields
from media_store.admin_uploads import UploadAdmin, UploadFields
from media_store.models import Part, PartImage, PartVideo, SupportVideo


class PartImageInline(UploadFields, SharedFields, OwnedTabularInline):
    """The gallery in its order. A new picture goes to the end; `media_store.gallery` moves them."""

    model = PartImage
    fields = ["preview", "image"]
    readonly_fields = ["preview"]
    ordering = ["position"]

    @display(description="Picture")
    def preview(self, image: PartImage) -> SafeString:
        url = image.image.url if image.pk else ""
        return render_to_string("media_store/admin/preview.html", {"url": url, "name": str(image)})


class PartVideoInline(UploadFields, SharedFields, OwnedTabularInline):
    model = PartVideo
    fields = ["title", "kind", "file", "thumbnail", "duration"]
    readonly_fields = ["duration"]


class PartAdmin(UploadAdmin, SharedFields, OwnedAdmin):
    list_display = ["number", "name"]
    search_fields = ["number__istartswith", "name__istartswith"]
    search_help_text = "Number or name"
    fields = ["number", "name", "description"]
    inlines = [PartImageInline, PartVideoInline]


class SupportVideoAdmin(UploadAdmin, SharedFields, OwnedAdmin):
    list_display = ["title", "category", "content_type", "duration", "size"]
    search_fields = ["title__istartswith"]
    search_help_text = "Title"
    fields = ["title", "category", "file", "thumbnail", "content_type", "duration", "size"]
    readonly_fields = ["content_type", "duration", "size"]


def register(site: AdminSite) -> None:
    """Add these pages to the admin; called from `media_store.admin`."""
    site.register(Part, PartAdmin)
    site.register(SupportVideo, SupportVideoAdmin)
