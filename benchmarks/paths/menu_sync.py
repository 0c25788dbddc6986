"""Menus in: fetched from the POS, compared, written. Each size in a process of its own, for its memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import world
from benchmarks.measure import Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench

ROOT = Path(__file__).resolve().parent.parent.parent
TABLES = ("Categories", "AddOnGroups", "Items", "AddOnItems", "Variations")


def run(bench: Bench) -> Iterator[Figure]:
    """Menus of four sizes: first, unchanged, 1 % changed."""
    for items in (100,) if bench.short else (100, 1_000, 10_000):
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

    def figure(name: str, of: str, floor_: float, goal: str = "", met: bool | None = None) -> Figure:
        seconds = took[name]
        return Figure("menu sync", f"{case}, {name}", seconds, "s", of, floor_, goal, met)

    first, unchanged = took["first"], took["unchanged"]
    goal = ("≤ 2", first <= 2 * floor["first"]) if strict else ("", None)
    yield figure("first", "parsing and bare bulk upsert", floor["first"], *goal)
    goal = ("≤ 0.067", first * 15 <= floor["by_row"]) if strict else ("", None)
    yield figure("first", "row at a time", floor["by_row"], *goal)
    goal = ("≤ 0.01", unchanged * 100 <= first) if strict else ("", None)
    yield figure("unchanged", "the first sync", first, *goal)
    goal = ("≤ 3", took["1 % changed"] <= 3 * floor["changed"]) if strict else ("", None)
    yield figure("1 % changed", "bare, a hash per row", floor["changed"], *goal)
    grown = took["memory"]
    yield Figure(
        "menu sync",
        f"{case}, memory it grew by",
        grown / 1e6,
        "MB",
        "the payload",
        len(raw) / 1e6,
        "< 3" if strict else "",
        grown < 3 * len(raw) if strict else None,
    )


def _bare(bench: Bench, restaurant_id: int, raw: bytes, items: int) -> dict[str, float]:
    """The same rows by bare statements, in one transaction, after parsing the same bytes."""
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
        connection.commit()

    clear()
    started = time.perf_counter()
    json.loads(raw)
    for table, (names, rows) in kept.items():
        _upsert(cursor, table, names, rows, 1000)
    connection.commit()
    first = time.perf_counter() - started

    started = time.perf_counter()
    json.loads(raw)
    for table in TABLES:
        cursor.execute(
            f"SELECT external_id, id, active, content_hash FROM {table} WHERE restaurant_id = %s",
            (restaurant_id,),
        )
        cursor.fetchall()
    names, rows = kept["Items"]
    _upsert(cursor, "Items", names, rows[: max(1, items // 100)], 1000)
    connection.commit()
    changed = time.perf_counter() - started

    # By row: as many as fit into some seconds, scaled.
    clear()
    sample = min(items, 1000)
    done = sum(len(rows[: max(1, len(rows) * sample // items)]) for _, rows in kept.values())
    started = time.perf_counter()
    for table, (names, rows) in kept.items():
        key = names.index("external_id")
        for row in rows[: max(1, len(rows) * sample // items)]:
            cursor.execute(
                f"SELECT id FROM {table} WHERE restaurant_id = %s AND external_id = %s",
                (restaurant_id, row[key]),
            )
            if cursor.fetchone() is None:
                _upsert(cursor, table, names, [row], 1)
            connection.commit()
    by_row = (time.perf_counter() - started) * sum(len(rows) for _, rows in kept.values()) / done
    clear()
    for table, (names, rows) in kept.items():
        _upsert(cursor, table, names, rows, 1000)
    connection.commit()
    return {"first": first, "changed": changed, "by_row": by_row}


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
    from pos_integrations.menu_sync import Trigger, sync_menu
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
