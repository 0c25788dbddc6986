"""Menus with anything in them: what can be used goes in, the rest is named, and twice is once."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from menus.models import Item
from pos_integrations import menu_sync
from pos_integrations.menu_applying import SyncResult
from pos_integrations.menu_sync import SyncFailed, Trigger
from pos_integrations.models import MenuSyncHistory
from pos_integrations.simulator import sample_menu
from pos_integrations.tests.factories import connect, fresh, make_restaurant

pytestmark = pytest.mark.django_db


@pytest.fixture
def integration(pos):
    return connect(pos, make_restaurant())


odd = st.one_of(
    st.sampled_from(
        [
            None,
            "",
            "null",
            "0",
            "-1",
            "1e9",
            "1,200.50",
            "9" * 60,
            "x" * 5000,
            "🍕" * 300,
            "\x00",
            True,
            False,
            0,
            -5,
            2**63,
            2**70,
            10**20,
            99999999999.999,
            1e300,
            0.005,
            [],
            {},
            [None],
            [[]],
            [{}],
            {"0": {}},
            {"1": "a"},
            "Nan",
            "24:00",
            "<b>Chef's</b>",
            "ＡＢＣ",
            "e\u0301",
            "ABCD1234 ",
        ]
    ),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(*path, step) for step in steps] + [
        deeper for step in steps for deeper in places(value[step], (*path, step))
    ]


@st.composite
def odd_menu(draw: Any) -> Any:
    """A real menu with up to eight odd places: other values, missing members, rows twice."""
    menu = copy.deepcopy(sample_menu(draw(st.sampled_from(["abcd1234", "efgh5678"]))))
    for _ in range(draw(st.integers(1, 8))):
        *parents, last = draw(st.sampled_from(places(menu)))
        node = menu
        for step in parents:
            node = node[step]
        what = draw(st.sampled_from(["replace", "remove", "twice", "blank"]))
        if what == "replace":
            node[last] = copy.deepcopy(draw(odd))
        elif what == "remove":
            del node[last]
        elif what == "twice" and isinstance(node, list):
            node.append(copy.deepcopy(node[last]))
        elif isinstance(node, list):
            for row in node:
                if isinstance(row, dict):
                    for name in row:
                        row[name] = None if draw(st.booleans()) else row[name]
    return menu


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(menu=odd_menu())
def test_no_menu_breaks_a_sync_and_twice_is_once(integration: Any, pos: Any, menu: Any) -> None:
    pos.set_menu("abcd1234", menu)

    def sync() -> SyncResult:
        return menu_sync.sync_menu(fresh(integration), trigger=Trigger.API, force=True)

    try:
        first = sync()
    except SyncFailed as error:
        assert "ding itself" not in error.message  # noqa: PT017 - a refusal is as good as a success
        return
    again = sync()
    assert not any(any(counts.values()) for counts in again.changes.values())
    assert again.problems == first.problems
    assert all(problem["kind"] and problem["done"] for problem in first.problems)
    assert Item.objects.filter(active=True).count() <= first.items
    json.dumps([row.errors for row in MenuSyncHistory.objects.all()])
    MenuSyncHistory.objects.all().delete()
