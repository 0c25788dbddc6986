"""The button of an incident: the admin page that repairs its cause, for those who may open it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from ding.incidents.models import Incident


@dataclass(frozen=True, slots=True)
class Button:
    """What it says, and where it leads."""

    label: str
    address: str


def page_behind(incident: Incident, user: Any) -> Button | None:
    """The button; None for who may not look at that page."""
    about = incident.about
    app_and_model, _, kind_of_page = about.page.rpartition("_")
    app, _, model = app_and_model.rpartition("_")
    if not user.has_perm(f"{app}.view_{model}"):
        return None
    if kind_of_page == "change":
        address = reverse(f"admin:{about.page}", args=[incident.target])
    else:
        address = reverse(f"admin:{about.page}")
    query = about.query.format(restaurant=incident.restaurant_id, target=incident.target)
    return Button(about.button, f"{address}?{query}" if query else address)


def open_for(mine: frozenset[int] | None) -> int:
    """How many open incidents somebody bound to these restaurants has; None: whoever sees everything."""
    incidents = Incident.objects.open()
    return (incidents if mine is None else incidents.filter(restaurant__in=mine)).count()
