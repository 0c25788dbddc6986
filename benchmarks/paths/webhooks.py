"""Signed order-status webhooks: taken in, and applied."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import floors, stack, world
from benchmarks.load import Result, http
from benchmarks.measure import Figure, Spent, spending

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def run(bench: Bench) -> Iterator[Figure]:
    """All of it."""
    yield from taking_in(bench)
    yield from applying(bench)
    yield from both(bench)


def requests(orders: list[tuple[str, str]], path: str = "/api/webhooks/petpooja/order-status") -> list[bytes]:
    """One webhook for each order."""
    made = []
    for reference, code in orders:
        body = world.status_body(reference, code)
        headers = {"Content-Type": "application/json", "x-petpooja-signature": world.signature(body)}
        made.append(http("POST", path, headers, body))
    return made


def taking_in(bench: Bench, note: str = "") -> Iterator[Figure]:
    """Acknowledged per second: the row is committed when the answer goes out."""
    from benchmarks.bench import free_port

    count = bench.size(20_000, 200)
    orders = bench.orders(count)
    sent = requests(orders)
    simple_env = {"SIMPLE_SECRET": world.SECRET}
    with bench.web("benchmarks.simple:application", threads=32, env=simple_env, name="simple"):
        simple = bench.fire(32, requests(orders, "/webhook"), seconds=bench.seconds)
    _all_answered(simple.statuses)
    bare = floors.inserts_per_second(bench, 32, bench.seconds)
    yield Figure("webhook in", "bare INSERT and COMMIT, 32 threads", bare, "per s")
    yield _figure("straightforward, 32 connections", simple, None, note)
    port = free_port()
    with bench.web("benchmarks.empty:application", port=port, name="floor"), bench.web() as web:
        for connections in (1, 8, 32, 64):
            bench.fire(connections, sent[:100], seconds=1)
            bench.sql("TRUNCATE WebhookLogs")
            if connections == 32:
                result, (empty,), spent = bench.beside(web, sent, [(port, requests(orders[:50], "/empty"))])
            else:
                with bench.spending(web=web) as spent:
                    result = bench.fire(connections, sent, seconds=bench.seconds)
            _all_answered(result.statuses)
            _nothing_lost(bench, result.done)
            figure = _figure(f"{connections} connections", result, spent, note)
            if connections != 32:
                yield figure
                continue
            met = result.rate >= 0.4 * empty.rate
            yield replace(figure, floor_name="an empty view", floor=empty.rate, goal="≥ 0.4", met=met)
            met = result.rate >= 3 * simple.rate
            yield replace(figure, floor_name="straightforward", floor=simple.rate, goal="≥ 3", met=met)
    bench.empty_tables()


def _figure(case: str, result: Result, spent: Spent | None, note: str) -> Figure:
    return Figure(
        "webhook in",
        case,
        result.rate,
        "per s",
        p50=result.p50,
        p95=result.p95,
        p99=result.p99,
        cpu_per_1000=spent.per_1000(result.done) if spent else None,
        memory=spent.memory if spent else {},
        note=note,
    )


def _all_answered(statuses: dict[str, int]) -> None:
    if set(statuses) != {"200"}:
        raise RuntimeError(f"Not every webhook was answered with 200: {statuses}")


def _nothing_lost(bench: Bench, acknowledged: int) -> None:
    rows = bench.count("WebhookLogs")
    if rows < acknowledged:
        raise RuntimeError(f"{acknowledged} webhooks were acknowledged, {rows} are there.")


def fill_inbox(bench: Bench, orders: list[tuple[str, str]]) -> None:
    """One waiting webhook for each order, by plain SQL."""
    places = {place.code: place for place in bench.places}
    provider = bench.sql("SELECT id FROM pos_providers")[0][0]
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    rows = [
        (
            provider,
            places[code].integration_id,
            places[code].id,
            "order-status",
            world.status_body(reference, code).decode(),
            "received",
            "",
            "",
            0,
            now,
            "",
        )
        for reference, code in orders
    ]
    names = "pos_provider_id, integration_id, restaurant_id, webhook_type, payload, status, verdict"
    names += ", error_message, attempts, next_attempt_at, remote_address"
    floors.insert_many(bench.connect(), "WebhookLogs", names.split(", "), rows, 1000)


def applying(bench: Bench, note: str = "") -> Iterator[Figure]:
    """What waits in the inbox, worked off by two processes."""
    from pos_integrations import inbound

    count = bench.size(10_000, 100)
    orders = bench.orders(count)
    alone = bench.size(500, 20)
    fill_inbox(bench, orders[:alone])
    started = time.perf_counter()
    while inbound.drain(1):
        pass
    one_each = alone / (time.perf_counter() - started)
    _applied(bench, alone)
    bench.empty_tables()

    orders = bench.orders(count)
    bare_one = floors.applied_one_each(bench, orders[:alone])
    bench.empty_tables()
    orders = bench.orders(count)
    bare = floors.applied_in_batches(bench, orders)
    bench.empty_tables()

    orders = bench.orders(count)
    command = [sys.executable, "-c", _DRAIN]
    processes = [stack.Process(f"drain-{n}", command, bench.env) for n in range(2)]
    for name in ("drain-0", "drain-1"):
        wait_for(bench.folder / f"{name}.log", "ready")
    fill_inbox(bench, orders)
    sessions = {process.name: process.session for process in processes}
    with spending({**sessions, "mariadb": bench.database_session}) as spent:
        started = time.perf_counter()
        (bench.folder / "go").touch()
        while bench.count("WebhookLogs", "status = 'received'"):
            time.sleep(0.02)
        seconds = time.perf_counter() - started
    for process in processes:
        process.stop()
    (bench.folder / "go").unlink()
    for process in processes:
        (bench.folder / f"{process.name}.log").unlink()
    _applied(bench, count)
    p50, p95, p99 = _delays(bench)
    bench.empty_tables()
    rate = count / seconds
    yield Figure("webhook applied", "bare, one transaction each", bare_one, "per s", note=note)
    yield Figure(
        "webhook applied",
        f"{count:,} waiting, 2 processes",
        rate,
        "per s",
        "bare batches of 500, 2 threads",
        bare,
        "≥ 0.33",
        rate * 3 >= bare,
        p50,
        p95,
        p99,
        spent.per_1000(count),
        spent.memory,
        note,
    )
    yield Figure(
        "webhook applied",
        f"{count:,} waiting, 2 processes",
        rate,
        "per s",
        "one transaction each",
        one_each,
        "≥ 8",
        rate >= 8 * one_each,
        note=note,
    )


_DRAIN = """
import os, time, django
django.setup()
from pos_integrations import inbound
inbound.drain()
print("ready", flush=True)
go = os.path.join(os.environ["BENCH_FOLDER"], "go")
while not os.path.exists(go):
    time.sleep(0.005)
while inbound.drain():
    pass
# Its memory is read while it lives.
time.sleep(600)
"""


def wait_for(log: Path, word: str) -> None:
    """Until a process has written this word."""
    until = time.monotonic() + 30
    while word not in (log.read_text() if log.exists() else ""):
        if time.monotonic() > until:
            raise TimeoutError(log.read_text())
        time.sleep(0.02)


def _applied(bench: Bench, count: int) -> None:
    found = {
        "webhooks": bench.count("WebhookLogs", "status = 'processed' AND verdict = 'applied'"),
        "orders": bench.count("Orders", "status = 'confirmed'"),
        "history": bench.count("OrderStatusHistory", "new_status = 'confirmed'"),
        "messages": bench.count("NotificationQueue", "event = 'confirmed'"),
        "pushes": bench.count("OrderPushes", "state = 'acknowledged'"),
    }
    if any(number != count for number in found.values()):
        raise RuntimeError(f"{count} webhooks should be applied: {found}")


def _delays(bench: Bench) -> tuple[float, float, float]:
    """Milliseconds from a webhook's commit until it was applied: of half of them, of 95 %, of 99 %."""
    waits = "SELECT TIMESTAMPDIFF(MICROSECOND, created_at, processed_at) FROM WebhookLogs"
    times = sorted(float(row[0]) / 1000 for row in bench.sql(waits))
    return tuple(times[int(len(times) * share)] for share in (0.5, 0.95, 0.99))  # type: ignore[return-value]


def both(bench: Bench, note: str = "") -> Iterator[Figure]:
    """Taken in and applied at the same time, through the broker."""
    count = bench.size(10_000, 100)
    orders = bench.orders(count)
    worker = stack.worker(bench.env, "worker", threads=2, queues="webhooks")
    try:
        time.sleep(3)
        with bench.web() as web, bench.spending(web=web, worker=worker) as spent:
            started = time.perf_counter()
            result = bench.fire(32, requests(orders), seconds=60)
            while bench.count("WebhookLogs", "status = 'received'") and time.perf_counter() < started + 120:
                time.sleep(0.02)
            seconds = time.perf_counter() - started
    finally:
        worker.stop()
    _all_answered(result.statuses)
    _applied(bench, count)
    p50, p95, p99 = _delays(bench)
    yield Figure(
        "webhook in and applied",
        f"{count:,}, 32 connections, one worker",
        count / seconds,
        "per s",
        p50=p50,
        p95=p95,
        p99=p99,
        cpu_per_1000=spent.per_1000(count),
        memory=spent.memory,
        note=note,
    )
    bench.empty_tables()
