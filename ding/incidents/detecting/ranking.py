"""The newest rows of each group, with the group's whole count: one statement, however many groups and rows."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Max, QuerySet, Window
from django.db.models.functions import RowNumber

from ding.incidents.causes import MOST_ORDERS


def newest_of_each(rows: QuerySet[Any], *group: str, at: str) -> QuerySet[Any]:
    """At most MOST_ORDERS rows of each group, the newest first, with `total` and the `latest` of column `at`."""
    by = [F(name) for name in group]
    ranked = rows.annotate(
        place=Window(RowNumber(), partition_by=by, order_by=F("pk").desc()),
        total=Window(Count("pk"), partition_by=by),
        latest=Window(Max(at), partition_by=by),
    )
    return ranked.filter(place__lte=MOST_ORDERS).order_by("-pk")
