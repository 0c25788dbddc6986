from __future__ import annotations

import gzip
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from ding.keys import create_api_key
from menus import rendering
from menus.models import AddOnGroup, AddOnItem, Category, Item, Menu, RenderedMenu, Restaurant, Tax, Variation
from menus.services import StockReport, bump_version, change_stock, note_announcements
from menus.snapshot import AddOnGroupSnapshot
from menus.tests.factories import BREAD, MENU, apply, big_menu, make_restaurant, statements, with_item

pytestmark = pytest.mark.django_db


@pytest.fixture
def restaurant(db):
    restaurant = make_restaurant()
    apply(restaurant)
    return restaurant


@pytest.fixture
def get(client):
    key = create_api_key(client="shop", scopes=["menu:read"], all_restaurants=True)

    def get(restaurant, key=key, **headers):
        pk = getattr(restaurant, "pk", restaurant)
        return client.get(
            f"/api/restaurants/{pk}/menu", headers={"Authorization": f"Bearer {key}", **headers}
        )

    return get


def pk(model, external_id):
    return model.objects.get(external_id=external_id).pk


def item_of(answer, external_id):
    return next((item for item in answer.json()["items"] if item["external_id"] == external_id), None)


def test_the_menu_is_told_whole(restaurant, get):
    answer = get(restaurant)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "private, no-cache"
    menu = answer.json()
    assert menu["restaurant"] == {
        "id": restaurant.pk,
        "name": "Sample Lounge",
        "currency": "INR",
        "timezone": "Asia/Kolkata",
        "accepting_orders": True,
    }
    assert (menu["version"], menu["synced_at"]) == (1, Menu.objects.get().synced_at.isoformat())
    assert menu["charges"] == Menu.objects.get(pk=restaurant.pk).charges
    assert (menu["charges"]["delivery"], menu["charges"]["packing_mode"]) == ("50", "order")
    assert [c["external_id"] for c in menu["categories"]] == ["c1", "c2"]
    assert menu["categories"][1] == {
        "id": pk(Category, "c2"),
        "external_id": "c2",
        "name": "Mains",
        "parent_external_id": "c1",
        "image_url": "https://images.example/c2",
        "opening": [],
        "details": {"group": "x"},
    }
    assert [i["external_id"] for i in menu["items"]] == ["i1", "i3", "i2"]
    assert menu["items"][2] == {
        "id": pk(Item, "i2"),
        "external_id": "i2",
        "category_id": pk(Category, "c2"),
        "name": "Veg Loaded Pizza",
        "description": "With everything",
        "price": "100.05",
        "tax_inclusive": True,
        "taxes": [pk(Tax, "t1"), pk(Tax, "t2")],
        "order_types": ["DELIVERY", "PICKUP"],
        "diet": "veg",
        "image_url": "https://images.example/pizza.jpg",
        "prep_minutes": 25,
        "available": True,
        "variations": [],
        "addon_groups": [
            {"group_id": pk(AddOnGroup, "g1"), "minimum": 0, "maximum": 2},
            {"group_id": pk(AddOnGroup, "g2"), "minimum": 0, "maximum": None},
        ],
        "details": {"tags": ["new"], "spice": 2},
    }
    assert [g["external_id"] for g in menu["addon_groups"]] == ["g1", "g2"]
    assert menu["addon_groups"][0] == {
        "id": pk(AddOnGroup, "g1"),
        "external_id": "g1",
        "name": "Toppings",
        "items": [
            {
                "id": pk(AddOnItem, "a1"),
                "external_id": "a1",
                "name": "Cheese",
                "price": "10.25",
                "diet": "veg",
                "available": True,
            },
            {
                "id": pk(AddOnItem, "a2"),
                "external_id": "a2",
                "name": "Olives",
                "price": "5.00",
                "diet": "",
                "available": True,
            },
        ],
    }
    assert menu["taxes"] == [
        {
            "id": pk(Tax, "t1"),
            "external_id": "t1",
            "name": "CGST",
            "rate": "2.5",
            "kind": "percent",
            "inclusive": False,
            "order_types": ["DELIVERY"],
        },
        {
            "id": pk(Tax, "t2"),
            "external_id": "t2",
            "name": "Cess",
            "rate": "0.1234",
            "kind": "fixed",
            "inclusive": True,
            "order_types": [],
        },
    ]


def test_an_item_in_sizes_has_no_price_of_its_own(restaurant, get):
    bread = item_of(get(restaurant), "i1")
    assert bread["price"] is None
    assert bread["variations"] == [
        {
            "id": pk(Variation, "v1"),
            "external_id": "v1",
            "name": "3 pieces",
            "price": "140.00",
            "available": True,
            "addon_groups": [],
        },
        {
            "id": pk(Variation, "v2"),
            "external_id": "v2",
            "name": "6 pieces",
            "price": "160.50",
            "available": True,
            "addon_groups": [{"group_id": pk(AddOnGroup, "g1"), "minimum": 1, "maximum": 1}],
        },
    ]


def test_what_is_sold_out_is_shown_as_not_available(restaurant, get):
    def sell_out(*ids, addons=False):
        change_stock(
            [StockReport(restaurant_id=restaurant.pk, external_ids=ids, available=False, addons=addons)]
        )

    sell_out("i3", "v1")
    sell_out("a1", addons=True)
    answer = get(restaurant)
    assert item_of(answer, "i3")["available"] is False
    bread = item_of(answer, "i1")
    assert (bread["available"], [v["available"] for v in bread["variations"]]) == (True, [False, True])
    assert [a["available"] for a in answer.json()["addon_groups"][0]["items"]] == [False, True]
    sell_out("v2")
    assert item_of(get(restaurant), "i1")["available"] is False


def test_what_cannot_be_ordered_is_not_shown(restaurant, get):
    breads, mains = MENU.categories
    apply(restaurant, replace(MENU, categories=(replace(breads, active=False), mains)))
    answer = get(restaurant)
    assert [c["external_id"] for c in answer.json()["categories"]] == ["c2"]
    assert item_of(answer, "i1") is None

    off = tuple(replace(v, active=False) for v in BREAD.variations)
    apply(restaurant, with_item(MENU, "i1", variations=off))
    assert item_of(get(restaurant), "i1") is None
    # Sizes that have left the menu are another thing: then the dish has a price of its own.
    apply(restaurant, with_item(MENU, "i1", variations=(), price=Decimal("99")))
    assert (item_of(get(restaurant), "i1")["price"], item_of(get(restaurant), "i1")["variations"]) == (
        "99.00",
        [],
    )

    groups = (replace(MENU.addon_groups[0], active=False), AddOnGroupSnapshot("g2", "Drinks"))
    taxes = (replace(MENU.taxes[0], active=False), MENU.taxes[1])
    apply(restaurant, replace(MENU, addon_groups=groups, taxes=taxes))
    answer = get(restaurant)
    assert answer.json()["addon_groups"] == []
    assert item_of(answer, "i2")["addon_groups"] == []
    assert item_of(answer, "i2")["taxes"] == [pk(Tax, "t2")]


def test_an_unchanged_menu_is_not_sent_again(restaurant, get):
    etag = get(restaurant)["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        answer = get(restaurant, **{"If-None-Match": known})
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", etag)
    assert get(restaurant, **{"If-None-Match": '"other"'}).status_code == 200
    apply(restaurant, with_item(MENU, "i3", price=Decimal("41")))
    answer = get(restaurant, **{"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer["ETag"] != etag
    assert item_of(answer, "i3")["price"] == "41.00"


@pytest.mark.parametrize(
    "fact", [{"name": "New"}, {"accepting_orders": False}, {"currency": "USD"}, {"timezone": "Asia/Dubai"}]
)
def test_a_fact_of_the_restaurant_makes_another_document_even_by_plain_sql(restaurant, get, fact):
    etag = get(restaurant)["ETag"]
    Restaurant.objects.update(**fact)
    answer = get(restaurant, **{"If-None-Match": etag})
    assert answer.status_code == 200
    assert fact.items() <= answer.json()["restaurant"].items()


def test_a_phone_number_is_no_part_of_the_menu(restaurant, get):
    etag = get(restaurant)["ETag"]
    restaurant.phone = "+91 22 5555 0100"
    restaurant.save()
    assert get(restaurant)["ETag"] == etag


def test_another_restaurants_menu_is_refused_exactly_like_one_that_is_not_there(restaurant, get):
    other = make_restaurant(name="Other")
    apply(other)
    empty = make_restaurant(name="Never synchronised")
    key = create_api_key(client="theirs", scopes=["menu:read"], restaurants=[other, empty])
    assert get(other, key).status_code == 200

    def refusal(restaurant):
        answer = get(restaurant, key)
        return answer.status_code, {**answer.json()["error"], "request_id": None}

    missing = refusal(999_999)
    assert missing == (
        404,
        {
            "code": "not_found",
            "message": "There is no menu of this restaurant, or not for you. Has it been synchronised?",
            "request_id": None,
        },
    )
    assert refusal(restaurant) == missing
    assert refusal(10**17) == missing
    assert refusal(empty) == missing
    note_announcements({empty.pk: restaurant.created_at})
    assert refusal(empty) == missing


def test_a_menu_takes_as_many_statements_as_any_other_and_few_when_it_is_kept(restaurant, get):
    big = make_restaurant(name="Big")
    apply(big, big_menu(300))

    def counted(restaurant, **headers):
        with statements() as sql:
            answer = get(restaurant, **headers)
        assert answer.status_code in (200, 304)
        return len(sql)

    get(make_restaurant(name="x"))  # the key's "last used" is written
    # The first asks for all that a menu is made of; another process would find it made.
    first = counted(restaurant)
    assert counted(big) == first < 25
    assert counted(restaurant) == counted(big) == 2
    etag = get(big)["ETag"]
    assert counted(big, **{"If-None-Match": etag}) == 2


def test_another_process_takes_the_menu_that_one_has_made(restaurant, get, monkeypatch):
    made = get(restaurant)
    monkeypatch.setattr(rendering, "_kept", type(rendering._kept)())
    monkeypatch.setattr(rendering, "_render", None)
    again = get(restaurant)
    assert (again.content, again["ETag"]) == (made.content, made["ETag"])


def test_a_lost_rendering_is_made_again(restaurant, get, monkeypatch):
    made = get(restaurant)
    RenderedMenu.objects.all().delete()
    monkeypatch.setattr(rendering, "_kept", type(rendering._kept)())
    assert get(restaurant).content == made.content


def test_who_takes_gzip_gets_it_with_a_tag_of_its_own(restaurant, get):
    plain = get(restaurant)
    small = get(restaurant, **{"Accept-Encoding": "br, gzip;q=0.8"})
    assert gzip.decompress(small.content) == plain.content
    assert (small["Content-Encoding"], small["Vary"]) == ("gzip", "Accept-Encoding")
    assert small["ETag"] == plain["ETag"][:-1] + '-gz"'
    assert "Content-Encoding" not in get(restaurant, **{"Accept-Encoding": "gzip;q=0, br"})
    for tag in (plain["ETag"], small["ETag"], f"W/{small['ETag']}"):
        assert get(restaurant, **{"If-None-Match": tag}).status_code == 304


def changing_while_read(monkeypatch, restaurant, times):
    """Let the menu change `times` times, each time in the middle of a reading."""
    calls = []
    document = rendering._document

    def read(*args):
        found = document(*args)
        calls.append(1)
        if len(calls) <= times:
            bump_version(restaurant.pk)
        return found

    monkeypatch.setattr(rendering, "_document", read)
    return calls


@pytest.mark.parametrize("times", [1, 4, 5])
def test_a_menu_that_changes_while_it_is_read_is_read_again(restaurant, monkeypatch, times):
    calls = changing_while_read(monkeypatch, restaurant, times)
    rendered = rendering.rendered_menu(restaurant, 1)
    assert len(calls) == times + 1
    assert json.loads(rendered.body)["version"] == 1 + times
    assert rendered.etag == rendering.etag_of(restaurant, 1 + times)
    assert rendering.rendered_menu(restaurant, 1 + times) is rendered


def test_only_so_much_is_kept_in_memory(restaurant, monkeypatch):
    one = rendering.rendered_menu(restaurant, 1)
    monkeypatch.setattr(rendering, "MOST_KEPT_BYTES", 2 * one.size + 100)
    monkeypatch.setattr(rendering, "_kept", type(rendering._kept)())
    for _ in range(4):
        bump_version(restaurant.pk)
        rendering.rendered_menu(restaurant, Menu.objects.get().version)
    assert list(rendering._kept) == [rendering.etag_of(restaurant, version) for version in (4, 5)]


def test_a_category_under_one_that_is_switched_off_stands_by_itself(restaurant, get):
    Category.objects.filter(external_id="c1").update(active=False)
    bump_version(restaurant.pk)
    (category,) = [one for one in get(restaurant).json()["categories"] if one["external_id"] == "c2"]
    assert category["parent_external_id"] == ""
