from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.models import Order
from orders.order_request import LineRequest
from orders.services.placing import place_order
from orders.tests.factories import golden_lines, make_order, make_request, make_restaurant

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> SimpleNamespace:
    return make_restaurant()


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_the_list_shows_orders_in_a_constant_number_of_statements(
    admin_client: Client, place: SimpleNamespace
) -> None:
    order = make_order(place.restaurant)
    statements(admin_client, "/admin/orders/order/")  # caches content types
    one = statements(admin_client, "/admin/orders/order/")
    for _ in range(20):
        make_order(make_restaurant().restaurant)

    assert statements(admin_client, "/admin/orders/order/") == one
    assert order.reference in admin_client.get("/admin/orders/order/").content.decode()


def test_an_order_is_shown_in_a_constant_number_of_statements(
    admin_client: Client, place: SimpleNamespace
) -> None:
    _, pizza = golden_lines(place)
    paths = []
    for lines in ([pizza], [pizza] * 20 + [LineRequest(item_id=place.cola.pk)] * 20):
        answer, _ = place_order(request=make_request(place, *lines), client="shop")
        paths.append(f"/admin/orders/order/{answer['id']}/change/")
    statements(admin_client, paths[0])

    assert statements(admin_client, paths[1]) == statements(admin_client, paths[0])
    page = admin_client.get(paths[0]).content.decode()
    assert "+ Mojito" in page
    assert "+ Cheese" in page
    assert "no onion" in page


def test_nothing_can_be_changed(admin_client: Client, place: SimpleNamespace) -> None:
    order = make_order(place.restaurant)

    assert admin_client.get("/admin/orders/order/add/").status_code == 403
    assert (
        admin_client.post(f"/admin/orders/order/{order.pk}/change/", {"status": "delivered"}).status_code
        == 403
    )
    assert admin_client.post(f"/admin/orders/order/{order.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Order.objects.get().status == "pending"


@pytest.mark.parametrize(("query", "found"), [("R0", True), ("90000", True), ("pos-1", True), ("zzz", False)])
def test_search_finds_by_the_beginning_of_reference_phone_and_pos_order_id(
    admin_client: Client, place: SimpleNamespace, query: str, found: bool
) -> None:
    make_order(place.restaurant, reference="R0TESTORDER0", customer_phone="9000000002", pos_order_id="pos-17")

    page = admin_client.get("/admin/orders/order/", {"q": query}).content.decode()

    assert ("R0TESTORDER0" in page) is found
