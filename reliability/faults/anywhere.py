"""Windows that nobody thought of: a process dies at whatever it writes; a worker sleeps and goes on later."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from reliability.checks import ids_of, judge
from reliability.faults import fault
from reliability.faults.menus import CODE, priced, seen_prices
from reliability.figures import Figure, told
from reliability.mail_sink import MailSink
from reliability.orders import Placed
from reliability.processes import go_on, hang, owner, wait_until
from reliability.proxy import When
from reliability.rig import LEASE_SECONDS

if TYPE_CHECKING:
    from reliability.load import Load
    from reliability.rig import Rig

# What each writes; the inbox is tried by F03 and F04.
BY_WORKERS = (
    "NotificationQueue", "OrderPushes", "OrderPushAttempts", "Orders", "OrderStatusHistory", "WebhookLogs",
    "Items", "Menus", "MenuSyncHistory", "restaurant_pos_integrations", "Incidents", "IncidentAlerts",
)  # fmt: skip
BY_WEB = ("Orders", "OrderItems", "OrderStatusHistory", "OrderPushes", "IdempotencyKeys", "NotificationQueue")
RIDER = ("assigned", "arrived", "picked_up", "delivered")
REACH_SECONDS = 20.0


def writes_to(table: str) -> re.Pattern[bytes]:
    """Matches a statement that writes to it."""
    verbs = rb"(?:INSERT(?: IGNORE)? INTO|UPDATE|DELETE FROM)(?: JSON_TABLE.{0,9000}STRAIGHT_JOIN)?"
    return re.compile(verbs + rb" [`\"]?" + table.encode() + rb"[`\"]?[ (]", re.DOTALL)


class _Lives:
    """Orders as guests and staff live them: e-mails, cancellations, riders, menus that change."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.orders: list[Placed] = []
        self.cancelled: list[str] = []
        self.riders: dict[str, str] = {}
        self.price = 100
        self._menu = rig.strict.outlets[CODE].menu
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._live, args=(n,)) for n in range(3)]
        self._threads.append(threading.Thread(target=self._change_menu))

    def __enter__(self) -> _Lives:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _live(self, number: int) -> None:
        count = 0
        while not self._stop.wait(0.5):
            count += 1
            guest = {"name": "Guest", "phone": "+919000000001", "address": "1 Road"}
            guest["email"] = f"guest-{number}-{count}@example.com"
            kind = ("PICKUP", "DELIVERY")[count % 2]
            order = self.rig.guests.place(order_type=kind, customer=guest)
            if not order.reference:
                continue
            self.orders.append(order)
            if count % 4 == 0 and self._say(order, "cancel", reason="Changed my mind"):
                self.cancelled.append(order.reference)
            if kind == "DELIVERY" and order.reference not in self.cancelled:
                for status in RIDER[: 1 + count % 4]:
                    if self._say(order, "rider", status=status, name="Rider", phone="+919000000002"):
                        self.riders[order.reference] = status

    def _say(self, order: Placed, what: str, **body: str) -> bool:
        """Again until it has an answer; whether that was yes."""
        until = time.monotonic() + 60
        headers = {"Authorization": f"Bearer {self.rig.api_key}", "Content-Type": "application/json"}
        while time.monotonic() < until:
            answer = self.rig.sender.request(
                "POST", f"/api/orders/{order.reference}/{what}", json.dumps(body).encode(), headers
            )
            if answer and answer[0] < 500:
                return answer[0] < 300
            time.sleep(0.2)
        return False

    def _change_menu(self) -> None:
        while not self._stop.wait(2):
            self.price += 1
            self.rig.strict.set_menu(CODE, priced(self._menu, f"{self.price}.00"))
            with suppress(Exception):
                self.sync()

    def sync(self) -> None:
        """Now. And whoever died at it counts as dead after seconds, not after a minute."""
        from pos_integrations.models import RestaurantPosIntegration
        from pos_integrations.tasks import sync_menu

        soon = timezone.now() + dt.timedelta(seconds=LEASE_SECONDS)
        mine = RestaurantPosIntegration.objects.filter(pk=self.rig.outlets[CODE].integration)
        mine.filter(menu_sync_leased_until__gt=soon).update(menu_sync_leased_until=soon)
        self.rig.sync_soon(CODE)
        sync_menu.apply_async(args=(self.rig.outlets[CODE].integration,), retry=False)


@fault(
    "X1",
    "a process dies at whatever it writes: messages, cancellations, riders, menus, alerts, statuses",
    trials=1,
    carried_by="each change is one transaction; what it owes is a row of the same; claims have leases",
)
def dies_anywhere(rig: Rig, n: int) -> list[Figure]:
    """For each table: killed before a write to it goes on, and when it is done but nobody heard, `n` times."""
    windows = [(rig.worker_db, table) for table in BY_WORKERS] + [(rig.web_db, table) for table in BY_WEB]
    sink, kills, not_reached = MailSink(), 0, []
    good = rig.strict.outlets[CODE].menu
    address = {"EMAIL_URL": f"smtp://127.0.0.1:{sink.port}"}
    try:
        with rig.changed(rig.workers, **address), _Lives(rig) as lives:
            for way, table in windows * n:
                for when in When:
                    trigger = way.on(writes_to(table), when, rig.kill_owner)
                    with suppress(TimeoutError):
                        wait_until(lambda: trigger.fired > 0, REACH_SECONDS)  # noqa: B023
                    kills += trigger.fired
                    if not trigger.fired:
                        not_reached.append(f"{table} {when.name.lower()}")
                    way.triggers = []
                    time.sleep(rig.dice.uniform(0, 0.5))
        rig.mend()
        load = rig.load()
        load.orders = lives.orders
        with rig.changed(rig.workers, **address):
            lives.sync()
            figures = judge(rig, load)
            left = _settled(rig)
    finally:
        sink.close()
        final = seen_prices(rig, CODE)
        rig.strict.set_menu(CODE, good)
        rig.force_menu(CODE)
    if twice := [message for message, count in Counter(sink.taken).items() if count > 1]:
        rig.say(f"told twice: {twice}")
    if not_reached:
        rig.say(f"never written to while a kill was waiting: {', '.join(not_reached)}")
    return [
        told("kills", kills),
        told("windows not reached", len(not_reached)),
        *left,
        Figure("torn_menu", int(final != {f"{lives.price}.00"}), 1),
        Figure("message_dup", sum(c > 1 for c in Counter(sink.taken).values()), len(sink.taken)),
        *_told_everybody(rig, lives),
        *figures,
    ]


def _settled(rig: Rig) -> list[Figure]:
    """Wait until no message is owed and no menu is due; what is left then."""
    from notifications.models import Notification, Status
    from pos_integrations.models import RestaurantPosIntegration

    messages = Notification.objects.filter(status=Status.PENDING)
    syncs = RestaurantPosIntegration.objects.exclude(menu_sync_due_at=None, menu_sync_leased_until=None)
    with suppress(TimeoutError):
        wait_until(lambda: not messages.exists() and not syncs.exists(), 120)
    return [
        Figure("messages_left", messages.count(), Notification.objects.count()),
        Figure("syncs_left", syncs.count(), len(rig.outlets)),
    ]


def _told_everybody(rig: Rig, lives: _Lives) -> list[Figure]:
    """Each change that a guest is to hear of has its message; each cancellation and rider came to the kitchen."""
    from notifications.models import Event, Notification
    from orders.models import OrderStatusHistory
    from pos_integrations.models import OrderPush, PushKind, PushState

    references = ids_of(lives.orders)
    changes = set(
        OrderStatusHistory.objects.filter(
            order__reference__in=references, new_status__in=Event.values
        ).values_list("order_id", "new_status")
    )
    owed = set(Notification.objects.filter(order__reference__in=references).values_list("order_id", "event"))
    pushes: dict[tuple[str, str], str] = {
        (push.order.reference, push.kind): push.state
        for push in OrderPush.objects.filter(order__reference__in=references).select_related("order")
    }
    tickets: dict[str, Any] = {t.reference: t for pos in (rig.strict, rig.lenient) for t in pos.tickets()}
    named = (PushState.REJECTED, PushState.UNKNOWN, PushState.EXPIRED)
    still_cooked = [
        reference
        for reference in lives.cancelled
        if reference in tickets
        and not tickets[reference].cancelled
        and not (tickets[reference].stage and tickets[reference].stage.is_last)
        and pushes.get((reference, PushKind.CANCELLATION)) not in named
    ]
    lost_riders = [
        reference
        for reference, status in lives.riders.items()
        if pushes.get((reference, f"rider_{status}"), PushState.DUE) in (PushState.DUE, PushState.SENDING)
    ]
    told_old = [
        reference
        for reference, status in lives.riders.items()
        if pushes.get((reference, f"rider_{status}")) == PushState.ACKNOWLEDGED
        and reference in tickets
        and _plain(tickets[reference].rider.get("status", "")) != _plain(status)
    ]
    return [
        Figure("message_missing", len(changes - owed), len(changes)),
        Figure("cancelled_but_cooked", len(still_cooked), len(lives.cancelled)),
        Figure("rider_lost", len(lost_riders), len(lives.riders)),
        Figure("rider_news_backwards", len(told_old), len(lives.riders)),
    ]


def _plain(status: str) -> str:
    return re.sub(r"[^a-z]", "", status.lower().removeprefix("rider"))


@fault(
    "X2",
    "a worker is held up on its way to the POS, past its lease and past the order's deadline",
    trials=4,
    carried_by="the claim is looked at when the bytes are written down, the clock when the connection stands",
)
def held_up(rig: Rig, n: int) -> list[Figure]:
    """Both hang when the bytes of an order are on the disk and not at the POS, and go on when all is over."""
    from pos_integrations.models import OrderPush

    keeps = re.compile(rb"UPDATE [`\"]?OrderPushes[`\"]? SET [`\"]?request_body[`\"]? = ", re.DOTALL)
    load: Load = rig.load()
    held: list[threading.Thread] = []

    def hold(port: int) -> None:
        if process := owner(rig.processes, port):
            hang(process)
            held.append(threading.Thread(target=wake, args=(process,)))
            held[-1].start()

    def wake(process: Any) -> None:
        time.sleep(LEASE_SECONDS + 3)
        go_on(process)

    for _ in range(n):
        for worker in rig.workers:
            hang(worker)
        some = rig.load().many(orders=6)
        soon = timezone.now() + dt.timedelta(seconds=LEASE_SECONDS + 0.5)
        OrderPush.objects.filter(order__reference__in=ids_of(some.orders)).update(expires_at=soon)
        trigger = rig.worker_db.on(keeps, When.AFTER, hold, times=2, cuts=False)
        for worker in rig.workers:
            go_on(worker)
        wait_until(lambda: trigger.fired > 0, 20, "an order on its way")  # noqa: B023
        time.sleep(1)
        rig.worker_db.triggers = []
        for thread in held:
            thread.join()
        load.orders += some.orders
        rig.quiet()
    return [told("held up", len(held)), *judge(rig, load)]
