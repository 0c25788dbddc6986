"""An operator's plain SQL: only what a person would name is named, the database fills in the rest."""

from __future__ import annotations

import pytest
from django.db import connection

from notifications.models import Notification
from orders.models import Order, OrderStatusHistory
from pos_integrations import inbound
from pos_integrations.configuration import account_for, valid_secrets
from pos_integrations.models import MenuSyncHistory, PosProvider, RestaurantPosIntegration, WebhookLog

CONFIGURATION = (
    """INSERT INTO pos_providers (provider_name, display_name, base_api_url, webhook_base_url, webhook_endpoints,
    global_config, auth_type, is_active) VALUES ('petpooja', 'PetPooja', 'https://pos.example.com',
    'https://ding.example.com', '{"order-status": "/api/webhooks/petpooja/order-status"}',
    '{"access_token": "token-in-the-clear"}', 'api_key', 1)""",
    "INSERT INTO Restaurants (name) VALUES ('Plain')",
    """INSERT INTO restaurant_pos_integrations (restaurant_id, pos_type, pos_provider_id, pos_restaurant_id,
    endpoint, api_key, restaurant_specific_config, active)
    SELECT r.id, 'petpooja', p.id, 'abcd1234', '', 'key-in-the-clear', '{"app_secret": "secret-in-the-clear"}', 1
    FROM Restaurants r, pos_providers p""",
    """INSERT INTO restaurant_webhook_secrets (restaurant_id, pos_provider_id, secret_key, is_active)
    SELECT restaurant_id, pos_provider_id, 'a-webhook-secret-in-the-clear', 1 FROM restaurant_pos_integrations""",
    # Any number of retired ones.
    *(
        f"""INSERT INTO restaurant_webhook_secrets (restaurant_id, pos_provider_id, secret_key, is_active, expires_at)
        SELECT restaurant_id, pos_provider_id, 'retired-{n}', 0, NULL FROM restaurant_pos_integrations"""  # noqa: S608
        for n in range(3)
    ),
)
RECORDS = (
    """INSERT INTO Orders (restaurant_id, reference, order_type, payment_type)
    SELECT id, 'BYHAND000001', 'PICKUP', 'CASH' FROM Restaurants""",
    """INSERT INTO OrderStatusHistory (order_id, old_status, new_status, changed_by, change_reason)
    SELECT id, 'pending', 'confirmed', 'operator', 'by phone' FROM Orders""",
    """INSERT INTO NotificationQueue (user_id, order_id, type, phone_number, email, message)
    SELECT 7, id, 'sms', '9000000000', '', 'Your table is ready' FROM Orders""",
    """INSERT INTO WebhookLogs (pos_provider_id, integration_id, restaurant_id, webhook_type, payload)
    SELECT pos_provider_id, id, restaurant_id, 'order-status', '{"order_id": "BYHAND000001"}'
    FROM restaurant_pos_integrations""",
    """INSERT INTO MenuSyncHistory (restaurant_id, sync_type, status, items_synced, started_at)
    SELECT id, 'full', 'success', 3, CURRENT_TIMESTAMP FROM Restaurants""",
    "INSERT INTO Categories (restaurant_id, external_id, name) SELECT id, 'c1', 'Starters' FROM Restaurants",
    "INSERT INTO Items (restaurant_id, external_id, name, price) SELECT id, 'i1', 'Soup', 10 FROM Restaurants",
    """INSERT INTO Variations (restaurant_id, item_id, external_id, name, price)
    SELECT restaurant_id, id, 'v1', 'Large', 12 FROM Items""",
    "INSERT INTO AddOnGroups (restaurant_id, external_id, name) SELECT id, 'g1', 'Toppings' FROM Restaurants",
    """INSERT INTO AddOnItems (restaurant_id, group_id, external_id, name, price)
    SELECT restaurant_id, id, 'a1', 'Cheese', 2 FROM AddOnGroups""",
)


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.django_db
def test_an_integration_that_was_written_by_sql_works() -> None:
    run(*CONFIGURATION)
    integration = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").get()
    account = account_for(integration)
    assert account.base_url == "https://pos.example.com"
    assert account.config["app_key"] == "key-in-the-clear"
    assert account.config["app_secret"] == "secret-in-the-clear"
    assert account.config["access_token"] == "token-in-the-clear"
    assert [secret for _, secret in valid_secrets(integration)] == ["a-webhook-secret-in-the-clear"]
    assert len(integration.public_id) == 32
    assert integration.menu_sync_due_at is not None
    provider = PosProvider.objects.get()
    assert provider.created_at is not None
    assert provider.updated_at is not None


@pytest.mark.django_db
def test_records_that_were_written_by_sql_are_as_good_as_others() -> None:
    run(*CONFIGURATION, *RECORDS)
    order, change = Order.objects.get(), OrderStatusHistory.objects.get()
    assert (order.status, order.pos_order_id, order.total, order.breakdown) == ("pending", "", 0, {})
    assert (change.source, change.happened_at is None) == ("staff", False)
    message = Notification.objects.get()
    assert (message.status, message.retry_count, message.user_id) == ("pending", 0, 7)
    assert message.next_attempt_at is not None
    assert MenuSyncHistory.objects.get().errors == []
    # A webhook row is work like any other.
    assert inbound.drain().rows == 1
    assert WebhookLog.objects.get().verdict == "malformed"


@pytest.mark.django_db
def test_the_ledger_is_searched_by_what_its_payload_says() -> None:
    run(*CONFIGURATION, *RECORDS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT webhook_type, status FROM WebhookLogs WHERE JSON_EXTRACT(payload, '$.order_id') = %s",
            ["BYHAND000001"],
        )
        assert cursor.fetchall() in ((("order-status", "received"),), [("order-status", "received")])
