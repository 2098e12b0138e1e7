"""Tell somebody outside: a webhook and an e-mail to the owner, each a row with a state, retried and sent once.

    from config.notices import notify

    notify(
        job.owner_id,
        kind="import_ended",                                  what it is about, filterable
        payload={"text": "128 contacts imported", "job": 7},  the webhook's JSON; Slack shows `text`
        webhook="IMPORT_WEBHOOK_URL",                         the setting that holds the address, not the address
        subject="Your import has ended",
        body="128 contacts imported.",                        plain text; `html` may say the same to mail programs
        key="import 7",                                       the same key again sends nothing
    )

Call it inside the transaction whose effects it tells of: the rows and the wake-up commit with it. A channel that is not
set up (no address, no EMAIL_URL, an owner without e-mail address) gets no row. With WEBHOOK_SECRET set every request is
signed as https://www.standardwebhooks.com describes.

notifying   write the rows
sending     the queue "notices": send, and settle by what the other side said
webhooks    one signed request
mailing     one e-mail
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.notices.models import Notice


def notify(
    owner_id: int,
    *,
    kind: str,
    subject: str,
    body: str = "",
    html: str = "",
    payload: dict[str, Any] | None = None,
    webhook: str = "",
    key: str = "",
) -> list[Notice]:
    """Queue a notice for the owner by every channel that is set up and has something to say; return the new rows.

    Without `payload` or `webhook` there is no request, without `body` no e-mail.
    """
    from config.notices import notifying  # not above: its model can only be loaded when the apps are

    message = notifying.Message(
        kind=kind, subject=subject, body=body, html=html, payload=payload, webhook=webhook, key=key
    )
    return notifying.enqueue(owner_id, message)
