"""What PetPooja's dashboard-configured calls do here: menu, stock, store; proven by a shared secret."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection
from django.utils import timezone

from menus.models import Item, Menu, Restaurant
from pos_integrations import inbound
from pos_integrations.models import MenuSyncHistory, WebhookLog
from pos_integrations.simulator import make_menu, sample_menu
from pos_integrations.tests.factories import SECRET, connect, connected_place, fresh, make_restaurant

CODE = "abcd1234"


@pytest.fixture
def at(db):
    return connected_place()


def address(integration, topic, secret=SECRET):
    return f"/api/webhooks/petpooja/{integration.public_id}/{topic}/{secret}"


def post(client, path, body, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data=raw, content_type="application/json", headers=headers)


def verdicts():
    return list(WebhookLog.objects.order_by("pk").values_list("status", "verdict"))


# --- the menu -------------------------------------------------------------------------------------------


def test_a_pushed_menu_is_stored_answered_and_applied_by_the_worker(db, client):
    integration = connect(restaurant=make_restaurant())
    answer = post(client, address(integration, "menu"), sample_menu(CODE))
    assert (answer.status_code, answer.json()) == (
        200,
        {"success": "1", "message": "Menu items are successfully listed."},
    )
    assert not Item.objects.exists()
    inbound.drain()
    assert verdicts() == [("processed", "applied")]
    assert set(Item.objects.values_list("external_id", flat=True)) == {"118829149", "118807411", "7765809"}
    history = MenuSyncHistory.objects.get()
    assert (history.trigger, history.items_synced) == ("webhook", 3)


def test_the_same_menu_again_changes_nothing(db, client):
    integration = connect(restaurant=make_restaurant())
    for _ in range(2):
        post(client, address(integration, "menu"), sample_menu(CODE))
        inbound.drain()
    assert verdicts() == [("processed", "applied"), ("ignored", "duplicate")]
    assert Menu.objects.get().version == 1


def test_a_pushed_menu_that_shrinks_is_held_and_named(db, client):
    integration = connect(restaurant=make_restaurant())
    post(client, address(integration, "menu"), make_menu(20, code=CODE))
    inbound.drain()
    post(client, address(integration, "menu"), make_menu(20, code=CODE) | {"items": []})
    inbound.drain()
    log = WebhookLog.objects.latest("pk")
    assert (log.status, log.verdict) == ("parked", "held")
    assert "no active items" in log.error_message
    assert Item.objects.filter(active=True).count() == 20
    assert MenuSyncHistory.objects.latest("pk").status == "failed"


def test_a_menu_of_megabytes_is_taken_and_one_over_ten_is_not(db, client):
    integration = connect(restaurant=make_restaurant())
    big = make_menu(3, code=CODE)
    big["padding"] = "x" * (9 * 1024 * 1024)
    assert post(client, address(integration, "menu"), big).status_code == 200
    big["padding"] = "x" * (10 * 1024 * 1024)
    assert post(client, address(integration, "menu"), big).status_code == 413
    inbound.drain()
    assert Item.objects.count() == 3


@pytest.mark.parametrize("no_menu", ["nonsense", "refusal", "nothing of one"])
def test_what_is_no_menu_is_refused_in_petpoojas_words(db, client, no_menu):
    integration = connect(restaurant=make_restaurant())
    whose = {"restaurants": sample_menu(CODE)["restaurants"]}
    body = {
        "nonsense": b"{nonsense",
        "refusal": sample_menu(CODE) | {"success": "0", "message": "Menu is not available for this outlet."},
        "nothing of one": whose,
    }[no_menu]
    answer = post(client, address(integration, "menu"), body)
    assert answer.status_code == 400
    assert answer.json()["success"] == "0"
    assert not WebhookLog.objects.exists()


# --- who may --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["wrong", SECRET[:-1], SECRET.upper(), SECRET + "x"])
def test_without_the_right_secret_nothing_is_taken(at, client, secret):
    answer = post(client, address(at.integration, "menu", secret), sample_menu(CODE))
    assert answer.status_code == 401
    assert not WebhookLog.objects.exists()


def test_without_any_secret_nothing_is_taken(at, client):
    path = address(at.integration, "menu", "").rstrip("/")
    assert post(client, path, sample_menu(CODE)).status_code == 401
    assert post(client, path, sample_menu(CODE), Authorization=f"Bearer {SECRET}").status_code == 401


def test_an_unknown_integration_answers_like_a_wrong_secret(at, client):
    unknown = post(client, f"/api/webhooks/petpooja/{'0' * 32}/menu/{SECRET}", sample_menu(CODE))
    wrong = post(client, address(at.integration, "menu", "wrong"), sample_menu(CODE))
    assert (
        (unknown.status_code, unknown.content) == (wrong.status_code, wrong.content) == (401, wrong.content)
    )


def test_another_restaurants_menu_is_not_taken_with_this_ones_secret(at, client):
    answer = post(client, address(at.integration, "menu"), sample_menu("efgh5678"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "another_restaurant")
    assert not WebhookLog.objects.exists()


def test_the_secret_may_stand_in_a_header_when_that_is_agreed(db, client):
    at = connected_place(signature_mode="bearer")
    path = address(at.integration, "store-status-get", "").rstrip("/")
    for value in (SECRET, f"Bearer {SECRET}"):
        assert post(client, path, {"restID": CODE}, Authorization=value).status_code == 200
    # And then no longer in the address.
    assert post(client, address(at.integration, "store-status-get"), {"restID": CODE}).status_code == 401


# --- stock and store -------------------------------------------------------------------------------------


def test_stock_off_until_a_local_time_is_kept_with_that_time(at, client):
    local = timezone.now().astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30))) + dt.timedelta(hours=2)
    body = {
        "restID": CODE,
        "type": "item",
        "inStock": False,
        "itemID": [at.pizza.external_id],
        "autoTurnOnTime": "custom",
        "customTurnOnTime": f"{local:%Y-%m-%d %H:%M}",
    }
    answer = post(client, address(at.integration, "stock"), body)
    assert (answer.status_code, answer.json()["message"]) == (200, "Stock status updated successfully")
    inbound.drain()
    at.pizza.refresh_from_db()
    assert at.pizza.in_stock is False
    assert at.pizza.back_at == local.replace(second=0, microsecond=0)


def test_the_store_closes_tells_so_and_opens_again(at, client):
    def ask():
        return post(client, address(at.integration, "store-status-get"), {"restID": CODE}).json()

    assert ask()["store_status"] == "1"
    closed = {"restID": CODE, "store_status": 0, "turn_on_time": "", "reason": "Kitchen closed"}
    answer = post(client, address(at.integration, "store-status-update"), closed)
    assert answer.json()["message"] == "Store Status updated successfully for store restID"
    inbound.drain()
    assert ask()["store_status"] == "0"
    assert Restaurant.objects.get(pk=at.restaurant.pk).accepting_orders is False
    post(client, address(at.integration, "store-status-update"), closed | {"store_status": "1"})
    inbound.drain()
    assert ask()["store_status"] == "1"
    assert [verdict for _, verdict in verdicts()] == [
        "answered",
        "applied",
        "answered",
        "applied",
        "answered",
    ]


# --- over real sockets, from the simulated dashboard --------------------------------------------------------


def test_the_simulated_dashboard_reaches_ding(ding_url, start_pos):
    pos = start_pos()
    integration = connect(pos, make_restaurant())
    outlet = pos.outlets[CODE]
    outlet.set_dashboard(url=f"{ding_url}/api/webhooks/petpooja/{integration.public_id}", token=SECRET)
    assert pos.push_menu(CODE)
    assert pos.wait_idle(10)
    inbound.drain()
    assert Item.objects.filter(restaurant=integration.restaurant).count() == 3
    assert pos.switch_stock(CODE, ["118829149"], False)
    assert pos.switch_store(CODE, False, reason="closed")
    assert pos.wait_idle(10)
    inbound.drain()
    assert Item.objects.get(external_id="118829149").in_stock is False
    assert fresh(integration).restaurant.accepting_orders is False
    assert pos.ask_store_status(CODE)["store_status"] == "0"
    assert [call["result"] for call in pos.ledger.dashboard_calls(CODE)] == ["acknowledged"] * 4


@pytest.mark.parametrize("proof", ["petpooja_hmac", "bearer", "nonsense", "unsigned"])
def test_an_unreadable_credential_or_a_wrong_word_does_not_loosen_the_proof(at, client, proof):
    config = {"signature_mode": proof, "app_secret": "sealed:v1:lost:AAAA"}
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE restaurant_pos_integrations SET restaurant_specific_config = %s", [json.dumps(config)]
        )
    answer = post(client, address(at.integration, "store-status-get"), {"restID": CODE})
    assert answer.status_code == 401
    assert not WebhookLog.objects.exists()
