"""What staff reads: one message for one incident, or a digest when there are several for the same address."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from ding.incidents.causes import counted
from ding.incidents.models import Incident
from notifications.wording import one_line

MOST_IN_A_DIGEST = 20
RUNBOOK = "docs/runbook.md"


def subject_of(incidents: Sequence[Incident]) -> str:
    """One line of at most 200 characters."""
    if len(incidents) == 1:
        state = "Resolved: " if incidents[0].closed_at else ""
        return one_line(f"[ding] {state}{incidents[0].title}")[:200]
    is_open = [incident for incident in incidents if incident.closed_at is None]
    told = [counted(len(is_open), "incident")] if is_open else []
    if closed := len(incidents) - len(is_open):
        told.append(f"{closed} resolved")
    titles = "; ".join(incident.title for incident in (is_open or list(incidents)))
    return one_line(f"[ding] {', '.join(told)}: {titles}")[:200]


def text_of(incidents: Sequence[Incident]) -> str:
    """The whole message. Those that stand come first, the critical ones before the warnings."""
    ordered = sorted(incidents, key=lambda i: (i.closed_at is not None, not i.critical, i.opened_at))
    if len(ordered) == 1:
        return _whole(ordered[0])
    lines = [_short(incident) for incident in ordered[:MOST_IN_A_DIGEST]]
    if more := len(ordered) - MOST_IN_A_DIGEST:
        lines += [f"… and {more} more."] if more > 0 else []
    return "\n".join(lines) + f"\nAll of them: {_address('admin:ding_incident_changelist')}\n"


def _whole(incident: Incident) -> str:
    about = incident.about
    parts = [one_line(incident.what)]
    if incident.closed_at:
        parts += [f"This is over since {incident.closed_at:%H:%M} UTC. It began at {_began(incident)}."]
        return "\n\n".join([*parts, page_of(incident)]) + "\n"
    if incident.orders:
        names = ", ".join(reference for _, reference in incident.orders)
        more = incident.count - len(incident.orders)
        parts.append(f"Orders: {names}" + (f" and {more} more" if more > 0 else "") + ".")
    parts += [
        f"What it means: {about.guests}",
        f"What to do: {about.todo}",
        f"Since {_began(incident)}. Alert {incident.alerts}; it is repeated until somebody acknowledges it here:\n"
        f"{page_of(incident)}",
        f"More: {RUNBOOK}#{about.slug}",
    ]
    return "\n\n".join(parts) + "\n"


def _short(incident: Incident) -> str:
    state = "RESOLVED" if incident.closed_at else ("CRITICAL" if incident.critical else "Warning")
    return f"{state}: {one_line(incident.what)}\n  {page_of(incident)}\n"


def _began(incident: Incident) -> str:
    today = timezone.now().date() == incident.opened_at.date()
    return f"{incident.opened_at:%H:%M} UTC" if today else f"{incident.opened_at:%d %B %H:%M} UTC"


def page_of(incident: Incident) -> str:
    """The whole address of its page in the admin."""
    return _address("admin:ding_incident_change", incident.pk)


def _address(name: str, *ids: int) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=ids)}"
