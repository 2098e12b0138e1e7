from __future__ import annotations

from django.urls import path

from imports.beeper import views

urlpatterns = [path("attachments/<uuid:attachment_id>", views.attachment, name="chat-attachment")]
