"""Health: what is shown of integrations and queues, to whom, and what it costs."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import DatabaseError
from django.utils import timezone

from ding.keys import create_api_key
from orders.tests.factories import make_order
from pos_integrations import health, menu_sync, outbound
from pos_integrations.models import (
    MenuSyncHistory,
    OrderPush,
    PosProvider,
    RestaurantPosIntegration,
    WebhookLog,
)
from pos_integrations.simulator import DEMO_CREDENTIALS, Credentials, sample_outlet
from pos_integrations.tests.factories import (
    connect,
    connected_place,
    counting,
    fresh,
    make_restaurant,
    order_status,
    place,
    send,
)


@pytest.fixture
def at(db, pos):
    return connected_place(pos)


def state(at):
    return health.integrations_health([fresh(at.integration)])[0]


def test_an_integration_at_which_nothing_is_wrong(at, client):
    send(client, "order-status", order_status(make_order(at.restaurant)))
    push = place(at)
    outbound.deliver(push.pk)
    shown = state(at)
    received = WebhookLog.objects.get().created_at
    assert shown == {
        "restaurant_id": at.restaurant.pk,
        "status": "ok",
        "pos_type": "petpooja",
        "problem": "",
        "last_sync": None,
        "webhook_status": {"last_received_at": received, "last_24_hours": {"received": 1}},
        "recent_errors": [],
    }


def test_the_last_sync_is_shown_and_its_failure_degrades(at, pos):
    menu_sync.sync_menu(at.integration, trigger=menu_sync.Trigger.API, force=True)
    sync = MenuSyncHistory.objects.get()
    shown = state(at)
    assert shown["status"] == "ok"
    assert shown["last_sync"] == {"status": "success", "at": sync.completed_at, "items": 3, "errors": []}
    pos.set_menu("abcd1234", None)
    with pytest.raises(menu_sync.SyncFailed):
        menu_sync.sync_menu(at.integration, trigger=menu_sync.Trigger.API)
    assert state(at)["status"] == "degraded"
    assert state(at)["last_sync"]["status"] == "failed"


def test_an_order_that_did_not_get_through_degrades(at, pos):
    push = place(at)
    pos.misbehave_order(push.order.reference, "refuse")
    outbound.deliver(push.pk)
    push.refresh_from_db()
    shown = state(at)
    assert shown["status"] == "degraded"
    assert shown["recent_errors"] == [
        {
            "at": push.updated_at,
            "order": push.order.reference,
            "state": "rejected",
            "message": push.last_error,
        }
    ]
    OrderPush.objects.update(updated_at=timezone.now() - dt.timedelta(hours=25))
    assert state(at)["status"] == "ok"


@pytest.mark.parametrize("status", ["failed", "parked"])
def test_a_webhook_that_waits_for_help_degrades(at, client, status):
    send(client, "order-status", order_status("X"))
    WebhookLog.objects.update(status=status)
    assert state(at)["status"] == "degraded"
    assert state(at)["webhook_status"]["last_24_hours"] == {status: 1}


def test_refused_credentials_are_down_and_switched_off_is_inactive(at):
    RestaurantPosIntegration.objects.update(problem="PetPooja refused the credentials.")
    assert (state(at)["status"], state(at)["problem"]) == ("down", "PetPooja refused the credentials.")
    PosProvider.objects.update(is_active=False)
    assert state(at)["status"] == "inactive"
    PosProvider.objects.update(is_active=True)
    RestaurantPosIntegration.objects.update(active=False)
    assert state(at)["status"] == "inactive"


def test_another_restaurant_s_troubles_are_not_shown(at, pos, client):
    other = connect(pos, make_restaurant(), code="efgh5678")
    push = place(at)
    pos.misbehave_order(push.order.reference, "refuse")
    outbound.deliver(push.pk)
    send(client, "order-status", order_status("X"))
    shown = health.integrations_health([other])[0]
    assert shown["status"] == "ok"
    assert shown["webhook_status"] == {"last_received_at": None, "last_24_hours": {}}


def test_the_number_of_statements_does_not_grow_with_the_integrations(at, pos):
    counts = []
    for number in range(2):
        integrations = list(RestaurantPosIntegration.objects.select_related("pos_provider"))
        with counting() as statements:
            assert len(health.integrations_health(integrations)) == len(integrations)
        counts.append(statements())
        for n in range(20):
            connect(pos, make_restaurant(), code=f"extra{number}{n:03}")
    assert counts[0] == counts[1] <= 4


def test_queues_say_how_much_is_due_and_since_when(at, client):
    now = timezone.now()
    assert [(queue.due, queue.oldest_due_seconds) for queue in health.queues()] == [(0, 0.0), (0, 0.0)]
    push = place(at)
    OrderPush.objects.update(next_attempt_at=now - dt.timedelta(seconds=100))
    later = place(at)
    OrderPush.objects.filter(pk=later.pk).update(next_attempt_at=now + dt.timedelta(seconds=100))
    for _ in range(2):
        send(client, "order-status", order_status(push.order))
    pushes, webhooks = health.queues()
    assert (pushes.name, pushes.due) == ("order pushes", 1)
    assert pushes.oldest_due_seconds == pytest.approx(100, abs=5)
    assert (webhooks.name, webhooks.due) == ("webhooks", 2)
    assert webhooks.oldest_due_seconds == pytest.approx(0, abs=5)


# --- the connection test --------------------------------------------------------------------------------


def test_a_connection_that_works(at):
    findings = health.check_connection(at.integration)
    assert all(finding.ok for finding in findings), findings
    assert "3 items in 2 categories" in findings[-1].message


def test_a_connection_that_does_not_work_says_why(db, start_pos):
    pos = start_pos([sample_outlet("abcd1234", credentials=Credentials("a", "b", "c"))])
    integration = connect(pos, make_restaurant())
    findings = health.check_connection(integration)
    assert [finding.ok for finding in findings] == [True, True, False]
    assert "refused the credentials" in findings[-1].message
    assert not any(DEMO_CREDENTIALS.app_key in finding.message for finding in findings)
    pos.stop()
    assert "No connection to the POS." in health.check_connection(integration)[-1].message


def test_a_configuration_that_cannot_be_read_is_a_finding_too(at):
    RestaurantPosIntegration.objects.update(restaurant_specific_config={})
    (finding,) = health.check_connection(fresh(at.integration))
    assert (finding.check, finding.ok) == ("configuration", False)
    assert "App secret" in finding.message


# --- over REST ------------------------------------------------------------------------------------------


def get(client, path, **key):
    key = create_api_key(**{"client": "ops", "scopes": ["integrations:read"], **key})
    return client.get(path, headers={"Authorization": f"Bearer {key}"})


def test_each_caller_sees_its_own_restaurants(at, pos, client):
    other = connect(pos, make_restaurant(), code="efgh5678")

    def seen(**key):
        answer = get(client, "/api/pos-integration/health", **key)
        assert answer.status_code == 200
        return [row["restaurant_id"] for row in answer.json()["integrations"]]

    assert seen(all_restaurants=True) == [at.restaurant.pk, other.restaurant_id]
    assert seen(restaurants=[at.restaurant]) == [at.restaurant.pk]
    assert seen() == []
    for end in ("status", "health", "status/", "health/"):
        path = f"/api/pos-integration/{at.restaurant.pk}/{end}"
        assert get(client, path, restaurants=[at.restaurant]).json()["status"] == "ok"
        assert get(client, path, restaurants=[other.restaurant]).status_code == 404
    assert client.get("/api/pos-integration/health").status_code == 401
    assert get(client, "/api/pos-integration/health", scopes=["orders:read"]).status_code == 403


def test_the_whole_says_whether_database_and_broker_answer(at, client, monkeypatch):
    shown = get(client, "/api/pos-integration/health", all_restaurants=True).json()
    assert (shown["database"], shown["broker"]) == (True, True)
    assert [queue["name"] for queue in shown["queues"]] == ["order pushes", "webhooks"]

    def away(*args, **kwargs):
        raise OSError("no broker")

    monkeypatch.setattr(health.current_app, "connection_for_write", away)
    shown = get(client, "/api/pos-integration/health", all_restaurants=True).json()
    assert (shown["database"], shown["broker"]) == (True, False)

    class Away:
        def cursor(self):
            raise DatabaseError

    monkeypatch.setattr(health, "connection", Away())
    assert health.database_answers() is False


def test_testing_a_connection_over_rest(at, pos, client):
    path = f"/api/pos-integration/{at.restaurant.pk}/test"
    key = create_api_key(client="ops", scopes=["integrations:write"], restaurants=[at.restaurant])
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.post(path, headers=headers)
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    pos.set_menu("abcd1234", None)
    answer = client.post(path, headers=headers)
    assert (answer.status_code, answer.json()["ok"]) == (200, False)
    assert "Menu Trigger" in answer.json()["findings"][-1]["message"]


def test_the_ledger_over_rest_hides_guests_and_other_restaurants(at, pos, client):
    other = connect(pos, make_restaurant(), code="efgh5678")
    send(client, "order-status", order_status("X", rider_name="Asha", customer={"phone": "9000000002"}))
    (row,) = get(client, "/api/webhooks/logs", restaurants=[at.restaurant]).json()["results"]
    assert (row["payload"]["rider_name"], row["payload"]["customer"]) == ("•••", {"phone": "•••"})
    assert row["payload"]["order_id"] == "X"
    assert get(client, "/api/webhooks/logs", restaurants=[other.restaurant]).json()["results"] == []
    path = f"/api/webhooks/logs?restaurant={at.restaurant.pk}&status=received&type=order-status"
    assert len(get(client, path, all_restaurants=True).json()["results"]) == 1
    assert get(client, "/api/webhooks/logs?status=parked", all_restaurants=True).json()["results"] == []
    assert get(client, "/api/webhooks/logs?status=nonsense", all_restaurants=True).status_code == 400
