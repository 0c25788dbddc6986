"""The menu as guests' apps ask for it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks import stack, world
from benchmarks.load import http
from benchmarks.measure import Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench


_THE_SERVERS_OWN = ("content-length", "connection", "date", "server")


def run(bench: Bench) -> Iterator[Figure]:
    """Menus of two sizes: whole, compressed, and not sent again."""
    from benchmarks.bench import free_port

    port = free_port()
    with bench.web("benchmarks.empty:application", port=port, name="floor"), bench.web() as web:
        for items in (100,) if bench.short else (1_000, 10_000):
            yield from _of_size(bench, items, web, port)


def _of_size(bench: Bench, items: int, web: stack.Process, floor_port: int) -> Iterator[Figure]:
    code = f"out{items}"
    world.write_menu(bench.folder, code, items, 1)
    place = world.make_integration(code).restaurant_id
    path = f"/api/restaurants/{place}/menu"
    plain = {"Authorization": f"Bearer {bench.key}"}
    squeezed = {**plain, "Accept-Encoding": "gzip"}
    etag, size = _keep(bench, path, plain, f"plain-{items}")
    _, squeezed_size = _keep(bench, path, squeezed, f"gzip-{items}")
    cases = [
        (f"{items:,} items, {size // 1000:,} kB", plain, "plain"),
        (f"{items:,} items, gzip, {squeezed_size // 1000:,} kB", squeezed, "gzip"),
        (f"{items:,} items, 304", {**plain, "If-None-Match": etag}, ""),
    ]
    for case, headers, kept in cases:
        asked = ["/empty", "/select"]
        if kept:
            asked = [f"/bytes/{kept}-{items}"]
        floors = [(floor_port, [http("GET", address)]) for address in asked]
        result, told, spent = bench.beside(web, [http("GET", path, headers)], floors)
        if set(result.statuses) != {"200" if kept else "304"}:
            raise RuntimeError(f"{case}: {result.statuses}")
        figure = Figure(
            "menu out",
            case,
            result.rate,
            "per s",
            "same bytes and headers from memory" if kept else "an empty view",
            told[0].rate,
            "≥ 0.8",
            result.rate >= 0.8 * told[0].rate,
            result.p50,
            result.p95,
            result.p99,
            spent.per_1000(result.done),
            spent.memory,
        )
        yield figure
        for reading in told[1:]:
            yield replace(
                figure, floor_name="an empty view that reads a row", floor=reading.rate, goal="", met=None
            )
    stock = _seen_at_once(bench, path, plain, place)
    yield Figure("menu out", f"{items:,} items, first after a stock change", stock, "ms")


def _keep(bench: Bench, path: str, headers: dict[str, str], name: str) -> tuple[str, int]:
    """Put an answer where the floor finds it; its tag and size."""
    for _ in range(4):
        # The first ones are made by Django; from then on they come the short way, in each process.
        told, body = _get(bench, path, headers)
    same = {header: value for header, value in told.items() if header not in _THE_SERVERS_OWN}
    (bench.folder / name).write_bytes(body)
    (bench.folder / f"{name}.headers").write_text(json.dumps(same))
    return told["etag"], len(body)


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
