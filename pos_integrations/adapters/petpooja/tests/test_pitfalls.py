"""The mistakes that others made with PetPooja, dearest first, and that they cannot happen here.

What the adapter alone can show is shown here; where the core has its part, the test says where that is.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import responses

from menus.snapshot import OrderType
from orders.snapshot import ChargeLine, Customer, OrderLine, OrderSnapshot, TaxLine
from orders.status import OrderStatus, can_move
from pos_integrations.adapters.base import Dedupes, TopicAuth
from pos_integrations.adapters.petpooja import webhooks
from pos_integrations.adapters.petpooja.account import PRODUCTION_HOST, STAGING_HOSTS
from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter
from pos_integrations.adapters.petpooja.menu import read_menu
from pos_integrations.adapters.petpooja.orders import save_order_body
from pos_integrations.adapters.petpooja.tests.conftest import gst, raw
from pos_integrations.errors import MalformedPayload, NotAuthentic, UnsupportedEvent
from pos_integrations.http import PosHttp
from pos_integrations.messages import Account, MenuPublished, PushResult, WebhookRequest

POS = PetPoojaAdapter()
CALLBACK = "https://orders.example.com/petpooja/callback/per-order-token"


def info(order: OrderSnapshot, account: Account) -> dict[str, Any]:
    return dict(save_order_body(order, account, CALLBACK)["orderinfo"]["OrderInfo"])


def head(order: OrderSnapshot, account: Account) -> dict[str, Any]:
    return dict(info(order, account)["Order"]["details"])


def lines(order: OrderSnapshot, account: Account) -> list[dict[str, Any]]:
    return list(info(order, account)["OrderItem"]["details"])


def test_01_a_numeric_restaurant_id_or_a_staging_address_in_production_is_refused():
    # The form and the API ask the same: see the tests of pos_integrations' configuration.
    live, staging = f"https://{PRODUCTION_HOST}", f"https://{STAGING_HOSTS[0]}/V1"
    assert POS.check_configuration("abcd1234", live, {"environment": "production"}) == {}
    assert "pos_restaurant_id" in POS.check_configuration("90001", live, {"environment": "production"})
    for host in STAGING_HOSTS:
        assert "endpoint" in POS.check_configuration("abcd1234", f"https://{host}/V1", {})
    assert POS.check_configuration("abcd1234", staging, {"environment": "staging"}) == {}
    assert all(field.default is None for field in POS.config_fields if "url" in field.name)


def test_02_lists_sit_in_details_and_the_envelope_is_not_flat(delivery_order, account):
    body = dict(save_order_body(delivery_order, account, CALLBACK))
    assert set(body) == {"app_key", "app_secret", "access_token", "orderinfo"}
    assert set(body["orderinfo"]) == {"OrderInfo", "udid", "device_type"}
    blocks = body["orderinfo"]["OrderInfo"]
    assert set(blocks) == {"Restaurant", "Customer", "Order", "OrderItem", "Tax"}
    assert all(set(block) == {"details"} for block in blocks.values())
    addons = [line["AddonItem"] for line in blocks["OrderItem"]["details"]]
    assert all(set(block) == {"details"} for block in addons)


def test_03_ids_and_names_are_petpoojas_own():
    # The menu's ids become the order's external ids in the core: orders/tests/test_placing.py.
    menu = read_menu(raw("fetch_menu__published"), external_id="abcd1234")
    bread, small = menu.items[2], menu.items[2].variations[0]
    line = OrderLine(
        bread.external_id,
        bread.name,
        small.price,
        Decimal("0.00"),
        1,
        small.price,
        variation_id=small.external_id,
        variation_master_id=small.master_id,
        variation_name=small.name,
    )
    account = Account("abcd1234", "", {"app_key": "k", "app_secret": "s", "access_token": "t"})
    order = OrderSnapshot(
        "WEB-1",
        OrderType.PICKUP,
        "ONLINE",
        dt.datetime(2026, 1, 15, tzinfo=dt.UTC),
        Customer(),
        lines=(line,),
        packing=ChargeLine(),
        delivery=ChargeLine(),
        service=ChargeLine(),
        discount_total=Decimal(0),
        tax_total=Decimal(0),
        total=small.price,
    )
    sent = lines(order, account)[0]
    assert (sent["id"], sent["variation_id"]) == ("7765862", "89058")
    assert (sent["name"], sent["variation_name"]) == ("Garlic Bread (3Pieces)", "3Pieces")


def test_04_success_is_not_acceptance(delivery_order, account):
    # Only a callback acknowledges a push: pos_integrations/tests/test_outbound.py and test_inbound.py.
    assert POS.success_means_accepted is False
    with responses.RequestsMock() as network:
        network.post("https://pos.example.com/V1/save_order", body=raw("save_order__blank_id"))
        found = POS.save_order(delivery_order, account, PosHttp(), callback_url=CALLBACK)
    assert found == PushResult(pos_order_id="")


def test_05_the_callback_is_proven_by_its_address_and_by_nothing_in_a_header(delivery_order, account):
    # That a wrong token opens nothing, and that there is always one: pos_integrations/tests/test_inbound.py,
    # test_any_other_token_is_refused.
    assert webhooks.ORDER_CALLBACK.auth is TopicAuth.ORDER_TOKEN
    request = WebhookRequest("order-callback", raw("order-callback__accepted"), headers={})
    assert POS.parse(request, account)
    assert POS.order_reference(request) == "A-1"
    assert head(delivery_order, account)["callback_url"] == CALLBACK
    with pytest.raises(NotAuthentic):
        POS.signature_schemes[0].verify(request, ["any-secret"])
    for topic in POS.topics:
        assert topic.auth in (TopicAuth.SIGNATURE, TopicAuth.SHARED_SECRET, TopicAuth.ORDER_TOKEN)


def test_06_add_ons_go_where_they_are_read_and_are_in_the_price(delivery_order, account):
    # What `unit_price` holds is computed in orders/tests/test_pricing.py.
    pizza = lines(delivery_order, account)[1]
    assert "addon_items" not in pizza
    addons = pizza["AddonItem"]["details"]
    assert [addon["name"] for addon in addons] == ["Mojito", "Cheese"]
    base = Decimal("100.00")
    assert Decimal(pizza["price"]) == base + sum(Decimal(a["price"]) * int(a["quantity"]) for a in addons)


@pytest.mark.parametrize(
    ("order_type", "own", "sent"),
    [
        (OrderType.DELIVERY, False, 0),
        (OrderType.DELIVERY, True, 1),
        (OrderType.PICKUP, True, 0),
        (OrderType.DINE_IN, True, 0),
    ],
)
def test_07_enable_delivery_says_who_delivers(delivery_order, configured, order_type, own, sent):
    order = replace(delivery_order, order_type=order_type)
    assert head(order, configured(self_delivery=own))["enable_delivery"] == sent


def test_08_times_are_the_restaurants(delivery_order, account):
    placed = dt.datetime(2026, 1, 15, 20, 0, tzinfo=dt.UTC)
    details = head(replace(delivery_order, placed_at=placed), account)
    assert details["created_on"] == "2026-01-16 01:30:00"
    assert (details["preorder_date"], details["preorder_time"]) == ("2026-01-16", "01:30:00")
    body = {"restID": "abcd1234", "type": "item", "inStock": False, "itemID": ["1"]}
    body |= {"autoTurnOnTime": "custom", "customTurnOnTime": "2026-01-16 01:30"}
    request = WebhookRequest("stock", json.dumps(body).encode(), received_at=placed - dt.timedelta(hours=1))
    (event,) = POS.parse(request, account)
    assert event.until == placed


def test_09_in_stock_2_is_in_stock():
    document = json.loads(raw("menu__tax_inclusive"))
    assert {item["in_stock"] for item in document["items"]} == {"2"}
    menu = read_menu(json.dumps(document).encode(), external_id="abcd1234")
    assert len(menu.items) == len(document["items"])
    assert all(item.in_stock and item.active for item in menu.items)


def test_10_a_large_menu_is_taken_and_read_at_once(account):
    # It is stored, answered and worked off later: pos_integrations/tests/test_dashboard_calls.py,
    # test_a_pushed_menu_is_stored_answered_and_applied_by_the_worker. That applying it takes as many statements as
    # a small one: menus/tests/test_apply_menu.py. Bodies of 300 kB: pos_integrations/tests/test_every_dish.py.
    document = json.loads(raw("menu__tax_inclusive"))
    document["items"] = [{**document["items"][n % 8], "itemid": str(n)} for n in range(3_000)]
    body = json.dumps(document).encode()
    topic = POS.topic("menu")
    assert topic is not None
    assert 300_000 < len(body) < topic.max_bytes
    (event,) = POS.parse(WebhookRequest("menu", body), account)
    assert isinstance(event, MenuPublished)
    assert len(event.menu.items) == 3_000


def test_11_menus_and_orders_are_keyed_by_the_same_code(delivery_order, account):
    document = json.loads(raw("fetch_menu__published"))
    assert document["restaurants"][0]["restaurantid"] == "90001"
    assert POS.account_ref(WebhookRequest("menu", raw("fetch_menu__published"))) == "abcd1234"
    assert info(delivery_order, account)["Restaurant"]["details"]["restID"] == "abcd1234"
    with pytest.raises(MalformedPayload):
        POS.parse(WebhookRequest("menu", raw("fetch_menu__published")), replace(account, external_id="90001"))


def test_12_price_is_for_one(delivery_order, account):
    bread = lines(delivery_order, account)[0]
    assert (bread["price"], bread["final_price"], bread["quantity"]) == ("140.00", "126.00", "2")


def test_13_somebody_elses_delivery_is_not_in_the_total(delivery_order, account):
    free = replace(delivery_order, delivery=ChargeLine(), total=Decimal("401.10"))
    dear = replace(
        delivery_order, delivery=ChargeLine(Decimal("90.00"), gst("2.25")), total=Decimal("495.60")
    )
    assert head(free, account)["total"] == head(dear, account)["total"] == "401.10"
    assert head(dear, account)["delivery_charges"] == "90.00"


def test_14_taxes_are_the_menus_with_their_own_rates_and_ids(delivery_order, account):
    # Which taxes a line has is computed from the menu in orders/tests/test_pricing.py.
    cake = OrderLine(
        "118807411",
        "Chocolate Cake",
        Decimal("310.00"),
        Decimal("31.00"),
        1,
        Decimal("279.00"),
        taxes=(
            TaxLine("21866", "CGST", Decimal("9.0000"), Decimal("25.11")),
            TaxLine("21867", "SGST", Decimal("9.0000"), Decimal("25.11")),
        ),
    )
    order = replace(delivery_order, lines=(*delivery_order.lines, cake))
    rows = info(order, account)["Tax"]["details"]
    assert [(row["id"], row["price"], row["tax"]) for row in rows] == [
        ("11213", "2.5", "9.05"),
        ("20375", "2.5", "9.05"),
        ("21866", "9", "25.11"),
        ("21867", "9", "25.11"),
    ]
    of_lines = [tax for line in lines(order, account) for tax in line["item_tax"]]
    assert {tax["id"] for tax in of_lines} == {row["id"] for row in rows}


def test_15_an_image_address_is_handed_on_whole():
    # Its signature ends after 24 hours and without it the address opens nothing. A copy is kept before that:
    # pos_integrations/tests/test_menu_images.py, test_a_picture_is_kept_by_its_content_and_shown_from_us.
    url = "https://images.example.com/a.jpg?X-Amz-Expires=86400&X-Amz-Signature=abc"
    document = json.loads(raw("fetch_menu__published"))
    document["items"][0]["item_image_url"] = url
    menu = read_menu(json.dumps(document).encode(), external_id="abcd1234")
    assert menu.items[0].image_url == url
    assert urlsplit(menu.items[0].image_url).query


def test_16_the_leftover_price_of_an_item_in_sizes_is_not_its_price():
    # Nor is it shown: menus/tests/test_views.py, test_an_item_in_sizes_has_no_price_of_its_own.
    document = json.loads(raw("fetch_menu__published"))
    document["items"][2]["price"] = "140"
    bread = read_menu(json.dumps(document).encode(), external_id="abcd1234").items[2]
    assert bread.price == 0
    assert [variation.price for variation in bread.variations] == [Decimal("140.00"), Decimal("160.00")]


def test_17_the_pos_is_told_of_a_cancellation(delivery_order, account):
    # That each cancellation on our side owes this call: pos_integrations/tests/test_outbound.py,
    # test_cancelling_a_sent_order_reaches_the_pos_once.
    with responses.RequestsMock() as network:
        network.post("https://pos.example.com/V1/update_order_status", body=raw("cancel_order__found"))
        POS.cancel_order(delivery_order, "Cancelled by customer", account, PosHttp())
        sent = json.loads(network.calls[0].request.body or b"")
    assert (sent["clientorderID"], sent["status"]) == ("WEB-1001", "-1")


def test_18_an_order_id_is_our_reference_as_it_is_and_no_resend_is_trusted(delivery_order, account):
    # The reference is unique for ever: orders/tests/test_placing.py.
    assert head(delivery_order, account)["orderID"] == delivery_order.reference
    assert POS.dedupes_by_reference is Dedupes.UNPROVEN


def test_19_halves_of_a_tax_add_up(delivery_order, account):
    # 33.33 at 2.5 % is 0.83325: each half is computed and rounded by itself, never half of 1.67.
    line = replace(delivery_order.lines[1], taxes=gst("0.83"), addons=())
    order = replace(delivery_order, lines=(line, line, line), packing=ChargeLine())
    blocks = info(order, account)
    of_lines = sum(Decimal(tax["amount"]) for row in lines(order, account) for tax in row["item_tax"])
    rows = [Decimal(row["tax"]) for row in blocks["Tax"]["details"]]
    assert rows == [Decimal("2.49"), Decimal("2.49")]
    assert of_lines == sum(rows) == Decimal(blocks["Order"]["details"]["tax_total"]) == Decimal("4.98")


@pytest.mark.parametrize("code", ["0", "6", "7", "-2", "11", "100", "Printed", "pending"])
def test_20_an_unknown_status_is_named_not_guessed_and_nothing_goes_backwards(account, code):
    # Late and backward reports: orders/tests/test_statuses.py, test_a_late_accepted_does_not_undo_ready.
    body = {"restID": "abcd1234", "orderID": "A-1", "status": code}
    with pytest.raises(UnsupportedEvent, match=code):
        POS.parse(WebhookRequest("order-callback", json.dumps(body).encode()), account)
    assert OrderStatus.PENDING not in webhooks.CALLBACK_STATUSES.values()
    for status in webhooks.CALLBACK_STATUSES.values():
        assert not can_move(OrderStatus.DELIVERED, status)


def test_the_list_in_the_documentation_names_tests_that_exist():
    root = Path(__file__).parents[4]
    section = (root / "docs" / "petpooja.md").read_text().split("## What has cost others money")[1]
    rows = [line for line in section.split("\n## ")[0].splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 21))
    names = set(re.findall(r"`[\w/]*?(test_\w+\.py)`", " ".join(rows)))
    assert len(names) > 10
    for name in names:
        assert list(root.glob(f"*/**/tests/{name}")) or list(root.glob(f"*/tests/{name}")), name
