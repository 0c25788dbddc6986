"""Exports: safe in a spreadsheet, of the filter and of one's own restaurants, streamed, and written down."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from ding import csv_export
from ding.audit import AuditEvent
from ding.csv_export import lines, safe
from ding.roles import VIEWER
from orders.models import Order
from orders.tests.factories import make_order, make_restaurant
from pos_integrations.models import MenuSyncHistory, WebhookLog
from pos_integrations.tests.factories import connected_place, order_status, place, send

pytestmark = pytest.mark.django_db

LISTS = ["orders/order", "pos_integrations/webhooklog", "pos_integrations/menusynchistory"]


def read(response):
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "=HYPERLINK('x')",
        "＝1",
        "-2+3+cmd|' /C calc'!A0",
    ],
)
def test_a_text_that_a_spreadsheet_would_run_is_text(text):
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Asha", "a=b", "1-2", "", "don't", "१२"])
def test_other_text_stays_as_it_is(text):
    assert safe(text) == text


def test_numbers_stay_numbers():
    assert [safe(value) for value in (-5, Decimal("-12.50"), 0, None, True)] == [
        -5,
        Decimal("-12.50"),
        0,
        "",
        "yes",
    ]


def test_orders_are_exported_with_hostile_names_disarmed(staff):
    push = place(connected_place())
    Order.objects.update(customer_name="=cmd|' /C calc'!A0", notes="@SUM(1)", customer_phone="+919000000002")
    (row,) = read(staff().get("/admin/orders/order/export/"))
    assert row["Reference"] == push.order.reference
    assert row["Guest"] == "'=cmd|' /C calc'!A0"
    assert (row["Notes"], row["Phone"]) == ("'@SUM(1)", "'+919000000002")
    assert (row["Discount"], row["Total"], row["Kitchen"]) == ("-28.00", "451.10", "On its way")


def test_the_export_is_what_the_list_shows_and_it_is_written_down(staff):
    shop = make_restaurant().restaurant
    make_order(shop, status="pending")
    wanted = make_order(shop, status="delivered", customer_phone="9876543210")
    client = staff(role=VIEWER)
    rows = read(client.get("/admin/orders/order/export/?status__exact=delivered&q=98765"))
    assert [row["Reference"] for row in rows] == [wanted.reference]
    event = AuditEvent.objects.latest("pk")
    assert (event.actor, event.action, event.note) == (
        "staff:anna",
        "exported orders",
        "status__exact=delivered",
    )


def test_nobody_exports_what_is_not_theirs(staff, client):
    at, other = connected_place(), make_restaurant().restaurant
    order = place(at).order
    make_order(other)
    send(client, "order-status", order_status(order))
    MenuSyncHistory.objects.create(restaurant=other, status="success", started_at=order.created_at)
    mine = staff(at.restaurant)
    found = [read(mine.get(f"/admin/{name}/export/")) for name in LISTS]
    assert [len(rows) for rows in found] == [1, 1, 0]
    assert found[0][0]["Reference"] == order.reference
    stranger = staff(name="nobody")
    stranger.user.groups.clear()
    assert [stranger.get(f"/admin/{name}/export/").status_code for name in LISTS] == [403] * 3
    client.logout()
    assert [client.get(f"/admin/{name}/export/").status_code for name in LISTS] == [302] * 3


def test_a_filter_that_makes_no_sense_leads_back_to_the_list(staff):
    answer = staff().get("/admin/orders/order/export/?created_at__gte=nonsense")
    assert (answer.status_code, answer.url) == (302, "/admin/orders/order/")


@pytest.mark.parametrize("number", ["9" * 30, "9" * 5000, "²", "x", "-1"])
@pytest.mark.parametrize("path", LISTS)
def test_a_restaurant_that_cannot_be_has_no_rows(staff, path, number):
    make_order(make_restaurant().restaurant)
    client = staff(role=VIEWER)
    assert client.get(f"/admin/{path}/", {"restaurant": number}).status_code == 200
    assert read(client.get(f"/admin/{path}/export/", {"restaurant": number})) == []


def test_a_long_list_is_read_in_chunks(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(csv_export, "CHUNK", 3)
    shop = make_restaurant().restaurant
    for _ in range(7):
        make_order(shop)
    with django_assert_num_queries(3):
        found = list(lines(Order.objects.all(), (("id", lambda order: order.pk),)))
    ids = list(Order.objects.order_by("-pk").values_list("pk", flat=True))
    assert [line.strip() for line in found] == ["\ufeffid", *map(str, ids)]


def test_the_ledger_s_and_the_syncs_files_have_their_columns(staff, client):
    at = connected_place()
    send(client, "order-status", order_status("=1+1"))
    WebhookLog.objects.update(order_ref="=1+1", error_message="-odd")
    MenuSyncHistory.objects.create(
        restaurant=at.restaurant,
        status="partial",
        started_at=WebhookLog.objects.get().created_at,
        errors=[{"kind": "item", "external_id": "7", "field": "price", "found": "=2", "done": "left out"}],
    )
    mine = staff()
    (log,) = read(mine.get("/admin/pos_integrations/webhooklog/export/"))
    assert (log["Order"], log["Error"], log["Verdict"]) == ("'=1+1", "'-odd", "not looked at yet")
    (sync,) = read(mine.get("/admin/pos_integrations/menusynchistory/export/"))
    assert (sync["Status"], sync["First error"], sync["Left out"]) == ("Partial", "'=2", "1")
