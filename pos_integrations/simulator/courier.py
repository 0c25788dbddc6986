"""Courier: brings callbacks to their addresses, on time and again until they are acknowledged.

One heap of journeys and a bounded pool of sender threads: a thousand orders at once are a thousand small
objects. The calls of one journey go one after another, as they were planned.
"""

from __future__ import annotations

import datetime as dt
import heapq
import http.client
import itertools
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pos_integrations.simulator.callbacks import Callback, build_callback
from pos_integrations.simulator.journey import Journey
from pos_integrations.simulator.ledger import Ledger, Result, Ticket
from pos_integrations.simulator.outlet import Outlet

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Trip:
    """The calls of one ticket that are still to be made, each with the moment it is due."""

    ticket: Ticket
    calls: deque[tuple[float, Callback]]
    tries: int = 0
    first_try_over: threading.Event = field(default_factory=threading.Event)


class Courier:
    """`tries` per callback, `backoff_seconds` doubling between them up to a minute."""

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
        calls: deque[tuple[float, Callback]] = deque()
        trips = []
        for stop in journey:
            # A microsecond per stop keeps their order visible when steps take no time.
            happened_at = began + dt.timedelta(seconds=stop.happens * step_seconds, microseconds=stop.happens)
            callback = build_callback(ticket, outlet, stop.stage.value, happened_at, reason=stop.reason)
            if callback is None:
                continue
            due = now + stop.told * step_seconds
            calls.append((due, callback))
            trips += [Trip(ticket, deque([(due, callback)])) for _ in range(stop.copies - 1)]
        trip = Trip(ticket, calls)
        if not calls:
            trip.first_try_over.set()
        self._plan(trip, *trips)
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()
        return trip.first_try_over

    def tell(self, ticket: Ticket, callback: Callback) -> None:
        """Make one call now."""
        self._plan(Trip(ticket, deque([(time.monotonic(), callback)])))

    def _plan(self, *trips: Trip) -> None:
        with self._changed:
            if not self._running:
                return
            for trip in trips:
                if trip.calls:
                    heapq.heappush(self._heap, (trip.calls[0][0], next(self._numbers), trip))
            self._changed.notify_all()

    def _work(self) -> None:
        while (trip := self._next()) is not None:
            again_at: float | None = None
            try:
                again_at = self._make_call(trip)
            except Exception:
                logger.exception("simulated POS: a callback failed in an unforeseen way")
            with self._changed:
                if again_at is not None and self._running:
                    heapq.heappush(self._heap, (again_at, next(self._numbers), trip))
                self._busy -= 1
                self._changed.notify_all()

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
        """Try the first call of the trip; returns when the trip goes on, None when it is over."""
        if trip.ticket.cancelled:
            trip.first_try_over.set()
            return None
        due, callback = trip.calls[0]
        trip.tries += 1
        if callback.stage:
            self._ledger.record_stage(trip.ticket, callback.stage)
        result, status, error = deliver(callback, self._timeout)
        self._ledger.record_try(
            trip.ticket, callback.status, attempt=trip.tries, result=result, http_status=status, error=error
        )
        trip.first_try_over.set()
        logger.info(
            "callback %s of %s: %s%s",
            callback.status,
            trip.ticket.reference,
            result,
            f" ({status or error})" if result != Result.ACKNOWLEDGED else "",
        )
        if result != Result.ACKNOWLEDGED and trip.tries < self._tries:
            return time.monotonic() + min(60.0, self._backoff * 2 ** (trip.tries - 1))
        trip.calls.popleft()
        trip.tries = 0
        return trip.calls[0][0] if trip.calls else None


def deliver(callback: Callback, timeout: float) -> tuple[str, int | None, str]:
    """Make the call: its result, the HTTP status if there was one, the error if not.

    No connection is `refused`, for nothing was sent; a broken one is `unclear`. Redirects are not followed.
    """
    sent = False
    connection: http.client.HTTPConnection | None = None
    try:
        parts = urlsplit(callback.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        connection.connect()
        sent = True
        headers = {"Content-Type": "application/json", "Connection": "close", **callback.headers}
        connection.request("POST", target, callback.body, headers)
        status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        return (Result.UNCLEAR if sent else Result.REFUSED), None, type(error).__name__
    finally:
        if connection:
            connection.close()
    return (Result.ACKNOWLEDGED if 200 <= status < 300 else Result.REFUSED), status, ""
