"""Pages about mail: connect a mail server, hand in a mail file, read the past of an account."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from config.jobs.models import Priority
from imports.models import ProviderAccount, SyncRun
from imports.sync import calendar, mail
from imports.sync.mail_servers import CannotConnect, connect
from imports.sync.mbox import NotMbox, read_mbox
from imports.sync.running import request_file_sync, request_sync

if TYPE_CHECKING:
    from imports.admin.sync import SyncRunAdmin

IMAP_PORT = 993


class MailServerForm(forms.Form):
    address = forms.EmailField(label="Your e-mail address", widget=UnfoldAdminEmailInputWidget)
    host = forms.CharField(
        label="Mail server",
        max_length=240,
        widget=UnfoldAdminTextInputWidget,
        help_text="For example imap.example.com.",
    )
    port = forms.IntegerField(
        min_value=1, max_value=65_535, initial=IMAP_PORT, widget=UnfoldAdminIntegerFieldWidget, help_text="With TLS."
    )
    username = forms.CharField(
        label="User name",
        max_length=320,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Leave it empty if it is your e-mail address.",
    )
    password = forms.CharField(
        max_length=1_000,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="An app password, if your provider offers one. It is kept encrypted and shown to nobody.",
    )


class MailFileForm(forms.Form):
    file = forms.FileField(widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".mbox,.mbx,application/mbox"}))
    since = forms.DateField(
        required=False, widget=UnfoldAdminDateWidget, help_text="Leave older messages out. Empty: read all of them."
    )


class PastForm(forms.Form):
    account = forms.ModelChoiceField(ProviderAccount.objects.none(), widget=UnfoldAdminSelectWidget)
    kind = forms.ChoiceField(
        label="What to read",
        choices=[(kind.value, kind.label) for kind in (SyncRun.Kind.MAIL, SyncRun.Kind.CALENDAR)],
        widget=UnfoldAdminSelectWidget,
    )
    since = forms.DateField(widget=UnfoldAdminDateWidget, help_text="A year of a busy mailbox may take an hour.")

    def clean(self) -> None:
        account, kind = self.cleaned_data.get("account"), self.cleaned_data.get("kind")
        readable = mail.READABLE if kind == SyncRun.Kind.MAIL else tuple(calendar.SOURCES)
        if account is not None and account.provider not in readable:
            self.add_error("kind", f"{account} has nothing of this kind that can be read.")


def mail_server_view(model_admin: SyncRunAdmin, request: HttpRequest) -> HttpResponse:
    """Connect a mailbox after its server has let us in, or say why not."""
    form = MailServerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found = form.cleaned_data
        try:
            account = connect(
                int(request.user.pk or 0),
                server=f"{found['host'].strip()}:{found['port']}",
                address=found["address"],
                username=found["username"].strip() or found["address"],
                password=found["password"],
                now=timezone.now(),
            )
        except CannotConnect as problem:
            form.add_error(None, str(problem))
        else:
            request_sync(account, kind=SyncRun.Kind.MAIL, triggered_by="person", priority=Priority.PERSON)
            messages.success(request, f"Connected: {account.address}. Its mail is being read.")
            return model_admin.to_list()
    lead = "Kith reads who wrote to whom and when, never the text, and leaves every message as it is."
    return _form_page(model_admin, request, form, title="Connect a mail server", lead=lead, button="Connect")


def mail_file_view(model_admin: SyncRunAdmin, request: HttpRequest) -> HttpResponse:
    """Take a mail file in and go to the page of its run, or say what is wrong with it."""
    form = MailFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            next(read_mbox(upload.file), None)
        except NotMbox as problem:
            form.add_error("file", str(problem))
        else:
            upload.file.seek(0)
            run = request_file_sync(
                int(request.user.pk or 0), upload, name=upload.name, since=_midnight(form.cleaned_data["since"])
            )
            return model_admin.to_page(run)
    lead = (
        "A file of mail (mbox), as Thunderbird, Apple Mail and Google Takeout write it. Kith keeps who wrote to whom "
        "and when; the file itself is deleted as soon as it has been read."
    )
    return _form_page(model_admin, request, form, title="Read a mail file", lead=lead, button="Read it")


def past_view(model_admin: SyncRunAdmin, request: HttpRequest) -> HttpResponse:
    """Read mail or meetings of an account again from a day in the past."""
    form = PastForm(request.POST or None)
    accounts = ProviderAccount.objects.visible_to(request.user).filter(state=ProviderAccount.State.CONNECTED)
    form.fields["account"].queryset = accounts.filter(provider__in=mail.READABLE).defer("sealed_tokens")  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        found = form.cleaned_data
        run = request_sync(
            found["account"],
            kind=SyncRun.Kind(found["kind"]),
            since=_midnight(found["since"]),
            triggered_by="person",
            priority=Priority.PERSON,
        )
        if run is not None:
            return model_admin.to_page(run)
        form.add_error(None, "This account is being read at the moment. Try again when that has ended.")
    lead = "What is known already is not written twice. Contacts that you have added since then get their events too."
    return _form_page(model_admin, request, form, title="Read the past", lead=lead, button="Read it")


def _midnight(day: object) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None  # type: ignore[arg-type]


def _form_page(
    model_admin: SyncRunAdmin, request: HttpRequest, form: forms.Form, *, title: str, lead: str, button: str
) -> HttpResponse:
    context = {**model_admin.page_context(request, title=title), "form": form, "lead": lead, "button": button}
    return render(request, "imports/admin/mail.html", context)
