"""What is kept of a menu is of the version that was asked for, and never more than so many rows."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

from menus.snapshot import Charges
from orders.services.kept_menus import KeptMenus, MenuPart

BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def part(*ids):
    return MenuPart(
        charges=Charges(),
        items={pk: SimpleNamespace(pk=pk) for pk in ids},
        variations={pk: [] for pk in ids},
    )


def stamp(version):
    return (BEGAN, version, BEGAN)


def test_what_was_read_of_one_version_adds_up():
    kept = KeptMenus()
    assert kept.of(1, stamp(1)) is None
    kept.learn(1, stamp(1), part(1, 2))
    both = kept.learn(1, stamp(1), part(2, 3))
    assert set(both.items) == {1, 2, 3}
    assert kept.of(1, stamp(1)) is both


def test_another_version_or_another_restaurant_of_that_id_is_another_menu():
    kept = KeptMenus()
    kept.learn(1, stamp(1), part(1))
    assert kept.of(1, stamp(2)) is None
    assert kept.of(1, (BEGAN + dt.timedelta(days=1), 1, BEGAN)) is None
    assert set(kept.learn(1, stamp(2), part(2)).items) == {2}
    assert kept.of(1, stamp(1)) is None


def test_the_menus_that_were_asked_for_longest_ago_go_first():
    kept = KeptMenus(most_rows=5)
    kept.learn(1, stamp(1), part(1, 2))
    kept.learn(2, stamp(1), part(3, 4))
    assert kept.of(1, stamp(1))
    kept.learn(3, stamp(1), part(5, 6))
    assert [bool(kept.of(restaurant, stamp(1))) for restaurant in (1, 2, 3)] == [True, False, True]
    # One that is too large by itself is used and not kept.
    assert len(kept.learn(4, stamp(1), part(*range(9))).items) == 9
    assert kept.of(4, stamp(1)) is None
    assert kept._rows == 0 == len(kept._kept)
