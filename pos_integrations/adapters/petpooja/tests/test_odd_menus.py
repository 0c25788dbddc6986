"""Menus that are odd in one place: what becomes of that place, what is said of it, and that the rest is untouched.

Each row of the table spoils one thing in the published menu. `lines` are all the lines that the history gets.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from menus.snapshot import GroupOffer, MenuSnapshot, OpeningWindow, OrderType
from pos_integrations.adapters.petpooja import values
from pos_integrations.adapters.petpooja.menu import mapping_code, read_menu
from pos_integrations.adapters.petpooja.tests.conftest import raw
from pos_integrations.errors import PosError, WebhookError

Document = dict[str, Any]
Lines = list[tuple[str, str, str, str, str]]


def published() -> Document:
    """PetPooja's example, and in it what the example lacks: a combo, a parent category, hours."""
    document: Document = json.loads(raw("fetch_menu__published"))
    document["items"][0]["combo_items"] = [
        {
            "item_id": "118807411",
            "is_variation": "0",
            "variation_item_id": "",
            "name": "Cake",
            "quantity": "1",
        }
    ]
    document["parentcategories"] = [
        {"id": "700", "name": "Food", "rank": "1", "image_url": None, "status": "1"}
    ]
    document["categories"][0]["parent_category_id"] = "700"
    document["categories"][1]["categorytimings"] = hours("All", ("09:00", "23:00"))
    return document


def hours(day: str, *slots: tuple[str, str]) -> str:
    times = [{"start_time": start, "end_time": end} for start, end in slots]
    return json.dumps([{"schedule_name": "S", "schedule_day": day, "schedule_time_slots": times}])


def read(document: Document) -> MenuSnapshot:
    return read_menu(json.dumps(document).encode(), external_id="abcd1234")


def lines(menu: MenuSnapshot) -> Lines:
    return [(p.kind, p.external_id, p.field, p.found, p.done) for p in menu.problems]


def pizza(document: Document) -> Document:
    row: Document = document["items"][0]
    return row


def bread(document: Document) -> Document:
    row: Document = document["items"][2]
    return row


ODDITIES: dict[str, tuple[Callable[[Document], Any], Lines, Callable[[MenuSnapshot], bool]]] = {
    "signs as HTML writes them": (
        lambda d: pizza(d).update(
            itemname="Mac &amp; Cheese &#8377;99", itemdescription="&quot;hot&quot;&nbsp;&lt;3"
        ),
        [],
        lambda m: (m.items[0].name, m.items[0].description) == ("Mac & Cheese ₹99", '"hot"\xa0<3'),
    ),
    "an ampersand that is only one": (
        lambda d: pizza(d).update(itemname="Fish &copy Chips &amp;amp; R&B;"),
        [],
        lambda m: m.items[0].name == "Fish &copy Chips &amp; R&B;",
    ),
    "an address keeps its ampersands": (
        lambda d: pizza(d).update(item_image_url="https://images.example.com/a.jpg?a=1&amp;copy;=2"),
        [],
        lambda m: m.items[0].image_url.endswith("a=1&amp;copy;=2"),
    ),
    "other scripts, pictures and half characters": (
        lambda d: pizza(d).update(itemname="पनीर टिक्का 🍕\ud83d\u0000"),
        [],
        lambda m: m.items[0].name == "पनीर टिक्का 🍕",
    ),
    "a combo of nonsense": (
        lambda d: pizza(d).update(combo_items=[{"item_id": {"a": 1}, "name": "Cake"}, None, "118807411"]),
        [
            ("combo", "118829149", "item_id", "an object", "ignored (is not text)"),
            ("combo", "118829149", "", "null", "left out (is not an object)"),
            ("combo", "118829149", "", "118807411", "left out (is not an object)"),
        ],
        lambda m: [part["name"] for part in m.items[0].details["combo"]] == ["Cake"],
    ),
    "the restaurant without its list": (
        lambda d: d.update(restaurants=d["restaurants"][0]),
        [],
        lambda m: m.charges.delivery == Decimal("50.00"),
    ),
    "restaurants by their ids": (
        lambda d: d.update(restaurants={"90001": d["restaurants"][0]}),
        [],
        lambda m: m.charges.delivery == Decimal("50.00"),
    ),
    "a second restaurant": (
        lambda d: d["restaurants"].append(
            {"details": {"menusharingcode": "efgh5678", "deliverycharge": "9"}}
        ),
        [("menu", "", "restaurants", "2 restaurants", "all but the first left out")],
        lambda m: m.charges.delivery == Decimal("50.00"),
    ),
    "prices with their thousands apart": (
        lambda d: [
            row.update(price=price)
            for row, price in zip(d["items"], ["1,299.00", " 1,29,900 ", "0"], strict=True)
        ],
        [],
        lambda m: [item.price for item in m.items[:2]] == [Decimal("1299.00"), Decimal("129900.00")],
    ),
    "commas that are no thousands": (
        lambda d: [pizza(d).update(price="1,50"), bread(d)["variation"][0].update(price="12,34,56")],
        [
            ("item", "118829149", "price", "1,50", "left out (is not a number)"),
            ("variation", "7765862", "price", "12,34,56", "left out (is not a number)"),
        ],
        lambda m: [v.external_id for v in m.items[1].variations] == ["7765097"],
    ),
    "a rate with its sign": (
        lambda d: d["taxes"][0].update(tax="2.5 %"),
        [],
        lambda m: m.taxes[0].rate == Decimal("2.5"),
    ),
    "one letter for yes and no": (
        lambda d: [row.update(active=word) for row, word in zip(d["items"], ["Y", "N", "off"], strict=True)],
        [],
        lambda m: [item.active for item in m.items] == [True, False, False],
    ),
    "one add-on group without its list": (
        lambda d: pizza(d).update(addon=pizza(d)["addon"][1]),
        [],
        lambda m: m.items[0].addon_groups == (GroupOffer("135707", 0, 4),),
    ),
    "a list of variations with gaps, as PHP writes it": (
        lambda d: bread(d).update(variation={"0": bread(d)["variation"][0], "7": bread(d)["variation"][1]}),
        [],
        lambda m: [v.external_id for v in m.items[2].variations] == ["7765862", "7765097"],
    ),
    "variations that are false, or none": (
        lambda d: [pizza(d).update(variation=False, addon=None), d["items"][1].update(variation={})],
        [],
        lambda m: (len(m.items), m.items[0].price) == (3, Decimal("100.00")),
    ),
    "variations that cannot be read cost the dish, not its price": (
        lambda d: bread(d).update(variation="two sizes", price="1"),
        [("item", "7765809", "variation", "two sizes", "left out (is not a list)")],
        lambda m: [item.external_id for item in m.items] == ["118829149", "118807411"],
    ),
    "a variation that has both ids and one that has only its own": (
        lambda d: bread(d)["variation"][1].pop("variationid"),
        [],
        lambda m: (
            [(v.external_id, v.master_id) for v in m.items[2].variations]
            == [("7765862", "89058"), ("7765097", "")]
        ),
    ),
    "limits that contradict themselves": (
        lambda d: pizza(d).update(
            addon=[
                {
                    "addon_group_id": 135707,
                    "addon_item_selection_min": "3",
                    "addon_item_selection_max": "2",
                },
                {
                    "addon_group_id": "135699",
                    "addon_item_selection_min": None,
                    "addon_item_selection_max": "",
                },
            ]
        ),
        [("item", "118829149", "addon_item_selection_max", "2", "135707: raised to 3")],
        lambda m: m.items[0].addon_groups == (GroupOffer("135707", 3, 3), GroupOffer("135699", 0, None)),
    ),
    "stock in every way of saying yes": (
        lambda d: [row.update(in_stock=value) for row, value in zip(d["items"], [2, "1", None], strict=True)],
        [],
        lambda m: all(item.in_stock for item in m.items),
    ),
    "stock in two ways of saying no": (
        lambda d: [row.update(in_stock=value) for row, value in zip(d["items"], [0, "0", "2"], strict=True)],
        [],
        lambda m: [item.in_stock for item in m.items] == [False, False, True],
    ),
    "numbers where texts are usual": (
        lambda d: pizza(d).update(itemid=118829149, price=99.5, itemrank=3.0, item_tax=11213),
        [],
        lambda m: (
            (m.items[0].external_id, m.items[0].price, m.items[0].tax_ids)
            == ("118829149", Decimal("99.50"), ("11213",))
        ),
    ),
    "ids with commas to spare": (
        lambda d: pizza(d).update(item_tax=" 11213, 20375,,11213,", item_ordertype="1,2,"),
        [],
        lambda m: (
            (m.items[0].tax_ids, m.items[0].order_types)
            == (("11213", "20375"), (OrderType.DELIVERY, OrderType.PICKUP))
        ),
    ),
    "a tax for an order type of its own": (
        lambda d: d["taxes"][0].update(tax_ordertype="3,0"),
        [],
        lambda m: m.taxes[0].order_types == (OrderType.DINE_IN,),
    ),
    "everything of an item that may be null, null": (
        lambda d: pizza(d).update(
            {key: None for key in pizza(d) if key not in ("itemid", "itemname", "price", "item_categoryid")}
        ),
        [],
        lambda m: (m.items[0].price, m.items[0].tax_ids, m.items[0].details) == (Decimal("100.00"), (), {}),
    ),
    "every list null": (
        lambda d: d.update(
            {key: None for key, value in d.items() if isinstance(value, list) and key in OPTIONAL_LISTS}
        ),
        [
            ("item", item, "item_tax", tax, "ignored (not in the menu)")
            for item, taxes in [
                ("118829149", ("11213", "20375")),
                ("118807411", ("21866", "21867")),
                ("7765809", ("11213", "20375")),
            ]
            for tax in taxes
        ]
        + [
            ("restaurant", "abcd1234", field, tax, "ignored (not in the menu)")
            for field in ("dc_taxes_id", "pc_taxes_id")
            for tax in ("11213", "20375")
        ],
        lambda m: len(m.items) == 3,
    ),
    "a category under another": (
        lambda d: d["categories"][1].update(parent_category_id="500773"),
        [],
        lambda m: [c.parent_id for c in m.categories] == ["", "700", "500773"],
    ),
    "categories under each other, and one under itself": (
        lambda d: [
            d["categories"][0].update(parent_category_id="500774"),
            d["categories"][1].update(parent_category_id="500773"),
            d["categories"].append(
                {"categoryid": "9", "categoryname": "Own", "active": "1", "parent_category_id": "9"}
            ),
        ],
        [
            ("category", "500774", "parent_category_id", "500773", "put at the top (is under this one)"),
            ("category", "9", "parent_category_id", "9", "put at the top (is under this one)"),
        ],
        lambda m: [c.parent_id for c in m.categories] == ["500774", "", ""],
    ),
    "a parent that is not there": (
        lambda d: d.update(parentcategories=[]),
        [("category", "500773", "parent_category_id", "700", "put at the top (not in the menu)")],
        lambda m: [c.parent_id for c in m.categories] == ["", ""],
    ),
    "hours as a list and not as text": (
        lambda d: d["categories"][0].update(
            categorytimings=json.loads(hours("Monday,Tue", ("6:00 am", "24:00")))
        ),
        [],
        lambda m: m.categories[1].opening == (OpeningWindow(dt.time(6), dt.time(23, 59), (0, 1)),),
    ),
    "hours inside hours": (
        lambda d: d["categories"][0].update(categorytimings=json.dumps(hours("All", ("09:00", "10:00")))),
        [],
        lambda m: m.categories[1].opening == (OpeningWindow(dt.time(9), dt.time(10)),),
    ),
    "hours of which one is broken": (
        lambda d: d["categories"][0].update(
            categorytimings=hours("All", ("09:00", "10:00"), ("25:00", "26:00"))
        ),
        [
            (
                "category",
                "500773",
                "categorytimings",
                hours("All", ("09:00", "10:00"), ("25:00", "26:00"))[:100],
                "sold at any time (is not a time such as 18:30)",
            )
        ],
        lambda m: m.categories[1].opening == (),
    ),
    "a discount with hours as a person writes them": (
        lambda d: d["discounts"][0].update(discounttimefrom="6:30 pm", discounttimeto="24:00"),
        [],
        lambda m: (m.discounts[0].time_from, m.discounts[0].time_to) == (dt.time(18, 30), dt.time(23, 59)),
    ),
    "diets in other words": (
        lambda d: (
            d.update(
                attributes=[
                    {"attributeid": "1", "attribute": "Pure Veg"},
                    {"attributeid": "77", "attribute": "Jain"},
                ]
            )
            or d["items"][1].update(item_attributeid="77")
        ),
        [],
        lambda m: [item.diet for item in m.items][:2] == ["veg", "jain"],
    ),
    "charges of nonsense are not charged": (
        lambda d: d["restaurants"][0]["details"].update(
            deliverycharge="free", packaging_charge=[], sc_type="9", calculatetaxondelivery="maybe"
        ),
        [
            ("restaurant", "abcd1234", "deliverycharge", "free", "ignored (is not a number)"),
            ("restaurant", "abcd1234", "sc_type", "9", "ignored (is not a code that we know)"),
            ("restaurant", "abcd1234", "calculatetaxondelivery", "maybe", "ignored (is neither yes nor no)"),
            ("restaurant", "abcd1234", "packaging_charge", "a list", "ignored (is not a number)"),
        ],
        lambda m: (m.charges.delivery, m.charges.packing, m.charges.delivery_tax_ids) == (0, 0, ()),
    ),
}
OPTIONAL_LISTS = ("ordertypes", "taxes", "discounts", "attributes", "variations", "group_categories")


def test_the_menu_itself_is_sound():
    assert lines(read(published())) == []


@pytest.mark.parametrize("name", ODDITIES)
def test_what_is_odd_is_put_right_or_named_and_nothing_else_changes(name):
    spoil, expected, holds = ODDITIES[name]
    document = published()
    spoil(document)
    menu = read(document)
    assert lines(menu) == expected
    assert holds(menu)
    assert "118807411" in {item.external_id for item in menu.items}


# --- every field, spoilt in every way ----------------------------------------------------------------------

NONSENSE: list[Any] = [None, "abc", 1e300, True, [], [None], {"a": {"b": []}}, "9" * 80]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each field, of each list its first row."""
    rows = (
        value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    )
    for key, inner in rows:
        yield (*path, key)
        yield from places(inner, (*path, key))


def spoilt(path: tuple[Any, ...], nonsense: Any) -> Document:
    document = published()
    inside: Any = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = nonsense
    return document


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_no_field_can_be_so_wrong_that_it_stops_the_menu(nonsense):
    refused = set()
    for path in places(published()):
        document = spoilt(path, nonsense)
        try:
            menu = read(document)
        except (PosError, WebhookError):
            refused.add(path[-1])
            continue
        json.dumps([dict(item.details) for item in menu.items] + [dict(menu.details)], allow_nan=False)
        assert len(menu.problems) <= 20
    # Another restaurant's menu is refused, and so is PetPooja's own "no".
    assert refused <= {"menusharingcode", "success", "items"}


@pytest.mark.parametrize(
    "restaurants", [None, [], "x", {}, [None], [[]], [{"details": []}], {"details": None}]
)
def test_a_menu_that_does_not_say_whose_it_is_is_refused_when_pushed(restaurants):
    with pytest.raises(WebhookError, match="menusharingcode is missing"):
        mapping_code(published() | {"restaurants": restaurants})


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Fish &amp; Chips", "Fish & Chips"),
        ("&#39;Dal&#x27;", "'Dal'"),
        ("&#0;&#xD800;&bogus;", "\ufffd\ufffd&bogus;"),
        ("&#9999999;", "\ufffd"),
        ("A&B; C&", "A&B; C&"),
    ],
)
def test_signs_as_html_writes_them(text, plain):
    assert values.unescaped(text) == plain
