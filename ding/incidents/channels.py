"""The ways to staff: e-mail, and whatever ALERT_URLS names (Slack, Telegram, a pager, …).

The addresses come from the environment only. Somebody who may type them into a page could make ding call any
host.
"""

from __future__ import annotations

import hashlib
import logging

from django.conf import settings

from ding.incidents.models import Incident
from notifications.channels import ChannelDown, EmailChannel, NotSent, Outgoing, Refused
from notifications.wording import one_line

logger = logging.getLogger(__name__)

EMAIL = "email"


def addresses_for(incident: Incident) -> list[tuple[str, str]]:
    """(channel, address) of everybody who must hear of it.

    Without ALERT_EMAIL and ALERT_URLS a restaurant's own e-mail address hears of its incidents.
    """
    emails = settings.ALERT_EMAIL
    ways = [(name, "") for name in _urls()]
    if not emails and not ways and incident.restaurant is not None:
        emails = [one_line(incident.restaurant.email)]
    return [(EMAIL, address) for address in dict.fromkeys(emails) if address] + ways


def send(channel: str, address: str, *, subject: str, text: str, message_id: str) -> None:
    """Hand one message over. `message_id`: the same for each try of the same message.

    Raises:
        notifications.channels.ChannelError: as that says.
    """
    if channel == EMAIL:
        letter = Outgoing(0, "alert", "", f"ding.{message_id}", "", address, text, subject)
        EmailChannel().send(letter)
        return
    url = _urls().get(channel)
    if url is None:
        raise Refused("It does not stand in ALERT_URLS any more.")
    # Late: importing it takes seconds and much memory.
    from apprise import Apprise

    service = Apprise()
    if not service.add(url):
        raise Refused("The entry of ALERT_URLS is not one that apprise understands.")
    if not service.notify(title=subject, body=text):
        raise NotSent("The service did not take it; the log may tell why.")


def _urls() -> dict[str, str]:
    """Each entry of ALERT_URLS by a name that tells it apart without showing it."""
    return {_name(url): url for url in settings.ALERT_URLS}


def _name(url: str) -> str:
    scheme = url.partition("://")[0][:20]
    return f"{scheme}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


__all__ = ["EMAIL", "ChannelDown", "addresses_for", "send"]
