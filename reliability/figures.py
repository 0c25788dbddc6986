"""A figure: how often something happened that must not, out of how many chances; or how long something took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Figure:
    """`found` out of `chances` (None: not counted); good when it is not above `limit`.

    `kind`: "zero" counts what must not happen, "seconds" and "number" are measured. A count without any
    chance proves nothing and is a miss. `told`: said beside others, judged by nobody.
    """

    name: str
    found: float
    chances: int | None = None
    limit: float = 0
    unit: str = ""
    told: bool = False

    @property
    def is_good(self) -> bool:
        """Whether it is what it must be."""
        return self.told or (self.found <= self.limit and self.chances != 0)

    def __str__(self) -> str:
        found = f"{self.found:g}" if self.found == int(self.found) else f"{self.found:.2f}"
        text = f"{self.name} {found}{'' if self.chances is None else f'/{self.chances}'}{self.unit and ' '}{self.unit}"
        if self.told or (self.limit == 0 and self.unit == ""):
            return text
        return f"{text} (≤ {self.limit:g})"


def seconds(name: str, found: float, limit: float) -> Figure:
    """A time that must not be longer than `limit`."""
    return Figure(name, found, None, limit, "s")


def told(name: str, found: float, unit: str = "") -> Figure:
    """Something to know, without a limit."""
    return Figure(name, found, None, 0, unit, told=True)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def added_up(figures: Iterable[Figure]) -> list[Figure]:
    """One figure for each name: counts and chances are added up, of times the longest counts."""
    found: dict[str, Figure] = {}
    for figure in figures:
        before = found.setdefault(figure.name, figure)
        if before is figure:
            continue
        if figure.chances is not None:
            chances = (before.chances or 0) + figure.chances
            # What may be some out of many may be more out of more.
            limit = before.limit + figure.limit
            found[figure.name] = replace(
                figure, found=before.found + figure.found, chances=chances, limit=limit
            )
        elif figure.told and not figure.unit:
            found[figure.name] = replace(figure, found=before.found + figure.found)
        else:
            found[figure.name] = max(before, figure, key=lambda one: one.found)
    return list(found.values())


@dataclass(slots=True)
class Result:
    """What one fault showed."""

    id: str
    title: str
    figures: list[Figure]
    duration: float = 0.0
    error: str = ""

    @property
    def is_good(self) -> bool:
        """Whether every figure is what it must be."""
        return not self.error and all(figure.is_good for figure in self.figures)
