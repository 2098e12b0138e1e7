from __future__ import annotations

from django.urls import path

from contacts import views

urlpatterns = [
    path("images/contacts/<uuid:contact_id>/avatar", views.contact_avatar, name="contact-avatar"),
]
