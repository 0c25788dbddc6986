"""Lists as CSV files: of any length, and harmless in a spreadsheet.

A spreadsheet runs a cell that begins like a formula, whoever wrote it: a guest's name may. Such a text gets an
apostrophe before it, which spreadsheets show as text. Numbers are written as numbers, also negative ones: they come
as numbers, not as texts. To read a file back by program, take one leading apostrophe before = + - @ away.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse

from ding import audit

CHUNK = 1000
# Also their full-width twins, which some spreadsheets take for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Column = tuple[str, Callable[[Any], Any]]


class _Echo:
    """What a csv writer writes to, to get each line back."""

    def write(self, line: str) -> str:
        return line


def safe(value: Any) -> Any:
    """A cell that no spreadsheet runs."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return value
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "seconds")
    text = str(value).replace("\x00", "")
    # Blanks before it are skipped by some spreadsheets.
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def lines(rows: QuerySet[Any], columns: Sequence[Column]) -> Iterator[str]:
    """The file, line by line: `rows`, the newest first, read in chunks by their ids, so memory stays small."""
    writer = csv.writer(_Echo())
    # With a mark, a spreadsheet knows that it is UTF-8.
    yield "\ufeff" + str(writer.writerow([title for title, _ in columns]))
    last: int | None = None
    while True:
        chunk: list[Model] = list(
            (rows if last is None else rows.filter(pk__lt=last)).order_by("-pk")[:CHUNK]
        )
        for row in chunk:
            yield str(writer.writerow([safe(value(row)) for _, value in columns]))
        if len(chunk) < CHUNK:
            return
        last = chunk[-1].pk


def csv_response(name: str, rows: QuerySet[Any], columns: Sequence[Column]) -> StreamingHttpResponse:
    """A file to save, sent while it is read."""
    response = StreamingHttpResponse(lines(rows, columns), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


class Exported:
    """An admin whose list can be taken away as a file: what is filtered and searched, and nobody else's rows.

    `list_links` are buttons over the list: title, icon, address below the list's own. They keep its filters.
    """

    change_list_template = "admin/ding/list.html"
    export_columns: ClassVar[Sequence[Column]] = ()

    def get_urls(self) -> list[Any]:
        """With the file."""
        opts = self.opts  # type: ignore[attr-defined]
        export = self.admin_site.admin_view(self.export_view)  # type: ignore[attr-defined]
        name = f"{opts.app_label}_{opts.model_name}_export"
        return [path("export/", export, name=name), *super().get_urls()]  # type: ignore[misc]

    def list_links(self, request: HttpRequest) -> list[tuple[str, str, str]]:
        """Title, icon, address."""
        return [("Export CSV", "download", "export/")]

    def export_rows(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """With what the columns ask for."""
        return rows

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the buttons."""
        query = request.GET.urlencode()
        links = [
            (title, icon, f"{address}?{query}" if query else address)
            for title, icon, address in self.list_links(request)
        ]
        context = {**(extra_context or {}), "list_links": links}
        response: HttpResponse = super().changelist_view(request, context)  # type: ignore[misc]
        return response

    def chosen_rows(self, request: HttpRequest) -> QuerySet[Any]:
        """What the list shows with the filters and the search of the query string, on all its pages.

        Raises:
            IncorrectLookupParameters: they make no sense.
        """
        found: QuerySet[Any] = self.get_changelist_instance(request).get_queryset(request)  # type: ignore[attr-defined]
        return found

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The file; that somebody took it is written down."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        opts = self.opts  # type: ignore[attr-defined]
        try:
            rows = self.export_rows(self.chosen_rows(request))
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"))
        # Not what was searched for: that may be a guest's number.
        kept = ", ".join(f"{name}={value}" for name, value in request.GET.items() if name != "q")
        audit.record(f"exported {opts.verbose_name_plural}"[:60], note=kept)
        return csv_response(str(opts.verbose_name_plural).replace(" ", "-"), rows, self.export_columns)
