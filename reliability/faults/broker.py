"""Redis: down, hung, emptied, restarted, full, and handing out again what is being worked on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reliability.checks import judge
from reliability.faults import fault
from reliability.figures import Figure, seconds, told
from reliability.processes import go_on, hang

if TYPE_CHECKING:
    from reliability.load import Load
    from reliability.rig import Rig


def _drained(rig: Rig) -> float:
    """How long it takes until nothing is owed any more."""
    return rig.quiet(120)


@fault(
    "F08",
    "Redis is down at the time of acknowledgement",
    trials=30,
    smoke=8,
    carried_by="inbox and outbox in the database; the nudge comes from a side thread; sweepers",
)
def redis_down(rig: Rig, n: int) -> list[Figure]:
    """Killed for `n` seconds under load."""
    rig.stock_up(400)
    with rig.load(events=15, orders=2) as load:
        time.sleep(1)
        rig.redis.kill()
        time.sleep(n)
        rig.redis.start()
        rig.redis.wait()
        time.sleep(1)
    drained = _drained(rig)
    return [seconds("drained", drained, 60), *judge(rig, load)]


@fault(
    "F09",
    "Redis hangs",
    trials=30,
    carried_by="the nudge comes from a side thread, never on the acknowledgement path",
)
def redis_hangs(rig: Rig, n: int) -> list[Figure]:
    """Stopped for `n` seconds: it takes connections and answers nothing."""
    rig.stock_up(600)
    with rig.load(events=15, orders=2) as load:
        time.sleep(1)
        hang(rig.redis)
        time.sleep(n)
        go_on(rig.redis)
        time.sleep(1)
    drained = _drained(rig)
    return [seconds("drained", drained, 60), *judge(rig, load)]


@fault(
    "F10",
    "Redis is emptied",
    trials=10,
    smoke=1,
    carried_by="work owed is a row; sweepers read the database",
)
def redis_emptied(rig: Rig, n: int) -> list[Figure]:
    """FLUSHALL while 500 pieces of work are queued, `n` times."""
    lost = chances = 0
    loads: list[Load] = []
    for _ in range(n):
        rig.stock_up(300)
        for worker in rig.workers:
            hang(worker)
        load = rig.load().many(events=450, orders=50)
        rig.redis.say("FLUSHALL")
        for worker in rig.workers:
            go_on(worker)
        rig.quiet()
        open_rows = rig.open_rows()
        lost += sum(open_rows.values())
        chances += len(load.events) + len(load.orders)
        loads.append(load)
    merged = rig.load()
    merged.events = [event for load in loads for event in load.events]
    merged.orders = [order for load in loads for order in load.orders]
    return [Figure("lost_after_flush", lost, chances), *judge(rig, merged, ack=None)]


@fault(
    "F11",
    "Redis restarts again and again, sessions are cut",
    trials=10,
    carried_by="workers connect again; sweepers",
)
def redis_restarts(rig: Rig, n: int) -> list[Figure]:
    """Killed and started `n` times; in between the proxy resets every session."""
    rig.stock_up(800)
    with rig.load(events=10, orders=1) as load:
        for _ in range(n):
            time.sleep(3)
            rig.kill(rig.redis)
            rig.redis.wait()
            time.sleep(1)
            rig.redis_proxy.reset()
    rig.quiet()
    # Are the workers back, without a hand?
    rig.stock_up(60)
    after = rig.load().many(events=40)
    resumed = rig.quiet(60)
    load.events += after.events
    return [seconds("resumed", resumed, 15), *judge(rig, load)]


@fault("F12", "Redis is full", trials=15, carried_by="a nudge that cannot be published is dropped")
def redis_full(rig: Rig, n: int) -> list[Figure]:
    """`maxmemory` of 2 MB with noeviction, filled up, for `n` seconds."""
    rig.stock_up(500)
    rig.redis.say("CONFIG", "SET", "maxmemory-policy", "noeviction")
    rig.redis.say("CONFIG", "SET", "maxmemory", "2mb")
    rig.redis.say("SET", "rig-ballast", "x" * 100_000)
    for number in range(40):
        rig.redis.say("APPEND", "rig-ballast", "x" * 100_000 if number < 30 else "x" * 5_000)
    with rig.load(events=15, orders=2) as load:
        time.sleep(n)
    rig.redis.say("CONFIG", "SET", "maxmemory", "0")
    rig.redis.say("DEL", "rig-ballast")
    return judge(rig, load)


@fault(
    "F13",
    "a task is handed out again while it runs",
    trials=12,
    carried_by="claim by conditional update with a lease; not-before in a column, no countdown",
)
def redelivery(rig: Rig, n: int) -> list[Figure]:
    """Visibility of 6 s, and a POS that needs 10 s for its answer."""
    from pos_integrations.models import OrderPushAttempt

    env = {
        "DJANGO_SETTINGS_MODULE": "reliability.settings",
        "RIG_VISIBILITY_SECONDS": "6",
        "LEASE_SECONDS": "25",
    }
    with rig.changed(rig.workers, **env), rig.configured(["strict0"], call_timeout_seconds=15):
        rig.strict.misbehave({"delay=10": 1.0})
        load = rig.load().many(orders=n, restaurant=rig.outlets["strict0"].restaurant)
        rig.quiet(60)
    references = [order.reference for order in load.orders]
    attempts = OrderPushAttempt.objects.filter(push__order__reference__in=references).count()
    return [told("extra_attempts", attempts - n), *judge(rig, load)]
