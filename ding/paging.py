"""Reading tables of a million rows: pages that nobody counts to the end, and the rows of the last day alone."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import TypeVar

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet

MOST_COUNTED = 10_000
# Rows that are written at the same time may get their ids in another order than their times.
OUT_OF_ORDER = 1_000

M = TypeVar("M", bound=Model)


class CappedPaginator(Paginator):
    """Counts up to `MOST_COUNTED` rows. To see what lies behind, a person filters or searches."""

    @cached_property
    def count(self) -> int:
        """At most `MOST_COUNTED`; the database stops there too."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return min(len(rows), MOST_COUNTED)
        return rows.order_by()[:MOST_COUNTED].count()


def written_since(rows: QuerySet[M], since: dt.datetime) -> QuerySet[M]:
    """Those of `rows` that were created since then, for reading most of them: along the primary key, where the rows are.

    By the index of `created_at` alone each row would be looked up by itself. Ids grow with the times.
    """
    newer = rows.model._default_manager.filter(created_at__gte=since).order_by("created_at")
    first = newer.values_list("pk", flat=True).first()
    recent = rows.filter(created_at__gte=since)
    return recent if first is None else recent.filter(pk__gte=first - OUT_OF_ORDER)
