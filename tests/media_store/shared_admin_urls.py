"""The addresses of Kith with the shared pages in its admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from unfold.sites import UnfoldAdminSite

from config.urls import urlpatterns as all_addresses
from media_store.shared_admin import register

site = UnfoldAdminSite(name="admin")
for model, model_admin in admin.site._registry.items():
    if model._meta.label not in ("media_store.Part", "media_store.SupportVideo"):
        site.register(model, type(model_admin))
register(site)

others = [found for found in all_addresses if str(getattr(found, "pattern", "")) != "admin/"]
urlpatterns = [path("admin/", site.urls), *others]
