"""Sending what staff is owed: all that is due for one address goes in one message.

So a storm makes a digest, and nobody gets more messages than there are rounds. Alerts are claimed by a
conditional update before they are sent: a crash loses one at most, and then the next rung comes at once.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
import traceback
import uuid
from typing import Any

from django.conf import settings

from ding.db import database_now, transactional
from ding.incidents import channels, wording
from ding.incidents.models import AlertStatus, Incident, IncidentAlert
from notifications.channels import ChannelDown, ChannelError, NotSent
from notifications.wording import one_line

logger = logging.getLogger(__name__)

MOST_TRIES = 5
FIRST_RETRY_SECONDS = 15
MOST_IN_ONE = 500
STOPPED = "The worker stopped while it was sending: it may have arrived."


def send_due(*, stop_at: float | None = None) -> int:
    """Send what is due, none after `stop_at` (monotonic seconds); how many messages. Not in a transaction."""
    _give_up_abandoned()
    sent = 0
    down: set[str] = set()
    due = IncidentAlert.objects.due(database_now()).order_by("next_attempt_at")
    for channel, address in dict.fromkeys(due.values_list("channel", "address")[:MOST_IN_ONE]):
        if stop_at is not None and time.monotonic() >= stop_at:
            break
        if channel in down or not (alerts := _claim(channel, address)):
            continue
        sent += 1
        error = _send(alerts)
        _record(alerts, error)
        if isinstance(error, ChannelDown):
            down.add(channel)
    return sent


@transactional
def _give_up_abandoned() -> None:
    """Whose sender died is not sent again; but its incident's next rung is due now."""
    abandoned = IncidentAlert.objects.abandoned(database_now())
    rows = list(abandoned.values_list("pk", "incident"))
    if not rows:
        return
    now = database_now()
    given_up = abandoned.filter(pk__in=[pk for pk, _ in rows])
    given_up.update(status=AlertStatus.FAILED, last_error=STOPPED, next_attempt_at=None)
    Incident.objects.open().filter(pk__in=[incident for _, incident in rows]).update(next_alert_at=now)
    logger.warning("Alerts given up: their sender stopped.", extra={"count": len(rows)})


@transactional
def _claim(channel: str, address: str) -> list[IncidentAlert]:
    """What is due for one address, in nobody's hands but ours."""
    now = database_now()
    claim = uuid.uuid4().hex
    due = IncidentAlert.objects.due(now).filter(channel=channel, address=address)
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:MOST_IN_ONE])
    due.filter(pk__in=ids).update(
        status=AlertStatus.SENDING,
        claim=claim,
        next_attempt_at=now + dt.timedelta(seconds=settings.LEASE_SECONDS),
    )
    mine = IncidentAlert.objects.filter(pk__in=ids, claim=claim, status=AlertStatus.SENDING)
    return list(mine.select_related("incident__restaurant").order_by("pk"))


def _send(alerts: list[IncidentAlert]) -> Exception | None:
    """Send one message about all of them; what went wrong, if anything."""
    incidents = list({alert.incident_id: alert.incident for alert in alerts}.values())
    first = alerts[0]
    try:
        channels.send(
            first.channel,
            first.address,
            subject=wording.subject_of(incidents),
            text=wording.text_of(incidents),
            message_id=f"{first.pk}.{alerts[-1].pk}",
        )
    except ChannelError as error:
        return error
    except Exception as error:  # a library's bug must not stop the others
        # The places, not the words: an error's text may hold the service's address, which is a secret.
        places = "".join(traceback.format_tb(error.__traceback__))
        logger.error(
            "Alerting broke.", extra={"channel": first.channel, "error": type(error).__name__, "at": places}
        )
        return error
    return None


@transactional
def _record(alerts: list[IncidentAlert], error: Exception | None) -> None:
    now = database_now()
    first = alerts[0]
    mine = IncidentAlert.objects.filter(
        pk__in=[alert.pk for alert in alerts], claim=first.claim, status=AlertStatus.SENDING
    )
    about = {"channel": first.channel, "alerts": len(alerts)}
    if error is None:
        mine.update(status=AlertStatus.SENT, sent_at=now, last_error="", next_attempt_at=None)
        logger.info("Staff alerted.", extra=about)
        return
    words = str(error) if isinstance(error, ChannelError) else f"Sending broke ({type(error).__name__})."
    values: dict[str, Any] = {"last_error": one_line(words)[:500]}
    tries = max(alert.tries for alert in alerts) + 1
    if isinstance(error, NotSent) and tries < MOST_TRIES:
        wait = max(FIRST_RETRY_SECONDS * 3 ** (tries - 1), error.retry_after)
        values |= {
            "status": AlertStatus.PENDING,
            "tries": tries,
            "next_attempt_at": now + dt.timedelta(seconds=wait),
        }
    else:
        values |= {"status": AlertStatus.FAILED, "tries": tries, "next_attempt_at": None}
    mine.update(**values)
    logger.error(
        "Staff could not be alerted.", extra=about | {"final": values["status"] == AlertStatus.FAILED}
    )
