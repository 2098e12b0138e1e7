"""What happened between the demo's people and their owner: a mail file, meetings, deals, and the scores of it all."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from config.jobs.draining import drain
from config.jobs.models import Priority
from contacts.deals import move_deal, open_deal
from contacts.events import log_event
from contacts.models import Contact, ContactEmail, Deal, DealStage
from health.models import HealthRun
from health.refreshing import request_run
from imports.models import SyncRun
from imports.sync.running import request_file_sync
from samples.mail import mailbox

MAIL = "sample-mail.mbox"
PEOPLE = 36
WEEKS = 9
# Name, stages in order, days ago of the first one and between them, amount in all and each month.
DEALS = (
    ("Website for the harbour", ("SQL", "Opportunity"), 40, 20, 18_000, 0),
    ("Workshop series", ("SQL", "Opportunity", "Verbal"), 60, 25, 0, 900),
    ("Annual report", ("Opportunity",), 50, 0, 7_500, 0),
    ("Translations", ("SQL",), 5, 0, 0, 250),
)


def is_done(owner: User) -> bool:
    """Say whether an earlier run has read the mail file."""
    return SyncRun.objects.filter(owner=owner, upload_name=MAIL).exists()


def tell(owner: User, *, now: datetime) -> SyncRun:
    """Read the mail file as a person's, log meetings, open deals; return the run of the mail.

    The scores are computed as of some weeks one after the other, so that they have a history.
    """
    people = ContactEmail.objects.filter(owner=owner, is_primary=True).order_by("contact__sort_name", "pk")
    addresses = list(people.values_list("normalized", flat=True)[:PEOPLE])
    run = request_file_sync(
        owner.pk, io.BytesIO(mailbox(addresses, owner=owner.email, now=now)), name=MAIL, triggered_by="demo"
    )
    drain(SyncRun.QUEUE, seconds=None, is_ringing=False)
    run.refresh_from_db()
    contacts = list(
        Contact.objects.filter(owner=owner, emails__normalized__in=addresses).order_by("sort_name").distinct()
    )
    _meet(contacts, now=now)
    _deal(owner, contacts, now=now)
    for weeks in reversed(range(WEEKS)):
        moment = now - timedelta(weeks=weeks)
        # Before the runs that the new events have asked for: these would leave nothing due in the past.
        request_run(owner_id=owner.pk, triggered_by="demo", now=moment, priority=Priority.PERSON)
    drain(HealthRun.QUEUE, seconds=None, is_ringing=False)
    return run


def _meet(contacts: list[Contact], *, now: datetime) -> None:
    for at, contact in enumerate(contacts[::3]):
        log_event(contact, kind="meeting", happened_at=now - timedelta(days=3 + 4 * at), subject="Coffee")


def _deal(owner: User, contacts: list[Contact], *, now: datetime) -> None:
    stages = {stage.name: stage for stage in DealStage.objects.all()}
    for at, (name, steps, began, between, one_off, monthly) in enumerate(DEALS):
        if not set(steps) <= stages.keys() or Deal.objects.filter(owner=owner, name=name).exists():
            continue
        moment = now - timedelta(days=began)
        deal = open_deal(
            owner_id=owner.pk,
            name=name,
            stage=stages[steps[0]],
            now=moment,
            contacts=tuple(contacts[at * 2 : at * 2 + 2]),
            one_off_amount=one_off,
            monthly_amount=monthly,
            expected_close=(now + timedelta(days=10 * at)).date(),
        )
        for step in steps[1:]:
            moment += timedelta(days=between)
            move_deal(deal, stage=stages[step], now=moment)
