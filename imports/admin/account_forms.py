"""The forms on the page of an account."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from imports.accounts.importing import has_contacts
from imports.accounts.providers import PROVIDERS, Feature
from imports.accounts.signing_in import SWITCHES
from imports.models import ImportJob, ProviderAccount


class SwitchesForm(forms.ModelForm):  # type: ignore[type-arg]
    """What is read from an account, and how often; only what its provider has."""

    class Meta:
        model = ProviderAccount
        fields = ["import_rhythm", "has_other_contacts", "is_mail_synced", "is_calendar_synced"]
        labels = {
            "import_rhythm": "Import contacts by itself",
            "has_other_contacts": "Also other contacts",
            "is_mail_synced": "Read mail",
            "is_calendar_synced": "Read the calendar",
        }
        help_texts = {
            "import_rhythm": "What has changed there is then imported without a preview. Each import can be undone.",
            "has_other_contacts": "People whom you have only written to, as Google collects them.",
            "is_mail_synced": "Who wrote to whom, when, and the subject. Never the text of a message.",
            "is_calendar_synced": "Meetings with people you know: when, and who was invited.",
        }
        widgets = {
            "import_rhythm": UnfoldAdminSelectWidget,
            "has_other_contacts": UnfoldBooleanSwitchWidget,
            "is_mail_synced": UnfoldBooleanSwitchWidget,
            "is_calendar_synced": UnfoldBooleanSwitchWidget,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        provider = PROVIDERS.get(self.instance.provider)
        known = provider.scopes if provider else {}
        for feature, column in SWITCHES.items():
            if feature not in known:
                del self.fields[column]
        if not has_contacts(self.instance):
            del self.fields["import_rhythm"]

    def hold_back_missing(self) -> list[Feature]:
        """Leave off what was switched on without the provider's permission, and return it."""
        provider = PROVIDERS.get(self.instance.provider)
        wanted = [feature for feature, column in SWITCHES.items() if column in self.changed_data]
        wanted = [feature for feature in wanted if self.cleaned_data[SWITCHES[feature]]]
        missing = provider.missing_features(wanted, granted=self.instance.scopes) if provider else []
        for feature in missing:
            setattr(self.instance, SWITCHES[feature], False)
        return missing

    def save(self, commit: bool = True) -> ProviderAccount:
        """Write the switches alone: tokens and cursors belong to the workers, who may be at it."""
        account: ProviderAccount = self.instance
        ProviderAccount.objects.filter(pk=account.pk).update(**{name: getattr(account, name) for name in self.fields})
        return account


class ImportForm(forms.Form):
    has_preview = forms.BooleanField(
        label="Show me a preview first", required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )
    on_conflict = forms.ChoiceField(
        label="When a contact is known already",
        choices=ImportJob.OnConflict.choices,
        initial=ImportJob.OnConflict.FILL_BLANKS,
        widget=UnfoldAdminSelectWidget,
    )
    is_full = forms.BooleanField(
        label="List everybody again, not only what has changed", required=False, widget=UnfoldBooleanSwitchWidget
    )
