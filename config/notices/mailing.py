"""One e-mail to the owner by the server of EMAIL_URL."""

from __future__ import annotations

import smtplib
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from config.jobs.failures import PermanentFailure, TemporaryFailure
from config.notices.models import Notice


def mail(notice: Notice) -> None:
    """Send the text of `notice` to its owner; TemporaryFailure or PermanentFailure when it was not taken.

    The Message-ID is the same at every attempt, so that a mail that was sent twice can be seen to be one.
    """
    if not settings.EMAIL_URL:
        raise PermanentFailure("EMAIL_URL is not set any more.", code="not_set_up")
    if not notice.owner.email:
        raise PermanentFailure("The owner has no e-mail address.", code="no_address")
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    message = EmailMultiAlternatives(
        subject=" ".join(notice.subject.split()),
        body=notice.body,
        to=[notice.owner.email],
        headers={"Message-ID": f"<notice-{notice.pk}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    if notice.html:
        message.attach_alternative(notice.html, "text/html")
    try:
        message.send()
    except smtplib.SMTPAuthenticationError:
        raise PermanentFailure("The mail server refuses our login.", code="smtp_login") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(min(code for code, _ in error.recipients.values())) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code) from None
    except (smtplib.SMTPException, OSError) as error:
        raise TemporaryFailure(
            f"The mail server cannot be reached ({type(error).__name__}).", code="connection_failed"
        ) from None


def _refused(code: int) -> TemporaryFailure | PermanentFailure:
    """Return the failure that an SMTP reply means: 4yz asks to try again, 5yz not to (RFC 5321, 4.2.1)."""
    failure = PermanentFailure if code >= 500 else TemporaryFailure
    return failure(f"The mail server answered {code}.", code=f"smtp_{code}")
