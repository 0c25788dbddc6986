"""Menus coming in: published ones whole, a messy one problem by problem, and strangers' bytes."""

from __future__ import annotations

import datetime as dt
import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from menus.snapshot import (
    AmountKind,
    ChargeBase,
    Charges,
    DiscountScope,
    DiscountSnapshot,
    GroupOffer,
    Liability,
    MenuSnapshot,
    OpeningWindow,
    OrderType,
    PackingMode,
    TaxSnapshot,
)
from pos_integrations.adapters.petpooja.menu import MAX_PROBLEMS, read_menu
from pos_integrations.adapters.petpooja.tests.conftest import raw
from pos_integrations.errors import (
    ConfigurationError,
    MalformedPayload,
    PermanentError,
    PosError,
    WebhookError,
)

ALL = (OrderType.DELIVERY, OrderType.PICKUP, OrderType.DINE_IN)


def read(name: str, topic: str = "fetch_menu", **kwargs: Any) -> MenuSnapshot:
    return read_menu(raw(f"{topic}__{name}"), external_id="abcd1234", **kwargs)


def menu_of(**parts: Any) -> MenuSnapshot:
    document = {"restaurants": [{"details": {"menusharingcode": "abcd1234"}}], "items": [], **parts}
    return read_menu(json.dumps(document).encode(), external_id="abcd1234")


def item(**fields: Any) -> dict[str, Any]:
    return {"itemid": "1", "itemname": "Rice", "price": "40", "item_categoryid": "c", **fields}


@pytest.fixture(scope="module")
def published() -> MenuSnapshot:
    return read("published")


@pytest.fixture(scope="module")
def messy() -> MenuSnapshot:
    return read("messy")


def test_published_menu_has_no_problems(published):
    assert published.problems == ()
    assert [item.external_id for item in published.items] == ["118829149", "118807411", "7765809"]
    assert [category.name for category in published.categories] == ["Pizzaandsides", "Cakes"]


def test_published_pizza(published):
    pizza = published.items[0]
    assert (pizza.name, pizza.price, pizza.category_id) == ("Veg Loaded Pizza", Decimal("100.00"), "500773")
    assert pizza.in_stock, "in_stock 2 means available"
    assert pizza.addon_groups == (GroupOffer("135699", 0, 1), GroupOffer("135707", 0, 4))
    assert pizza.tax_ids == ("11213", "20375")
    assert pizza.order_types == ALL
    assert pizza.diet == "veg"
    assert pizza.details["tags"] == ["vegan", "new", "chef-special"]
    assert pizza.details["nutrition"]["protein"] == {"amount": 1, "unit": "g"}
    assert "protien" not in pizza.details["nutrition"]


def test_variations_count_although_the_flag_says_there_are_none(published):
    bread = published.items[2]
    assert bread.price == Decimal("0.00"), "the leftover price of the item is not a price"
    small = bread.variations[0]
    assert (small.external_id, small.master_id, small.name) == ("7765862", "89058", "3Pieces")
    assert (small.price, small.packing_charge) == (Decimal("140.00"), Decimal("20.00"))
    assert small.group_name == "Quantity"


def test_published_charges(published):
    assert published.charges == Charges(
        delivery=Decimal("50.00"),
        delivery_tax_ids=("11213", "20375"),
        packing_mode=PackingMode.ORDER,
        packing_kind=AmountKind.FIXED,
        packing=Decimal("20.00"),
        packing_tax_ids=("11213", "20375"),
        service_order_types=ALL,
        service_kind=AmountKind.PERCENT,
        service=Decimal("5.00"),
        service_base=ChargeBase.TOTAL,
        service_taxed=True,
        minimum_order=Decimal("0.00"),
        prep_minutes=30,
        delivery_minutes=60,
    )


def test_published_discount(published):
    assert published.discounts == (
        DiscountSnapshot(
            "363",
            "Introductory Off",
            AmountKind.PERCENT,
            Decimal("10.00"),
            scope=DiscountScope.ITEMS,
            target_ids=("7765809", "7765862", "7765097", "118807411"),
            order_types=ALL,
        ),
    )


def test_tax_of_one_order_type(published):
    assert published.taxes[2] == TaxSnapshot(
        "21866", "CGST", Decimal(9), order_types=(OrderType.DELIVERY,), rank=5
    )


def test_add_on_diets_come_from_the_attributes(published):
    assert [addon.diet for addon in published.addon_groups[1].items] == ["egg", "veg", "veg", "veg"]


def test_real_menu_is_inclusive_throughout_and_has_no_problems():
    menu = read("tax_inclusive", "menu")
    assert menu.problems == ()
    assert len(menu.items) == 8
    assert all(item.tax_inclusive and item.in_stock for item in menu.items)
    assert all(tax.inclusive and tax.order_types == () for tax in menu.taxes)
    assert menu.charges.packing_mode is PackingMode.NONE
    assert menu.items[3].packing_charge == Decimal("10.00")
    assert menu.items[1].order_types == (OrderType.PICKUP,)
    assert menu.charges.service == 0


def test_missing_lists_are_empty_ones():
    menu = read("missing_lists")
    assert menu.problems == ()
    assert [item.name for item in menu.items] == ["Rice"]
    assert menu.items[0].order_types == ()


@pytest.mark.parametrize(
    ("marketplace", "liabilities"),
    [
        (False, [Liability.RESTAURANT] * 3),
        (True, [Liability.VENDOR, Liability.RESTAURANT, Liability.VENDOR]),
    ],
)
def test_who_owes_the_tax_depends_on_who_sells(marketplace, liabilities):
    assert [i.liability for i in read("published_2024", "menu", marketplace=marketplace).items] == liabilities


# --- the messy menu ---


def test_good_rows_of_a_messy_menu_go_in(messy):
    assert [item.external_id for item in messy.items] == ["1", "8", "9", "11", "12"]
    assert [category.external_id for category in messy.categories] == ["500", "10", "11"]
    assert [tax.external_id for tax in messy.taxes] == ["1", "2"]
    assert [group.external_id for group in messy.addon_groups] == ["g1", "g2", "g3"]
    assert [discount.external_id for discount in messy.discounts] == ["d1"]


def test_every_bad_row_of_a_messy_menu_is_named(messy):
    lines = {(p.kind, p.external_id, p.field, p.found, p.done) for p in messy.problems}
    assert lines == {
        ("restaurant", "abcd1234", "minimumorderamount", "abc", "ignored (is not a number)"),
        ("restaurant", "abcd1234", "minimumdeliverytime", "an hour", "ignored (is not a number of minutes)"),
        ("restaurant", "abcd1234", "sc_value", "500.00", "not charged (is over 100 %)"),
        ("restaurant", "abcd1234", "dc_taxes_id", "77", "ignored (not in the menu)"),
        ("menu", "", "attributes", "veg", "taken as empty (is not a list)"),
        ("category", "10", "categoryid", "10", "left out (the id is there already)"),
        ("category", "11", "categoryrank", "first", "ignored (is not a number)"),
        ("category", "11", "categorytimings", "{broken", "sold at any time (is not JSON)"),
        ("category", "11", "parent_category_id", "999", "put at the top (not in the menu)"),
        ("category", "12", "categoryname", "null", "left out (is missing)"),
        ("category", "", "categoryid", "nothing", "left out (is missing)"),
        ("category", "", "", "Sweets", "left out (is not an object)"),
        ("tax", "3", "tax", "250.0000", "left out (is over 100 %)"),
        ("tax", "4", "taxtype", "9", "left out (is not a code that we know)"),
        ("add-on", "a1", "addonitemid", "a1", "left out (the id is there already)"),
        ("add-on", "a3", "addonitem_price", "", "left out (is missing)"),
        ("add-on group", "g3", "active", "maybe", "ignored (is neither yes nor no)"),
        ("add-on group", "g3", "addongroupitems", "none", "ignored (is not a list)"),
        ("item", "", "", "null", "left out (is not an object)"),
        ("item", "1", "itemid", "1", "left out (the id is there already)"),
        ("item", "2", "price", "abc", "left out (is not a number)"),
        ("item", "3", "price", "-5", "left out (is negative)"),
        ("item", "4", "price", "NaN", "left out (is not a number)"),
        ("item", "5", "price", "Infinity", "left out (is not a number)"),
        ("item", "6", "price", "null", "left out (is missing)"),
        ("item", "7", "itemname", "", "left out (is missing)"),
        ("item", "", "itemid", "nothing", "left out (is missing)"),
        ("item", "8", "itemrank", "x", "ignored (is not a number)"),
        ("item", "8", "item_categoryid", "404", "kept without a category"),
        ("item", "8", "item_tax", "66", "ignored (not in the menu)"),
        ("variation", "91", "addon_item_selection_max", "1", "g1: raised to 3"),
        ("variation", "91", "addon_item_selection_min", "3", "g1: lowered to 1"),
        ("variation", "91", "addon", "gone", "offer dropped (no such add-on group)"),
        ("variation", "91", "addon_group_id", "nothing", "left out (is missing)"),
        ("variation", "92", "price", "null", "left out (is missing)"),
        ("variation", "91", "id", "91", "left out (the id is there already)"),
        ("variation", "93", "price", "", "left out (is missing)"),
        ("item", "10", "variation", "a list", "left out (no variation can be used)"),
        ("item", "11", "item_image_url", "ftp://example.com/a.jpg", "ignored (is not a web address)"),
        ("item", "11", "addon_item_selection_max", "0", "g1: read as no limit"),
        ("item", "12", "item_ordertype", "7", "switched off (no order type that we know)"),
        ("discount", "d2", "discounttype", "3", "kept out (buy one, get one)"),
        ("discount", "d3", "discounttype", "7", "kept out (freebie)"),
        ("discount", "d4", "discountcategoryitemids", "", "left out (names nothing that it applies to)"),
        ("discount", "d5", "discountdays", "Someday", "left out (is not a day)"),
        ("discount", "d6", "discountstarts", "tomorrow", "left out (is not a date such as 2026-01-31)"),
        ("discount", "d7", "discount", "110.00", "left out (is over 100 %)"),
        ("discount", "d8", "discountmaxlimit", "some", "left out (is not a number)"),
    }


def test_details_of_a_messy_menu(messy):
    samosa, _, sized, sold_out, unknown_channel = messy.items
    assert samosa.name == 'Samosa "hot"'
    assert samosa.price == Decimal("20.10")
    assert str(samosa.price) == "20.10", "never a float's 20.1000000001"
    assert samosa.order_types == (OrderType.DELIVERY, OrderType.PICKUP)
    assert samosa.tax_ids == ("1", "2")
    assert samosa.details == {
        "tags": ["new"],
        "spice_level": "hot",
        "markup_price": "25.00",
        "nutrition": {"protein": {"amount": 1.5, "unit": "g"}},
    }
    assert [v.external_id for v in sized.variations] == ["91"]
    assert sized.variations[0].addon_groups == (GroupOffer("g1", 1, 3),)
    assert (sold_out.in_stock, sold_out.active, sold_out.image_url) == (False, False, "")
    assert sold_out.price == Decimal("0.96"), "half up"
    assert sold_out.addon_groups == (GroupOffer("g1", 0, None),)
    assert (unknown_channel.active, unknown_channel.order_types) == (False, ())


def test_categories_of_a_messy_menu(messy):
    _, snacks, drinks = messy.categories
    assert (snacks.parent_id, drinks.parent_id) == ("500", "")
    assert snacks.opening == (OpeningWindow(dt.time(9), dt.time(18)),)
    assert drinks.opening == (), "unreadable: sold at any time"
    assert snacks.details == {"group": "Kitchen one"}
    assert drinks.details == {}


def test_taxes_and_discount_of_a_messy_menu(messy):
    assert messy.taxes[0].order_types == ()
    assert messy.taxes[1] == TaxSnapshot(
        "2", "Tax", Decimal(3), AmountKind.FIXED, ChargeBase.TOTAL, True, (OrderType.DINE_IN,)
    )
    assert messy.discounts[0] == DiscountSnapshot(
        "d1",
        "Weekend",
        AmountKind.FIXED,
        Decimal("50.00"),
        DiscountScope.CATEGORIES,
        ("10", "11"),
        (OrderType.DELIVERY,),
        days=(5, 6),
        starts=dt.date(2026, 1, 1),
        time_from=dt.time(18),
        time_to=dt.time(22, 30),
        min_amount=Decimal("200.00"),
        max_discount=Decimal("75.00"),
        needs_coupon=True,
        coupon_code="Weekend",
        rank=3,
    )


def test_charges_of_a_messy_menu(messy):
    assert messy.charges == Charges(
        delivery=Decimal("30.00"),
        delivery_tax_ids=("1",),
        packing_mode=PackingMode.ITEM,
        service_order_types=(OrderType.DELIVERY,),
        service_kind=AmountKind.PERCENT,
    )


def test_details_are_ready_for_json(messy):
    for row in (*messy.items, *messy.categories):
        json.dumps(row.details, allow_nan=False)


# --- single rules ---


@pytest.mark.parametrize("in_stock", ["2", 2, "1", 1, True, "", None, "yes"])
def test_only_an_explicit_no_is_sold_out(in_stock):
    assert menu_of(items=[item(in_stock=in_stock)]).items[0].in_stock


@pytest.mark.parametrize("in_stock", ["0", 0, False])
def test_an_explicit_no_is_sold_out(in_stock):
    assert not menu_of(items=[item(in_stock=in_stock)]).items[0].in_stock


@pytest.mark.parametrize("items", [None, "none", 7])
def test_items_that_are_no_list_are_an_empty_one_and_a_problem(items):
    menu = menu_of(items=items)
    assert menu.items == ()
    assert [(p.kind, p.field) for p in menu.problems] == [("menu", "items")]


def test_gigantic_numbers_are_problems_not_delays():
    document = b'{"restaurants":[{"details":{"menusharingcode":"abcd1234"}}],"items":[' + b",".join(
        b'{"itemid":"%d","itemname":"a","price":%s}' % (n, price)
        for n, price in enumerate(
            [b"1e999999999", b"1e99999999999999999999", b"9" * 5000, b"1e30", b"-0.001"]
        )
    )
    menu = read_menu(document + b"]}", external_id="abcd1234")
    assert menu.items == ()
    assert [p.field for p in menu.problems] == ["price"] * 5


def test_a_bad_byte_and_half_a_character_cost_no_item():
    body = json.dumps({"items": [item(itemname="a\ud800b\x00c")]}).encode().replace(b"Rice", b"Ri\xffce")
    menu = read_menu(body, external_id="abcd1234")
    assert menu.items[0].name == "abc"
    menu = read_menu(b'{"items":[{"itemid":1,"itemname":"a\xffb","price":1}]}', external_id="abcd1234")
    assert menu.items[0].name == "a\ufffdb"


def test_ids_may_be_long_numbers():
    assert menu_of(items=[item(itemid=12345678901234567890)]).items[0].external_id == "12345678901234567890"


def test_an_item_with_an_unreadable_variation_list_is_not_sold_at_its_leftover_price():
    menu = menu_of(items=[item(variation="broken")])
    assert menu.items == ()


def test_an_add_on_group_that_is_off_cannot_be_required():
    group = {
        "addongroupid": "g",
        "addongroup_name": "Dips",
        "active": "0",
        "addongroupitems": [{"addonitemid": "a", "addonitem_name": "Mint", "addonitem_price": "0"}],
    }
    offer = {"addon_group_id": "g", "addon_item_selection_min": "1", "addon_item_selection_max": "1"}
    assert menu_of(addongroups=[group], items=[item(addon=[offer])]).items[0].addon_groups == (
        GroupOffer("g", 0, 1),
    )


def test_a_percentage_of_the_total_is_said_to_be_taken_before_tax():
    discount = {"discountid": "d", "discounttype": "1", "discount": "5", "discountapplicableon": "All"}
    menu = menu_of(discounts=[{**discount, "discountontotal": "1"}])
    assert len(menu.discounts) == 1
    assert menu.problems[0].done == "taken of the items before tax"


@pytest.mark.parametrize(
    ("name", "has_coupon", "code"),
    [("WELCOME 20", "1", "WELCOME 20"), ("WELCOME 20", "0", ""), ("", "0", ""), ("x" * 50, 1, "x" * 50)],
)
def test_the_name_of_a_discount_with_a_coupon_is_its_code(name, has_coupon, code):
    discount = {"discountid": "d", "discounttype": "1", "discount": "5", "discountapplicableon": "All"}
    menu = menu_of(discounts=[{**discount, "discountname": name, "discounthascoupon": has_coupon}])
    assert menu.discounts[0].coupon_code == code
    assert menu.discounts[0].needs_coupon is bool(code)


@pytest.mark.parametrize(
    ("name", "done"),
    [
        ("", "left out (needs a coupon and has no name to be its code)"),
        ("x" * 51, "left out (is too long for a coupon's code)"),
    ],
)
def test_a_coupon_that_nobody_could_type_is_left_out(name, done):
    discount = {"discountid": "d", "discounttype": "1", "discount": "5", "discountapplicableon": "All"}
    menu = menu_of(discounts=[{**discount, "discountname": name, "discounthascoupon": "1"}])
    assert menu.discounts == ()
    assert [(problem.field, problem.done) for problem in menu.problems] == [("discountname", done)]


@pytest.mark.parametrize(
    ("written", "base"), [("1", ChargeBase.TOTAL), ("2", ChargeBase.CORE), ("", ChargeBase.CORE)]
)
def test_what_a_tax_is_taken_of(written, base):
    (tax,) = menu_of(taxes=[{"taxid": "1", "tax": "5", "tax_coreortotal": written}]).taxes
    assert tax.base is base


def test_a_tax_that_counts_as_core_is_taken_without_that_and_said():
    menu = menu_of(taxes=[{"taxid": "1", "tax": "5", "consider_in_core_amount": "1"}])
    assert menu.taxes == (TaxSnapshot("1", "Tax", Decimal(5)),)
    assert [(problem.field, problem.done) for problem in menu.problems] == [
        ("consider_in_core_amount", "ignored (taxes on core leave it out)")
    ]


def test_a_discount_for_no_order_type_of_ours_is_off():
    discount = {"discountid": "d", "discounttype": "1", "discount": "5", "discountapplicableon": "all"}
    menu = menu_of(discounts=[{**discount, "discountordertype": "9"}])
    assert not menu.discounts[0].active


def test_a_service_charge_that_applies_to_nothing_is_none():
    details = {"menusharingcode": "abcd1234", "sc_applicable_on": "", "sc_type": "1", "sc_value": "10"}
    assert menu_of(restaurants=[{"details": details}]).charges.service == 0


def test_problems_are_not_listed_without_end():
    menu = menu_of(items=[item(itemid=str(n)) for n in range(MAX_PROBLEMS + 50)])
    assert len(menu.items) == MAX_PROBLEMS + 50
    assert len(menu.problems) == MAX_PROBLEMS + 1
    assert menu.problems[-1].found == "50 more problems"


def test_ten_thousand_items_take_about_a_second():
    one = json.loads(raw("menu__tax_inclusive"))
    one["items"] = [{**one["items"][n % 8], "itemid": str(n)} for n in range(10_000)]
    body = json.dumps(one).encode()
    started = time.process_time()
    menu = read_menu(body, external_id="abcd1234")
    # Generous, for slow machines: what it guards against is quadratic.
    assert time.process_time() - started < 5
    assert len(menu.items) == 10_000


# --- whose menu, and whether one at all ---


def test_another_restaurants_menu_is_refused():
    with pytest.raises(ConfigurationError, match="menu of abcd1234, not of efgh5678"):
        read_menu(raw("fetch_menu__published"), external_id="efgh5678")


def test_a_menu_without_a_name_is_taken_and_said():
    menu = read_menu(b'{"items": []}', external_id="abcd1234")
    assert [(p.field, p.done) for p in menu.problems] == [
        ("menusharingcode", "taken for the one we asked for")
    ]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"{}", b'{"success":"1"}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_menu_is_malformed(body):
    with pytest.raises(MalformedPayload):
        read_menu(body, external_id="abcd1234")


def test_a_refusal_in_place_of_a_menu_says_what_to_do():
    with pytest.raises(PermanentError, match="Press Menu Trigger in the PetPooja dashboard"):
        read("refused_never_triggered")
    with pytest.raises(ConfigurationError, match="Please provide valid restaurant id"):
        read("refused_mapping")


# --- fuzz ---

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1", "0", "a,b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
LISTS = ["restaurants", "categories", "parentcategories", "group_categories", "items"]
LISTS += ["addongroups", "attributes", "taxes", "discounts"]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_one_wrong_value_anywhere_never_costs_the_whole(data):
    document = json.loads(raw(data.draw(st.sampled_from(["fetch_menu__published", "menu__tax_inclusive"]))))
    name = data.draw(st.sampled_from([name for name in LISTS if document.get(name)]))
    row = data.draw(st.sampled_from(document[name]))
    if name == "restaurants":
        row = row["details"]
    elif name == "items" and row["variation"]:
        row = data.draw(st.sampled_from([row, row["variation"][0]]))
    elif name == "addongroups":
        row = data.draw(st.sampled_from([row, row["addongroupitems"][0]]))
    row[data.draw(st.sampled_from(sorted(set(row) - {"menusharingcode"})))] = data.draw(JSON)
    code = document["restaurants"][0]["details"]["menusharingcode"]
    menu = read_menu(json.dumps(document).encode(), external_id=code)
    assert len(menu.items) >= len(document["items"]) - 1
    json.dumps([item.details for item in menu.items], allow_nan=False)
    json.dumps([problem.as_json() for problem in menu.problems], ensure_ascii=False).encode()


@settings(max_examples=200, deadline=None)
@given(document=st.dictionaries(st.sampled_from([*LISTS, "success", "message"]), JSON))
def test_strange_documents_end_in_a_menu_or_a_named_error(document):
    try:
        menu = read_menu(json.dumps(document).encode(), external_id="abcd1234")
    except (PosError, WebhookError):
        return
    assert isinstance(menu, MenuSnapshot)
