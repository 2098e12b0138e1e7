from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config.api import api

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/cron/", include("config.cron")),
    path("api/", api.urls),
    path("", include("config.probes")),
    path("", include("contacts.urls")),
    path("", include("imports.beeper.urls")),
    path("", include("media_store.urls")),
]
