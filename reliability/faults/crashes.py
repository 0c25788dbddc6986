"""Crashes: kill -9 at the worst moments, and at random ones."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from reliability.checks import judge, unclear_sends
from reliability.faults import fault
from reliability.figures import Figure, quantile, seconds, told
from reliability.processes import wait_until
from reliability.proxy import COMMIT, INBOX_INSERT, SAVE_ORDER, Trigger, When
from reliability.rig import LEASE_SECONDS

if TYPE_CHECKING:
    from reliability.load import Load
    from reliability.rig import Rig

# A killed process is back after some seconds; a machine that is busy with other things needs longer.
SECONDS_PER_KILL = 12
# What `sabotage.poison` dies of.
POISON = "rig-poison"


def _until_fired(rig: Rig, load: Load, triggers: list[Trigger], settle: float = 0.5) -> None:
    wanted = sum(trigger.times for trigger in triggers)
    with load:
        wait_until(
            lambda: sum(trigger.fired for trigger in triggers) >= wanted,
            20 + SECONDS_PER_KILL * wanted,
            f"{wanted} kills",
        )
        time.sleep(settle)
    rig.mend()


@fault(
    "F01",
    "a worker dies between the POS's accept and our commit",
    trials=100,
    smoke=5,
    carried_by="outbox: the attempt is committed before the call; lease, then unknown",
)
def worker_dies_after_accept(rig: Rig, n: int) -> list[Figure]:
    """The kitchen has the order on its disk; the worker is killed before it hears so."""
    load = rig.load(orders=3)
    ways = (rig.pos_proxy, rig.lenient_proxy)
    shares = (n - n // 3, n // 3)
    triggers = [
        way.on(SAVE_ORDER, When.AFTER, rig.kill_owner, share) for way, share in zip(ways, shares, strict=True)
    ]
    _until_fired(rig, load, triggers)
    return [told("kills", n), *judge(rig, load), *_resolved(load)]


def _resolved(load: Load) -> list[Figure]:
    """From the attempt that was cut off (the last one: some are killed twice) until that order's fate was known."""
    from pos_integrations.models import OrderPushAttempt

    cut_off = OrderPushAttempt.objects.filter(
        push__order__reference__in=[order.reference for order in load.orders],
        error__contains="worker stopped",
    )
    last = {attempt.push_id: attempt for attempt in cut_off.select_related("push").order_by("number")}
    took = [(attempt.push.updated_at - attempt.started_at).total_seconds() for attempt in last.values()]
    return [seconds("resolved_p95", quantile(took, 0.95), LEASE_SECONDS + 15)] if took else []


@fault(
    "F02",
    "a worker dies before the POS read anything",
    trials=50,
    smoke=5,
    carried_by="outbox, lease; sent again only where the POS dedupes, else a person",
)
def worker_dies_before_send(rig: Rig, n: int) -> list[Figure]:
    """Killed at the first byte to the POS, which never arrives."""
    load = rig.load(orders=3)
    triggers = [
        rig.pos_proxy.on(SAVE_ORDER, When.BEFORE, rig.kill_owner, n - n // 2),
        rig.lenient_proxy.on(SAVE_ORDER, When.BEFORE, rig.kill_owner, n // 2),
    ]
    _until_fired(rig, load, triggers)
    return [told("kills", n), *judge(rig, load)]


@fault(
    "F03",
    "web dies after it read the body, before the commit",
    trials=100,
    smoke=5,
    carried_by="inbox: the answer comes after the commit",
)
def web_dies_before_commit(rig: Rig, n: int) -> list[Figure]:
    """Killed on the insert into the inbox, and on COMMIT, neither of which reaches the database."""
    rig.stock_up(600)
    load = rig.load(events=15, orders=2)
    triggers = [
        rig.web_db.on(INBOX_INSERT, When.BEFORE, rig.kill_owner, n - n // 2),
        rig.web_db.on(COMMIT, When.BEFORE, rig.kill_owner, n // 2),
    ]
    _until_fired(rig, load, triggers)
    return [told("kills", n), *judge(rig, load)]


@fault(
    "F04",
    "web dies after the commit, before the answer",
    trials=100,
    smoke=5,
    carried_by="inbox with effects that hold twice; Idempotency-Key for orders",
)
def web_dies_after_commit(rig: Rig, n: int) -> list[Figure]:
    """The row is there; the sender hears nothing and sends the same again."""
    rig.stock_up(600)
    load = rig.load(events=15, orders=2)
    triggers = [
        rig.web_db.on(INBOX_INSERT, When.AFTER, rig.kill_owner, n - n // 2),
        rig.web_db.on(COMMIT, When.AFTER, rig.kill_owner, n // 2),
    ]
    _until_fired(rig, load, triggers)
    return [told("kills", n), *judge(rig, load)]


@fault(
    "F05",
    "kill -9 at random times, all kinds of processes",
    trials=300,
    carried_by="all of them: inbox, outbox, leases, sweepers, conditional updates",
)
def random_kills(rig: Rig, n: int) -> list[Figure]:
    """Webhooks and orders all the while; now and then database and broker are killed too."""
    rig.stock_up(n * 20 + 500)
    load = rig.load(events=33, orders=2.5)
    victims = [*rig.webs, *rig.workers, rig.beat, rig.redis, rig.db]
    weights = [4, 4, 5, 5, 1, 1, 1]
    with load:
        for _ in range(n):
            time.sleep(rig.dice.uniform(0.5, 4))
            (victim,) = rig.dice.choices(victims, weights)
            threading.Thread(target=rig.kill, args=(victim,), daemon=True).start()
        time.sleep(5)
    rig.mend()
    references = {order.reference for order in load.orders}
    return [
        told("kills", n),
        told("unclear_sends", unclear_sends(references)),
        *judge(rig, load, ack=None),
    ]


@fault(
    "F06",
    "orderly restart under load, as a deploy does",
    trials=3,
    carried_by="two web servers; warm shutdown; leases for what was cut",
)
def orderly_restart(rig: Rig, n: int) -> list[Figure]:
    """SIGTERM to one after the other, each started anew before the next."""
    rig.stock_up(1000)
    load = rig.load(events=20, orders=2)
    with load:
        for _ in range(n):
            for process in rig.processes:
                rig.restart(process)
                if process in rig.webs:
                    rig.wait_ready()
    cut = sum(event.cut for event in load.events)
    tries = sum(event.tries for event in load.events)
    return [Figure("requests_cut", cut, tries, limit=tries // 100), *judge(rig, load, ack=None)]


@fault(
    "F07",
    "a poison task kills its worker each time",
    trials=3,
    carried_by="attempts counted in the row before the work; parked after three",
)
def poison(rig: Rig, n: int) -> list[Figure]:
    """A webhook whose handler ends its process with -9; others come with it and after it."""
    from pos_integrations.models import WebhookLog, WebhookStatus

    rig.stock_up(300)
    poisoned = []
    with rig.only_worker("poison", "-P", "prefork", "-c", "2"):
        load = rig.load(events=10)
        with load:
            time.sleep(1)
            for _ in range(n):
                code, reference = rig.next_order()
                poisoned.append(rig.status_event(code, reference, "CONFIRMED", reason=POISON))
                load.send(poisoned[-1])
            time.sleep(8)
        figures = judge(rig, load, ack=None, quiet=20 + 6 * LEASE_SECONDS)
    # Its effect is missing, as it must be: what is wanted is that it is put aside, and seen.
    figures = [figure for figure in figures if figure.name not in ("effect_missing", "quiet after")]
    ids = [event.id for event in poisoned]
    parked = sum(
        any(one in log.payload for one in ids)
        for log in WebhookLog.objects.filter(status=WebhookStatus.PARKED)
    )
    return [Figure("poison_not_parked", len(ids) - parked, len(ids)), *figures]
