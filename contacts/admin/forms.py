"""What a person types about a contact, cleaned by the same rules as what an import brings."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import PaginationInlineFormSet

from config.owned_admin import OwnedForm
from contacts import links
from contacts.avatars import checked_picture, uploaded_picture
from contacts.birthdays import read_birthday
from contacts.models import ContactAddress, ContactEmail, ContactLink, ContactPhone
from contacts.names import sort_name, split_free_name
from contacts.normalizing import normalize_email, normalize_phone
from contacts.text import clean_line, clean_text
from media_store.fields import CheckedFormField
from media_store.widgets import PictureWidget

ADDRESS_PARTS = ("label", "street", "postal_code", "city", "region", "country")
LINES = ["display_name", "given_name", "family_name", "nickname", "title", "department"]


class ContactForm(OwnedForm):
    uploaded_picture = CheckedFormField(
        label="Picture",
        required=False,
        check=checked_picture,
        widget=PictureWidget,
        help_text="Shown before all others.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "uploaded_picture" in self.fields:
            self.fields["uploaded_picture"].initial = uploaded_picture(self.instance)
        if "display_name" in self.fields:
            self.fields["display_name"].required = False
            self.fields["display_name"].help_text = "Left empty, it is made from the other names."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in LINES:
            cleaned[name] = clean_line(cleaned.get(name) or "")
        cleaned["notes"] = clean_text(cleaned.get("notes") or "")
        whole = f"{cleaned['given_name']} {cleaned['family_name']}".strip() or cleaned["nickname"]
        cleaned["display_name"] = cleaned["display_name"] or whole
        if not cleaned["display_name"]:
            self.add_error("display_name", "A contact needs a name.")
            return cleaned
        if not cleaned["given_name"] and not cleaned["family_name"]:
            cleaned["given_name"], cleaned["family_name"] = split_free_name(cleaned["display_name"])
        self.instance.sort_name = sort_name(
            display_name=cleaned["display_name"],
            given_name=cleaned["given_name"],
            family_name=cleaned["family_name"],
        )
        return cleaned

    def clean_birthday(self) -> str:
        birthday = read_birthday(self.cleaned_data["birthday"])
        if birthday is None:
            raise ValidationError("Write it as 1980-03-28, or --03-28 when the year is unknown.")
        return birthday


class EmailForm(forms.ModelForm):  # type: ignore[type-arg]
    """Works out the match key of a new address."""

    class Meta:
        model = ContactEmail
        fields = ["address", "label", "is_primary"]

    def clean_address(self) -> str:
        address, normalized = normalize_email(self.cleaned_data["address"])
        if "address" not in self.changed_data:
            return str(self.cleaned_data["address"])
        if not normalized:
            raise ValidationError("This is not an e-mail address.")
        self.instance.normalized = normalized
        return address


class EmailFormSet(PaginationInlineFormSet):
    """Checks that a contact has each address once; Django leaves constraints on the parent to the database."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [form for form in self.forms if not self._should_delete_form(form)]
        handed_in = {form.instance.pk for form in self.forms}
        stored = ContactEmail.objects.filter(contact_id=self.instance.pk)
        seen = {email.normalized for email in stored if email.pk not in handed_in}
        for form in kept:
            key = form.instance.normalized
            if key and key in seen:
                form.add_error("address", "This address is there twice.")
            seen.add(key)


class PhoneForm(forms.ModelForm):  # type: ignore[type-arg]
    """Works out the match key of a new number; `region` is the country of numbers without a prefix."""

    region: ClassVar[str] = ""

    class Meta:
        model = ContactPhone
        fields = ["raw", "label", "is_primary"]
        labels = {"raw": "Number"}

    def clean_raw(self) -> str:
        raw = clean_line(self.cleaned_data["raw"])
        if "raw" in self.changed_data:
            if not any(character.isdigit() for character in raw):
                raise ValidationError("This is not a telephone number.")
            self.instance.e164 = normalize_phone(raw, region=self.region)
        return raw


class AddressForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ContactAddress
        fields = ADDRESS_PARTS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        # Not `self.fields` nor those of Meta: a formset adds the contact to both, which is no text.
        parts = {name: clean_text(str(cleaned.get(name) or "")) for name in ADDRESS_PARTS}
        if not any(value for name, value in parts.items() if name != "label"):
            raise ValidationError("An address needs at least one line.")
        return {**cleaned, **parts}


class LinkForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ContactLink
        fields = ["kind", "value", "label"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        typed = cleaned.get("value") or ""
        is_web = cleaned.get("kind") == ContactLink.Kind.URL
        value = links.web_address(typed) if is_web else links.web_address(typed) or links.handle(typed)
        if typed and not value:
            self.add_error("value", "Only http and https addresses can be kept." if is_web else "This cannot be kept.")
        cleaned["value"] = value
        return cleaned
