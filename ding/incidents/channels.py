"""The ways to staff: e-mail, and whatever ALERT_URLS names (Slack, Telegram, a pager, …).

The addresses come from the environment only. Somebody who may type them into a page could make ding call any
host.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth import get_user_model

from ding.incidents.models import Incident
from notifications.channels import ChannelDown, EmailChannel, NotSent, Outgoing, Refused
from notifications.wording import one_line

logger = logging.getLogger(__name__)

EMAIL = "email"


def addresses_for(incidents: Sequence[Incident]) -> list[tuple[Incident, str, str]]:
    """(incident, channel, address) of everybody who must hear of each.

    Without ALERT_EMAIL and ALERT_URLS a restaurant's own e-mail address hears of its incidents, and the
    administrators of those that concern all of ding, or a restaurant without an address.
    """
    ways = [(EMAIL, address) for address in dict.fromkeys(settings.ALERT_EMAIL) if address]
    ways += [(name, "") for name in _urls()]
    if ways:
        return [(incident, *way) for incident in incidents for way in ways]
    own = {i.pk: one_line(i.restaurant.email) if i.restaurant else "" for i in incidents}
    administrators = [] if all(own.values()) else _administrators()
    return [
        (incident, EMAIL, address)
        for incident in incidents
        for address in ([own[incident.pk]] if own[incident.pk] else administrators)
    ]


def _administrators() -> list[str]:
    people = get_user_model().objects.filter(is_active=True, is_superuser=True).exclude(email="")
    return sorted({one_line(address) for address in people.values_list("email", flat=True)})


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
