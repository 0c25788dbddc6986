"""Who tries too often waits; who is right never does."""

from __future__ import annotations

import pytest

from ding import throttle
from ding.keys import SCOPES, create_api_key
from ding.throttle import Counter
from orders.tests.factories import make_order
from pos_integrations.models import WebhookLog
from pos_integrations.tests.factories import SIGNATURE, as_bytes, connected_place, order_status, send


@pytest.fixture(autouse=True)
def limits(settings):
    settings.FAILED_CALLS_PER_MINUTE = 20
    settings.COSTLY_CALLS_PER_MINUTE = 3
    throttle.failures.clear()
    throttle.calls.clear()
    yield
    throttle.failures.clear()
    throttle.calls.clear()


@pytest.fixture
def at(db):
    return connected_place()


def test_a_minute_has_so_many_and_the_next_one_again():
    now = 0.0
    counter = Counter(lambda: now)
    assert [counter.over("a", 2) for _ in range(4)] == [0, 0, 60, 60]
    assert counter.over("b", 2) == 0
    now = 45.0
    assert counter.over("a", 2) == 15
    now = 60.0
    assert counter.over("a", 2) == 0
    assert counter.over("a", 0) == 0


def test_made_up_keys_take_no_memory_without_end(monkeypatch):
    monkeypatch.setattr(throttle, "MOST_KEYS", 10)
    counter = Counter(lambda: 0.0)
    waits = [counter.over(number, 5) for number in range(100)]
    assert len(counter._hits) == 11
    assert waits[:15] == [0] * 15
    assert all(waits[15:])


def test_a_forger_is_told_to_wait_and_the_real_sender_is_not(at, client, caplog):
    order = make_order(at.restaurant)
    forged = {SIGNATURE: "sha256=" + "0" * 64}
    path = "/api/webhooks/petpooja/order-status"
    answers = [
        client.post(path, as_bytes(order_status(order)), content_type="application/json", headers=forged)
        for _ in range(30)
    ]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 10
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert len([r for r in caplog.records if "was refused" in r.message]) == 20
    # From the very same address.
    assert send(client, "order-status", order_status(order)).status_code == 200
    assert WebhookLog.objects.count() == 1


def test_a_made_up_client_address_buys_nothing(at, client):
    path = "/api/webhooks/petpooja/order-status"
    codes = [
        client.post(
            path,
            as_bytes(order_status("X")),
            content_type="application/json",
            headers={"X-Forwarded-For": f"10.0.0.{number}", "X-Real-IP": f"10.0.0.{number}"},
        ).status_code
        for number in range(25)
    ]
    assert codes == [401] * 20 + [429] * 5


def test_guessing_api_keys_ends_and_a_good_key_goes_on(at, client):
    key = create_api_key(client="shop", scopes=SCOPES, all_restaurants=True)

    def ask(text):
        return client.get("/api/orders", headers={"Authorization": f"Bearer {text}"}).status_code

    assert [ask(f"dk_{'0' * 12}_{'x' * 43}") for _ in range(25)] == [401] * 20 + [429] * 5
    assert ask(key) == 200


def test_guessing_orders_ends(at, client):
    key = create_api_key(client="guesser", scopes=SCOPES, all_restaurants=True)
    order = make_order(at.restaurant)

    def ask(name):
        return client.get(f"/api/orders/{name}", headers={"Authorization": f"Bearer {key}"}).status_code

    assert [ask(f"GUESS{number}") for number in range(25)] == [404] * 20 + [429] * 5
    assert ask(order.reference) == 200


def test_calls_that_cost_somebody_else_are_few_for_each_restaurant(at, client, monkeypatch):
    monkeypatch.setattr(
        "pos_integrations.views.configuration.health.check_connection", lambda integration: []
    )
    key = create_api_key(client="office", scopes=SCOPES, all_restaurants=True)

    def test(restaurant):
        headers = {"Authorization": f"Bearer {key}"}
        return client.post(f"/api/pos-integration/{restaurant}/test", headers=headers).status_code

    assert [test(at.restaurant.pk) for _ in range(5)] == [200] * 3 + [429] * 2
    assert test(at.restaurant.pk + 1) == 404


def test_a_key_has_so_many_calls_a_minute_for_each_scope(at, client, settings):
    settings.API_CALLS_PER_MINUTE = 2
    keys = [create_api_key(client=name, scopes=SCOPES, all_restaurants=True) for name in ("one", "two")]

    def ask(key, path):
        return client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code

    assert [ask(keys[0], "/api/orders") for _ in range(3)] == [200, 200, 429]
    assert ask(keys[0], "/api/webhooks/logs") == 200
    assert ask(keys[1], "/api/orders") == 200
