"""Orders placed and priced over REST."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchmarks import floors, world
from benchmarks.load import http
from benchmarks.measure import Figure

if TYPE_CHECKING:
    from benchmarks.bench import Bench

TABLES = ("Orders", "OrderItems", "OrderStatusHistory", "OrderPushes", "IdempotencyKeys")


def run(bench: Bench) -> Iterator[Figure]:
    """Placing with 1, 5 and 50 lines, pricing alone, and the straightforward way with a POS that takes its time."""
    for lines in (1, 5, 50):
        yield from placing(bench, lines)
    yield from quoting(bench)
    yield from straightforward(bench)


def _bodies(bench: Bench, lines: int) -> list[bytes]:
    return [
        json.dumps(world.order_body(place, world.basket(place, lines))).encode() for place in bench.places
    ]


def requests(bench: Bench, lines: int, count: int, path: str = "/api/orders") -> list[bytes]:
    """So many orders, each with an idempotency key of its own."""
    bodies = _bodies(bench, lines)
    plain = {"Content-Type": "application/json", "Authorization": f"Bearer {bench.key}"}
    return [
        http("POST", path, {**plain, "Idempotency-Key": f"k{lines}-{n}"}, bodies[n % len(bodies)])
        for n in range(count)
    ]


def placing(bench: Bench, lines: int, note: str = "") -> Iterator[Figure]:
    """Rate of placing at 32 connections beside the bare inserts of the same rows by 32 threads."""
    with bench.web() as web:
        bench.fire(4, requests(bench, lines, 8), seconds=10)
        rows = _rows_of_newest(bench)
        bench.sql("DELETE FROM IdempotencyKeys")
        before = bench.count("Orders")
        with bench.spending(web=web) as spent:
            result = bench.fire(32, requests(bench, lines, bench.size(20_000, 64)), seconds=bench.seconds)
    if set(result.statuses) != {"201"}:
        raise RuntimeError(f"Not every order was placed: {result.statuses}")
    if (found := bench.count("Orders") - before) < result.done:
        raise RuntimeError(f"{result.done} orders were acknowledged, {found} are there.")
    floor = _bare(bench, rows)
    yield Figure(
        "order placed",
        f"{lines} lines, 32 connections",
        result.rate,
        "per s",
        "bare inserts, 32 threads",
        floor,
        "≥ 0.33",
        result.rate * 3 >= floor,
        result.p50,
        result.p95,
        result.p99,
        spent.per_1000(result.done),
        spent.memory,
        note,
    )
    bench.empty_tables()


def _rows_of_newest(bench: Bench) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """The rows of the newest order, with their column names, ids left out."""
    newest = bench.sql("SELECT MAX(id) FROM Orders")[0][0]
    kept = {}
    for table in TABLES:
        where = {"Orders": "id = %s", "IdempotencyKeys": "%s > 0 LIMIT 1"}.get(table, "order_id = %s")
        names = [row[0] for row in bench.sql(f"SHOW COLUMNS FROM {table}")]
        listed = ", ".join(f"`{name}`" for name in names if name != "id")
        rows = bench.sql(f"SELECT {listed} FROM {table} WHERE {where}", newest)
        kept[table] = ([name for name in names if name != "id"], [list(row) for row in rows])
    return kept


def _bare(bench: Bench, rows: dict[str, tuple[list[str], list[list[Any]]]]) -> float:
    numbers = itertools.count()

    def work(connection: Any, thread: int, number: int) -> None:
        cursor = connection.cursor()
        order = 0
        unique = f"F{next(numbers)}"
        for table, (names, values) in rows.items():
            changed = {"reference": unique, "key": unique, "order_id": order}
            marks = "(" + ", ".join(["%s"] * len(names)) + ")"
            listed = ", ".join(f"`{name}`" for name in names)
            cursor.execute(
                f"INSERT INTO {table} ({listed}) VALUES {', '.join([marks] * len(values))}",
                [changed.get(name, value) for row in values for name, value in zip(names, row, strict=True)],
            )
            if table == "Orders":
                order = cursor.lastrowid
        connection.commit()

    return floors.per_second(bench, 32, bench.seconds, work)


def quoting(bench: Bench) -> Iterator[Figure]:
    """Pricing alone; it must not write."""
    with bench.web() as web:
        sent = requests(bench, 5, 40, "/api/orders/quote")
        bench.fire(4, sent, seconds=5)
        before = _writes(bench)
        with bench.spending(web=web) as spent:
            result = bench.fire(32, sent, seconds=bench.seconds, cycle=True, warm=False)
        written = _writes(bench) - before
    if set(result.statuses) != {"200"}:
        raise RuntimeError(f"Not every order was priced: {result.statuses}")
    yield Figure(
        "order priced",
        "5 lines, 32 connections",
        result.rate,
        "per s",
        goal="no write",
        # The key's "last used" is written once a minute.
        met=written <= 4,
        p50=result.p50,
        p95=result.p95,
        p99=result.p99,
        cpu_per_1000=spent.per_1000(result.done),
    )


def _writes(bench: Bench) -> int:
    rows = bench.sql(
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_rows_inserted', 'Innodb_rows_updated')"
    )
    return sum(int(row[1]) for row in rows)


def straightforward(bench: Bench) -> Iterator[Figure]:
    """The order pushed inside its request, to a POS that takes 100 ms; and ding beside it."""
    bench.set_delay(0.1)
    bodies = _bodies(bench, 5)
    for connections in (8, 32):
        env = {"SIMPLE_POS": bench.pos_url}
        with bench.web("benchmarks.simple:application", threads=32, env=env, name="simple"):
            sent = [http("POST", "/order", {"Content-Type": "application/json"}, body) for body in bodies]
            simple = bench.fire(connections, sent, seconds=bench.seconds, cycle=True, warm=False)
        with bench.web():
            bench.fire(4, requests(bench, 5, 8), seconds=10)
            bench.sql("DELETE FROM IdempotencyKeys")
            placed = bench.fire(
                connections, requests(bench, 5, bench.size(20_000, 64)), seconds=bench.seconds
            )
        yield Figure(
            "order placed",
            f"5 lines, {connections} connections, the POS takes 100 ms",
            placed.rate,
            "per s",
            "pushed in the request",
            simple.rate,
            p50=placed.p50,
            p95=placed.p95,
            p99=placed.p99,
        )
        bench.empty_tables()
    bench.set_delay(0)
