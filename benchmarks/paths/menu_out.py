"""The menu as guests' apps ask for it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks import world
from benchmarks.load import http
from benchmarks.measure import Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def run(bench: Bench) -> Iterator[Figure]:
    """Menus of two sizes: whole, compressed, and not sent again."""
    with bench.web("benchmarks.empty:application"):
        empty = bench.fire(32, [http("GET", "/empty")], seconds=bench.seconds, cycle=True)
    for items in (bench.size(1_000, 100), bench.size(10_000, 200)):
        yield from _of_size(bench, items, empty.rate)


def _of_size(bench: Bench, items: int, empty: float) -> Iterator[Figure]:
    code = f"out{items}"
    world.write_menu(bench.folder, code, items, 1)
    place = world.make_integration(code).restaurant_id
    path = f"/api/restaurants/{place}/menu"
    headers = {"Authorization": f"Bearer {bench.key}"}
    with bench.web() as web:
        etag, body = _get(bench, path, headers)
        squeezed = {**headers, "Accept-Encoding": "gzip"}
        _, compressed = _get(bench, path, squeezed)
        cases = [
            (f"{items:,} items, {len(body) // 1000:,} kB", headers, body),
            (f"{items:,} items, gzip, {len(compressed) // 1000:,} kB", squeezed, compressed),
            (f"{items:,} items, 304", {**headers, "If-None-Match": etag}, None),
        ]
        results = []
        for case, sent, answer in cases:
            with bench.spending(web=web) as spent:
                result = bench.fire(32, [http("GET", path, sent)], seconds=bench.seconds, cycle=True)
            wanted = {"200"} if answer is not None else {"304"}
            if set(result.statuses) != wanted:
                raise RuntimeError(f"{case}: {result.statuses}")
            results.append((case, answer, result, spent))
        stock = _seen_at_once(bench, path, headers, place)
    for case, answer, result, spent in results:
        floor, name = empty, "an empty view"
        if answer is not None:
            (bench.folder / "bytes").write_bytes(answer)
            with bench.web("benchmarks.empty:application", env={"FLOOR_BYTES": str(bench.folder / "bytes")}):
                same = bench.fire(32, [http("GET", "/bytes")], seconds=bench.seconds, cycle=True)
            floor, name = same.rate, "same bytes from memory"
        yield Figure(
            "menu out",
            case,
            result.rate,
            "per s",
            name,
            floor,
            "≥ 0.8",
            result.rate >= 0.8 * floor,
            result.p50,
            result.p95,
            result.p99,
            spent.per_1000(result.done),
            spent.memory,
        )
    yield Figure("menu out", f"{items:,} items, first after a stock change", stock, "ms")


def _get(bench: Bench, path: str, headers: dict[str, str]) -> tuple[str, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{bench.port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(answer.headers["ETag"]), answer.read()


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
