"""From the guest's order to the kitchen and back, over real sockets: ding, a simulated POS, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from django.utils import timezone

from ding.keys import SCOPES, create_api_key
from menus.models import AddOnGroup, AddOnItem, Category, Discount, Item, Menu, Restaurant, Tax, Variation
from orders.models import Order
from pos_integrations import inbound, menu_sync, outbound
from pos_integrations.adapters import petpooja
from pos_integrations.models import MenuSyncHistory, OrderPush, WebhookLog
from pos_integrations.simulator import sample_menu, sample_outlet, sample_outlets
from pos_integrations.tests.factories import SECRET, Notification, connect

FIXTURES = Path(petpooja.__file__).parent / "fixtures"


@pytest.fixture
def rest(ding_url):
    """A client of ding's REST API with every scope."""
    key = create_api_key(client="shop", scopes=SCOPES, all_restaurants=True)
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"

        def call(method, path, body=None, **options):
            return session.request(method, f"{ding_url}{path}", json=body, timeout=20, **options)

        yield call


def make_restaurant(pos, code="abcd1234", **config):
    """A restaurant whose menu was synchronised from `pos`."""
    restaurant = Restaurant.objects.create(
        name="Sample Lounge", address="1 Sample Road,\nTestpur", phone="9000000001"
    )
    integration = connect(pos, restaurant, code=code, **config)
    menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.COMMAND)
    return restaurant


def order_body(restaurant, **values):
    def id_of(model, external_id):
        return model.objects.get(restaurant=restaurant, external_id=external_id).pk

    return {
        "restaurant_id": restaurant.pk,
        "order_type": "DELIVERY",
        "payment_type": "ONLINE",
        "customer": {
            "name": "Test Customer",
            "phone": "9000000002",
            "email": "customer@example.com",
            "address": "2 Example Street, Testpur",
            "latitude": "23.000001",
            "longitude": "72.000001",
        },
        "items": [
            {"item_id": id_of(Item, "7765809"), "variation_id": id_of(Variation, "7765862"), "quantity": 2},
            {
                "item_id": id_of(Item, "118829149"),
                "quantity": 1,
                "notes": "no onion",
                "addons": [
                    {"addon_item_id": id_of(AddOnItem, "1150783"), "quantity": 1},
                    {"addon_item_id": id_of(AddOnItem, "1150813"), "quantity": 1},
                ],
            },
        ],
        **values,
    }


def deliver_all():
    for push_id in outbound.due_pushes():
        outbound.deliver(push_id)


def drain():
    while inbound.drain():
        pass


OWN = [("pending", "confirmed"), ("confirmed", "ready"), ("ready", "dispatched"), ("dispatched", "delivered")]
SIGNED = [
    ("pending", "confirmed"),
    ("confirmed", "preparing"),
    ("preparing", "ready"),
    ("ready", "dispatched"),
    ("dispatched", "delivered"),
]


@pytest.mark.parametrize(("scheme", "moves"), [("own", OWN), ("signed", SIGNED)])
def test_an_order_goes_to_the_kitchen_and_comes_back_delivered(ding_url, rest, start_pos, scheme, moves):
    outlets = sample_outlets(
        callbacks=scheme, webhook_url=f"{ding_url}/api/webhooks/petpooja", webhook_secret=SECRET
    )
    pos = start_pos(outlets)
    restaurant = make_restaurant(pos)
    answer = rest("POST", "/api/orders", order_body(restaurant), headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 201
    reference = answer.json()["reference"]
    again = rest("POST", "/api/orders", order_body(restaurant), headers={"Idempotency-Key": "k1"})
    assert again.json() == answer.json()
    order = Order.objects.get()

    deliver_all()
    assert pos.wait_idle(10)
    assert pos.ledger.counts()["callbacks_refused"] == pos.ledger.counts()["callbacks_unclear"] == 0
    drain()

    order.refresh_from_db()
    assert order.status == "delivered"
    assert order.completed_at is not None
    assert list(order.history.values_list("old_status", "new_status")) == [("", "pending"), *moves]
    assert OrderPush.objects.get().state == "acknowledged"
    assert [ticket.reference for ticket in pos.tickets()] == [reference]
    assert set(WebhookLog.objects.values_list("status", "verdict", "order")) == {
        ("processed", "applied", order.pk)
    }
    told = sorted(Notification.objects.values_list("event", "type"))
    assert told == sorted(
        (event, channel)
        for event in ("confirmed", "ready", "dispatched", "delivered")
        for channel in ("sms", "email")
    )
    shown = rest("GET", f"/api/orders/{order.pk}").json()
    assert shown["status"] == "delivered"


@pytest.mark.parametrize(
    "behaviour", ["duplicate_callbacks", "reordered_callbacks", "callback_before_answer"]
)
@pytest.mark.parametrize("scheme", ["own", "signed"])
def test_however_callbacks_come_the_order_ends_delivered_and_nobody_is_told_twice(
    ding_url, rest, start_pos, scheme, behaviour
):
    outlets = sample_outlets(
        callbacks=scheme, webhook_url=f"{ding_url}/api/webhooks/petpooja", webhook_secret=SECRET
    )
    pos = start_pos(outlets, misbehave={behaviour: 1})
    restaurant = make_restaurant(pos)
    for _ in range(2):
        assert rest("POST", "/api/orders", order_body(restaurant)).status_code == 201
    deliver_all()
    assert pos.wait_idle(10)
    drain()
    assert set(Order.objects.values_list("status", flat=True)) == {"delivered"}
    for order in Order.objects.all():
        news = [new for _, new in order.history.values_list("old_status", "new_status")]
        assert len(news) == len(set(news))
        assert order.notifications.filter(event="delivered").count() == 2
    assert len(pos.tickets()) == 2
    assert set(OrderPush.objects.values_list("state", "attempts")) == {("acknowledged", 1)}


@pytest.mark.parametrize(("behaviour", "status"), [("cancel", "cancelled"), ("reject", "rejected")])
def test_a_kitchen_that_says_no_later_is_heard_with_its_reason(ding_url, rest, start_pos, behaviour, status):
    pos = start_pos(misbehave={behaviour: 1})
    restaurant = make_restaurant(pos)
    rest("POST", "/api/orders", order_body(restaurant))
    deliver_all()
    assert pos.wait_idle(10)
    drain()
    order = Order.objects.get()
    assert order.status == status
    assert order.cancellation_reason in ("Item not available", "Restaurant is too busy")
    assert Notification.objects.filter(event=status).count() == 2
    # What the POS did itself is not told back to it.
    assert OrderPush.objects.count() == 1


def test_cancelling_over_rest_stops_the_kitchen(ding_url, rest, start_pos):
    pos = start_pos(sample_outlets(callbacks="none"))
    restaurant = make_restaurant(pos)
    order_id = rest("POST", "/api/orders", order_body(restaurant)).json()["id"]
    deliver_all()
    answer = rest("POST", f"/api/orders/{order_id}/cancel", {"reason": "Changed my mind"})
    assert answer.status_code == 200
    deliver_all()
    assert [ticket.cancelled for ticket in pos.tickets()] == [True]


def without(document, *names):
    return {name: value for name, value in document.items() if name not in names}


def test_what_arrives_at_the_pos_is_the_published_order_field_by_field(ding_url, rest, start_pos):
    menu = sample_menu("abcd1234")
    menu["restaurants"][0]["details"] |= {
        "sc_applicable_on": "",
        "sc_value": "0",
        "calculatetaxondelivery": 0,
        "dc_taxes_id": "",
        "minimum_prep_time": "20",
    }
    outlet = sample_outlet("abcd1234", callbacks="none")
    outlet.set_menu(menu)
    pos = start_pos([outlet])
    restaurant = make_restaurant(pos)
    answer = rest("POST", "/api/orders", order_body(restaurant, expected_total="451.10"))
    assert answer.status_code == 201, answer.json()
    deliver_all()

    expected = json.loads((FIXTURES / "save_order__delivery.expected.json").read_bytes())
    expected = without(expected, "app_key", "app_secret", "access_token")
    (entry,) = pos.ledger.entries()
    arrived = entry.body
    varying = ("orderID", "preorder_date", "preorder_time", "created_on", "callback_url")
    order = arrived["orderinfo"]["OrderInfo"]["Order"]["details"]
    assert order["orderID"] == answer.json()["reference"]
    assert order["callback_url"].startswith(f"{ding_url}/api/webhooks/petpooja/")
    placed = dt.datetime.strptime(order["created_on"] + "+0530", "%Y-%m-%d %H:%M:%S%z")
    assert abs(timezone.now() - placed) < dt.timedelta(seconds=30)
    assert f"{order['preorder_date']} {order['preorder_time']}" == order["created_on"]
    for document in (arrived, expected):
        info = document["orderinfo"]["OrderInfo"]["Order"]
        info["details"] = without(info["details"], *varying)
    assert arrived == expected


# --- menus ----------------------------------------------------------------------------------------------


def rows(model, *columns):
    return {row[0]: row[1:] for row in model.objects.values_list("external_id", *columns)}


def test_the_published_sample_menu_is_there_id_by_id(db, start_pos):
    restaurant = make_restaurant(start_pos())
    assert rows(Category, "name", "active", "rank") == {
        "500773": ("Pizzaandsides", True, 16),
        "500774": ("Cakes", True, 17),
    }
    assert rows(Item, "name", "price", "category__external_id", "tax_ids", "in_stock", "active") == {
        "118829149": ("Veg Loaded Pizza", Decimal(100), "500773", ["11213", "20375"], True, True),
        "118807411": ("Chocolate cake", Decimal(310), "500774", ["21866", "21867"], True, True),
        # What has variations has no price of its own.
        "7765809": ("Garlic Bread", Decimal(0), "500773", ["11213", "20375"], True, True),
    }
    assert rows(Variation, "name", "price", "master_id", "item__external_id", "packing_charge") == {
        "7765862": ("3Pieces", Decimal(140), "89058", "7765809", Decimal(20)),
        "7765097": ("6Pieces", Decimal(160), "89059", "7765809", Decimal(20)),
    }
    assert rows(AddOnGroup, "name") == {"135699": ("Add Beverage",), "135707": ("Extra Toppings",)}
    assert rows(AddOnItem, "name", "price", "group__external_id") == {
        "1150783": ("Mojito", Decimal(0), "135699"),
        "1150784": ("Hazelnut Mocha", Decimal(10), "135699"),
        "1150810": ("Egg", Decimal(20), "135707"),
        "1150811": ("Jalapenos", Decimal(20), "135707"),
        "1150812": ("Onion Rings", Decimal(20), "135707"),
        "1150813": ("Cheese", Decimal(10), "135707"),
    }
    assert rows(Tax, "name", "rate", "inclusive") == {
        "11213": ("CGST", Decimal("2.5"), False),
        "20375": ("SGST", Decimal("2.5"), False),
        "21866": ("CGST", Decimal(9), False),
        "21867": ("SGST", Decimal(9), False),
    }
    assert list(rows(Discount, "name")) == ["363"]
    assert Menu.objects.get(restaurant=restaurant).version == 1
    history = MenuSyncHistory.objects.get()
    assert (history.status, history.items_synced, history.categories_synced) == ("success", 3, 2)
    assert history.changes["items"] == {"added": 3, "changed": 0, "deactivated": 0}


def test_the_sample_menu_from_production_is_there_id_by_id(db, start_pos):
    make_restaurant(start_pos(), "efgh5678")
    sent = sample_menu("efgh5678")
    assert rows(Item, "name", "price") == {
        item["itemid"]: (item["itemname"], Decimal(item["price"])) for item in sent["items"]
    }
    assert set(Item.objects.values_list("tax_inclusive", flat=True)) == {True}
    assert set(rows(Category)) == {row["categoryid"] for row in sent["categories"]}
    assert set(rows(AddOnGroup)) == {row["addongroupid"] for row in sent["addongroups"]}
    assert rows(AddOnItem, "price") == {
        row["addonitemid"]: (Decimal(row["addonitem_price"]),)
        for group in sent["addongroups"]
        for row in group["addongroupitems"]
    }
    assert set(rows(Tax)) == {row["taxid"] for row in sent["taxes"]}


def test_a_second_sync_of_the_same_menu_changes_nothing(db, start_pos):
    restaurant = make_restaurant(start_pos())
    before = rows(Item, "id", "updated_at", "content_hash")
    result = menu_sync.sync_menu(
        restaurant.integrations.select_related("restaurant", "pos_provider").get(),
        trigger=menu_sync.Trigger.API,
    )
    assert not any(any(counts.values()) for counts in result.changes.values())
    assert rows(Item, "id", "updated_at", "content_hash") == before
    assert Menu.objects.get(restaurant=restaurant).version == 1
