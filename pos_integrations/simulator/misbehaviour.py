"""Misbehaviour: which call gets which behaviours.

Asked in this order: the order's own note (`sim:500`), what was set for its reference, what was set for the
call, and last the dice. The dice are cast from seed, reference and how often it was tried, so the same seed
gives the same run whatever the threads do.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from pos_integrations.simulator.behaviours import BEHAVIOURS, Plan

# name, name=value, name*times, name=value*times: `*2` means at the first two tries only.
_SPEC = r"(?P<name>[a-z0-9_]+)(?:=(?P<value>[^\s*,;]+))?(?:\*(?P<times>\d{1,6}))?"
_WHOLE = re.compile(_SPEC)
_IN_NOTE = re.compile(r"\bsim:" + _SPEC)


@dataclass(frozen=True, slots=True)
class Spec:
    """One behaviour that is asked for. `times` None: at every try."""

    name: str
    value: str = ""
    times: int | None = None

    @classmethod
    def parse(cls, written: str) -> Spec:
        """Read `name[=value][*times]`. ValueError when there is no such behaviour."""
        match = _WHOLE.fullmatch(written.strip())
        if not match or match["name"] not in BEHAVIOURS:
            raise ValueError(f"No behaviour {written!r}. There are: {', '.join(sorted(BEHAVIOURS))}.")
        return cls._of(match)

    @classmethod
    def all_in_note(cls, note: str) -> list[Spec]:
        """Every `sim:` in an order's note; names that we do not know are the guest's own business."""
        return [cls._of(match) for match in _IN_NOTE.finditer(note) if match["name"] in BEHAVIOURS]

    @classmethod
    def _of(cls, match: re.Match[str]) -> Spec:
        return cls(match["name"], match["value"] or "", int(match["times"]) if match["times"] else None)


def parse_rates(rates: Mapping[str, float]) -> list[tuple[Spec, float]]:
    """Check rates by behaviour. ValueError when a name or a number makes no sense."""
    checked = [(Spec.parse(written), float(rate)) for written, rate in rates.items()]
    if any(not 0 <= rate <= 1 for _, rate in checked) or sum(rate for _, rate in checked) > 1.000_001:
        raise ValueError("Rates lie between 0 and 1, and their sum is 1 at most.")
    return checked


class Misbehaviour:
    """Thread-safe. All settings may change at run time; each setter replaces what was set before."""

    def __init__(self, rates: Mapping[str, float] | None = None, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._tries: Counter[str] = Counter()
        self._orders: dict[str, list[Spec]] = {}
        self._calls: dict[str, list[Spec]] = {}
        self._written: dict[str, dict[str, object]] = {"orders": {}, "calls": {}}
        self.seed = seed
        self.set_rates(rates or {})

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """At which rate each save_order misbehaves, such as `{"500": 0.05, "delay=3": 0.02}`."""
        checked = parse_rates(rates)
        with self._lock:
            self._rates, self.rates = checked, dict(rates)

    def set_orders(self, orders: Mapping[str, str]) -> None:
        """By order reference: the behaviours of that order, several apart by blanks."""
        self._set("orders", orders)

    def set_calls(self, calls: Mapping[str, str]) -> None:
        """By call (`save_order`, `mapped_restaurant_menus`, ...): the behaviours of its next requests."""
        self._set("calls", calls)

    def _set(self, kind: str, written: Mapping[str, str]) -> None:
        specs = {key: [Spec.parse(one) for one in text.split()] for key, text in written.items()}
        with self._lock:
            if kind == "orders":
                self._orders = specs
                for reference in specs:
                    self._tries.pop(reference, None)
            else:
                self._calls = specs
                for call in specs:
                    self._tries.pop(f"call {call}", None)
            self._written[kind] = dict(written)

    def plan_for_order(self, reference: str, note: str) -> Plan:
        """The plan for one more try of an order."""
        with self._lock:
            self._tries[reference] += 1
            tried = self._tries[reference]
            specs = [*Spec.all_in_note(note), *self._orders.get(reference, ())]
            dice = self._rates
        plan = _plan(specs, tried)
        if plan.names:
            return plan
        if (plan := self.plan_for_call("save_order")).names:
            return plan
        if not dice:
            return plan
        point = Random(f"{self.seed}:{reference}:{tried}").random()
        for spec, rate in dice:
            if point < rate:
                return _plan([spec], 1)
            point -= rate
        return plan

    def plan_for_call(self, call: str) -> Plan:
        """The plan for one more request of that call."""
        with self._lock:
            specs = self._calls.get(call)
            if not specs:
                return Plan()
            self._tries[f"call {call}"] += 1
            return _plan(specs, self._tries[f"call {call}"])

    def as_json(self) -> dict[str, object]:
        """The settings as they were given."""
        return {"misbehave": self.rates, "seed": self.seed, **self._written}


def _plan(specs: list[Spec], tried: int) -> Plan:
    plan = Plan()
    for spec in specs:
        if spec.times is None or tried <= spec.times:
            BEHAVIOURS[spec.name](plan, spec.value)
            plan.names.append(spec.name)
    return plan
