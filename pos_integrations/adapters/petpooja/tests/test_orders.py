"""Orders going out: whole bodies against the composed samples, and each money rule by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from menus.snapshot import AmountKind, Liability, OrderType
from orders.snapshot import ChargeLine, OrderSnapshot, TaxLine
from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter
from pos_integrations.adapters.petpooja.orders import cancel_body, save_order_body
from pos_integrations.adapters.petpooja.tests.conftest import expected, gst
from pos_integrations.errors import ConfigurationError
from pos_integrations.messages import Account

CALLBACK = "https://orders.example.com/petpooja/callback?k=per-order-token"


def head(order: OrderSnapshot, account: Account) -> dict[str, Any]:
    return dict(save_order_body(order, account, CALLBACK)["orderinfo"]["OrderInfo"]["Order"]["details"])


def first_line(order: OrderSnapshot, account: Account) -> dict[str, Any]:
    return dict(
        save_order_body(order, account, CALLBACK)["orderinfo"]["OrderInfo"]["OrderItem"]["details"][0]
    )


def test_delivery_order_is_the_sample_whole(delivery_order, account):
    assert save_order_body(delivery_order, account, CALLBACK) == expected("save_order__delivery")


def test_tax_inclusive_pickup_is_the_sample_whole(pickup_order, account):
    assert save_order_body(pickup_order, account, CALLBACK) == expected("save_order__tax_inclusive_pickup")


def test_cancellation_is_the_sample_whole(delivery_order, account):
    body = cancel_body(delivery_order, "Cancelled by\ncustomer", account)
    assert body == expected("cancel_order__by_reference")


def test_cancellation_without_reason_still_has_one(delivery_order, account):
    assert cancel_body(delivery_order, " ", account)["cancelReason"] == "Cancelled"


@pytest.mark.parametrize(
    ("ours", "theirs"), [(OrderType.DELIVERY, "H"), (OrderType.PICKUP, "P"), (OrderType.DINE_IN, "D")]
)
def test_order_types(delivery_order, account, ours, theirs):
    assert head(replace(delivery_order, order_type=ours), account)["order_type"] == theirs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("COD", "COD"),
        ("cash", "COD"),
        ("CARD", "CARD"),
        ("ONLINE", "ONLINE"),
        ("UPI", "ONLINE"),
        ("WALLET", "ONLINE"),
        ("CREDIT", "CREDIT"),
        ("OTHER", "OTHER"),
        ("BARTER", "OTHER"),
        ("", "OTHER"),
    ],
)
def test_payment_types(delivery_order, account, ours, theirs):
    assert head(replace(delivery_order, payment_type=ours), account)["payment_type"] == theirs


def test_somebody_elses_rider_is_not_the_restaurants_money(delivery_order, account):
    order = replace(
        delivery_order,
        delivery=ChargeLine(Decimal("50.00"), gst("1.25")),
        total=Decimal("453.60"),
        payment_type="COD",
    )
    details = head(order, account)
    assert details["total"] == "401.10"
    assert details["delivery_charges"] == "50.00"
    assert details["dc_tax_percentage"] == "5"
    assert details["dc_tax_amount"] == "2.50"
    assert details["dc_gst_details"] == [
        {"gst_liable": "vendor", "amount": "2.50"},
        {"gst_liable": "restaurant", "amount": "0"},
    ]
    assert details["tax_total"] == "21.60"
    assert details["enable_delivery"] == 0
    assert details["collect_cash"] == ""


def test_own_rider_earns_the_delivery_and_collects_the_cash(delivery_order, configured):
    order = replace(
        delivery_order,
        delivery=ChargeLine(Decimal("50.00"), gst("1.25")),
        total=Decimal("453.60"),
        payment_type="COD",
    )
    details = head(order, configured(self_delivery=True))
    assert details["total"] == "453.60"
    assert details["dc_gst_details"] == [
        {"gst_liable": "vendor", "amount": "0"},
        {"gst_liable": "restaurant", "amount": "2.50"},
    ]
    assert details["enable_delivery"] == 1
    assert details["collect_cash"] == "453.60"


def test_own_rider_collects_nothing_that_is_paid(delivery_order, configured):
    assert head(delivery_order, configured(self_delivery=True))["collect_cash"] == ""


def test_pickup_is_never_self_delivery(pickup_order, configured):
    details = head(replace(pickup_order, payment_type="COD"), configured(self_delivery=True))
    assert details["enable_delivery"] == 0
    assert details["collect_cash"] == ""


def test_marketplace_keeps_the_tax_it_owes(delivery_order, account):
    pizza = replace(delivery_order.lines[1], liability=Liability.VENDOR)
    order = replace(delivery_order, lines=(delivery_order.lines[0], pizza))
    info = save_order_body(order, account, CALLBACK)["orderinfo"]["OrderInfo"]
    assert info["Order"]["details"]["total"] == "395.60"
    assert info["OrderItem"]["details"][1]["gst_liability"] == "vendor"
    assert [tax["restaurant_liable_amt"] for tax in info["Tax"]["details"]] == ["6.30", "6.30"]
    assert [tax["tax"] for tax in info["Tax"]["details"]] == ["9.05", "9.05"]


@pytest.mark.parametrize(("own", "total"), [(True, "450.10"), (False, "400.10")])
def test_marketplace_owes_the_tax_on_packing_and_delivery_whoever_delivers(
    delivery_order, configured, own, total
):
    order = replace(
        delivery_order, delivery=ChargeLine(Decimal("50.00"), gst("1.25")), total=Decimal("453.60")
    )
    details = head(order, configured(marketplace=True, self_delivery=own))
    assert [row["amount"] for row in details["dc_gst_details"]] == ["2.50", "0"]
    assert [row["amount"] for row in details["pc_gst_details"]] == ["1.00", "0"]
    assert details["total"] == total
    assert details["tax_total"] == "21.60"


def test_service_charge_and_its_tax_are_sent(delivery_order, account):
    order = replace(
        delivery_order, service=ChargeLine(Decimal("10.00"), gst("0.25")), total=Decimal("461.60")
    )
    details = head(order, account)
    assert (details["service_charge"], details["sc_tax_amount"]) == ("10.00", "0.50")
    assert details["tax_total"] == "19.60"
    assert details["total"] == "411.60"


def test_a_fixed_tax_has_no_percentage(delivery_order, account):
    cess = TaxLine("9", "Cess", Decimal("3.0000"), Decimal("3.00"), kind=AmountKind.FIXED)
    order = replace(delivery_order, lines=(replace(delivery_order.lines[1], taxes=(cess,)),))
    info = save_order_body(order, account, CALLBACK)["orderinfo"]["OrderInfo"]
    assert info["OrderItem"]["details"][0]["item_tax"] == [
        {"id": "9", "name": "Cess", "tax_percentage": "0", "amount": "3.00"}
    ]
    assert info["Tax"]["details"] == [
        {
            "id": "9",
            "title": "Cess",
            "type": "F",
            "price": "3",
            "tax": "3.00",
            "restaurant_liable_amt": "3.00",
        }
    ]


def test_a_wanted_time_is_local_and_makes_an_advance_order(delivery_order, account):
    order = replace(delivery_order, scheduled_for=dt.datetime(2026, 1, 15, 20, 0, tzinfo=dt.UTC))
    details = head(order, account)
    assert details["advanced_order"] == "Y"
    assert (details["preorder_date"], details["preorder_time"]) == ("2026-01-16", "01:30:00")
    assert details["created_on"] == "2026-01-15 19:42:10"


def test_dine_in_names_table_and_persons(delivery_order, account):
    details = head(replace(delivery_order, order_type=OrderType.DINE_IN, table_no="T-01", persons=3), account)
    assert (details["table_no"], details["no_of_persons"]) == ("T-01", "3")


def test_the_orders_own_preparation_time_wins(delivery_order, account):
    assert head(replace(delivery_order, prep_minutes=35), account)["min_prep_time"] == 35


def test_no_preparation_time_is_not_sent_as_one(delivery_order, configured):
    assert "min_prep_time" not in head(delivery_order, configured(prep_minutes=None))


@pytest.mark.parametrize(
    ("urgent", "minutes", "sent"),
    [
        (False, None, {"urgent_order": False}),
        (False, 30, {"urgent_order": False}),
        (True, None, {"urgent_order": True}),
        (True, 30, {"urgent_order": True, "urgent_time": 30}),
    ],
)
def test_urgent_orders_say_within_how_many_minutes(delivery_order, account, urgent, minutes, sent):
    details = head(replace(delivery_order, urgent=urgent, urgent_minutes=minutes), account)
    assert {key: value for key, value in details.items() if key.startswith("urgent")} == sent


def test_the_pickup_code_keeps_its_noughts(pickup_order, account):
    assert head(replace(pickup_order, pickup_code="0042"), account)["otp"] == "0042"


def test_text_goes_on_one_line_and_without_what_utf8_cannot_hold(delivery_order, account):
    order = replace(
        delivery_order,
        notes="ring\r\ntwice \ud83d \x00",
        lines=(replace(delivery_order.lines[0], name="Garlic\nBread", notes="a\tb"),),
    )
    assert head(order, account)["description"] == "ring twice"
    assert first_line(order, account)["name"] == "Garlic Bread (3Pieces)"
    assert first_line(order, account)["description"] == "a b"


def test_group_ids_that_are_no_numbers_stay_text(delivery_order, account):
    addon = replace(delivery_order.lines[1].addons[0], group_id="g-1")
    order = replace(delivery_order, lines=(replace(delivery_order.lines[1], addons=(addon,)),))
    assert first_line(order, account)["AddonItem"]["details"][0]["group_id"] == "g-1"


def test_the_same_order_gives_the_same_body(delivery_order, account):
    assert repr(save_order_body(delivery_order, account, CALLBACK)) == repr(
        save_order_body(delivery_order, account, CALLBACK)
    )


@pytest.mark.parametrize("name", ["app_key", "app_secret", "access_token"])
@pytest.mark.parametrize("value", ["", None, "with space", "line\nbreak", "ключ"])
def test_a_credential_that_is_none_stops_the_order(
    delivery_order, configured: Callable[..., Account], name: str, value: str | None
):
    with pytest.raises(ConfigurationError) as caught:
        save_order_body(delivery_order, configured(**{name: value}), CALLBACK)
    assert name.replace("_", " ") in caught.value.message


@pytest.mark.parametrize(
    ("wanted", "config", "moment"),
    [
        # Now is 15 January, 19:42 in India.
        ("2026-01-15T18:00", {}, None),
        ("2026-01-15T18:29", {}, None),
        ("2026-01-15T18:30", {}, "2026-01-15T18:30"),
        ("2026-01-15T19:30", {}, "2026-01-15T18:30"),
        ("2026-01-16T14:30", {}, "2026-01-16T11:30"),
        ("2026-01-16T14:30", {"advance_hours": 1}, "2026-01-16T13:30"),
        ("2026-01-16T14:30", {"advance_hours": 24}, "2026-01-15T18:30"),
        ("2026-01-16T14:30", {"sends_later_days": True}, None),
    ],
)
def test_an_order_for_a_later_day_goes_on_its_day_and_some_hours_ahead(configured, wanted, config, moment):
    now, wanted_at = dt.datetime(2026, 1, 15, 14, 12, tzinfo=dt.UTC), dt.datetime.fromisoformat(wanted)
    found = PetPoojaAdapter().not_before(wanted_at.replace(tzinfo=dt.UTC), now, configured(**config))
    assert found == (dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC) if moment else None)
