"""One row of every registered model, with the same text in every field that a stranger could have written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success

from config.audit import AuditEvent
from config.jobs.models import JobAttempt, WorkerBeat
from config.members import GROUP
from config.notices.models import Notice
from contacts.identifiers import uuid7
from contacts.models import (
    Chat,
    ChatAttachment,
    ChatParticipant,
    CommunicationEvent,
    Contact,
    ContactAddress,
    ContactEmail,
    ContactLink,
    ContactPhone,
    ContactPicture,
    Deal,
    DealStage,
    DuplicateSuggestion,
    ExternalIdentity,
    MergeRecord,
    Organization,
    Tag,
    UserProfile,
)
from health.models import (
    Alert,
    AlertRule,
    DealHealth,
    HealthProfile,
    HealthRun,
    MessageTemplate,
    RelationshipHealth,
    Reminder,
)
from imports.models import ImportJob, ImportRow, MappingPreset, ProviderAccount, Revocation, SyncRun
from media_store.models import Part, PhotoJob, SupportVideo
from tests.factories import make_photo_job, make_user
from tests.imports.accounts import make_account


def make_member(username: str) -> User:
    """Make a staff user with the rights of a member."""
    user = make_user(username)
    user.groups.add(Group.objects.get(name=GROUP))
    return user


def make_full_contact(owner: User, text: str) -> Contact:
    """Make a contact with a row of everything that hangs on one, all saying `text`."""
    organization = Organization.objects.create(owner=owner, name=text, domain=text)
    contact = Contact.objects.create(
        owner=owner,
        display_name=text,
        given_name=text,
        family_name=text,
        nickname=text,
        sort_name=text.casefold(),
        organization=organization,
        title=text,
        department=text,
        notes=text,
        extra={text: text},
        facts_at=timezone.now(),
    )
    contact.tags.add(Tag.objects.create(owner=owner, name=text))
    ContactEmail.objects.create(owner=owner, contact=contact, address=text, normalized=text.casefold(), label=text)
    ContactPhone.objects.create(owner=owner, contact=contact, raw=text[:60], label=text[:60])
    ContactAddress.objects.create(owner=owner, contact=contact, street=text, city=text, label=text[:60])
    ContactLink.objects.create(owner=owner, contact=contact, kind="url", value=text, label=text[:60])
    ExternalIdentity.objects.create(owner=owner, contact=contact, source="vcard", external_id=text)
    ContactPicture.objects.create(owner=owner, contact=contact, source="vcard", photo_job=make_photo(owner, text))
    CommunicationEvent.objects.create(
        owner=owner,
        contact=contact,
        kind=CommunicationEvent.Kind.NOTE,
        happened_at=timezone.now(),
        external_id=text,
        subject=text,
        body=text,
    )
    return contact


def make_photo(owner: User, text: str) -> PhotoJob:
    return make_photo_job(owner, source_url=text, last_error=text, state=PhotoJob.State.FAILED, verdict="timeout")


def make_import(owner: User, text: str, *, state: str = ImportJob.State.READY) -> ImportJob:
    """Make an import with one row of each decision, all saying `text`."""
    job = ImportJob.objects.create(
        owner=owner, provider="vcard", state=state, upload_name=text, last_error=text, total=3, processed=3, invalid=1
    )
    parsed = {"display_name": text, "notes": text, "emails": [{"address": text, "label": text}], "problems": [text]}
    changes = {"fields": {"title": {"old": text, "new": text}}, "tags": [text]}
    contact = make_full_contact(owner, text + ".")
    rows = [
        ImportRow(job=job, position=1, decision="create", reason="new", parsed=parsed),
        ImportRow(
            job=job, position=2, decision="update", reason="email", parsed=parsed, changes=changes, contact=contact
        ),
        ImportRow(
            job=job, position=3, decision="invalid", reason="broken_card", raw=text, error=text, outcome="invalid"
        ),
    ]
    ImportRow.objects.bulk_create(rows)
    return job


def make_suggestion(owner: User, text: str) -> DuplicateSuggestion:
    pair = sorted((make_full_contact(owner, f"{text}{n}") for n in "12"), key=lambda contact: contact.pk)
    return DuplicateSuggestion.objects.create(
        owner=owner, first=pair[0], second=pair[1], reasons=["email", "phone"], strength=100
    )


def make_merge(owner: User, text: str) -> MergeRecord:
    contact = make_full_contact(owner, text)
    return MergeRecord.objects.create(
        owner=owner,
        contact=contact,
        survivor_id=contact.pk,
        loser_id=uuid7(),
        loser_name=text,
        journal={"loser": {"notes": text}, "fields": {}, "rows": {}, "added": []},
        merged_at=timezone.now(),
    )


SCORE = {"profile": "signals", "version": 1, "score": 40}


def make_deal(owner: User, text: str) -> Deal:
    stage, _ = DealStage.objects.get_or_create(name="Proposal")
    deal = Deal.objects.create(owner=owner, name=text[:200], stage=stage)
    deal.contacts.add(make_full_contact(owner, text))
    return deal


def make_deal_health(owner: User, text: str) -> DealHealth:
    now = timezone.now()
    return DealHealth.objects.create(
        owner=owner, deal=make_deal(owner, text), status="stalled", status_since=now, calculated_at=now, **SCORE
    )


def make_health(owner: User, text: str) -> RelationshipHealth:
    """Make the score of an organization: that of a contact has no page of its own."""
    now = timezone.now()
    contact = make_full_contact(owner, text)
    common = {**SCORE, "owner": owner, "status": "ghost", "status_since": now, "calculated_at": now, "sentence": text}
    RelationshipHealth.objects.create(contact=contact, **common)
    return RelationshipHealth.objects.create(
        organization=contact.organization, factors={text: {"value": 1}}, risk_factors=[text[:40]], **common
    )


def make_alert(owner: User, text: str) -> Alert:
    rule, _ = AlertRule.objects.get_or_create(name="A rule", defaults={"metric": "days_silent", "severity": "info"})
    contact = make_full_contact(owner, text)
    return Alert.objects.create(owner=owner, rule=rule, contact=contact, severity="info", raised_at=timezone.now())


def make_chat(owner: User, text: str) -> Chat:
    """Make a chat with a contact, a picture that failed, somebody in it and a file, all saying `text`."""
    chat = Chat.objects.create(
        owner=owner,
        network=text[:60],
        account_key=uuid7(),
        external_id=text,
        kind=Chat.Kind.SINGLE,
        title=text,
        contact=make_full_contact(owner, text + "?"),
        picture_url=f"mxc://{text}",
        photo_job=make_photo(owner, text),
        last_activity=timezone.now(),
    )
    ChatParticipant.objects.create(owner=owner, chat=chat, external_id=text, name=text, username=text, email=text)
    ChatAttachment.objects.create(
        owner=owner, chat=chat, message_id=text, file_name=text, source_url=text, sent_at=timezone.now()
    )
    return chat


def make_sync(owner: User, text: str) -> SyncRun:
    errors = [{"reason": text, "count": 2}]
    account = make_account(owner, address=text)
    return SyncRun.objects.create(
        owner=owner, account=account, kind="chats", state="failed", last_error=text, errors=errors
    )


# Every registered model has an entry; a new one fails the tests of isolation and escaping until it is written here.
MAKERS: dict[type[models.Model], Callable[[User, str], Any]] = {
    Contact: make_full_contact,
    Chat: make_chat,
    SyncRun: make_sync,
    Organization: lambda owner, text: Organization.objects.create(owner=owner, name=text + "!", domain=text),
    Tag: lambda owner, text: Tag.objects.create(owner=owner, name=text + "!"),
    UserProfile: lambda owner, text: UserProfile.objects.create(user=owner, time_zone="UTC"),
    DuplicateSuggestion: make_suggestion,
    MergeRecord: make_merge,
    AuditEvent: lambda owner, text: AuditEvent.objects.create(
        actor_id=owner.pk,
        actor_name=text,
        owner_id=owner.pk,
        verb="merged",
        object_type="contacts.contact",
        object_id=text[:64],
    ),
    Deal: make_deal,
    DealStage: lambda owner, text: DealStage.objects.create(name=text[:59] + "!"),
    RelationshipHealth: make_health,
    DealHealth: make_deal_health,
    Alert: make_alert,
    AlertRule: lambda owner, text: AlertRule.objects.create(
        name=text[:99] + "!", metric="days_silent", severity="info"
    ),
    Reminder: lambda owner, text: Reminder.objects.create(
        owner=owner, contact=make_full_contact(owner, text), due_on=timezone.localdate(), note=text
    ),
    MessageTemplate: lambda owner, text: MessageTemplate.objects.create(
        owner=owner, context=f"c{MessageTemplate.objects.count()}", text=text
    ),
    HealthProfile: lambda owner, text: HealthProfile.objects.get_or_create(
        name="signals", defaults={"thresholds": {"relationship": {}, "deal": {}}}
    )[0],
    HealthRun: lambda owner, text: HealthRun.objects.create(
        owner=owner, state="failed", last_error=text, errors=[{"owner": 1, "error": text}]
    ),
    ImportJob: make_import,
    ProviderAccount: lambda owner, text: make_account(
        owner, address=text, last_error=text, state="needs_reconnect", scopes=(text,)
    ),
    Revocation: lambda owner, text: Revocation.objects.create(
        owner_id=owner.pk, account_key=uuid7(), provider="google", address=text, state="failed", last_error=text
    ),
    MappingPreset: lambda owner, text: MappingPreset.objects.create(
        owner=owner, name=text[:100], fingerprint=text[:64], mapping={text: "email"}
    ),
    PhotoJob: make_photo,
    Part: lambda owner, text: Part.objects.create(number=text[:50] + "!", name=text, description=text),
    SupportVideo: lambda owner, text: SupportVideo.objects.create(
        title=text, category=text[:100], file="shared/videos/gone.mp4", content_type="video/mp4", size=0
    ),
    User: lambda owner, text: make_user(first_name=text, last_name=text),
    Group: lambda owner, text: Group.objects.create(name=text),
    Schedule: lambda owner, text: Schedule.objects.create(name=text, func="builtins.print", cron=""),
    Success: lambda owner, text: _task(Success, text, is_success=True),
    Failure: lambda owner, text: _task(Failure, text, is_success=False),
    OrmQ: lambda owner, text: OrmQ.objects.create(key="kith", payload=text, lock=timezone.now()),
    JobAttempt: lambda owner, text: JobAttempt.objects.create(
        kind=text[:40], job_id=1, outcome="failed", code=text[:40]
    ),
    Notice: lambda owner, text: Notice.objects.create(
        owner=owner, kind=text[:40], channel="email", subject=text[:200], body=text, last_error=text, state="failed"
    ),
    WorkerBeat: lambda owner, text: WorkerBeat.objects.create(name=text[:100], beat_at=timezone.now()),
}

SHARED = (Part, SupportVideo, DealStage, AlertRule, HealthProfile)
"""Everybody's; model permissions say who may look and who may write."""

OWNED = [model for model in MAKERS if model not in SHARED]


def _task(model: type[models.Model], text: str, *, is_success: bool) -> Any:
    now = timezone.now()
    return model._default_manager.create(
        id=f"{is_success}", name=text[:100], func=text, started=now, stopped=now, success=is_success, result=text
    )
