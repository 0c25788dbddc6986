"""Menus in: fetched from the POS, compared, written. Each size in a process of its own, for its memory."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import menu_floor, world
from benchmarks.measure import Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench

ROOT = Path(__file__).resolve().parent.parent.parent
# What a sync writes, and by which column a row is known again.
TABLES = {
    "Categories": "external_id",
    "Taxes": "external_id",
    "AddOnGroups": "external_id",
    "Items": "external_id",
    "AddOnItems": "external_id",
    "Variations": "external_id",
    "MenuImages": "source_key",
}
SIZES = (100, 1_000, 10_000, 50_000)


def run(bench: Bench) -> Iterator[Figure]:
    """Menus of four sizes: first, unchanged, 1 % changed."""
    for items in SIZES[:1] if bench.short else SIZES:
        yield from _of_size(bench, items)


def _of_size(bench: Bench, items: int) -> Iterator[Figure]:
    code = f"in{items}"
    raw = world.write_menu(bench.folder, code, items, 2)
    place = world.make_integration(code, sync=False)
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.paths.menu_sync", str(place.pk), code],
        cwd=ROOT,
        env={**bench.env, "BENCH_FOLDER": str(bench.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(answer.stderr[-2000:])
    took = json.loads(answer.stdout.splitlines()[-1])
    floor = _bare(bench, place.restaurant_id, raw, items)
    rows = sum(bench.count(name, f"restaurant_id = {place.restaurant_id}") for name in TABLES)
    case = f"{items:,} items ({rows:,} rows, {len(raw) / 1e6:.1f} MB)"
    strict = items == 10_000

    def figure(name: str, of: str, floor_: float, goal: str = "", most: float = 0) -> Figure:
        met = took[name] <= most * floor_ if goal and strict else None
        return Figure(
            "menu sync", f"{case}, {name}", took[name], "s", of, floor_, goal if strict else "", met
        )

    yield figure("first", "parsing and bare bulk upsert", floor["first"], "≤ 2", 2)
    yield figure("first", "row at a time", floor["by_row"], "≤ 0.067", 1 / 15)
    yield figure("unchanged", "row at a time, unchanged", floor["again_by_row"], "≤ 0.01", 0.01)
    yield figure("unchanged", "the first sync", took["first"])
    yield figure("unchanged", "fetching alone", took["fetching"])
    yield figure("1 % changed", "parsing, bare, a hash per row", floor["changed"], "≤ 3", 3)
    yield Figure(
        "menu sync",
        f"{case}, memory it grew by",
        took["memory"] / 1e6,
        "MB",
        "the payload",
        len(raw) / 1e6,
        "< 3" if strict else "",
        took["memory"] < 3 * len(raw) if strict else None,
    )


def _bare(bench: Bench, restaurant_id: int, raw: bytes, items: int) -> dict[str, float]:
    """The same rows by bare statements, in one transaction, after parsing and reading the same bytes."""
    connection = bench.connect()
    cursor = connection.cursor()
    kept: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}
    for table in TABLES:
        cursor.execute(f"SELECT * FROM {table} WHERE restaurant_id = %s", (restaurant_id,))
        kept[table] = ([column[0] for column in cursor.description], list(cursor.fetchall()))
    connection.commit()

    def clear() -> None:
        cursor.execute("SET foreign_key_checks = 0")
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table} WHERE restaurant_id = %s", (restaurant_id,))
        # What is written is checked as ding's rows are.
        cursor.execute("SET foreign_key_checks = 1")
        connection.commit()

    def write_all() -> None:
        for table, (names, rows) in kept.items():
            _upsert(cursor, table, names, rows, 1000)
        connection.commit()

    clear()
    started = time.perf_counter()
    menu_floor.read(raw)
    write_all()
    first = time.perf_counter() - started

    started = time.perf_counter()
    hashes = menu_floor.read(raw)
    for table, key in TABLES.items():
        columns = "url" if table == "MenuImages" else "id, active, content_hash"
        cursor.execute(f"SELECT {key}, {columns} FROM {table} WHERE restaurant_id = %s", (restaurant_id,))
        known = {row[0]: row[-1] for row in cursor.fetchall()}
        sum(known.get(key) == found for key, found in hashes.get(table, ()))
    names, rows = kept["Items"]
    _upsert(cursor, "Items", names, rows[: max(1, items // 100)], 1000)
    connection.commit()
    changed = time.perf_counter() - started

    # By row: as many as fit into a minute, scaled; a part of them does not have all that it points at.
    clear()
    share = min(1.0, 10_000 / items)
    cursor.execute(f"SET foreign_key_checks = {int(share == 1)}")
    parts = {table: (names, rows[: math.ceil(len(rows) * share)]) for table, (names, rows) in kept.items()}
    scale = sum(len(rows) for _, rows in kept.values()) / sum(len(rows) for _, rows in parts.values())
    by_row = _row_at_a_time(connection, parts) * scale
    again_by_row = _row_at_a_time(connection, parts) * scale
    clear()
    write_all()
    return {"first": first, "changed": changed, "by_row": by_row, "again_by_row": again_by_row}


def _row_at_a_time(connection: Any, parts: dict[str, tuple[list[str], list[tuple[Any, ...]]]]) -> float:
    """Seconds of the straightforward way: look each row up, insert it or write it over, commit."""
    cursor = connection.cursor()
    started = time.perf_counter()
    for table, (names, rows) in parts.items():
        key = names.index(TABLES[table])
        changes = ", ".join(
            f"`{name}` = " + ("UTC_TIMESTAMP(6)" if name == "updated_at" else "%s") for name in names
        )
        for row in rows:
            cursor.execute(
                f"SELECT id FROM {table} WHERE restaurant_id = %s AND {TABLES[table]} = %s",
                (row[names.index("restaurant_id")], row[key]),
            )
            if found := cursor.fetchone():
                values = [value for name, value in zip(names, row, strict=True) if name != "updated_at"]
                cursor.execute(f"UPDATE {table} SET {changes} WHERE id = %s", (*values, found[0]))
            else:
                _upsert(cursor, table, names, [row], 1)
            connection.commit()
    return time.perf_counter() - started


def _upsert(cursor: Any, table: str, names: list[str], rows: list[tuple[Any, ...]], batch: int) -> None:
    listed = ", ".join(f"`{name}`" for name in names)
    updates = ", ".join(f"`{name}` = VALUES(`{name}`)" for name in names if name not in ("id", "created_at"))
    marks = "(" + ", ".join(["%s"] * len(names)) + ")"
    for at in range(0, len(rows), batch):
        part = rows[at : at + batch]
        cursor.execute(
            f"INSERT INTO {table} ({listed}) VALUES {', '.join([marks] * len(part))} "
            f"ON DUPLICATE KEY UPDATE {updates}",
            [value for row in part for value in row],
        )


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _sync() -> None:
    """The measured process: prints seconds by case, and by how many bytes it grew."""
    import os

    import django

    django.setup()
    from menus.models import Restaurant
    from pos_integrations.configuration import account_for, adapter_of, http_for
    from pos_integrations.menu_sync import MENU_BYTES, Trigger, sync_menu
    from pos_integrations.models import RestaurantPosIntegration

    folder, code = Path(os.environ["BENCH_FOLDER"]), sys.argv[2]
    integration = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").get(
        pk=sys.argv[1]
    )
    # Everything that a process loads once, with a menu of another restaurant.
    world.write_menu(folder, f"{code}warm", 20, 3)
    warm = world.make_integration(f"{code}warm")
    assert isinstance(warm.restaurant, Restaurant)
    file = folder / f"menu-{code}.json"
    took: dict[str, float] = {}

    def sync(name: str) -> None:
        started = time.perf_counter()
        sync_menu(integration, trigger=Trigger.COMMAND)
        took[name] = time.perf_counter() - started

    account = account_for(integration)
    started = time.perf_counter()
    adapter_of(integration.pos_provider).fetch_menu_document(account, http_for(account, max_bytes=MENU_BYTES))
    took["fetching"] = time.perf_counter() - started
    # The peak begins anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_bytes()
    sync("first")
    took["memory"] = _peak_bytes() - before
    document = json.loads(file.read_bytes())
    document["serverdatetime"] = "2026-02-02 02:02:02"
    file.write_bytes(json.dumps(document, ensure_ascii=False).encode())
    sync("unchanged")
    for item in document["items"][:: 100 if len(document["items"]) >= 100 else 1]:
        item["itemname"] += " new"
    file.write_bytes(json.dumps(document, ensure_ascii=False).encode())
    sync("1 % changed")
    print(json.dumps(took))


if __name__ == "__main__":
    _sync()
