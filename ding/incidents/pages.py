"""The button of an incident: the admin page that repairs its cause, for those who may open it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from ding.incidents.kinds import MENU_PAGE
from ding.incidents.models import Incident


@dataclass(frozen=True, slots=True)
class Button:
    """What it says, and where it leads."""

    label: str
    address: str


def page_behind(incident: Incident, user: Any) -> Button | None:
    """The button; None for who may not look at that page."""
    about = incident.about
    if not user.has_perm(_needed(about.page)):
        return None
    ids: dict[str, list[Any]] = {"target": [incident.target], "restaurant": [incident.restaurant_id]}
    address = reverse(f"admin:{about.page}", args=ids.get(about.row, []))
    query = about.query.format(restaurant=incident.restaurant_id)
    return Button(about.button, f"{address}?{query}" if query else address)


def _needed(page: str) -> str:
    """The right to look at the page: of a list or a row that of its model."""
    if page == MENU_PAGE:
        return "menus.view_menu"
    app_and_model = page.rpartition("_")[0]
    app, _, model = app_and_model.rpartition("_")
    return f"{app}.view_{model}"


def open_for(mine: frozenset[int] | None) -> int:
    """How many open incidents somebody bound to these restaurants has; None: whoever sees everything."""
    incidents = Incident.objects.open()
    return (incidents if mine is None else incidents.filter(restaurant__in=mine)).count()
