from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.urls import reverse
from phonenumbers import SUPPORTED_REGIONS

from config.owned_admin import OwnedAdmin
from contacts.models import UserProfile
from media_store.admin_uploads import UploadAdmin


class UserProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = UserProfile
        fields = ["photo", "time_zone", "phone_region"]

    def clean_time_zone(self) -> str:
        zone = str(self.cleaned_data["time_zone"])
        if zone not in available_timezones():
            raise ValidationError("This is not a time zone. Write it like Europe/Berlin.")
        return zone

    def clean_phone_region(self) -> str:
        region = str(self.cleaned_data["phone_region"]).upper()
        if region and region not in SUPPORTED_REGIONS:
            raise ValidationError("This is not a country. Write its two letters, like DE.")
        return region


@admin.register(UserProfile)
class UserProfileAdmin(UploadAdmin, OwnedAdmin):
    """One's own profile; the list of a person without superuser rights leads straight to it."""

    form = UserProfileForm  # type: ignore[assignment]  # its owner is the user itself
    owner_lookup = "user"
    list_display = ["user", "time_zone", "phone_region", "last_seen_at"]
    list_select_related = ["user"]
    fields = ["photo", "time_zone", "phone_region", "last_seen_at"]
    readonly_fields = ["last_seen_at"]
    ordering = ["pk"]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_superuser or not self.has_change_permission(request):
            everybody: HttpResponse = super().changelist_view(request, extra_context)
            return everybody
        profile, _ = UserProfile.objects.get_or_create(user_id=request.user.pk or 0)
        return HttpResponseRedirect(reverse("admin:contacts_userprofile_change", args=[profile.pk]))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A profile comes with its user, on the first visit."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
