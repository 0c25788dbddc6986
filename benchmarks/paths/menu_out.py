"""The menu as guests' apps ask for it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks import world
from benchmarks.load import http
from benchmarks.measure import Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def run(bench: Bench) -> Iterator[Figure]:
    """Menus of two sizes: whole, compressed, and not sent again."""
    for items in (bench.size(1_000, 100), bench.size(10_000, 200)):
        yield from _of_size(bench, items)


def _of_size(bench: Bench, items: int) -> Iterator[Figure]:
    code = f"out{items}"
    world.write_menu(bench.folder, code, items, 1)
    place = world.make_integration(code).restaurant_id
    path = f"/api/restaurants/{place}/menu"
    plain = {"Authorization": f"Bearer {bench.key}"}
    squeezed = {**plain, "Accept-Encoding": "gzip"}
    with bench.web():
        # The first ones are made by Django, the second by the short way.
        plain_told, body = [_get(bench, path, plain) for _ in range(3)][-1]
        squeezed_told, compressed = [_get(bench, path, squeezed) for _ in range(3)][-1]
        stock = _seen_at_once(bench, path, plain, place)
        etag = _get(bench, path, plain)[0]["etag"]
    sizes = f"{items:,} items"
    yield from _beside_floor(bench, f"{sizes}, {len(body) // 1000:,} kB", path, plain, (plain_told, body))
    case = f"{sizes}, gzip, {len(compressed) // 1000:,} kB"
    yield from _beside_floor(bench, case, path, squeezed, (squeezed_told, compressed))
    yield from _beside_floor(bench, f"{sizes}, 304", path, {**plain, "If-None-Match": etag}, None)
    yield Figure("menu out", f"{sizes}, first after a stock change", stock, "ms")


def _beside_floor(
    bench: Bench,
    case: str,
    path: str,
    headers: dict[str, str],
    answer: tuple[dict[str, str], bytes] | None,
) -> Iterator[Figure]:
    """One case and its floor, one right after the other: the machine is shared."""
    name, asked, env = "an empty view", [http("GET", "/empty")], {}
    if answer is not None:
        told, body = answer
        (bench.folder / "bytes").write_bytes(body)
        left_out = ("content-length", "connection", "date", "server")
        same = {name: value for name, value in told.items() if name not in left_out}
        env = {"FLOOR_BYTES": str(bench.folder / "bytes"), "FLOOR_HEADERS": json.dumps(same)}
        name, asked = "same bytes and headers from memory", [http("GET", "/bytes")]
    with bench.web("benchmarks.empty:application", env=env):
        floor = bench.fire(32, asked, seconds=bench.seconds, cycle=True)
        if answer is None:
            select = bench.fire(32, [http("GET", "/select")], seconds=bench.seconds, cycle=True)
    with bench.web() as web:
        request = [http("GET", path, headers)]
        bench.fire(32, request, seconds=0.3, cycle=True)
        with bench.spending(web=web) as spent:
            result = bench.fire(32, request, seconds=bench.seconds, cycle=True, warm=False)
    wanted = {"200"} if answer is not None else {"304"}
    if set(result.statuses) != wanted:
        raise RuntimeError(f"{case}: {result.statuses}")
    figure = Figure(
        "menu out",
        case,
        result.rate,
        "per s",
        name,
        floor.rate,
        "≥ 0.8",
        result.rate >= 0.8 * floor.rate,
        result.p50,
        result.p95,
        result.p99,
        spent.per_1000(result.done),
        spent.memory,
    )
    yield figure
    if answer is None:
        floor_name = "an empty view that reads one row"
        yield replace(figure, floor_name=floor_name, floor=select.rate, goal="", met=None)


def _get(bench: Bench, path: str, headers: dict[str, str]) -> tuple[dict[str, str], bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{bench.port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read()


def _seen_at_once(bench: Bench, path: str, headers: dict[str, str], restaurant_id: int) -> float:
    """Milliseconds of the first answer after stock changes; each must show the change."""
    import time

    from menus.models import Item
    from menus.services import StockReport, change_stock

    item = Item.objects.filter(restaurant_id=restaurant_id, active=True, in_stock=True).first()
    assert item is not None
    times = []
    for available in (False, True, False, True):
        change_stock(
            [StockReport(restaurant_id=restaurant_id, external_ids=(item.external_id,), available=available)]
        )
        started = time.perf_counter()
        _, body = _get(bench, path, headers)
        times.append((time.perf_counter() - started) * 1000)
        shown = next(found for found in json.loads(body)["items"] if found["id"] == item.pk)
        if shown["available"] is not available and not shown["variations"]:
            raise RuntimeError("A menu was shown that a stock change had made an old one.")
    return sorted(times)[len(times) // 2]
