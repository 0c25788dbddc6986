"""Kitchen: who moves an order on: the clock, or a person at the terminal, and what that person may do when."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pos_integrations.simulator.callbacks import build_callback
from pos_integrations.simulator.courier import Courier
from pos_integrations.simulator.journey import remaining_journey
from pos_integrations.simulator.ledger import Ledger, Ticket
from pos_integrations.simulator.order import Stage, Typed
from pos_integrations.simulator.outlet import Outlet


@dataclass(frozen=True, slots=True)
class Act:
    """One button: where it leads, and from where."""

    to: Stage
    starts: frozenset[Stage | None]


COOKING = (Stage.CONFIRMED, Stage.PREPARING)
ACTS = {
    "accept": Act(Stage.CONFIRMED, frozenset([None])),
    "reject": Act(Stage.REJECTED, frozenset([None])),
    "ready": Act(Stage.READY, frozenset(COOKING)),
    "dispatch": Act(Stage.DISPATCHED, frozenset([Stage.READY])),
    "deliver": Act(Stage.DELIVERED, frozenset([Stage.READY, Stage.DISPATCHED])),
    "cancel": Act(Stage.CANCELLED, frozenset([*COOKING, Stage.READY, Stage.DISPATCHED])),
}


class NotNow(Exception):
    """The order is not where that act begins."""


def acts_for(ticket: Ticket) -> list[str]:
    """What a person may do with it now. A delivery leaves before it arrives; nothing else leaves."""
    if not ticket.is_live:
        return []
    acts = [name for name, act in ACTS.items() if ticket.stage in act.starts]
    if ticket.stage is Stage.READY:
        acts.remove("deliver" if ticket.facts.is_delivery else "dispatch")
    return acts


class Kitchen:
    """All outlets' orders, as a person can move them."""

    def __init__(self, outlets: Mapping[str, Outlet], courier: Courier, ledger: Ledger) -> None:
        self._outlets = outlets
        self._courier = courier
        self._ledger = ledger
        self._lock = threading.Lock()  # two people press one button

    def act(self, ticket: Ticket, name: str, typed: Typed | None = None, reason: str = "") -> bool:
        """Move an order on by hand; from now on nothing else moves it. False when nobody can be told.

        What was typed before stays unless it is typed again. KeyError when there is no such act, NotNow when
        it makes no sense now.
        """
        act = ACTS[name]
        with self._lock:
            if name not in acts_for(ticket):
                stage = "cancelled" if ticket.cancelled else ticket.stage or "new"
                raise NotNow(f"{name}: the order is {stage}.")
            self._ledger.record_act(ticket, name, act.to, _merged(ticket.typed, typed), reason)
            # Inside, so that calls go out in the order of the acts.
            callback = build_callback(
                ticket,
                self._outlets[ticket.facts.outlet_code],
                act.to.value,
                dt.datetime.now(dt.UTC),
                reason=reason,
            )
            if callback:
                self._courier.queue_callback(ticket, callback)
        self._courier.drop_void()
        return callback is not None

    def set_manual(
        self, outlet: Outlet, manual: bool, tickets: Iterable[Ticket], step_seconds: float
    ) -> None:
        """Hand an outlet's orders to a person, or back to the clock, which goes on where they stand."""
        with self._lock:
            if outlet.manual is manual:
                return
            outlet.manual = manual
            mine = [t for t in tickets if t.facts.outlet_code == outlet.code and t.is_live]
            for ticket in mine:
                ticket.walk += 1
                ticket.by_hand = manual
        self._courier.drop_void()
        for ticket in [] if manual else mine:
            self._courier.announce()
            journey = remaining_journey(ticket.facts, ticket.stage)
            self._courier.begin(ticket, outlet, journey, step_seconds)


def _merged(before: Typed, now: Typed | None) -> Typed:
    given = {name: getattr(now, name) for name in Typed.__slots__} if now else {}
    typed = {name: value for name, value in given.items() if value not in (None, "") and value is not False}
    return replace(before, **typed)
