"""The faults, by family; each says what is done to ding and which figures show that ding bore it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reliability.figures import Figure

if TYPE_CHECKING:
    from reliability.rig import Rig

Run = Callable[["Rig", int], list[Figure]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `trials`: how often it is tried in the whole run; `smoke`: in the short one, 0: not at all.

    `carried_by`: the mechanisms of ding that bear it.
    """

    id: str
    title: str
    run: Run
    trials: int
    smoke: int
    carried_by: str


FAULTS: dict[str, Fault] = {}


def fault(id: str, title: str, *, carried_by: str, trials: int = 1, smoke: int = 0) -> Callable[[Run], Run]:
    """Enter a fault into the list."""

    def enter(run: Run) -> Run:
        FAULTS[id] = Fault(id, title, run, trials, smoke, carried_by)
        return run

    return enter


from reliability.faults import (  # noqa: E402 - they enter themselves
    answers,  # noqa: F401
    anywhere,  # noqa: F401
    broker,  # noqa: F401
    clocks_and_keys,  # noqa: F401
    crashes,  # noqa: F401
    database,  # noqa: F401
    menus,  # noqa: F401
    others,  # noqa: F401
    recipes,  # noqa: F401
    two_at_once,  # noqa: F401
    webhooks,  # noqa: F401
)
