from __future__ import annotations

import datetime as dt

import pytest

from menus.snapshot import OpeningWindow

MONDAY = dt.date(2026, 3, 2)


def at(text: str, day: dt.date = MONDAY) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.fromisoformat(text), tzinfo=dt.UTC)


def window(opens: str, closes: str, *days: int) -> OpeningWindow:
    return OpeningWindow(dt.time.fromisoformat(opens), dt.time.fromisoformat(closes), days)


@pytest.mark.parametrize(
    ("hours", "moment", "is_open"),
    [
        (window("12:00", "15:00"), at("11:59"), False),
        (window("12:00", "15:00"), at("12:00"), True),
        (window("12:00", "15:00"), at("15:00"), True),
        (window("12:00", "15:00"), at("15:01"), False),
        (window("12:00", "15:00", 1), at("13:00"), False),
        (window("12:00", "15:00", 0, 1), at("13:00"), True),
        # Monday's window over midnight holds on Tuesday at one o'clock, not on Monday at one.
        (window("18:00", "02:00", 0), at("01:00", MONDAY + dt.timedelta(days=1)), True),
        (window("18:00", "02:00", 0), at("01:00"), False),
        (window("18:00", "02:00", 0), at("23:00"), True),
        (window("18:00", "02:00", 0), at("12:00"), False),
        (window("00:00", "00:00"), at("07:00"), True),
    ],
)
def test_a_window_holds_on_the_restaurants_clock(hours, moment, is_open):
    assert hours.holds(moment) is is_open
