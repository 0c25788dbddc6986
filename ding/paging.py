"""Pages of lists that may have a million rows: nobody turns to the ten-thousandth, so nobody counts that far."""

from __future__ import annotations

from functools import cached_property

from django.core.paginator import Paginator
from django.db.models import QuerySet

MOST_COUNTED = 10_000


class CappedPaginator(Paginator):
    """Counts up to `MOST_COUNTED` rows. To see what lies behind, a person filters or searches."""

    @cached_property
    def count(self) -> int:
        """At most `MOST_COUNTED`; the database stops there too."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return min(len(rows), MOST_COUNTED)
        return rows.order_by()[:MOST_COUNTED].count()
