"""What a menu tells of the restaurant beside its dishes: for display only, JSON-ready.

`tables` is undocumented and was seen in production, never its inside: it is kept as it comes. Delivery hours
of `00:00` to `00:00` were seen of a shop that was open: they say nothing.
"""

from __future__ import annotations

from typing import Any

from pos_integrations.adapters.petpooja import values
from pos_integrations.adapters.petpooja.menu.document import Document, plain

MAX_TABLES = 1000


def facts(document: Document) -> dict[str, Any]:
    """`tables` and `delivery_hours`, each only when there is something to tell."""
    details = document.details()
    hours = [
        {"from": start, "to": end}
        for n in (1, 2)
        if (start := values.hoped_text(details.get(f"deliveryhoursfrom{n}")))
        and (end := values.hoped_text(details.get(f"deliveryhoursto{n}")))
        and start != end
    ]
    found = {"tables": plain(document.listed("tables")[:MAX_TABLES]), "delivery_hours": hours}
    return {key: value for key, value in found.items() if value}
