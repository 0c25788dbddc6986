"""Two at once: the same order to many workers, two schedulers and none, two menus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.utils import timezone

from reliability.checks import alerted, judge
from reliability.faults import fault
from reliability.figures import Figure, told
from reliability.processes import go_on, hang

if TYPE_CHECKING:
    from reliability.rig import Rig

COPIES = 50


@fault(
    "F22",
    "many workers take one order",
    trials=500,
    smoke=50,
    carried_by="claim by a conditional update that must change one row",
)
def many_takers(rig: Rig, n: int) -> list[Figure]:
    """Each order's task is queued 50 times while the workers hang; then all go at once."""
    from orders.models import Order
    from pos_integrations.models import OrderPush, OrderPushAttempt
    from pos_integrations.tasks import push_orders

    for worker in rig.workers:
        hang(worker)
    load = rig.load().many(orders=n)
    references = [order.reference for order in load.orders]
    ids = list(OrderPush.objects.filter(order__reference__in=references).values_list("pk", flat=True))
    for _ in range(COPIES):
        for pk in ids:
            push_orders.apply_async(args=(pk,))
    for worker in rig.workers:
        go_on(worker)
    figures = judge(rig, load)
    attempts = OrderPushAttempt.objects.filter(push__in=ids).count()
    orders = Order.objects.filter(reference__in=references).count()
    return [Figure("sent_twice", attempts - orders, n), told("tasks", n * COPIES), *figures]


@fault(
    "F23",
    "two schedulers, and none",
    trials=20,
    carried_by="sweepers safe to run twice; the broker's nudges go on without a scheduler",
)
def schedulers(rig: Rig, n: int) -> list[Figure]:
    """Two for `n` seconds, then none until staff is alerted."""
    from benchmarks import stack

    rig.stock_up(800)
    elsewhere = rig.folder / "second"
    elsewhere.mkdir(exist_ok=True)
    second = stack.beat({**rig.env, "BENCH_FOLDER": str(elsewhere)})
    try:
        with rig.load(events=10, orders=2) as load:
            time.sleep(n)
            second.kill()
            rig.beat.kill()
            alarm = alerted("scheduler-dead", timezone.now())
            rig.beat.start()
    finally:
        second.kill()
    return [*alarm, *judge(rig, load)]
