"""`categorytimings`, in the shape that was seen and in those to be expected."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menus.snapshot import OpeningWindow
from pos_integrations.adapters.petpooja.menu import read_menu
from pos_integrations.adapters.petpooja.menu.opening import MAX_WINDOWS, read_opening

LAST = dt.time(23, 59)


def schedule(day: Any = "All", *slots: tuple[Any, Any], **more: Any) -> dict[str, Any]:
    times = [{"start_time": start, "end_time": end} for start, end in slots]
    return {"schedule_name": "S", "schedule_day": day, "schedule_time_slots": times, **more}


def opening(*schedules: Any) -> tuple[OpeningWindow, ...]:
    return read_opening(json.dumps(list(schedules)))


def window(opens: str, closes: str, *days: int) -> OpeningWindow:
    return OpeningWindow(dt.time.fromisoformat(opens), dt.time.fromisoformat(closes), days)


@pytest.mark.parametrize("nothing", ["", "  ", None, "[]", [], "{}"])
def test_nothing_said_is_always_sold(nothing):
    assert read_opening(nothing) == ()


def test_the_shape_that_was_seen():
    assert opening(schedule("All", ("09:00", "18:00"))) == (window("09:00", "18:00"),)


def test_it_may_as_well_not_be_inside_a_string():
    assert read_opening([schedule("All", ("09:00", "18:00"))]) == (window("09:00", "18:00"),)


@pytest.mark.parametrize(
    ("day", "days"),
    [
        ("All", ()),
        ("all", ()),
        ("", ()),
        (None, ()),
        ("Monday", (0,)),
        ("monday,Tuesday", (0, 1)),
        ("Sat, Sun", (5, 6)),
        (["Sunday", "Monday"], (0, 6)),
        ("Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday", ()),
    ],
)
def test_days(day, days):
    assert opening(schedule(day, ("09:00", "18:00"))) == (window("09:00", "18:00", *days),)


def test_several_slots_and_several_schedules():
    assert opening(
        schedule("Monday,Friday", ("08:00", "11:00"), ("18:30", "22:00")),
        schedule("Sunday", ("10:00", "14:00")),
    ) == (window("08:00", "11:00", 0, 4), window("18:30", "22:00", 0, 4), window("10:00", "14:00", 6))


def test_over_midnight_is_kept_as_it_is():
    assert opening(schedule("Friday", ("18:00", "02:00"))) == (window("18:00", "02:00", 4),)
    assert opening(schedule("Friday", ("18:00", "00:00"))) == (window("18:00", "00:00", 4),)


@pytest.mark.parametrize("end", ["23:59", "23:59:00", "23:59:59", "24:00", "11:59 pm"])
def test_the_end_of_the_day(end):
    assert opening(schedule("All", ("12:00", end))) == (OpeningWindow(dt.time(12), LAST),)


@pytest.mark.parametrize("same", ["00:00", "10:00"])
def test_from_a_time_to_the_same_is_the_whole_day(same):
    (found,) = opening(schedule("All", (same, same)))
    assert all(found.holds(dt.datetime(2026, 1, 15, hour, tzinfo=dt.UTC)) for hour in range(24))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("9:05", dt.time(9, 5)),
        ("09:05:30", dt.time(9, 5)),
        ("9:05 AM", dt.time(9, 5)),
        ("9:05pm", dt.time(21, 5)),
        ("12:00 AM", dt.time(0)),
        ("12:30 p.m.", dt.time(12, 30)),
    ],
)
def test_times_in_every_spelling(text, time):
    assert opening(schedule("All", (text, "23:00")))[0].opens == time


def test_the_same_window_twice_is_one():
    assert len(opening(schedule("All", ("09:00", "18:00")), schedule("All", ("9:00", "18:00")))) == 1


@pytest.mark.parametrize(
    "value",
    [
        "{broken",
        "soon",
        7,
        True,
        '{"schedule_day": "All"}',
        "[7]",
        "[" * 9999,
        [schedule("All")],
        [schedule("All", schedule_time_slots=None)],
        [schedule("All", schedule_time_slots="09:00-18:00")],
        [schedule("All", schedule_time_slots=["09:00"])],
        [schedule("Someday", ("09:00", "18:00"))],
        [schedule("Mon-Fri", ("09:00", "18:00"))],
        [schedule("M", ("09:00", "18:00"))],
        [schedule({"a": []}, ("09:00", "18:00"))],
        [schedule("All", ("9", "18:00"))],
        [schedule("All", ("25:00", "18:00"))],
        [schedule("All", ("13:00 pm", "18:00"))],
        [schedule("All", ("18:30m", "18:00"))],
        [schedule("All", ("", "18:00"))],
        [schedule("All", (None, None))],
        [schedule("All", ("09:00", "18:00")), schedule("All", ("09:00", "later"))],
        [schedule("All", *((f"{n // 60}:{n % 60:02}", "23:00") for n in range(MAX_WINDOWS + 1)))],
    ],
)
def test_what_cannot_be_read_is_sold_at_any_time_and_said(value):
    with pytest.raises(ValueError, match=r"^(is|has|holds) "):
        read_opening(value)
    category = {"categoryid": "c", "categoryname": "Rice", "categorytimings": value}
    document = {
        "restaurants": [{"details": {"menusharingcode": "abcd1234"}}],
        "categories": [category],
        "items": [],
    }
    menu = read_menu(json.dumps(document).encode(), external_id="abcd1234")
    assert menu.categories[0].opening == ()
    assert [(p.kind, p.external_id, p.field) for p in menu.problems] == [("category", "c", "categorytimings")]
    assert menu.problems[0].done.startswith("sold at any time (")


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.integers()
        | st.text(max_size=8)
        | st.sampled_from(["All", "Monday", "09:00", "24:00"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["schedule_day", "schedule_time_slots", "start_time", "end_time"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_anything_is_windows_or_a_value_error(value):
    try:
        found = read_opening(json.dumps(value))
    except ValueError:
        return
    assert all(isinstance(one, OpeningWindow) for one in found)
