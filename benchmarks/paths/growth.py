"""The same figures with empty tables and with 1,000,000 orders, 5,000,000 changes of status, 5,000,000 webhooks.

What is compared is CPU time, the database's included, for times of two runs minutes apart say more of the machine. What
shows the last day (lists, the dashboard) is first measured with that day's rows alone: an empty page shows nothing.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import history, stack
from benchmarks.load import Result, http
from benchmarks.measure import Figure, Processes, Spent, spending
from benchmarks.paths import orders, webhooks

if TYPE_CHECKING:
    from benchmarks.bench import Bench

GOAL = 1.5


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one operation: milliseconds of CPU, and by the clock."""

    cpu: float
    clock: float


def run(bench: Bench) -> Iterator[Figure]:
    """Measure, fill, measure again; then let the oldest go."""
    count = bench.size(1_000_000, 4_000)
    for name, value in (
        ("innodb_buffer_pool_size", 4 << 30 if not bench.short else 256 << 20),
        ("innodb_log_file_size", 1 << 30 if not bench.short else 128 << 20),
    ):
        # As a server for so many rows has it; for both measurements.
        bench.sql(f"SET GLOBAL {name} = {value}")
    before = _hot_paths(bench, "E")
    bench.empty_tables()
    day = count // history.DAYS
    _fill(bench, count - day + 1, count, count)
    pages = _pages(bench)
    _fill(bench, 1, count - day, count)
    after = _pages(bench)
    yield from _compared(pages, after, "the last day's rows alone")
    yield from _compared(before, _hot_paths(bench, "F"), "empty tables")
    yield from _retention(bench)
    bench.empty_tables()


def _compared(before: dict[str, Cost], after: dict[str, Cost], floor: str) -> Iterator[Figure]:
    for case, cost in after.items():
        yield Figure(
            "growth",
            case,
            cost.cpu,
            "ms of CPU",
            floor,
            before[case].cpu,
            f"≤ {GOAL}",
            cost.cpu <= GOAL * before[case].cpu,
            note=f"by the clock {before[case].clock:.1f} → {cost.clock:.1f} ms",
        )


def _fill(bench: Bench, first: int, last: int, count: int) -> None:
    started = time.perf_counter()
    connection = bench.connect()
    cursor = connection.cursor()
    cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
    cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    provider = bench.sql("SELECT id FROM pos_providers")[0][0]
    history.fill(cursor, bench.places, provider, first, last, count)
    cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    for table in ("Orders", "OrderItems", "OrderStatusHistory", "OrderPushes", "WebhookLogs"):
        cursor.execute(f"ANALYZE TABLE {table}")
        cursor.fetchall()
    connection.close()
    print(
        f"  orders {first:,} to {last:,} in {time.perf_counter() - started:.0f} s",
        file=sys.stderr,
        flush=True,
    )


# --- what is asked all the time --------------------------------------------------------------------------


def _hot_paths(bench: Bench, name: str) -> dict[str, Cost]:
    """Webhooks, orders, pushes, the menu. `name`: what references begin with, new each time."""
    costs: dict[str, Cost] = {}
    made = bench.orders(bench.size(4_000, 60), name=name)
    _at_rest(bench)
    place = bench.places[0].id
    menu = f"/api/restaurants/{place}/menu"
    key = {"Authorization": f"Bearer {bench.key}"}
    with bench.web() as web:

        def fired(sent: list[bytes], **options: Any) -> Cost:
            with bench.spending(web=web) as spent:
                result = bench.fire(32, sent, **options)
            return _cost(result, spent)

        sent = webhooks.requests(made)
        bench.fire(32, sent[: len(sent) // 10], seconds=20)
        costs["webhook in"] = fired(sent[len(sent) // 10 :], seconds=30)
        bench.fire(32, _orders(bench, name, 40, 0), seconds=20)
        placed = bench.size(600, 40)
        costs["order placed, 5 lines"] = fired(_orders(bench, name, placed, 40), seconds=30)
        costs["menu, whole"] = fired([http("GET", menu, key)], seconds=bench.seconds / 2, cycle=True)
    from pos_integrations import inbound, outbound

    costs["webhook applied"] = _own(bench, lambda: sum(iter(lambda: inbound.drain().rows, 0)))
    due = [row[0] for row in bench.sql("SELECT id FROM OrderPushes WHERE state = 'due' ORDER BY id")]
    for push in due[:20]:
        outbound.deliver(push)

    def push_all() -> int:
        for push in due[20:]:
            outbound.deliver(push)
        return len(due) - 20

    costs["order pushed"] = _own(bench, push_all)

    # Some milliseconds each: enough of them for a clock that counts hundredths of a second.
    sweeps = bench.size(200, 20)

    def sweep() -> int:
        for _ in range(sweeps):
            outbound.expire_overdue()
            outbound.release_stuck()
            outbound.note_silence()
            outbound.due_pushes()
        return sweeps

    costs["sweep for pushes"] = _own(bench, sweep)
    return costs


def _at_rest(bench: Bench) -> None:
    """The database has worked off what was written before, for all its CPU counts; or a minute is over."""
    database = Processes({"mariadb": bench.database_session})
    for _ in range(bench.size(60, 1)):
        before = database.cpu_seconds()
        time.sleep(1)
        if database.cpu_seconds() - before < 0.02:
            return


def _orders(bench: Bench, name: str, count: int, first: int) -> list[bytes]:
    asked = orders.requests(bench, 5, first + count)[first:]
    # Keys of their own: those of the measurement before are remembered.
    return [request.replace(b"Idempotency-Key: k", b"Idempotency-Key: " + name.encode()) for request in asked]


def _cost(result: Result, spent: Spent) -> Cost:
    if any(not status.startswith("2") for status in result.statuses):
        raise RuntimeError(f"Not everything was answered well: {result.statuses}")
    return Cost(1000 * spent.seconds / result.done, 1000 / result.rate)


def _own(bench: Bench, work: Callable[[], int]) -> Cost:
    """Of what this process does itself; `work` gives how often it did it."""
    own, started = time.process_time(), time.perf_counter()
    with spending({"mariadb": bench.database_session}) as spent:
        done = work()
    seconds = time.perf_counter() - started
    return Cost(1000 * (spent.seconds + time.process_time() - own) / done, 1000 * seconds / done)


# --- what people look at ---------------------------------------------------------------------------------


def _pages(bench: Bench) -> dict[str, Cost]:
    """The dashboard, an order's page, the lists of staff and of the API, each several times."""
    from django.contrib.auth.models import User
    from django.test import Client

    user, _ = User.objects.get_or_create(username="bench", defaults={"is_staff": True, "is_superuser": True})
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    newest = bench.sql("SELECT MAX(id) FROM Orders")[0][0]
    key = {"HTTP_AUTHORIZATION": f"Bearer {bench.key}"}
    place = bench.places[0].id
    asked: dict[str, tuple[str, dict[str, str]]] = {
        "dashboard": ("/admin/", {}),
        "staff's list of orders": ("/admin/orders/order/", {}),
        "staff's page of an order": (f"/admin/orders/order/{newest}/change/", {}),
        "staff's list of webhooks": ("/admin/pos_integrations/webhooklog/", {}),
        "API: list of orders": (f"/api/orders?restaurant={place}", key),
        "API: one order": (f"/api/orders/{newest}", key),
        "API: health of all": ("/api/pos-integration/health", key),
    }
    costs = {}
    for case, (path, headers) in asked.items():
        found = []
        for _ in range(bench.size(9, 3)):

            def ask(path: str = path, headers: dict[str, str] = headers) -> int:
                answer = client.get(path, **headers)  # type: ignore[arg-type]
                if answer.status_code != 200:
                    raise RuntimeError(f"{path}: {answer.status_code}")
                return 1

            found.append(_own(bench, ask))
        # The first one loads and compiles.
        rest = found[1:]
        cpu = sum(cost.cpu for cost in rest) / len(rest)
        costs[case] = Cost(cpu, statistics.median(cost.clock for cost in rest))
    return costs


# --- what is old goes ------------------------------------------------------------------------------------


def _retention(bench: Bench) -> Iterator[Figure]:
    """How fast old rows go, and how webhooks are acknowledged beside it."""
    made = bench.orders(bench.size(3_000, 60), name="R")
    sent = webhooks.requests(made)
    half = len(sent) // 2
    with bench.web():
        bench.fire(8, sent[:20], seconds=5)
        alone = bench.fire(8, sent[:half], seconds=30)
        process = stack.Process("retention", [sys.executable, "-c", _RETAIN], bench.env)
        try:
            webhooks.wait_for(bench.folder / "retention.log", "ready")
            before, started = bench.count("WebhookLogs"), time.perf_counter()
            (bench.folder / "go").touch()
            beside = bench.fire(8, sent[half:], seconds=30)
            while process.is_running and time.perf_counter() < started + bench.size(15, 10):
                time.sleep(0.1)
            gone = before + beside.done - bench.count("WebhookLogs")
            seconds = time.perf_counter() - started
        finally:
            process.stop()
            (bench.folder / "go").unlink(missing_ok=True)
    yield Figure(
        "retention",
        "webhooks that go while others come",
        gone / seconds,
        "per s",
        goal="≥ 100",
        met=gone / seconds >= 100,
    )
    yield Figure(
        "retention",
        "acknowledging a webhook beside it, 8 connections, median",
        beside.p50,
        "ms",
        "without it",
        alone.p50,
        f"≤ {GOAL}",
        beside.p50 <= GOAL * alone.p50,
        p50=beside.p50,
        p95=beside.p95,
        p99=beside.p99,
        note=f"without it p95 {alone.p95:.1f}, p99 {alone.p99:.1f} ms",
    )


_RETAIN = """
import os, time, django
django.setup()
from ding.privacy import retention
print("ready", flush=True)
go = os.path.join(os.environ["BENCH_FOLDER"], "go")
while not os.path.exists(go):
    time.sleep(0.005)
retention.RULES = tuple(rule for rule in retention.RULES if rule.name == "webhooks")
left = True
while left:
    _, left = retention.expire(budget_seconds=20)
"""
