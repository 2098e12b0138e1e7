"""The daily digest of one owner: what has gone cold and why, alerts, follow-ups and birthdays; each told once.

A band is told when it has held for two calculations in a row, and is then the one that the owner knows
(`Score.told_status`); alerts and follow-ups note when they were told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from config.notices import notify
from config.notices.notifying import has_channel
from contacts.models import UserProfile
from health import messages, reminders, slack
from health.models import Alert, DealHealth, RelationshipHealth, Reminder
from health.slack import Section

WEBHOOK = "ALERT_WEBHOOK_URL"
KIND = "digest"
SHOWN = 10

# A birthday alone is reason enough for a digest a week before, the day before, and on the day.
BIRTHDAY_NEWS = (7, 1, 0)

WORST_FIRST = {"ghost": 0, "stalled": 0, "critical": 1, "at_risk": 2, "warning": 2, "healthy": 3}

ScoreType = TypeVar("ScoreType", RelationshipHealth, DealHealth)


def send(owner_id: int, *, now: datetime) -> bool:
    """Queue today's digest where there is news and a channel; return whether one was. Runs in a transaction.

    At most one for each day of the owner's time zone; what comes later that day is told the next.
    """
    if not has_channel(owner_id, WEBHOOK):
        return False
    _learn_first_bands(owner_id)
    today = _today(owner_id, now)
    news = News.of(owner_id, today=today)
    sections = news.sections() if news.has_any else []
    if not sections:
        return False
    shown = {"sections": sections, "home": _link("admin:index"), "subject": news.subject(), "today": today}
    with transaction.atomic():
        notices = notify(
            owner_id,
            kind=KIND,
            subject=news.subject(),
            body=render_to_string("health/digest.txt", shown),
            html=render_to_string("health/digest.html", shown),
            payload=slack.payload(news.subject(), sections),
            webhook=WEBHOOK,
            key=today.isoformat(),
        )
        if notices:
            news.mark(now)
    return bool(notices)


@dataclass
class News:
    """What one owner has not been told yet."""

    owner_id: int
    today: date
    contacts: QuerySet[RelationshipHealth]
    deals: QuerySet[DealHealth]
    alerts: QuerySet[Alert]
    follow_ups: QuerySet[Reminder]
    birthdays: list[reminders.Birthday]

    @classmethod
    def of(cls, owner_id: int, *, today: date) -> News:
        alerts = Alert.objects.filter(owner_id=owner_id, state=Alert.State.ACTIVE, notified_at=None)
        return cls(
            owner_id,
            today,
            _moved(RelationshipHealth.objects.filter(contact__isnull=False), owner_id),
            _moved(DealHealth.objects.all(), owner_id),
            alerts.select_related("rule", "contact", "deal"),
            reminders.due_reminders(owner_id=owner_id, today=today),
            reminders.birthdays_ahead(owner_id=owner_id, today=today, days=max(BIRTHDAY_NEWS)),
        )

    @property
    def has_any(self) -> bool:
        has_birthday = any((birthday.day - self.today).days in BIRTHDAY_NEWS for birthday in self.birthdays)
        rows = (self.contacts, self.deals, self.alerts, self.follow_ups.filter(told_at=None))
        return has_birthday or any(found.exists() for found in rows)

    def subject(self) -> str:
        counts = [
            (self.contacts.count(), "relationship has changed", "relationships have changed"),
            (self.deals.count(), "deal has changed", "deals have changed"),
            (self.alerts.count(), "new alert", "new alerts"),
            (self.follow_ups.count(), "follow-up is due", "follow-ups are due"),
            (len(self.birthdays), "birthday ahead", "birthdays ahead"),
        ]
        parts = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
        return "Kith: " + ", ".join(parts)

    def sections(self) -> list[Section]:
        texts = messages.texts_of(self.owner_id)
        found = [
            _section("Relationships", self.contacts, lambda row: _contact_line(row, texts)),
            _section("Deals", self.deals, _deal_line),
            _section("Alerts", self.alerts, _alert_line),
            _section("Follow-ups", self.follow_ups, _follow_up_line),
            _section("Birthdays", self.birthdays, _birthday_line),
        ]
        return [section for section in found if section.lines]

    def mark(self, now: datetime) -> None:
        """Note that all of it has been told."""
        self.alerts.update(notified_at=now)
        self.follow_ups.filter(told_at=None).update(told_at=now)
        for rows in (self.contacts, self.deals):
            rows.model._default_manager.filter(pk__in=rows.order_by().values("pk")).update(told_status=F("status"))


def _learn_first_bands(owner_id: int) -> None:
    """A contact's first band, once there was contact at all, is no news: the owner knows it from now on."""
    started = RelationshipHealth.objects.filter(owner_id=owner_id, told_status__in=["", "unstarted"])
    started.exclude(told_status=F("status")).update(told_status=F("status"))


def _moved(rows: QuerySet[ScoreType], owner_id: int) -> QuerySet[ScoreType]:
    """Return the rows whose band is another than the owner knows and has held for two calculations, the worst first."""
    changed = rows.filter(owner_id=owner_id, status_since__lt=F("calculated_at")).exclude(told_status=F("status"))
    related = "deal" if rows.model is DealHealth else "contact__organization"
    return changed.exclude(status="unstarted").select_related(related).order_by("score", "pk")


def _section(title: str, rows: Any, line: Any) -> Section:
    shown = list(rows[:SHOWN])
    count = len(rows) if isinstance(rows, list) else rows.count() if len(shown) == SHOWN else len(shown)
    return Section(title, [line(row) for row in shown], count - len(shown))


def _contact_line(row: RelationshipHealth, texts: dict[str, str]) -> dict[str, str]:
    is_worse = WORST_FIRST.get(row.status, 4) < WORST_FIRST.get(row.told_status, 4)
    step = f"{row.get_action_display()}: {messages.suggestion(row, texts)}" if is_worse and row.message_context else ""
    return {
        "title": str(row.contact),
        "text": f"{_label(row, row.told_status)} -> {row.sentence}",
        "step": step,
        "url": _link("admin:contacts_contact_change", row.contact_id),
    }


def _deal_line(row: DealHealth) -> dict[str, str]:
    text = f"{_label(row, row.told_status)} -> {row.sentence}"
    return {"title": str(row.deal), "text": text, "url": _link("admin:contacts_deal_change", row.deal_id)}


def _alert_line(alert: Alert) -> dict[str, str]:
    is_deal = alert.deal_id is not None
    page = f"admin:contacts_{'deal' if is_deal else 'contact'}_change"
    url = _link(page, alert.deal_id if is_deal else alert.contact_id)
    return {"title": str(alert.deal or alert.contact), "text": f"{alert.rule} ({alert.severity})", "url": url}


def _follow_up_line(reminder: Reminder) -> dict[str, str]:
    text = f"{reminder.due_on:%Y-%m-%d}" + (f": {reminder.note}" if reminder.note else "")
    url = _link("admin:contacts_contact_change", reminder.contact_id)
    return {"title": str(reminder.contact), "text": text, "url": url}


def _birthday_line(birthday: reminders.Birthday) -> dict[str, str]:
    text = f"{birthday.day:%A}, {birthday.day.day} {birthday.day:%B}" + (
        f", turns {birthday.age}" if birthday.age is not None else ""
    )
    return {"title": birthday.name, "text": text, "url": _link("admin:contacts_contact_change", birthday.contact_id)}


def _label(row: RelationshipHealth | DealHealth, status: str) -> str:
    return str(type(row).Status(status).label) if status in type(row).Status.values else status


def _today(owner_id: int, now: datetime) -> date:
    """Return the date in the owner's time zone, in the hub's where theirs is not known on this machine."""
    name = UserProfile.objects.filter(pk=owner_id).values_list("time_zone", flat=True).first()
    try:
        zone = ZoneInfo(name or settings.TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZoneInfo(settings.TIME_ZONE)
    return now.astimezone(zone).date()


def _link(name: str, *args: object) -> str:
    return settings.BASE_URL.rstrip("/") + reverse(name, args=args)
