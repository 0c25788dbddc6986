"""The rest: a mail server that fails, a database restored from a backup, everything at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.stack import ROOT
from reliability.checks import ids_of, judge
from reliability.faults import fault
from reliability.figures import Figure, quantile, seconds, told
from reliability.mail_sink import MODES, MailSink
from reliability.processes import go_on, hang

if TYPE_CHECKING:
    from reliability.rig import Rig


@fault(
    "F48",
    "the mail server is down, slow, refuses, takes and is silent",
    trials=25,
    carried_by="messages are rows of their own, in a queue of their own; unclear is never sent again",
)
def mail_fails(rig: Rig, n: int) -> list[Figure]:
    """`n` orders for each way in which it fails; the orders do not feel it."""
    from notifications.models import Notification

    sink = MailSink()
    found, takes = [], {}
    try:
        with rig.changed(rig.workers, EMAIL_URL=f"smtp://127.0.0.1:{sink.port}", SMS_CHANNEL="none"):
            for mode in MODES:
                sink.mode = mode
                load = rig.load()
                with load:
                    for number in range(n):
                        email = f"{mode}-{number}@example.com"
                        guest = {"name": "Guest", "phone": "+919000000001", "email": email}
                        load.order(customer=guest)
                rig.quiet(60)
                found += load.orders
                takes[mode] = quantile([_to_kitchen(order.reference) for order in load.orders], 0.99)
            sink.mode = "well"
            time.sleep(20)
    finally:
        sink.close()
    twice = sum(count > 1 for count in Counter(sink.taken).values())
    mine = Notification.objects.filter(order__reference__in=ids_of(found), type="email")
    silent = mine.filter(status="failed", last_error="").count()
    load = rig.load()
    load.orders = found
    return [
        Figure("message_dup", twice, len(sink.taken)),
        Figure("failed_without_reason", silent, mine.count()),
        told("to the kitchen, p99, all well", takes["well"], "s"),
        seconds(
            "to the kitchen, p99, at worst", max(takes.values()), max(1.5 * takes["well"], takes["well"] + 2)
        ),
        *judge(rig, load),
    ]


def _to_kitchen(reference: str) -> float:
    from pos_integrations.models import OrderPush

    push = OrderPush.objects.get(order__reference=reference, kind="order")
    return (push.sent_at - push.created_at).total_seconds() if push.sent_at else 60.0


@fault(
    "F49",
    "the database is restored from an hour ago",
    trials=25,
    carried_by="`manage.py after_restore` before anything starts: what may be at the POS is not sent again",
)
def restored(rig: Rig, n: int) -> list[Figure]:
    """Dumped while orders are due; they and others go to the POS; restored as the runbook says."""
    from django.db import connections

    for worker in rig.workers:
        hang(worker)
    due = rig.load().many(orders=n)
    dump = rig.folder / "backup.sql"
    login = ["-h127.0.0.1", f"-P{rig.db.port}", "-uroot"]
    with dump.open("wb") as file:
        subprocess.run(["mariadb-dump", *login, "--single-transaction", "ding"], stdout=file, check=True)
    for worker in rig.workers:
        go_on(worker)
    rig.quiet()
    later = rig.load().many(orders=n)
    rig.quiet()
    before = {**_calls(rig)}
    for process in rig.processes:
        process.stop()
    connections.close_all()
    with dump.open("rb") as file:
        subprocess.run(["mariadb", *login, "ding"], stdin=file, check=True)
    command = [sys.executable, "manage.py", "after_restore"]
    said = subprocess.run(command, cwd=ROOT, env=rig.env, capture_output=True, text=True, check=True)
    rig.say(said.stdout.strip())
    rig.redis.say("FLUSHALL")
    rig.mend()
    fresh = rig.load().many(orders=n)
    figures = judge(rig, fresh)
    after = _calls(rig)
    references = ids_of(due.orders) | ids_of(later.orders)
    again = sum(after[reference] > before[reference] for reference in references)
    return [
        Figure("sent_again_after_restore", again, len(references)),
        Figure("unsettled", _unsettled(ids_of(due.orders)), n),
        *figures,
    ]


def _calls(rig: Rig) -> Counter[str]:
    return Counter(
        entry.facts.reference for pos in (rig.strict, rig.lenient) for entry in pos.ledger.entries()
    )


def _unsettled(references: set[str]) -> int:
    """Restored orders that are not before a person and not known to be in the kitchen."""
    from pos_integrations.models import OrderPush

    fine = ("unknown", "acknowledged", "sent")
    return (
        OrderPush.objects.filter(order__reference__in=references, kind="order")
        .exclude(state__in=fine)
        .count()
    )


@fault(
    "F50",
    "everything at once",
    trials=150,
    carried_by="all of them",
)
def everything(rig: Rig, n: int) -> list[Figure]:
    """Eight kinds of trouble at random for `n` seconds, under load; --only F50=1800 for a soak."""
    rig.stock_up(n * 4 + 500)
    trouble: dict[str, Any] = {
        "kill": lambda: rig.kill(rig.dice.choice([*rig.webs, *rig.workers, rig.beat])),
        "kill redis": lambda: rig.kill(rig.redis),
        "kill mariadb": lambda: rig.kill(rig.db),
        "empty redis": lambda: rig.redis.say("FLUSHALL"),
        "hang redis": lambda: _for_a_while(lambda: hang(rig.redis), lambda: go_on(rig.redis), 3),
        "hang mariadb": lambda: _for_a_while(lambda: hang(rig.db), lambda: go_on(rig.db), 3),
        "cut sessions": lambda: _cut(rig),
        "slow database": lambda: _slow(rig, 3),
    }
    rig.strict.misbehave(
        {
            "accept_then_reset": 0.03,
            "accept_then_500": 0.03,
            "500": 0.03,
            "429": 0.05,
            "delay=1": 0.05,
            "duplicate_callbacks": 0.05,
            "reordered_callbacks": 0.05,
            "callback_before_answer": 0.03,
        }
    )
    happened: Counter[str] = Counter()
    with rig.load(events=12, orders=2) as load:
        until = time.monotonic() + n
        while time.monotonic() < until:
            time.sleep(rig.dice.uniform(1, 5))
            name = rig.dice.choice(list(trouble))
            happened[name] += 1
            threading.Thread(target=_quietly, args=(trouble[name],), daemon=True).start()
        time.sleep(6)
    rig.mend()
    return [told("troubles", sum(happened.values())), *judge(rig, load, ack=None, quiet=180)]


def _quietly(act: Any) -> None:
    try:
        act()
    except (OSError, subprocess.SubprocessError):
        return  # what it was meant for is down already


def _for_a_while(begin: Any, end: Any, how_long: float) -> None:
    begin()
    time.sleep(how_long)
    end()


def _cut(rig: Rig) -> None:
    for proxy in rig.proxies:
        proxy.reset()


def _slow(rig: Rig, how_long: float) -> None:
    for proxy in (rig.web_db, rig.worker_db):
        proxy.latency = 0.05
    time.sleep(how_long)
    for proxy in (rig.web_db, rig.worker_db):
        proxy.latency = 0.0
