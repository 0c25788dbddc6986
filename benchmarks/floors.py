"""The same rows written by bare mysqlclient statements: what the database allows."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import world

if TYPE_CHECKING:
    from benchmarks.bench import Bench


def insert_many(
    connection: Any, table: str, names: Sequence[str], rows: Sequence[Sequence[Any]], batch: int
) -> None:
    """Many rows per statement, one commit."""
    cursor = connection.cursor()
    marks = "(" + ", ".join(["%s"] * len(names)) + ")"
    listed = ", ".join(f"`{name}`" for name in names)
    for at in range(0, len(rows), batch):
        part = rows[at : at + batch]
        values = [value for row in part for value in row]
        cursor.execute(f"INSERT INTO `{table}` ({listed}) VALUES {', '.join([marks] * len(part))}", values)
    connection.commit()


def per_second(bench: Bench, threads: int, seconds: float, work: Callable[[Any, int, int], None]) -> float:
    """`work(connection, thread, n)` again and again in so many threads."""
    done = [0] * threads
    connections = [bench.connect() for _ in range(threads)]
    until = time.perf_counter() + seconds

    def loop(thread: int) -> None:
        while time.perf_counter() < until:
            work(connections[thread], thread, done[thread])
            done[thread] += 1

    running = [threading.Thread(target=loop, args=(n,)) for n in range(threads)]
    started = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


_LOG = (
    "INSERT INTO WebhookLogs (pos_provider_id, integration_id, restaurant_id, webhook_type, payload, status,"
    " verdict, error_message, attempts, next_attempt_at, remote_address) VALUES (%s, %s, %s, 'order-status', %s,"
    " 'received', '', '', 0, UTC_TIMESTAMP(6), '')"
)


def inserts_per_second(bench: Bench, threads: int, seconds: float) -> float:
    """One webhook's row and its commit."""
    place = bench.places[0]
    provider = bench.sql("SELECT id FROM pos_providers")[0][0]
    body = world.status_body("B1X1", place.code).decode()

    def work(connection: Any, thread: int, number: int) -> None:
        connection.cursor().execute(_LOG, (provider, place.integration_id, place.id, body))
        connection.commit()

    rate = per_second(bench, threads, seconds, work)
    bench.sql("TRUNCATE WebhookLogs")
    return rate


def _known(bench: Bench, orders: Sequence[tuple[str, str]]) -> dict[str, tuple[int, int]]:
    rows = bench.sql("SELECT reference, id, restaurant_id FROM Orders")
    wanted = {reference for reference, _ in orders}
    return {reference: (id_, restaurant) for reference, id_, restaurant in rows if reference in wanted}


def applied_one_each(bench: Bench, orders: Sequence[tuple[str, str]]) -> float:
    """Per second: a webhook's statements in one transaction each, on one connection, all values ready."""
    known = _known(bench, orders)
    connection = bench.connect()
    cursor = connection.cursor()
    place = bench.places[0]
    provider = bench.sql("SELECT id FROM pos_providers")[0][0]
    started = time.perf_counter()
    for reference, code in orders:
        body = world.status_body(reference, code).decode()
        cursor.execute(_LOG, (provider, place.integration_id, place.id, body))
        log = cursor.lastrowid
        cursor.execute("SELECT id, status FROM Orders WHERE reference = %s FOR UPDATE", (reference,))
        order = cursor.fetchone()[0]
        cursor.execute("UPDATE Orders SET status = 'confirmed' WHERE id = %s", (order,))
        cursor.execute(
            "INSERT INTO OrderStatusHistory (order_id, old_status, new_status, source, changed_by, change_reason,"
            " happened_at) VALUES (%s, 'pending', 'confirmed', 'pos', 'webhook', '', UTC_TIMESTAMP(6))",
            (order,),
        )
        cursor.execute(
            "INSERT INTO NotificationQueue (order_id, type, event, phone_number, message) VALUES"
            " (%s, 'sms', 'confirmed', '+919000000002', %s)",
            (order, f"Kitchen: your order {reference} is confirmed."),
        )
        cursor.execute("UPDATE OrderPushes SET state = 'acknowledged' WHERE order_id = %s", (order,))
        cursor.execute("UPDATE WebhookLogs SET status = 'processed' WHERE id = %s", (log,))
        connection.commit()
    seconds = time.perf_counter() - started
    assert len(known) >= len(orders)
    return len(orders) / seconds


def applied_in_batches(bench: Bench, orders: Sequence[tuple[str, str]], batch: int = 500) -> float:
    """Per second: what waits, in a few wide statements per batch, by two threads; all values ready."""
    from benchmarks.paths.webhooks import fill_inbox

    known = _known(bench, orders)
    fill_inbox(bench, list(orders))
    logs = [row[0] for row in bench.sql("SELECT id FROM WebhookLogs ORDER BY id")]
    work = [(log, *known[reference], reference) for log, (reference, _) in zip(logs, orders, strict=True)]
    parts = [work[at : at + batch] for at in range(0, len(work), batch)]
    connections = [bench.connect() for _ in range(2)]
    lock = threading.Lock()

    def loop(connection: Any) -> None:
        cursor = connection.cursor()
        while True:
            with lock:
                if not parts:
                    return
                part = parts.pop()
            _apply(cursor, part)
            connection.commit()

    running = [threading.Thread(target=loop, args=(connection,)) for connection in connections]
    started = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return len(work) / (time.perf_counter() - started)


def _apply(cursor: Any, part: Sequence[tuple[int, int, int, str]]) -> None:
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    logs = ",".join(str(row[0]) for row in part)
    ids = ",".join(str(row[1]) for row in part)
    cursor.execute(f"SELECT id, payload FROM WebhookLogs WHERE id IN ({logs}) FOR UPDATE")
    cursor.fetchall()
    cursor.execute(
        f"UPDATE WebhookLogs SET attempts = attempts + 1, next_attempt_at = UTC_TIMESTAMP(6) WHERE id IN ({logs})"
    )
    cursor.execute(f"SELECT id, reference, status FROM Orders WHERE id IN ({ids}) FOR UPDATE")
    cursor.fetchall()
    cursor.execute(
        f"UPDATE Orders SET status = 'confirmed', updated_at = UTC_TIMESTAMP(6) WHERE id IN ({ids})"
    )
    marks = ", ".join(["(%s, 'pending', 'confirmed', 'pos', %s, '', %s, %s)"] * len(part))
    cursor.execute(
        "INSERT INTO OrderStatusHistory (order_id, old_status, new_status, source, changed_by, change_reason,"
        f" happened_at, created_at) VALUES {marks}",
        [value for log, order, _, _ in part for value in (order, f"webhook {log}", now, now)],
    )
    marks = ", ".join(["(%s, 'sms', 'confirmed', '+919000000002', %s, %s, %s, %s)"] * len(part))
    cursor.execute(
        "INSERT INTO NotificationQueue (order_id, type, event, phone_number, message, next_attempt_at, created_at,"
        f" updated_at) VALUES {marks}",
        [
            value
            for _, order, _, reference in part
            for value in (order, f"Kitchen bench0001: your order {reference} is confirmed.", now, now, now)
        ],
    )
    cursor.execute(
        "UPDATE OrderPushes SET state = 'acknowledged', acknowledged_at = UTC_TIMESTAMP(6),"
        f" next_attempt_at = NULL WHERE order_id IN ({ids})"
    )
    marks = ", ".join(["(%s, %s, 1, 1, 1, '', '', '', '', '', 1, '')"] * len(part))
    cursor.execute(
        "INSERT INTO WebhookLogs (id, order_id, pos_provider_id, integration_id, restaurant_id, webhook_type,"
        " payload, status, verdict, error_message, attempts, remote_address)"
        f" VALUES {marks} ON DUPLICATE KEY UPDATE status = 'processed', verdict = 'applied',"
        " order_id = VALUES(order_id), next_attempt_at = NULL, processed_at = UTC_TIMESTAMP(6)",
        [value for log, order, _, _ in part for value in (log, order)],
    )
