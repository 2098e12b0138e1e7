"""Send what is due in the queue "notices"; the other side is asked outside of transactions."""

from __future__ import annotations

from collections.abc import Sequence

from config.jobs.draining import Budget
from config.jobs.leases import fenced
from config.jobs.settling import Settlement, completed, settle
from config.notices import mailing, webhooks
from config.notices.models import Notice


def run(jobs: Sequence[Notice], budget: Budget) -> list[Settlement]:
    """Send these notices; for config.jobs.draining, which settles by what is raised.

    Should we die between sending and settling, the notice is sent again; both channels carry an id that stays the same.
    """
    return [settlement for notice in jobs for settlement in _send(notice)]


def _send(notice: Notice) -> list[Settlement]:
    send = webhooks.post if notice.channel == Notice.Channel.WEBHOOK else mailing.mail
    send(notice)
    with fenced(notice):
        Notice.objects.filter(pk=notice.pk).update(payload=None, body="", html="")
        return settle([completed(notice)])
