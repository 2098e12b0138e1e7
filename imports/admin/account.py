from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from config import audit
from config.job_admin import ButtonsAdmin
from imports.accounts import importing, signing_in
from imports.accounts.disconnecting import Permission, disconnect
from imports.accounts.providers import LABELS, PROVIDERS, NotConfigured
from imports.admin.account_forms import ImportForm, SwitchesForm
from imports.admin.connect import connect_view
from imports.lifecycle import AlreadyOpen, NotAllowed
from imports.models import ImportJob, ProviderAccount, SyncRun

RECENT = 5
STATE, Provider = ProviderAccount.State, ProviderAccount.Provider

# Of accounts that one does not sign in to at a provider's own page.
READS: dict[str, str] = {Provider.IMAP: "mail", Provider.BEEPER: "contacts, chats"}
CONNECT_PAGES: dict[str, str] = {
    Provider.IMAP: "admin:imports_syncrun_connect_mail_server",
    Provider.BEEPER: "admin:imports_syncrun_connect_beeper",
}

STILL_LISTED = {
    Permission.BY_HAND: "{} still lists Kith among the programs with access to this account.",
    Permission.LATER: "{} could not be told at once that Kith gives up its access; this is tried again by itself.",
}


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ButtonsAdmin):
    list_display = ["address", "provider", "badge", "reads", "imported", "synced"]
    list_display_links = ["address"]
    list_filter = [("state", ChoicesDropdownFilter), ("provider", ChoicesDropdownFilter)]
    search_fields = ["address__istartswith"]
    search_help_text = "Address"
    sortable_by = ()
    actions_list = ["connect"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderAccount]:
        runs = SyncRun.objects.filter(account=OuterRef("pk"), finished_at__isnull=False).order_by("-finished_at")
        accounts: QuerySet[ProviderAccount] = super().get_queryset(request).defer("sealed_tokens", "cursors")
        synced: QuerySet[ProviderAccount] = accounts.annotate(synced_at=Subquery(runs.values("finished_at")[:1]))
        return synced

    # --- Columns ------------------------------------------------------------------------------------------------------
    @display(description="State")
    def badge(self, account: ProviderAccount) -> SafeString:
        return render_to_string("imports/admin/account_state.html", {"account": account, "now": timezone.now()})

    @display(description="Reads")
    def reads(self, account: ProviderAccount) -> str:
        if account.provider not in PROVIDERS:
            return READS.get(account.provider, "")
        return ", ".join(LABELS[feature] for feature in signing_in.features_of(account))

    @display(description="Last import")
    def imported(self, account: ProviderAccount) -> str:
        return _moment(account.imported_at)

    @display(description="Last sync")
    def synced(self, account: ProviderAccount) -> str:
        return _moment(getattr(account, "synced_at", None))

    # --- Pages --------------------------------------------------------------------------------------------------------
    @action(
        description="Connect an account",
        url_path="connect",
        icon="add_link",
        permissions=["connect"],
        variant=ActionVariant.PRIMARY,
    )
    def connect(self, request: HttpRequest) -> HttpResponse:
        return connect_view(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self.show(request, self.get_owned_or_404(request, object_id))

    def show(
        self, request: HttpRequest, account: ProviderAccount, *, switches: SwitchesForm | None = None
    ) -> HttpResponse:
        provider = PROVIDERS.get(account.provider)
        features = signing_in.features_of(account)
        missing = provider.missing_features(features, granted=account.scopes) if provider else []
        context = {
            **self.page_context(request, title=str(account), original=account),
            "account": account,
            "provider": provider,
            "has_contacts": importing.has_contacts(account),
            "now": timezone.now(),
            "is_own": account.owner_id == request.user.pk,
            "sign_in_url": _sign_in_url(account) if account.owner_id == request.user.pk else "",
            "may_act": self.has_act_permission(request),
            "missing": [LABELS[feature] for feature in missing] if account.state == STATE.CONNECTED else [],
            "switches": switches or SwitchesForm(instance=account),
            "import_form": ImportForm(initial={"on_conflict": importing.usual_on_conflict(account)}),
            "running": account.import_jobs.exclude(state__in=ImportJob.FINAL_STATES).first(),
            "imports": account.import_jobs.all()[:RECENT],
            "runs": account.sync_runs.all()[:RECENT],
        }
        return render(request, "imports/admin/account.html", context)

    def do(self, request: HttpRequest, account: ProviderAccount, verb: str) -> HttpResponse | None:
        verbs: dict[str, Callable[[HttpRequest, ProviderAccount], HttpResponse | None]] = {
            "switch": self._switch,
            "import": self._import,
            "disconnect": self._disconnect,
            "remove": self._remove,
        }
        return verbs[verb](request, account) if verb in verbs else None

    # --- What the buttons do ------------------------------------------------------------------------------------------
    def _switch(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse | None:
        """Save the switches; what the provider was not asked for yet is switched on once it has been allowed."""
        form = SwitchesForm(request.POST, instance=account)
        if not form.is_valid():
            return self.show(request, account, switches=form)
        missing = form.hold_back_missing()
        form.save()
        if not missing:
            messages.success(request, "Saved.")
            return None
        if account.owner_id != request.user.pk:
            messages.error(request, "Only the owner of the account can give that permission.")
            return None
        intent = signing_in.Intent(features=tuple(missing), account_id=str(account.pk))
        provider = PROVIDERS[account.provider]
        try:
            consent = signing_in.begin(
                request.session, request.user, provider, intent, now=timezone.now(), account=account
            )
        except NotConfigured as refusal:
            messages.error(request, str(refusal))
            return None
        return HttpResponseRedirect(consent)

    def _import(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse | None:
        form = ImportForm(request.POST)
        options = form.cleaned_data if form.is_valid() else {}
        try:
            job = importing.start_import(account, **options)
        except AlreadyOpen as refusal:
            messages.warning(request, str(refusal))
            job = refusal.job
        except NotAllowed as refusal:
            messages.error(request, str(refusal))
            return None
        return HttpResponseRedirect(reverse("admin:imports_importjob_change", args=[job.pk]))

    def _disconnect(self, request: HttpRequest, account: ProviderAccount) -> None:
        permission = disconnect(account, now=timezone.now())
        messages.success(request, f"{account} is disconnected. What was brought in stays.")
        provider = PROVIDERS.get(account.provider)
        if permission in STILL_LISTED and provider:
            still = STILL_LISTED[permission].format(provider.label)
            messages.warning(request, f"{still} You can remove it at {provider.permissions_page}")

    def _remove(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse | None:
        number, _ = ProviderAccount.objects.filter(pk=account.pk, state=STATE.DISCONNECTED).delete()
        if not number:
            messages.error(request, "Disconnect the account first.")
            return None
        audit.record(audit.Verb.DELETED, ProviderAccount, owner_id=account.owner_id, object_id=account.pk)
        messages.success(request, f"{account} is removed from the list. What was brought in stays.")
        return self.to_list()

    # --- Rights -------------------------------------------------------------------------------------------------------
    def has_connect_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("imports.add_provideraccount"))


def _sign_in_url(account: ProviderAccount) -> str:
    """Return where the owner gives the permission anew: at the provider, or by entering it here once more."""
    if account.provider in PROVIDERS:
        start = reverse("api-1:account_start", args=[account.provider])
        return f"{start}?{urlencode({'account': account.pk, 'then': 'account'})}"
    page = CONNECT_PAGES.get(account.provider)
    return reverse(page) if page else ""


def _moment(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" if moment else "never"
