"""Menus: the samples, and generated ones that hold together."""

import json

import pytest

from pos_integrations.simulator import SAMPLE_CODES, make_menu, sample_menu


@pytest.mark.parametrize("code", SAMPLE_CODES)
def test_samples_are_fresh_copies(code):
    menu = sample_menu(code)
    menu["items"].clear()
    assert sample_menu(code)["items"]


def test_there_is_no_other_sample():
    with pytest.raises(ValueError, match="There is no sample menu 'x'; there are abcd1234, efgh5678"):
        sample_menu("x")


@pytest.mark.parametrize("items", [0, 1, 12, 13, 250, 2000])
def test_a_made_menu_has_so_many_items_and_no_loose_ends(items):
    menu = make_menu(items, seed=4, code="made0004")
    assert len(menu["items"]) == items
    assert menu["restaurants"][0]["details"]["menusharingcode"] == "made0004"
    categories = {category["categoryid"] for category in menu["categories"]}
    groups = {group["addongroupid"]: len(group["addongroupitems"]) for group in menu["addongroups"]}
    taxes = {tax["taxid"] for tax in menu["taxes"]}
    ids = [item["itemid"] for item in menu["items"]]
    ids += [variation["id"] for item in menu["items"] for variation in item["variation"]]
    ids += [addon["addonitemid"] for group in menu["addongroups"] for addon in group["addongroupitems"]]
    ids += [*categories, *groups]
    assert len(ids) == len(set(ids))
    for item in menu["items"]:
        assert item["item_categoryid"] in categories
        assert set(item["item_tax"].split(",")) <= taxes
        for place in (item, *item["variation"]):
            for offer in place["addon"]:
                assert int(offer["addon_item_selection_max"]) <= groups[offer["addon_group_id"]]


def test_a_made_menu_is_like_real_ones():
    menu = make_menu(250, seed=1)
    with_variations = sum(bool(item["variation"]) for item in menu["items"])
    with_addons = sum(item["itemallowaddon"] == "1" for item in menu["items"])
    assert 40 <= with_variations <= 85
    assert 60 <= with_addons <= 105
    assert 180_000 < len(json.dumps(menu, ensure_ascii=False)) < 320_000
    assert {item["in_stock"] for item in menu["items"]} == {"2"}


def test_the_seed_decides():
    assert make_menu(50, 1) == make_menu(50, 1)
    assert make_menu(50, 1) != make_menu(50, 2)
    assert {item["tax_inclusive"] for item in make_menu(5, tax_inclusive=True)["items"]} == {True}
