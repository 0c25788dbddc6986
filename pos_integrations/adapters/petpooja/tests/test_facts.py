"""What a menu tells beside its dishes."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from pos_integrations.adapters.petpooja.menu import load, read_menu
from pos_integrations.adapters.petpooja.menu.document import Document
from pos_integrations.adapters.petpooja.menu.facts import facts
from pos_integrations.adapters.petpooja.tests.conftest import raw


@pytest.mark.parametrize(
    "fixture", ["fetch_menu__published", "menu__tax_inclusive", "fetch_menu__missing_lists"]
)
def test_most_menus_tell_nothing(fixture):
    assert facts(Document(load(raw(fixture)))) == {}


def test_tables_and_hours_are_kept_as_they_come():
    details = {"deliveryhoursfrom1": "09:00", "deliveryhoursto1": "15:00", "deliveryhoursfrom2": "18:00"}
    content = {"restaurants": [{"details": details}], "tables": [{"id": "1", "seats": Decimal(4)}]}
    assert facts(Document(content)) == {
        "tables": [{"id": "1", "seats": 4}],
        "delivery_hours": [{"from": "09:00", "to": "15:00"}],
    }


@pytest.mark.parametrize("tables", ["none", 7, None, [], {}])
def test_tables_that_are_none_are_nothing(tables):
    assert facts(Document({"tables": tables})) == {}


def test_a_menu_brings_its_tables():
    document = {
        "success": "1",
        "restaurants": [{"details": {"menusharingcode": "abcd1234"}}],
        "items": [{"itemid": "1", "itemname": "Tea", "price": "10", "item_categoryid": "c"}],
        "categories": [{"categoryid": "c", "categoryname": "Drinks"}],
        "tables": [{"tableno": "7"}],
    }
    menu = read_menu(json.dumps(document).encode(), external_id="abcd1234")
    assert menu.details == {"tables": [{"tableno": "7"}]}
