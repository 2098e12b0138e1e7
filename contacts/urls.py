from __future__ import annotations

from django.urls import path

from contacts import chat_views, views

urlpatterns = [
    path("images/chats/<uuid:chat_id>/icon", chat_views.chat_icon, name="chat-icon"),
    path("images/contacts/<uuid:contact_id>/avatar", views.contact_avatar, name="contact-avatar"),
    path("images/users/<int:user_id>/profile", views.user_profile_photo, name="user-profile-photo"),
    path("images/organizations/<int:organization_id>/logo", views.organization_logo, name="organization-logo"),
    path("api/v1/contacts/<uuid:contact_id>/avatar", views.change_contact_avatar, name="change-contact-avatar"),
    path("uploads/users/profile-photo", views.change_profile_photo, name="change-profile-photo"),
    path(
        "uploads/organizations/<int:organization_id>/logo",
        views.change_organization_logo,
        name="change-organization-logo",
    ),
]
