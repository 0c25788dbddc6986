"""A cause: one thing that is wrong now and needs a person, as the detecting functions find it."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from notifications.wording import one_line

MOST_ORDERS = 20
MOST_QUOTED = 160
# A POS's or a provider's words may repeat what the guest wrote: numbers and addresses stay where they are.
_PERSONAL = re.compile(r"\+?\d[\d ()-]{5,}\d|[^\s@<>]+@[^\s@<>]+")


@dataclass(frozen=True, slots=True)
class Cause:
    """`key` names it, the same at each look. `what`: what happened, in a sentence or two.

    `orders`: (id, reference) of the newest affected ones; `count` has them all. `urgency`: when it grows,
    staff hears of it anew. `latest_at`: when it happened last, for causes that are events. `target`: id of
    the row that the button opens.
    """

    key: str
    kind: str
    what: str
    restaurant_id: int | None = None
    count: int = 1
    orders: tuple[tuple[int, str], ...] = ()
    urgency: int = 0
    latest_at: dt.datetime | None = None
    target: str = ""


def quoted(text: str) -> str:
    """Somebody else's words, in one line, cut, without numbers and addresses; empty when there are none."""
    line = _PERSONAL.sub("…", one_line(text))
    line = f"{line[: MOST_QUOTED - 1].rstrip()}…" if len(line) > MOST_QUOTED else line
    return f" The last reason: “{line}”" if line else ""


def named(name: str) -> str:
    """A restaurant's name, fit to stand in a sentence."""
    line = one_line(name) or "a restaurant without a name"
    return f"{line[:59]}…" if len(line) > 60 else line


def counted(count: int, one: str, many: str = "") -> str:
    """`1 order`, `2 orders`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
