"""The database: killed, hung, unclear, in the way, out of connections, out of disk, being changed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliability.checks import ANSWER_WITHOUT_DATABASE, judge
from reliability.faults import fault
from reliability.figures import Figure, quantile, seconds, told
from reliability.processes import go_on, hang, wait_until
from reliability.proxy import COMMIT, INBOX_INSERT, When

if TYPE_CHECKING:
    from reliability.load import Load
    from reliability.rig import Rig


def answer_seconds(load: Load) -> list[float]:
    """How long each answer took, whatever it was."""
    return [took for event in load.events for took in event.seconds]


def first_good(rig: Rig, limit: float = 60) -> float:
    """How long until a web server says that it is ready again."""

    def ready() -> bool:
        answer = rig.sender.request("GET", "/readyz")
        return answer is not None and answer[0] == 200

    return wait_until(ready, limit, "the first good answer")


def connect(rig: Rig, **options: Any) -> Any:
    """A session of the rig's own, straight to the database."""
    import MySQLdb

    return MySQLdb.connect(host="127.0.0.1", port=rig.db.port, user="root", db="ding", **options)


@fault(
    "F14",
    "the database is killed under load",
    trials=10,
    carried_by="503 with Retry-After; dead connections are noticed and replaced; the sender tries again",
)
def database_killed(rig: Rig, n: int) -> list[Figure]:
    """kill -9 and a restart, `n` times."""
    rig.stock_up(1200)
    recovered = []
    with rig.load(events=15, orders=2) as load:
        for _ in range(n):
            time.sleep(2)
            rig.db.kill()
            rig.kills["mariadb"] += 1
            time.sleep(1.5)
            rig.db.start()
            rig.db.wait()
            recovered.append(first_good(rig))
    return [
        told("kills", n),
        seconds("first_good_answer", max(recovered), 5),
        seconds("answer_p99", quantile(answer_seconds(load), 0.99), ANSWER_WITHOUT_DATABASE),
        *judge(rig, load, ack=None),
    ]


@fault(
    "F15",
    "the database hangs",
    trials=30,
    carried_by="read time-out shorter than a sender's patience; a breaker answers 503 at once; leases",
)
def database_hangs(rig: Rig, n: int) -> list[Figure]:
    """SIGSTOP for `n` seconds."""
    rig.stock_up(1000)
    with rig.load(events=15, orders=2) as load:
        time.sleep(2)
        hang(rig.db)
        time.sleep(n)
        go_on(rig.db)
        recovered = first_good(rig)
        time.sleep(2)
    refused = sum(status == 503 for event in load.events for status in event.statuses)
    return [
        seconds("recovered", recovered, 10),
        seconds("answer_p99", quantile(answer_seconds(load), 0.99), ANSWER_WITHOUT_DATABASE),
        seconds("answer_slowest", max(answer_seconds(load)), 10),
        told("503s", refused),
        *judge(rig, load, ack=None),
    ]


@fault(
    "F16",
    "an unclear commit",
    trials=60,
    carried_by="the same again finds its row or has its effect once; Idempotency-Key for orders",
)
def unclear_commit(rig: Rig, n: int) -> list[Figure]:
    """The reply to COMMIT, and to the insert into the inbox, is swallowed and the session reset."""
    rig.stock_up(800)
    ways = (rig.web_db, rig.worker_db)
    with rig.load(events=15, orders=3) as load:
        triggers = [way.on(COMMIT, When.AFTER, lambda port: None, n // 3) for way in ways]
        triggers.append(rig.web_db.on(INBOX_INSERT, When.AFTER, lambda port: None, n // 3))
        wait_until(lambda: all(t.fired >= t.times for t in triggers), 90, "every commit")
    rig.mend()
    return [told("commits", sum(t.fired for t in triggers)), *judge(rig, load, ack=None)]


@fault(
    "F17",
    "deadlocks",
    trials=400,
    carried_by="1213 is met by trying the whole transaction again; rows are locked in one order",
)
def deadlocks(rig: Rig, n: int) -> list[Figure]:
    """Sessions that lock the same orders and menus backwards, in a loop; and one key for 50 orders at once."""
    rig.stock_up(n)
    stop = threading.Event()
    met: list[int] = []

    def lock_backwards() -> None:
        session = connect(rig)
        cursor = session.cursor()
        while not stop.is_set():
            with suppress(Exception):
                cursor.execute("SELECT id FROM Orders ORDER BY id DESC LIMIT 60 FOR UPDATE")
                rows = [row[0] for row in cursor.fetchall()]
                cursor.execute("SELECT 1 FROM Menus ORDER BY 1 DESC FOR UPDATE")
                for row in rows[:20]:
                    cursor.execute("SELECT id FROM Orders WHERE id = %s FOR UPDATE", [row])
                met.append(1)
            session.rollback()
            time.sleep(0.02)
        session.close()

    threads = [threading.Thread(target=lock_backwards) for _ in range(2)]
    for thread in threads:
        thread.start()
    load = rig.load().many(events=n * 5, orders=n // 10)
    stop.set()
    for thread in threads:
        thread.join()
    return [told("locked backwards", len(met)), *judge(rig, load, ack=None), *_one_key(rig)]


def _one_key(rig: Rig) -> list[Figure]:
    """The same order from 50 threads at once is one order."""
    import json
    from concurrent.futures import ThreadPoolExecutor

    from orders.models import IdempotencyKey

    outlet = rig.outlets["strict0"]
    body = {
        "restaurant_id": outlet.restaurant,
        "order_type": "PICKUP",
        "payment_type": "ONLINE",
        "customer": {"name": "Guest", "phone": "+919000000000"},
        "items": [{"item_id": outlet.items[0], "quantity": 1}],
    }
    key = f"same-{rig.number()}"
    headers = {
        "Authorization": f"Bearer {rig.api_key}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    raw = json.dumps(body).encode()
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda _: rig.sender.request("POST", "/api/orders", raw, headers), range(50)))
    references = {json.loads(answer[1])["reference"] for answer in found if answer and answer[0] < 300}
    stored = IdempotencyKey.objects.filter(key=key).count()
    return [
        Figure("orders_of_one_key", len(references) - 1 + stored - 1, len(found)),
        Figure("one_key_5xx", sum(a is not None and a[0] >= 500 for a in found), len(found)),
    ]


@fault(
    "F18",
    "a lock that somebody holds too long",
    trials=5,
    carried_by="1205 rolls the whole transaction back and tries it again",
)
def lock_wait(rig: Rig, n: int) -> list[Figure]:
    """The rows of orders are held for longer than a session waits, while their webhooks come."""
    from orders.models import Order, OrderStatusHistory

    rig.stock_up(n + 5)
    load = rig.load()
    held = [rig.next_order() for _ in range(n)]
    session = connect(rig)
    references = [reference for _, reference in held]
    session.cursor().execute("SELECT id FROM Orders WHERE reference IN %s FOR UPDATE", [references])
    with load:
        for code, reference in held:
            load.send(rig.status_event(code, reference, "CONFIRMED"))
        time.sleep(12)
        session.rollback()
    session.close()
    figures = judge(rig, load)
    half = sum(
        order.status != "pending" and not OrderStatusHistory.objects.filter(order=order).exists()
        for order in Order.objects.filter(reference__in=references)
    )
    return [Figure("half_committed", half, n), *figures]


@fault(
    "F19",
    "no database connection is left",
    trials=10,
    carried_by="503 with Retry-After; nothing is acknowledged without a row",
)
def no_connections(rig: Rig, n: int) -> list[Figure]:
    """`max_connections` of 8 for `n` seconds; most are taken by others."""
    rig.stock_up(600)
    with rig.load(events=15, orders=2) as load:
        time.sleep(1)
        session = connect(rig)
        cursor = session.cursor()
        cursor.execute("SET GLOBAL max_connections = 10")
        hogs = []
        cursor.execute("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()")
        for (number,) in cursor.fetchall():
            with suppress(Exception):
                cursor.execute(f"KILL {number}")
        for _ in range(7):
            with suppress(Exception):
                hogs.append(connect(rig))
        time.sleep(n)
        cursor.execute("SET GLOBAL max_connections = 200")
        for hog in hogs:
            hog.close()
        session.close()
        recovered = first_good(rig)
    return [seconds("first_good_answer", recovered, 5), *judge(rig, load, ack=None)]


@fault(
    "F20",
    "the disk is full",
    trials=8,
    carried_by="503 while nothing can be stored; logs go to stderr, so a full log disk stops nothing",
)
def disk_full(rig: Rig, n: int) -> list[Figure]:
    """The database's folder on a small file system that is filled up for `n` seconds, under load."""
    rig.stock_up(600)
    small = Path(tempfile.mkdtemp(prefix="ding-small-"))
    data = rig.db.data
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(small)], check=True)
    rig.db.kill()
    try:
        # All but the socket.
        shutil.copytree(data, small / "data", ignore=shutil.ignore_patterns("s"))
        rig.db.move(small / "data")
        rig.wait_ready()
        ballast = small / "ballast"
        with rig.load(events=15, orders=2) as load:
            time.sleep(1)
            with suppress(OSError), ballast.open("wb") as file:
                while True:
                    file.write(b"\0" * 1_000_000)
            time.sleep(n)
            ballast.unlink()
            if not rig.db.is_running:
                rig.db.start()
                rig.db.wait()
            recovered = first_good(rig)
            time.sleep(1)
        figures = judge(rig, load, ack=None)
    finally:
        rig.db.stop()
        shutil.rmtree(data)
        shutil.copytree(small / "data", data, ignore=shutil.ignore_patterns("s"))
        subprocess.run(["umount", str(small)], check=True)
        rig.db.move(data)
    return [seconds("first_good_answer", recovered, 15), *figures]


@fault(
    "F21",
    "the schema changes while old code runs",
    trials=4,
    carried_by="added columns have database defaults; no SELECT * and no positional insert",
)
def schema_change(rig: Rig, n: int) -> list[Figure]:
    """As a migration does: columns with a default and indexes are added to the busiest tables, and taken away."""
    rig.stock_up(800)
    changes = [
        ("WebhookLogs", "ADD COLUMN rig_new INT NOT NULL DEFAULT 0", "DROP COLUMN rig_new"),
        ("Orders", "ADD COLUMN rig_new VARCHAR(20) NULL", "DROP COLUMN rig_new"),
        ("OrderPushes", "ADD INDEX rig_new (updated_at)", "DROP INDEX rig_new"),
        ("OrderStatusHistory", "ADD COLUMN rig_new INT NULL", "DROP COLUMN rig_new"),
    ]
    session = connect(rig)
    cursor = session.cursor()
    with rig.load(events=15, orders=2) as load:
        for table, there, back in changes[:n]:
            cursor.execute(f"ALTER TABLE {table} {there}")
            time.sleep(2)
            cursor.execute(f"ALTER TABLE {table} {back}")
            time.sleep(1)
    session.close()
    return judge(rig, load)
