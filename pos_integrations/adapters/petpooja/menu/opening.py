"""`categorytimings` → when a category is sold.

`""`, or JSON inside a string: `[{"schedule_name", "schedule_day", "schedule_time_slots": [{"start_time",
"end_time"}]}]`. Undocumented; this shape was seen in a menu on staging, with the day `All`.
"""

from __future__ import annotations

from typing import Any

from menus.snapshot import OpeningWindow
from pos_integrations.adapters.petpooja import times, values
from pos_integrations.adapters.petpooja.menu.document import parse

MAX_WINDOWS = 100
# Text of JSON, or such a text written as JSON once more.
MOST_WRAPPED = 2


def read_opening(value: Any) -> tuple[OpeningWindow, ...]:
    """All windows of `value`; empty when it says nothing.

    Raises:
        ValueError: some of it cannot be read. The rest is of no use then: it would close a category at
            times when the restaurant means to sell.
    """
    if values.is_blank(value):
        return ()
    for _ in range(MOST_WRAPPED):
        if isinstance(value, str):
            try:
                value = parse(value)
            except (ValueError, RecursionError) as error:
                raise ValueError("is not JSON") from error
    windows: dict[OpeningWindow, None] = {}
    for schedule in values.rows(value):
        if not isinstance(schedule, dict):
            raise ValueError("holds what is no schedule")
        days = times.weekdays(values.texts(schedule.get("schedule_day")))
        slots = values.rows(schedule.get("schedule_time_slots"))
        if not slots:
            raise ValueError("has a schedule without times")
        windows |= dict.fromkeys(_window(slot, days) for slot in slots)
        if len(windows) > MAX_WINDOWS:
            raise ValueError(f"has more than {MAX_WINDOWS} times")
    return tuple(windows)


def _window(slot: Any, days: tuple[int, ...]) -> OpeningWindow:
    if not isinstance(slot, dict):
        raise ValueError("holds a time slot that is none")
    # From a time to the same time is the whole day, for `OpeningWindow` as on a dashboard.
    return OpeningWindow(times.clock(slot.get("start_time")), times.clock(slot.get("end_time")), days)
