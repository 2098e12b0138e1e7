from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from config import audit
from config.owned_admin import ReadOnlyAdmin
from imports.accounts import importing, signing_in
from imports.accounts.disconnecting import Permission, disconnect
from imports.accounts.providers import LABELS, PROVIDERS, NotConfigured
from imports.admin.account_forms import ImportForm, SwitchesForm
from imports.admin.connect import connect_view
from imports.lifecycle import AlreadyOpen, NotAllowed
from imports.models import ImportJob, ProviderAccount, SyncRun

RECENT = 5
STATE = ProviderAccount.State


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ReadOnlyAdmin):
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

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(require_POST(self.act))
        own = [path("<path:object_id>/act", act, name="imports_provideraccount_act")]
        return [*own, *super().get_urls()]

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
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(account),
            "original": account,
            "account": account,
            "provider": provider,
            "now": timezone.now(),
            "is_own": account.owner_id == request.user.pk,
            "may_act": self.may_act(request),
            "missing": [LABELS[feature] for feature in missing] if account.state == STATE.CONNECTED else [],
            "switches": switches or SwitchesForm(instance=account),
            "import_form": ImportForm(initial={"on_conflict": importing.usual_on_conflict(account)}),
            "running": account.import_jobs.exclude(state__in=ImportJob.FINAL_STATES).first(),
            "imports": account.import_jobs.all()[:RECENT],
            "runs": account.sync_runs.all()[:RECENT],
        }
        return render(request, "imports/admin/account.html", context)

    def act(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Do what a button of the account's page says, or tell why not."""
        account = self.get_owned_or_404(request, object_id)
        if not self.may_act(request):
            raise PermissionDenied
        verbs: dict[str, Callable[[HttpRequest, ProviderAccount], HttpResponse]] = {
            "switch": self._switch,
            "import": self._import,
            "disconnect": self._disconnect,
            "remove": self._remove,
        }
        verb = verbs.get(request.POST.get("verb", ""))
        return verb(request, account) if verb else self._back(account)

    # --- What the buttons do ------------------------------------------------------------------------------------------
    def _switch(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse:
        """Save the switches; what the provider was not asked for yet is switched on once it has been allowed."""
        form = SwitchesForm(request.POST, instance=account)
        if not form.is_valid():
            return self.show(request, account, switches=form)
        missing = form.hold_back_missing()
        form.save()
        if not missing:
            messages.success(request, "Saved.")
            return self._back(account)
        if account.owner_id != request.user.pk:
            messages.error(request, "Only the owner of the account can give that permission.")
            return self._back(account)
        intent = signing_in.Intent(features=tuple(missing), account_id=str(account.pk))
        provider = PROVIDERS[account.provider]
        try:
            consent = signing_in.begin(
                request.session, request.user, provider, intent, now=timezone.now(), account=account
            )
        except NotConfigured as refusal:
            messages.error(request, str(refusal))
            return self._back(account)
        return HttpResponseRedirect(consent)

    def _import(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse:
        form = ImportForm(request.POST)
        options = form.cleaned_data if form.is_valid() else {}
        try:
            job = importing.start_import(account, **options)
        except AlreadyOpen as refusal:
            messages.warning(request, str(refusal))
            job = refusal.job
        except NotAllowed as refusal:
            messages.error(request, str(refusal))
            return self._back(account)
        return HttpResponseRedirect(reverse("admin:imports_importjob_change", args=[job.pk]))

    def _disconnect(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse:
        permission = disconnect(account, now=timezone.now())
        messages.success(request, f"{account} is disconnected. What was brought in stays.")
        provider = PROVIDERS.get(account.provider)
        if permission == Permission.BY_HAND and provider:
            messages.warning(
                request,
                f"{provider.label} still lists Kith among the programs with access to this account. "
                f"You can remove it at {provider.permissions_page}",
            )
        return self._back(account)

    def _remove(self, request: HttpRequest, account: ProviderAccount) -> HttpResponse:
        if account.state != STATE.DISCONNECTED:
            messages.error(request, "Disconnect the account first.")
            return self._back(account)
        audit.record(audit.Verb.DELETED, ProviderAccount, owner_id=account.owner_id, object_id=account.pk)
        account.delete()
        messages.success(request, f"{account} is removed from the list. What was brought in stays.")
        return HttpResponseRedirect(reverse("admin:imports_provideraccount_changelist"))

    def _back(self, account: ProviderAccount) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:imports_provideraccount_change", args=[account.pk]))

    # --- Rights -------------------------------------------------------------------------------------------------------
    def may_act(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("imports.change_provideraccount"))

    def has_connect_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("imports.add_provideraccount"))


def _moment(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" if moment else "never"
