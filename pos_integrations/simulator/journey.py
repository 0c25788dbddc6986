"""Journey: the stops of one order through the kitchen, and when each is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pos_integrations.simulator.order import OrderFacts, Stage


@dataclass(frozen=True, slots=True)
class Stop:
    """One stage. `happens` and `told` count steps from the order's acceptance; `copies`: told so often."""

    stage: Stage
    happens: int
    told: int
    copies: int = 1
    reason: str = ""


Journey = tuple[Stop, ...]
Detour = Callable[[Journey], Journey]


def usual_journey(facts: OrderFacts) -> Journey:
    """Confirmed, preparing, ready, dispatched when it is a delivery, delivered."""
    stages = [Stage.CONFIRMED, Stage.PREPARING, Stage.READY, Stage.DISPATCHED, Stage.DELIVERED]
    if not facts.is_delivery:
        stages.remove(Stage.DISPATCHED)
    return tuple(Stop(stage, step, step) for step, stage in enumerate(stages, 1))


def remaining_journey(facts: OrderFacts, stage: Stage | None) -> Journey:
    """What is left of the usual journey for an order that stands at a stage."""
    left = [stop for stop in usual_journey(facts) if stop.stage.is_after(stage)]
    return tuple(replace(stop, happens=step, told=step) for step, stop in enumerate(left, 1))


def told_twice(journey: Journey) -> Journey:
    """Every callback comes twice at the same moment."""
    return tuple(replace(stop, copies=2) for stop in journey)


def told_backwards(journey: Journey) -> Journey:
    """All of it happens in order, and is then told from the end."""
    last = journey[-1].told if journey else 0
    return tuple(replace(stop, told=last + n) for n, stop in enumerate(reversed(journey)))


def never_told(journey: Journey) -> Journey:
    """The kitchen works in silence."""
    return ()


def told_early(journey: Journey) -> Journey:
    """Everything one step sooner, so the first at once."""
    return tuple(replace(s, happens=max(0, s.happens - 1), told=max(0, s.told - 1)) for s in journey)


def cancelled_after(steps: int) -> Detour:
    """The kitchen takes it and cancels after so many steps; 0 rejects it outright."""

    def detour(journey: Journey) -> Journey:
        if steps <= 0:
            return (Stop(Stage.REJECTED, 1, 1, reason="Restaurant is too busy"),)
        done = journey[:steps]
        at = done[-1].told + 1 if done else 1
        return (*done, Stop(Stage.CANCELLED, at, at, reason="Item not available"))

    return detour
