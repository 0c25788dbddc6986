"""Many callers at once, one piece of work for all: who comes while it is done waits and is served with the next.

Under load the batches grow by themselves, and what each caller costs falls; a caller alone waits for nobody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")
R = TypeVar("R")

MOST = 64
# For `gather_seconds`: what it costs is less than what a request waits for the processor anyway when there are many.
A_MOMENT = 0.002


class _Caller(Generic[T, R]):
    """One who waits: in the end with a result or an error, or with the task of working for all who wait now."""

    __slots__ = ("error", "item", "leads", "result", "turn")

    def __init__(self, item: T) -> None:
        self.item = item
        # Taken until it is this one's turn. An `Event` is two such locks and a queue.
        self.turn = threading.Lock()
        self.turn.acquire()
        self.leads = False
        self.result: Any = None
        self.error: BaseException | None = None

    def outcome(self) -> R:
        if self.error is not None:
            raise self.error
        result: R = self.result
        return result


class Together(Generic[T, R]):
    """Call it with one item; `work` gets all items that came meanwhile and gives a result for each.

    `work` runs in the thread of one of them, and is a transaction of its own: when it fails for several it is done again
    for each alone, so that one bad item harms no other. When the database does not answer, it has failed for all.

    `gather_seconds`: how long after a batch the next one waits at most until as many have come as were there: served or
    waiting. Else two halves take turns, and each piece of work is for half of them.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], gather_seconds: float = 0.0) -> None:
        self._work = work
        self._gather_seconds = gather_seconds
        self._gathering: _Caller[T, R] | None = None
        self._expected = 0
        self._expected_until = 0.0
        self._lock = threading.Lock()
        self._waiting: list[_Caller[T, R]] = []
        self._busy = False

    def __call__(self, item: T) -> R:
        """The result for `item`; raises what `work` raised."""
        if connection.in_atomic_block:
            # Nobody else may work for us: it is for this transaction to decide whether it was done.
            return self._work([item])[0]
        me: _Caller[T, R] = _Caller(item)
        with self._lock:
            self._waiting.append(me)
            me.leads, self._busy = not self._busy, True
            if self._gathering is not None and len(self._waiting) >= self._expected:
                self._gathering.turn.release()
                self._gathering = None
        if not me.leads:
            me.turn.acquire()
        if me.leads:
            self._gather(me)
            self._lead(me)
        return me.outcome()

    def _gather(self, me: _Caller[T, R]) -> None:
        """Wait until as many have come as are expected: whoever is the last of them lets this one go on."""
        with self._lock:
            left = self._expected_until - time.monotonic()
            if left <= 0 or len(self._waiting) >= self._expected:
                return
            self._gathering = me
        me.turn.acquire(timeout=left)
        with self._lock:
            self._gathering = None

    def _lead(self, me: _Caller[T, R]) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            self._serve(batch)
        finally:
            with self._lock:
                self._expected = min(len(self._waiting) + len(batch), MOST)
                self._expected_until = time.monotonic() + self._gather_seconds
                self._busy = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].leads = True
                    self._waiting[0].turn.release()
            for caller in batch:
                if caller is not me:
                    caller.turn.release()

    def _serve(self, batch: list[_Caller[T, R]]) -> None:
        try:
            results = self._work([caller.item for caller in batch])
        except Exception as error:
            # A database that is away is away for all; and whether it has committed nobody knows.
            if len(batch) == 1 or isinstance(error, OperationalError | InterfaceError):
                for caller in batch:
                    caller.error = error
                return
            for caller in batch:
                self._serve([caller])
            return
        except BaseException as error:
            # Whoever leads is being stopped; the others must not take that for an answer.
            for caller in batch:
                caller.error = error
            raise
        for caller, result in zip(batch, results, strict=True):
            caller.result = result
