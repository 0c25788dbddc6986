"""The page of a menu: whose it is, who may switch, what bad input does, and that it does not grow with the menu."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from ding.audit import AuditEvent
from ding.roles import INTEGRATION_MANAGER, OPERATOR, VIEWER
from menus.models import AddOnItem, Item, MenuImage, Variation
from menus.services import StockReport, change_stock
from menus.tests.factories import MENU, apply, big_menu, contents, make_restaurant, statements, without_item

pytestmark = pytest.mark.django_db


@pytest.fixture
def restaurant():
    restaurant = make_restaurant()
    apply(restaurant)
    return restaurant


@pytest.fixture
def staff(client):
    def make(role=OPERATOR, *restaurants):
        user = User.objects.create_user("asha", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        user.restaurants.set(restaurants)
        client.force_login(user)
        return client

    return make


def page(restaurant):
    return f"/admin/menus/menu/{restaurant.pk}/change/"


def post(client, restaurant, **values):
    return client.post(f"/admin/menus/menu/{restaurant.pk}/switch/", values)


def dishes(answer):
    return [dish.row.name for dish in answer.context["menu_page"].dishes]


def pizza():
    return Item.objects.get(external_id="i2")


def test_the_menu_is_shown_as_a_guest_sees_it(staff, restaurant):
    answer = staff(VIEWER).get(page(restaurant))
    text = answer.content.decode()
    assert dishes(answer) == ["Garlic Bread", "Cola", "Veg Loaded Pizza"]
    for words in ("Breads", "Mains", "3 pieces", "INR 140.00", "With: Drinks, Toppings", 'title="veg"'):
        assert words in text
    assert 'role="switch"' not in text


def test_headings_words_and_filters_find_dishes(staff, restaurant):
    client = staff()
    apply(restaurant, without_item(MENU, "i3"), force=True)
    change_stock([StockReport(restaurant_id=restaurant.pk, external_ids=("v1",), available=False)])
    post(client, restaurant, kind="item", id=pizza().pk, to="off", until="open")

    def found(**query):
        return dishes(client.get(page(restaurant), query))

    mains = pizza().category_id
    assert found(heading=mains) == ["Veg Loaded Pizza"]
    assert found(heading=mains, q="garlic") == ["Garlic Bread"]
    assert found(only="out") == ["Garlic Bread", "Veg Loaded Pizza"]
    assert found(only="switched") == ["Veg Loaded Pizza"]
    assert found(only="gone") == ["Cola"]
    for strange in ({"heading": "x" * 30}, {"page": "9" * 50}, {"only": "'"}, {"heading": "9" * 40}):
        assert client.get(page(restaurant), strange).status_code == 200


def test_add_ons_are_shown_by_their_groups(staff, restaurant):
    client = staff()
    groups = client.get(page(restaurant), {"heading": "addons"}).context["menu_page"].groups
    assert [(name, [one.name for one in things]) for name, things in groups] == [
        ("Toppings", ["Cheese", "Olives"]),
        ("Drinks", ["Mojito"]),
    ]
    cheese = AddOnItem.objects.get(external_id="a1")
    post(client, restaurant, kind="addon", id=cheese.pk, to="off", until="1h")
    groups = client.get(page(restaurant), {"heading": "addons", "only": "out"}).context["menu_page"].groups
    assert [(name, [one.name for one in things]) for name, things in groups] == [("Toppings", ["Cheese"])]


def test_only_our_own_copy_of_a_picture_is_shown(staff, restaurant):
    client = staff()
    assert "images.example" not in client.get(page(restaurant)).content.decode()
    MenuImage.objects.filter(url__endswith="pizza.jpg").update(file="menus/1/pizza.jpg")
    assert 'src="/media/menus/1/pizza.jpg"' in client.get(page(restaurant)).content.decode()


@pytest.mark.parametrize(
    ("until", "least", "most"),
    [("1h", 0.9, 1.1), ("4h", 3.9, 4.1), ("day", 0, 24.1)],
)
def test_a_dish_is_switched_off_until_a_time(staff, restaurant, until, least, most):
    answer = post(staff(), restaurant, kind="item", id=pizza().pk, to="off", until=until)
    assert answer["Location"] == page(restaurant)
    hours = (pizza().switched_until - timezone.now()) / dt.timedelta(hours=1)
    assert (pizza().in_stock, least < hours < most) == (False, True)
    event = AuditEvent.objects.first()
    assert (event.actor, event.restaurant_id, event.note) == (
        "staff:asha",
        restaurant.pk,
        "Veg Loaded Pizza",
    )


def test_a_time_is_read_on_the_restaurant_s_clock(staff, restaurant):
    at = "2099-03-01T18:30"
    post(staff(), restaurant, kind="item", id=pizza().pk, to="off", until="at", at=at)
    assert pizza().switched_until == dt.datetime(2099, 3, 1, 13, 0, tzinfo=dt.UTC)


def test_a_switch_is_handed_back_to_the_pos(staff, restaurant):
    client = staff()
    size = Variation.objects.get(external_id="v1")
    post(client, restaurant, kind="variation", id=size.pk, to="off", until="open")
    size.refresh_from_db()
    assert (size.in_stock, size.switched_until) == (False, None)
    post(client, restaurant, kind="variation", id=size.pk, to="pos")
    size.refresh_from_db()
    assert (size.in_stock, size.pos_in_stock) == (True, None)


def test_a_whole_heading_is_switched_at_once(staff, restaurant):
    client, mains = staff(), pizza().category_id
    whole = {"kind": "heading", "id": mains}
    text = client.get(page(restaurant), {"heading": mains}).content.decode()
    assert "All of Mains, 2 dishes" in text
    assert "All of Mains" not in client.get(page(restaurant)).content.decode()
    answer = client.post(
        f"/admin/menus/menu/{restaurant.pk}/switch/", {**whole, "to": "off", "until": "1h"}, follow=True
    )
    assert "Mains (2 dishes): switched off until" in answer.content.decode()
    assert dict(Item.objects.values_list("name", "in_stock")) == {
        "Garlic Bread": True,
        "Cola": False,
        "Veg Loaded Pizza": False,
    }
    assert AuditEvent.objects.first().note == "Mains (2)"
    post(client, restaurant, **whole, to="pos")
    assert (pizza().in_stock, pizza().pos_in_stock) == (True, None)
    again = client.post(f"/admin/menus/menu/{restaurant.pk}/switch/", {**whole, "to": "pos"}, follow=True)
    assert "it follows the POS already" in again.content.decode()


def test_dishes_under_no_heading_are_switched_at_once(staff, restaurant):
    Item.objects.filter(external_id="i2").update(category=None)
    post(staff(), restaurant, kind="heading", id="none", to="off", until="open")
    assert [item.external_id for item in Item.objects.filter(in_stock=False)] == ["i2"]


def test_a_heading_of_another_restaurant_is_no_heading_here(staff, restaurant):
    other = make_restaurant()
    apply(other)
    theirs = Item.objects.get(restaurant=other, external_id="i2").category_id
    post(staff(), restaurant, kind="heading", id=theirs, to="off", until="open")
    assert not Item.objects.filter(in_stock=False).exists()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"kind": "heading", "to": "off"},
        {"kind": "heading", "id": "9" * 30, "to": "off"},
        {"kind": "heading", "id": "x", "to": "off"},
        {"kind": "item", "to": "off"},
        {"kind": "order", "to": "off", "id": "1"},
        {"kind": "item", "to": "away", "id": "1"},
        {"kind": "item", "to": "off", "id": "9" * 30},
        {"kind": "item", "to": "off", "id": "1", "until": "at", "at": "soon"},
        {"kind": "item", "to": "off", "id": "1", "until": "at", "at": "2001-01-01T10:00"},
    ],
)
def test_bad_input_changes_nothing_and_says_so(staff, restaurant, values):
    client = staff()
    before = contents()
    answer = post(client, restaurant, **values)
    assert answer.status_code == 302
    assert contents() == before
    text = client.get(page(restaurant)).content.decode()
    assert any(words in text for words in ("Nothing was switched", "is past", "Give the day and the time"))


def test_nobody_is_sent_to_another_host(staff, restaurant):
    values = {"kind": "item", "id": pizza().pk, "to": "off", "until": "1h"}
    client = staff()
    for there in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
        assert post(client, restaurant, **values, back=there)["Location"] == page(restaurant)


@pytest.mark.parametrize(("role", "status"), [(VIEWER, 403), (OPERATOR, 302), (INTEGRATION_MANAGER, 302)])
def test_who_may_only_look_switches_nothing(staff, restaurant, role, status):
    answer = post(staff(role), restaurant, kind="item", id=pizza().pk, to="off", until="1h")
    assert answer.status_code == status
    assert pizza().in_stock is (status == 403)


def test_another_restaurants_menu_is_not_there(staff, restaurant):
    mine = make_restaurant(name="Mine")
    apply(mine)
    client = staff(OPERATOR, mine)
    assert client.get(page(mine)).status_code == 200
    assert client.get(page(restaurant)).status_code in (302, 404)
    theirs = Item.objects.get(restaurant=restaurant, external_id="i2")
    assert post(client, restaurant, kind="item", id=theirs.pk, to="off", until="1h").status_code == 404
    assert post(client, mine, kind="item", id=theirs.pk, to="off", until="1h").status_code == 302
    theirs.refresh_from_db()
    assert theirs.in_stock
    assert client.get(f"/admin/menus/menu/{restaurant.pk}/switch/").status_code == 404


def test_a_strangers_name_is_text(staff, restaurant):
    Item.objects.filter(external_id="i2").update(name="<script>alert(1)</script>")
    text = staff().get(page(restaurant)).content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_page_does_not_grow_with_the_menu(staff, restaurant):
    client = staff()

    def counted(**query):
        with statements() as sql:
            assert client.get(page(restaurant), query).status_code == 200
        return len(sql)

    queries = ({}, {"q": "dish"}, {"heading": "addons"}, {"only": "out"})
    apply(restaurant, big_menu(100), force=True)
    few = [counted(**query) for query in queries]
    apply(restaurant, big_menu(600), force=True)
    assert [counted(**query) for query in queries] == few
    assert max(few) <= 18
