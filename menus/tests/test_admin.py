from __future__ import annotations

import pytest

from menus.models import AddOnGroup, AddOnItem, Category, Discount, Item, Menu, Restaurant, Tax, Variation
from menus.services import StockReport, change_stock
from menus.tests.factories import MENU, apply, big_menu, contents, make_restaurant, statements

pytestmark = pytest.mark.django_db

RESTAURANT = {
    "name": "Spice Garden",
    "address": "2 Example Street",
    "phone": "+91 22 5555 0100",
    "email": "kitchen@example.com",
    "timezone": "Asia/Dubai",
    "currency": "aed",
    "accepting_orders": "on",
}
ROWS = [Category, Tax, Discount, AddOnGroup, AddOnItem, Item, Variation]


def address(model, *more):
    return "/".join(["/admin/menus", model._meta.model_name, *map(str, more), ""])


@pytest.fixture
def restaurant(db):
    restaurant = make_restaurant()
    apply(restaurant, MENU)
    return restaurant


def test_a_restaurant_is_added_and_changed(admin_client):
    assert admin_client.post(address(Restaurant, "add"), RESTAURANT).status_code == 302
    restaurant = Restaurant.objects.get()
    facts = {**RESTAURANT, "currency": "AED", "accepting_orders": True}
    assert {name: getattr(restaurant, name) for name in facts} == facts
    closed = {name: value for name, value in RESTAURANT.items() if name != "accepting_orders"}
    answer = admin_client.post(address(Restaurant, restaurant.pk, "change"), closed)
    assert answer.status_code == 302
    restaurant.refresh_from_db()
    assert restaurant.accepting_orders is False


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("timezone", "Asia/Bombay", "There is no such time zone. Write it like Asia/Kolkata."),
        ("timezone", "../etc/passwd", "There is no such time zone."),
        ("timezone", "IST+5:30", "There is no such time zone."),
        ("currency", "R$", "A currency has three letters. Write it like INR."),
        ("currency", "12!", "A currency has three letters."),
        ("email", "nobody", "Enter a valid email address."),
        ("name", "", "This field is required."),
    ],
)
def test_what_would_fail_at_the_first_order_is_refused(admin_client, field, value, message):
    answer = admin_client.post(address(Restaurant, "add"), {**RESTAURANT, field: value})
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert Restaurant.objects.count() == 0


def test_a_restaurant_is_never_deleted(admin_client, restaurant):
    assert admin_client.post(address(Restaurant, restaurant.pk, "delete"), {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [restaurant.pk], "post": "yes"}
    admin_client.post(address(Restaurant), data)
    assert Restaurant.objects.count() == 1


@pytest.mark.parametrize("model", [*ROWS, Menu])
def test_a_menu_is_only_looked_at(admin_client, restaurant, model):
    before = contents()
    pk = model.objects.first().pk
    answer = admin_client.get(address(model, pk, "change"))
    assert answer.status_code == 200
    assert b'name="_save"' not in answer.content
    assert b"content_hash" not in answer.content
    assert admin_client.get(address(model, "add")).status_code == 403
    for what in ("change", "delete"):
        assert admin_client.post(address(model, pk, what), {"name": "x", "post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
    admin_client.post(address(model), data)
    assert contents() == before


def test_lists_show_what_is_sold_out_and_find_by_name_or_the_poss_id(admin_client, restaurant):
    change_stock([StockReport(restaurant_id=restaurant.pk, external_ids=("i3", "v1"), available=False)])

    def names(model, **query):
        return [row.name for row in admin_client.get(address(model), query).context["cl"].result_list]

    assert names(Item) == ["Garlic Bread", "Cola", "Veg Loaded Pizza"]
    assert names(Item, in_stock__exact=0) == ["Cola"]
    assert names(Item, q="pizza") == ["Veg Loaded Pizza"]
    assert names(Item, q="i3") == ["Cola"]
    other = make_restaurant(name="Other")
    assert names(Item, restaurant__id__exact=other.pk) == []
    assert len(names(Item, restaurant__id__exact=restaurant.pk)) == 3
    assert names(Variation, q="garlic") == ["3 pieces", "6 pieces"]
    assert names(Variation, in_stock__exact=0) == ["3 pieces"]
    assert names(AddOnItem, q="olives") == ["Olives"]
    page = admin_client.get(address(Item, Item.objects.get(external_id="i1").pk, "change")).content.decode()
    assert "3 pieces" in page
    assert "160.50" in page


@pytest.mark.parametrize("model", [*ROWS, Menu, Restaurant])
def test_a_list_takes_as_many_statements_for_fifty_rows_as_for_five(admin_client, model):
    def counted():
        with statements() as sql:
            answer = admin_client.get(address(model))
        assert answer.status_code == 200
        return len(sql), len(answer.context["cl"].result_list)

    for i in range(5):
        apply(make_restaurant(name=f"Restaurant {i}"), MENU)
    few, rows = counted()
    assert 5 <= rows <= 20
    for i in range(45):
        apply(make_restaurant(name=f"Restaurant {i}"), MENU)
    many, rows = counted()
    assert rows >= 50
    assert many == few <= 8


def test_one_items_page_does_not_grow_with_the_menu(admin_client, restaurant):
    def counted(external_id):
        pk = Item.objects.get(external_id=external_id).pk
        with statements() as sql:
            assert admin_client.get(address(Item, pk, "change")).status_code == 200
        return len(sql)

    counted("i2")  # what is asked once per process
    small = counted("i2")
    apply(restaurant, big_menu(200), force=True)
    assert counted("i2") == small
    assert counted("i1") <= small + 1
