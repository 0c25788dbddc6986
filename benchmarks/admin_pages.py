"""How long each page of the admin takes, and how many statements it asks, with a month of a large installation.

    .venv/bin/python -m benchmarks.admin_pages

Fills a private MariaDB (a few minutes), walks the admin's map as an administrator and as an operator who is
bound to three restaurants: every list with each of its filters, searches and orderings, the dashboard, an
order's and a webhook's pages, one page of every other kind. Each is asked twice; both times are printed, the
slowest at the end. Exit code 1 if a page takes over one second the second time, or is broken.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.big_database import fill
from benchmarks.stack import environment
from scripts.services import mariadb

LIMIT_SECONDS = 1.0
# Of a filter with many values, these first.
MOST_VALUES = 8


def main() -> int:
    """Fill, walk, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the rows, for trying out")
    parser.add_argument("--only", default="", help="only these models, such as order,webhooklog")
    parser.add_argument(
        "--keep", default="", help="use this filled database (or fill it when it is empty), and keep it"
    )
    options = parser.parse_args()
    if options.keep:
        return run(options.keep, options.scale, options.only)
    with mariadb(private=True) as address:
        return run(f"{address}/ding_admin_pages", options.scale, options.only)


def run(database_url: str, scale: float, only: str) -> int:
    """Against one database."""
    os.environ.update(environment(database_url, "memory://localhost", 8000, Path("/tmp")))
    os.environ["LOG_LEVEL"] = "CRITICAL"
    _create(database_url)
    import django

    django.setup()
    from django.core.management import call_command

    from orders.models import Order

    call_command("migrate", verbosity=0)
    if not Order.objects.exists():
        started = time.monotonic()
        fill(scale)
        print(f"filled in {time.monotonic() - started:.0f} s")
    return walk(only)


def _create(database_url: str) -> None:
    import subprocess
    from urllib.parse import urlsplit

    url = urlsplit(database_url)
    statement = f"CREATE DATABASE IF NOT EXISTS `{url.path[1:]}` CHARACTER SET utf8mb4"
    command = ["mariadb", f"-h{url.hostname}", f"-P{url.port}", f"-u{url.username}", "-e", statement]
    subprocess.run(command, check=True)


def walk(only: str) -> int:
    """Every page for both users; the exit code."""
    slow = 0
    table: list[tuple[float, float, int, str, str]] = []
    for name, client in _clients().items():
        for path in _paths(client, only):
            first, again, statements, status = _measure(client, path)
            table.append((again, first, statements, name, path))
            mark = " SLOW" if again > LIMIT_SECONDS else ""
            # Not every page is for an operator.
            refused = status == 403 and name != "admin"
            mark += f" {status}" if status >= 400 and not refused else ""
            slow += bool(mark)
            print(
                f"{first:7.3f} s {again:7.3f} s {statements:4} statements  {name:8} {path}{mark}", flush=True
            )
    print("\nThe slowest (first time, second time):")
    for again, first, statements, name, path in sorted(table, reverse=True)[:10]:
        print(f"{first:7.3f} s {again:7.3f} s {statements:4} statements  {name:8} {path}")
    print(f"\n{len(table)} pages, {slow} of them slower than {LIMIT_SECONDS} s or broken.")
    return 1 if slow else 0


def _clients() -> dict[str, Any]:
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from ding.roles import OPERATOR
    from menus.models import Restaurant

    found = {}
    for name in ("admin", "operator"):
        user, _ = User.objects.get_or_create(
            username=name, defaults={"is_staff": True, "is_superuser": name == "admin"}
        )
        if name == "operator":
            user.groups.set(Group.objects.filter(name=OPERATOR))
            user.restaurants.set(Restaurant.objects.order_by("pk")[:3])
        found[name] = Client(HTTP_HOST="localhost")
        found[name].force_login(user)
        found[name].user = user
    return found


def _measure(client: Any, path: str) -> tuple[float, float, int, int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    times = []
    for _ in range(2):
        started = time.perf_counter()
        with CaptureQueriesContext(connection) as queries:
            response = client.get(path)
            if response.streaming:
                # A file is as long as it is; what counts is when it begins.
                next(iter(response.streaming_content))
            else:
                assert response.content
        times.append(time.perf_counter() - started)
        response.close()
    return times[0], times[1], len(queries), response.status_code


# --- the map ------------------------------------------------------------------------------------------------


def _paths(client: Any, only: str) -> Iterator[str]:
    """All addresses, or those of the models that are named in `only`."""
    from django.contrib import admin

    yield "/admin/"
    for model, model_admin in sorted(
        admin.site._registry.items(), key=lambda pair: pair[0]._meta.label_lower
    ):
        if only and model._meta.model_name not in only.split(","):
            continue
        yield from _list_paths(client, model, model_admin)
        yield from _object_paths(client, model, model_admin)


def _list_paths(client: Any, model: Any, model_admin: Any) -> Iterator[str]:
    from django.urls import reverse

    opts = model._meta
    base = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    response = client.get(base)
    if response.status_code != 200:
        return
    yield base
    changes = response.context_data["cl"]
    for spec in changes.filter_specs:
        # Restaurants are alike.
        most = 1 if "restaurant" in str(getattr(spec, "parameter_name", "")) else MOST_VALUES
        for query in list(_filter_queries(spec))[:most]:
            yield f"{base}?{query}"
    if changes.search_fields:
        for term in _terms(model):
            yield f"{base}?{urlencode({'q': term})}"
    for index in range(len(changes.list_display)):
        if index in _sortable(changes):
            yield f"{base}?o={index}"
            yield f"{base}?o=-{index}"
    if changes.paginator.num_pages > 1:
        yield f"{base}?p={changes.paginator.num_pages}"
    if hasattr(model_admin, "export_view"):
        yield f"{base}export/"
    if opts.model_name == "webhooklog":
        yield f"{base}process-again/"
        yield f"{base}process-again/?restaurant=1"
        yield f"{base}?restaurant=1&verdict=stale"
        yield f"{base}?restaurant=1&received=24h&status__exact=parked"
        yield f"{base}?verdict=malformed"
        yield f"{base}?webhook_type=stock&verdict=unknown_order&received=7d"
    if opts.model_name == "order":
        yield f"{base}?restaurant=1&status__exact=delivered"
        yield f"{base}?restaurant=1&kitchen=unknown&placed=24h"
        yield f"{base}?order_type__exact=PICKUP&status__exact=rejected"


def _sortable(changes: Any) -> set[int]:
    first = 1 if changes.list_display[0] == "action_checkbox" else 0
    names = (
        changes.model_admin.get_sortable_by(changes.request)
        if hasattr(changes, "request")
        else changes.sortable_by
    )
    return {
        index + (0 if first else 1)
        for index, name in enumerate(changes.list_display)
        if name in names and changes.get_ordering_field(name)
    }


def _filter_queries(spec: Any) -> Iterator[str]:
    if hasattr(spec, "parameter_name") and hasattr(spec, "lookup_choices") and spec.parameter_name:
        for value, _ in spec.lookup_choices:
            yield urlencode({spec.parameter_name: value})
    elif hasattr(spec, "links"):
        for _, params in spec.links:
            if params:
                yield urlencode({key: str(value) for key, value in params.items()})
    elif hasattr(spec, "lookup_kwarg") and getattr(spec, "field", None) is not None:
        choices = spec.field.flatchoices or [(1, ""), (0, "")]
        if hasattr(spec, "lookup_choices"):
            choices = spec.lookup_choices
        for choice in choices:
            value = choice[0]
            if value not in (None, ""):
                yield urlencode({spec.lookup_kwarg: value})


def _terms(model: Any) -> list[str]:
    from orders.models import Order

    newest, oldest = Order.objects.order_by("-pk").first(), Order.objects.order_by("pk").first()
    terms = [
        newest.reference,
        oldest.reference[:4],
        oldest.customer_phone,
        newest.pos_order_id,
        "ZZZZ",
        "Restaurant 1",
    ]
    return [*terms, "paneer"] if model._meta.app_label == "menus" else terms


def _object_paths(client: Any, model: Any, model_admin: Any) -> Iterator[str]:
    from django.urls import reverse

    from ding.staff import restaurants_of

    opts = model._meta
    rows = model._default_manager.order_by("pk")
    mine = restaurants_of(client.user)
    path = getattr(model_admin, "restaurant_path", None)
    if mine is not None and path:
        rows = rows.filter(**{f"{path}__in": mine})
    name = f"admin:{opts.app_label}_{opts.model_name}"
    for row in {row.pk: row for row in (rows.first(), rows.last()) if row is not None}.values():
        for kind in ("change", "history"):
            yield reverse(f"{name}_{kind}", args=[row.pk])
    row = rows.last()
    if row is not None and opts.model_name == "order":
        for page in ("ticket", "push_again", "handled", "cancel"):
            yield reverse(f"{name}_{page}", args=[row.pk])
    if row is not None and opts.model_name == "webhooklog":
        yield reverse(f"{name}_change", args=[row.pk]) + "?would=1"
        yield reverse(f"{name}_raw", args=[row.pk])


if __name__ == "__main__":
    sys.exit(main())
