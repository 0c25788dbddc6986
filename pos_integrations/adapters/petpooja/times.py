"""PetPooja's times → ours: moments, times of the day, days of the week.

PetPooja writes the restaurant's own time and no offset. Stated for `customTurnOnTime`; orders sent in UTC
showed up five and a half hours old.

Source: PetPooja online ordering API v2.1.0 reference, item stock.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pos_integrations.adapters.petpooja import values

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY = ("all", "daily", "everyday")
LAST_MINUTE = dt.time(23, 59)

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII | re.IGNORECASE
)
_EPOCH = re.compile(r"\d{1,16}(\.\d{1,9})?", re.ASCII)
# Later than this as seconds would be the year 5138: it must be milliseconds.
_FIRST_MILLISECONDS = 100_000_000_000
_SANE_YEARS = range(2000, 2101)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::[0-5]\d)?(?:\s*([ap])\.?m\.?)?", re.ASCII | re.IGNORECASE)


def moment(value: Any, timezone: ZoneInfo) -> dt.datetime:
    """ISO 8601, with a space or a T; without an offset in the restaurant's time. Or since 1970. UTC.

    Raises:
        ValueError: it is missing, no time, or of another century.
    """
    if values.is_blank(value):
        raise ValueError("is missing")
    text = values.hoped_text(value)
    try:
        if _EPOCH.fullmatch(text):
            number = Decimal(text)
            seconds = number / 1000 if number >= _FIRST_MILLISECONDS else number
            found = dt.datetime.fromtimestamp(float(seconds), dt.UTC)
        elif _ISO.fullmatch(text):
            found = dt.datetime.fromisoformat(text.upper())
            if found.tzinfo is None:
                found = found.replace(tzinfo=timezone)
            found = found.astimezone(dt.UTC)
        else:
            raise ValueError(text)
        if found.year not in _SANE_YEARS:
            raise ValueError(text)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError("is not a time") from error
    return found


def next_midnight(after: dt.datetime, timezone: ZoneInfo) -> dt.datetime:
    """When the restaurant's day ends in which `after` lies. UTC."""
    tomorrow = after.astimezone(timezone).date() + dt.timedelta(days=1)
    return dt.datetime.combine(tomorrow, dt.time(), timezone).astimezone(dt.UTC)


def clock(value: Any) -> dt.time:
    """A time of the day to the minute, from 18:30, 18:30:00 or 6:30 pm. 24:00 is the last minute.

    Raises:
        ValueError
    """
    found = _CLOCK.fullmatch(values.hoped_text(value))
    if not found:
        raise ValueError("is not a time such as 18:30")
    hour, minute, half = int(found[1]), int(found[2]), (found[3] or "").lower()
    if (hour, minute, half) == (24, 0, ""):
        return LAST_MINUTE
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("is not a time such as 6:30 pm")
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return dt.time(hour, minute)
    except ValueError as error:
        raise ValueError("is not a time such as 18:30") from error


def weekdays(names: Iterable[str]) -> tuple[int, ...]:
    """Days by their English names or at least three letters of them; 0 is Monday, empty is each.

    Raises:
        ValueError: one is no day.
    """
    found: set[int] = set()
    for name in names:
        word = name.strip().lower()
        if word in EVERY_DAY:
            return ()
        day = next((n for n, full in enumerate(DAYS) if len(word) >= 3 and full.startswith(word)), None)
        if day is None:
            raise ValueError("is not a day")
        found.add(day)
    return () if len(found) == len(DAYS) else tuple(sorted(found))
