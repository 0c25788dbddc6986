"""Courier: brings calls to their addresses, on time and again until they are acknowledged.

One heap of trips and a bounded pool of sender threads: a thousand orders at once are a thousand small
objects. The calls of one trip go one after another.
"""

from __future__ import annotations

import datetime as dt
import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from pos_integrations.simulator.callbacks import Callback, build_callback
from pos_integrations.simulator.calling import Call, Outcome, deliver
from pos_integrations.simulator.journey import Journey
from pos_integrations.simulator.ledger import Ledger, Ticket
from pos_integrations.simulator.outlet import Outlet

logger = logging.getLogger(__name__)


Note = Callable[[Call, int, Outcome], None]


@dataclass(frozen=True, slots=True)
class Due:
    """A call, the moment it is due, and who is told of each try, with its number."""

    at: float
    call: Call
    note: Note


@dataclass(slots=True)
class Trip:
    """Calls that are still to be made.

    `ticket`: none for what is about no order. `walk`: the one it was planned for, None when a person asked
    for it. `lane`: what is asked for there meanwhile goes behind it.
    """

    calls: deque[Due]
    ticket: Ticket | None = None
    walk: int | None = None
    lane: Hashable = None
    tries: int = 0
    first_try_over: threading.Event = field(default_factory=threading.Event)

    @property
    def is_void(self) -> bool:
        """Whether it shall not be gone on with: cancelled by the client, or someone else moves the order."""
        if self.ticket is None:
            return False
        # A planned call that was tried already is brought to its end.
        return self.ticket.cancelled or (self.walk not in (None, self.ticket.walk) and not self.tries)


class Courier:
    """`tries` per call, `backoff_seconds` doubling between them up to a minute."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        senders: int = 8,
        tries: int = 8,
        backoff_seconds: float = 0.5,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._ledger = ledger
        self._senders = senders
        self._tries = tries
        self._backoff = backoff_seconds
        self._timeout = timeout_seconds
        self._heap: list[tuple[float, int, Trip]] = []
        self._numbers = itertools.count()
        self._lanes: dict[Hashable, Trip] = {}
        self._changed = threading.Condition()
        self._busy = 0
        self._running = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the senders."""
        self._running = True
        self._threads = [
            threading.Thread(target=self._work, name=f"simulated-pos-courier-{n}", daemon=True)
            for n in range(self._senders)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Make no more calls; one that is under way is finished."""
        with self._changed:
            self._running = False
            self._heap.clear()
            self._lanes.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(self._timeout + 1)
        self._threads = []

    def wait_idle(self, timeout: float) -> bool:
        """Wait until nothing is owed to anyone; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._heap and not self._busy, timeout)

    def announce(self) -> None:
        """A journey will begin soon: from now on it is owed, though nothing is planned yet."""
        with self._changed:
            self._busy += 1

    def begin(self, ticket: Ticket, outlet: Outlet, journey: Journey, step_seconds: float) -> threading.Event:
        """Plan a journey that was announced. The event is set after the first try of its first call."""
        now, began = time.monotonic(), dt.datetime.now(dt.UTC)
        calls: deque[Due] = deque()
        trips = []
        note, walk = self._noting(ticket), ticket.walk
        for stop in journey:
            # A microsecond per stop keeps their order visible when steps take no time.
            happened_at = began + dt.timedelta(seconds=stop.happens * step_seconds, microseconds=stop.happens)
            callback = build_callback(ticket, outlet, stop.stage.value, happened_at, reason=stop.reason)
            if callback is None:
                continue
            due = Due(now + stop.told * step_seconds, callback, note)
            calls.append(due)
            trips += [Trip(deque([due]), ticket, walk) for _ in range(stop.copies - 1)]
        trip = Trip(calls, ticket, walk)
        if not calls:
            trip.first_try_over.set()
        self._plan(trip, *trips)
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()
        return trip.first_try_over

    def tell(self, ticket: Ticket, callback: Callback) -> None:
        """Make one call now, whatever else is under way."""
        self._plan(Trip(deque([Due(time.monotonic(), callback, self._noting(ticket))]), ticket))

    def queue(self, lane: Hashable, call: Call, note: Note, ticket: Ticket | None = None) -> None:
        """Make one call as soon as those before it in its lane are over."""
        due = Due(time.monotonic(), call, note)
        with self._changed:
            if trip := self._lanes.get(lane):
                trip.calls.append(due)
                return
            trip = Trip(deque([due]), ticket, lane=lane)
            if self._running:
                self._lanes[lane] = trip
        self._plan(trip)

    def queue_callback(self, ticket: Ticket, callback: Callback) -> None:
        """Make one call behind those that people asked for this order before."""
        self.queue(("order", ticket.number), callback, self._noting(ticket), ticket)

    def drop_void(self) -> None:
        """Forget what is void now, instead of when it is due."""
        with self._changed:
            self._heap = [entry for entry in self._heap if not entry[2].is_void]
            heapq.heapify(self._heap)
            self._lanes = {lane: trip for lane, trip in self._lanes.items() if not trip.is_void}
            self._changed.notify_all()

    def _plan(self, *trips: Trip) -> None:
        with self._changed:
            if not self._running:
                return
            for trip in trips:
                if trip.calls:
                    heapq.heappush(self._heap, (trip.calls[0].at, next(self._numbers), trip))
            self._changed.notify_all()

    def _work(self) -> None:
        while (trip := self._next()) is not None:
            over, again_at = trip.is_void, None
            try:
                if not over:
                    again_at = self._make_call(trip)
            except Exception:
                logger.exception("simulated POS: a call failed in an unforeseen way")
            trip.first_try_over.set()
            with self._changed:
                self._go_on(trip, over, again_at)
                self._busy -= 1
                self._changed.notify_all()

    def _go_on(self, trip: Trip, over: bool, again_at: float | None) -> None:
        if over:
            trip.calls.clear()
        elif again_at is None:
            trip.calls.popleft()
            trip.tries = 0
        if trip.calls and self._running:
            heapq.heappush(self._heap, (again_at or trip.calls[0].at, next(self._numbers), trip))
        elif trip.lane is not None:
            self._lanes.pop(trip.lane, None)

    def _next(self) -> Trip | None:
        with self._changed:
            while self._running:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    self._busy += 1
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(wait)
        return None

    def _make_call(self, trip: Trip) -> float | None:
        """Try the first call of the trip; returns when to try it again, None when it is over."""
        due = trip.calls[0]
        trip.tries += 1
        if trip.ticket and isinstance(due.call, Callback) and due.call.stage:
            self._ledger.record_stage(trip.ticket, due.call.stage)
        outcome = deliver(due.call, self._timeout)
        due.note(due.call, trip.tries, outcome)
        if outcome.is_success or trip.tries >= self._tries:
            return None
        return time.monotonic() + min(60.0, self._backoff * 2 ** (trip.tries - 1))

    def _noting(self, ticket: Ticket) -> Note:
        def note(call: Call, attempt: int, outcome: Outcome) -> None:
            status = call.status if isinstance(call, Callback) else ""
            self._ledger.record_try(ticket, status, attempt=attempt, outcome=outcome)
            why = "" if outcome.is_success else f" ({outcome.http_status or outcome.error})"
            logger.info("callback %s of %s: %s%s", status, ticket.reference, outcome.result, why)

        return note
