"""The ways to a guest: what a channel promises, what may go wrong, e-mail and the console; `sms` has the rest.

A channel either returns the provider's id of the message or says what the caller does next:

    ChannelError
    ├─ NotSent        provably not delivered                  → try again later
    │  └─ ChannelDown nor would any other message be          → leave the channel alone for this round
    ├─ Refused        the same again would be refused again   → failed
    └─ Unclear        it may have arrived                     → failed, never sent again by itself
"""

from __future__ import annotations

import contextlib
import logging
import re
import smtplib
import traceback
from dataclasses import dataclass, field
from email.utils import parseaddr

from django.conf import settings
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.core.validators import validate_email

logger = logging.getLogger(__name__)

# What each value of SMS_CHANNEL needs.
SMS_SETTINGS = {
    "console": (),
    "msg91": ("MSG91_AUTH_KEY", "MSG91_TEMPLATE_ID"),
    "twilio": ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER"),
    "none": (),
}


class ChannelError(Exception):
    """Base of all that a channel raises. The message is stored and shown to staff: no secrets in it."""


class NotSent(ChannelError):
    """Provably not delivered. `retry_after`: seconds that the provider asked us to wait."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ChannelDown(NotSent):
    """Not delivered for a reason that has nothing to do with this message."""


class Refused(ChannelError):
    """Refused for good: a wrong number or address, wrong credentials, no credit."""


class Unclear(ChannelError):
    """Handed over, perhaps; to send it again might tell the guest twice."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as a channel needs it. `to`: an address or a number; `status`: the event in words."""

    id: int
    event: str
    status: str
    reference: str
    restaurant: str = field(repr=False)
    to: str = field(repr=False)
    text: str = field(repr=False)
    subject: str = field(default="", repr=False)


class MessageChannel:
    """One way to a guest. Stateless between messages."""

    def send(self, message: Outgoing) -> str:
        """Hand `message` over and return the provider's id of it.

        Raises:
            ChannelError: see the tree above.
        """
        raise NotImplementedError


class EmailChannel(MessageChannel):
    """E-mail by whatever EMAIL_URL names.

    The Message-ID is the same for every try: should a message that seemed lost have arrived after all, the
    guest's mail system can recognise the second one.
    """

    def send(self, message: Outgoing) -> str:
        """Send one message over one connection."""
        try:
            validate_email(message.to)
        except ValidationError:
            raise Refused("This is no e-mail address.") from None
        message_id = f"<{message.reference}.{message.event}.{message.id}@{_own_domain()}>"
        connection = mail.get_connection()
        letter = mail.EmailMessage(
            subject=message.subject,
            body=message.text,
            to=[message.to],
            headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
            connection=connection,
        )
        try:
            _open(connection)
            letter.send()
        except (OSError, ValueError) as error:
            raise _told_apart(error, is_smtp=isinstance(connection, EmailBackend)) from None
        finally:
            # The letter's fate is known by now; a server that hangs up rudely changes nothing about it.
            with contextlib.suppress(OSError):
                connection.close()
        return message_id


def _open(connection: BaseEmailBackend) -> None:
    try:
        connection.open()
    except smtplib.SMTPAuthenticationError as error:
        if error.smtp_code < 500:
            raise ChannelDown(_smtp_words("The mail server could not check our password", error)) from None
        raise Refused(_smtp_words("The mail server refused our credentials", error)) from None
    except smtplib.SMTPNotSupportedError:
        raise Refused("The mail server does not offer the TLS or login that EMAIL_URL asks for.") from None
    except OSError as error:  # every SMTPException is one
        raise ChannelDown(f"No connection to the mail server ({type(error).__name__}).") from None


def _told_apart(error: OSError | ValueError, *, is_smtp: bool) -> ChannelError:
    """What became of a letter, by the server's answer and by how far the conversation had come."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
        error = smtplib.SMTPResponseException(code, words)
    if isinstance(error, smtplib.SMTPResponseException):
        if error.smtp_code == 421:
            return ChannelDown(_smtp_words("The mail server is closing", error))
        if 400 <= error.smtp_code < 500:
            return NotSent(_smtp_words("The mail server put us off", error))
        if 500 <= error.smtp_code < 600:
            return Refused(_smtp_words("The mail server refused the message", error))
    if isinstance(error, mail.BadHeaderError | smtplib.SMTPNotSupportedError):
        return Refused("The mail server cannot take this address or subject.")
    if is_smtp and isinstance(error, ValueError):
        return Refused("The address or subject cannot be written as e-mail.")
    if is_smtp and not _had_begun(error):
        return ChannelDown(f"The mail server broke off before the message ({type(error).__name__}).")
    return Unclear(
        f"The mail server gave no clear answer ({type(error).__name__}): the message may have arrived."
    )


def _had_begun(error: BaseException) -> bool:
    """Whether the letter itself was under way: only inside `SMTP.data` does it pass into the server's hands."""
    if isinstance(error, smtplib.SMTPDataError):
        return True
    return any(
        frame.f_code is smtplib.SMTP.data.__code__ for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _smtp_words(what: str, error: smtplib.SMTPResponseException) -> str:
    words = (
        error.smtp_error.decode("utf-8", "replace")
        if isinstance(error.smtp_error, bytes)
        else error.smtp_error
    )
    return f"{what}: {error.smtp_code} {words}"


def _own_domain() -> str:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return domain if re.fullmatch(r"[A-Za-z0-9.-]+", domain) else "localhost"


class ConsoleSms(MessageChannel):
    """For trying ding out: nobody gets an SMS. The text is shown only where logs are for people."""

    def send(self, message: Outgoing) -> str:
        """Log that there was one."""
        extra: dict[str, object] = {"notification": message.id, "number_ends_in": message.to[-4:]}
        if settings.LOG_FORMAT == "console":
            extra["text"] = message.text
        logger.info("SMS to the console.", extra=extra)
        return f"console-{message.id}"
