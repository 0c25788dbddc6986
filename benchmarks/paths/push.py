"""Orders to the POS: one worker process, a POS that takes a second for each call, and one that hangs."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchmarks import stack
from benchmarks.measure import Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench

THREADS = 64


def run(bench: Bench) -> Iterator[Figure]:
    """All restaurants well, then one that hangs."""
    count = bench.size(1_000, 20)
    bench.set_delay(1.0)
    worker = stack.worker(bench.env, "worker", threads=THREADS, queues="orders")
    try:
        _caught_up(bench)
        _warm(bench)
        yield from _all_well(bench, count, worker)
        yield from _one_hangs(bench, bench.size(400, 20))
    finally:
        # Not asked to end: it would wait for the call that hangs.
        worker.kill()
        (bench.folder / "hang").unlink(missing_ok=True)
        bench.set_delay(0)
    bench.empty_tables()


def _warm(bench: Bench) -> None:
    """Each thread of the worker has its connection, each read is compiled: unmeasured, as load on the web is."""
    bench.orders(bench.size(2 * THREADS, 4))
    _quiet(bench)
    _make_due(bench)
    _wait(bench, "state IN ('due', 'sending')", time.perf_counter() + 60)
    bench.empty_tables()


def _all_well(bench: Bench, count: int, worker: stack.Process) -> Iterator[Figure]:
    bench.orders(count)
    _quiet(bench)
    with bench.spending(worker=worker) as spent:
        started = time.perf_counter()
        _make_due(bench)
        _wait(bench, "state IN ('due', 'sending')", started + 180)
        seconds = time.perf_counter() - started
    told = _ask(bench, "/")
    if told["taken"] != count or told["twice"]:
        raise RuntimeError(f"{count} orders should be in the kitchens, each once: {told}")
    at_once = min(THREADS, 8 * len(bench.places))
    yield Figure(
        "order pushed",
        f"{count:,} due, {len(bench.places)} restaurants, 1 s per call",
        seconds,
        "s",
        f"{at_once} calls at once",
        count / at_once,
        "≤ 1.1",
        seconds <= 1.1 * count / at_once,
        cpu_per_1000=spent.per_1000(count),
        memory=spent.memory,
    )
    most = told["most"]
    yield Figure(
        "order pushed", "calls held at once by one process", most, "calls", goal="≥ 50", met=most >= 50
    )
    bench.empty_tables()


def _one_hangs(bench: Bench, count: int) -> Iterator[Figure]:
    hanging = bench.places[0]
    bench.orders(count)
    _quiet(bench)
    (bench.folder / "hang").write_text(hanging.code)
    started = time.perf_counter()
    _make_due(bench)
    others = f"restaurant_id <> {hanging.id}"
    _wait(
        bench,
        f"state IN ('due', 'sending') AND order_id IN (SELECT id FROM Orders WHERE {others})",
        started + 120,
    )
    seconds = time.perf_counter() - started
    rest = count * (len(bench.places) - 1) / len(bench.places)
    at_once = min(THREADS - 8, 8 * (len(bench.places) - 1))
    yield Figure(
        "order pushed",
        f"{rest:,.0f} due beside a restaurant that hangs",
        seconds,
        "s",
        f"{at_once} calls at once",
        max(1.0, rest / at_once),
    )


def _caught_up(bench: Bench) -> None:
    """The worker is there, and has read what the web told it of thousands of orders that are gone."""
    from django.conf import settings
    from redis import Redis

    queue = Redis.from_url(settings.CELERY_BROKER_URL)
    time.sleep(4)
    until = time.monotonic() + 60
    while queue.llen("orders") or queue.hlen("unacked"):
        if time.monotonic() > until:
            raise TimeoutError("The worker does not catch up.")
        time.sleep(0.2)


def _quiet(bench: Bench) -> None:
    """The orders that these are copies of were really placed, and so pushed."""
    time.sleep(0.5)
    while _ask(bench, "/")["now"]:
        time.sleep(0.2)
    _ask(bench, "/reset")


def _make_due(bench: Bench) -> None:
    # As if they had been placed just now: what has waited goes out at a pace.
    now = "created_at = UTC_TIMESTAMP(6), next_attempt_at = UTC_TIMESTAMP(6)"
    bench.sql(f"UPDATE OrderPushes SET state = 'due', {now} WHERE state = 'sent'")
    _sweep()


def _sweep() -> None:
    """As the scheduler does, which gives a sign of life, too: without it the worker would do the scheduler's watching."""
    from ding.incidents import pulses
    from pos_integrations import tasks

    pulses.beat()
    tasks.sweep_pushes()


def _wait(bench: Bench, where: str, until: float) -> None:
    again = time.perf_counter() + 5
    while bench.count("OrderPushes", where):
        if time.perf_counter() > until:
            raise TimeoutError(f"Still there: {where}")
        if time.perf_counter() > again:
            _sweep()
            again += 5
        time.sleep(0.05)


def _ask(bench: Bench, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(bench.pos_url + path, timeout=10) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told
