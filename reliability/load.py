"""Load: webhooks and orders at a steady pace from many threads, while something is done to ding."""

from __future__ import annotations

import datetime as dt
import itertools
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from reliability.orders import Placed
from reliability.sender import Event, make_event, now_text

if TYPE_CHECKING:
    from reliability.rig import Rig

THREADS = 16
STATUSES = ("CONFIRMED", "PREPARING", "READY", "DISPATCHED", "DELIVERED")


class Load:
    """What was sent during one fault. Use as a context manager; leaving it waits for the last answer."""

    def __init__(self, rig: Rig, events_per_second: float = 0, orders_per_second: float = 0) -> None:
        self.rig = rig
        self.events: list[Event] = []
        self.orders: list[Placed] = []
        self._rates = [(events_per_second, self._next_event), (orders_per_second, self._next_order)]
        self._work: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._stop = threading.Event()
        self._story = self._stories()
        self._lock = threading.Lock()
        self.give_up_at: float | None = None

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(THREADS)]
        self._threads += [
            threading.Thread(target=self._tick, args=pace, daemon=True) for pace in self._rates if pace[0]
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self.give_up_at = time.monotonic() + 60
        for _ in range(THREADS):
            self._work.put(None)
        for thread in self._threads:
            thread.join(90)

    def many(self, events: int = 0, orders: int = 0, **order: Any) -> Load:
        """So many at once, and wait for all; instead of a pace."""
        with self:
            for _ in range(events):
                self._work.put(self._next_event())
            for _ in range(orders):
                self._work.put(self._next_order(**order))
        return self

    def send(self, event: Event) -> None:
        """One event more."""
        self.events.append(event)
        self._work.put(lambda: self._deliver(event))

    def order(self, **order: Any) -> None:
        """One order more."""
        self._work.put(self._next_order(**order))

    def _deliver(self, event: Event) -> None:
        self.rig.sender.deliver(event, until=self.give_up_at)

    def _next_event(self) -> Callable[[], None]:
        with self._lock:
            event = next(self._story)
            self.events.append(event)
        return lambda: self._deliver(event)

    def _next_order(self, **order: Any) -> Callable[[], None]:
        def place() -> None:
            self.orders.append(self.rig.guests.place(until=self.give_up_at, **order))

        return place

    def _stories(self) -> Iterator[Event]:
        """The lives of orders, some out of order, some twice, and items that are sold out and back."""
        dice = random.Random(self.rig.dice.random())
        for number in itertools.count():
            code, reference = self.rig.next_order()
            statuses = list(enumerate(STATUSES))
            if dice.random() < 0.2:
                dice.shuffle(statuses)
            began = dt.datetime.now(dt.UTC)
            events = [
                self.rig.status_event(
                    code, reference, word, at=(began + dt.timedelta(milliseconds=n)).isoformat()
                )
                for n, word in statuses
            ]
            if dice.random() < 0.1:
                events.append(dice.choice(events))
            if number % 4 == 0:
                events.append(self.stock_event(code, dice))
            yield from events

    def stock_event(self, code: str, dice: random.Random) -> Event:
        """An item that no order of the rig holds is sold out, or back."""
        outlet = self.rig.outlets[code]
        item, available = dice.choice(outlet.stock_items), dice.random() < 0.5
        happened = now_text()
        body = {
            "restaurant_id": code,
            "item_id": item,
            "availability": available,
            "timestamp": happened,
        }
        about = {"item": (outlet.restaurant, item), "available": available, "happened": happened}
        return make_event(self.rig.number(), "inventory-update", body, outlet.secret, about)

    def _tick(self, per_second: float, make: Callable[[], Callable[[], None]]) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            # A sender that cannot keep up sends later, not less: but never a backlog without end.
            if self._work.qsize() < 500:
                self._work.put(make())
            due += 1 / per_second

    def _run(self) -> None:
        while (job := self._work.get()) is not None:
            job()
