"""A database as a large installation has it after a month, filled by INSERT … SELECT within minutes.

200 restaurants, 20,000 items, 300,000 orders with their lines, histories, pushes, calls and messages, and
1,000,000 webhooks. MariaDB only: its SEQUENCE engine gives the rows.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import connection, models

RESTAURANTS, ITEMS_EACH, ORDERS, WEBHOOKS, SYNCS = 200, 100, 300_000, 1_000_000, 20_000
DAYS = 30
STEP = 50_000

_WEBHOOK_ORDER = f"CEIL(seq * {ORDERS} / {WEBHOOKS})"
_SECONDS = DAYS * 86_400


def fill(scale: float = 1.0) -> dict[str, int]:
    """Fill an empty, migrated database; table → rows. `scale` below 1 makes a smaller one, for trying out."""
    from ding.audit import AuditEvent
    from menus import models as menus
    from notifications.models import Notification
    from orders import models as orders
    from pos_integrations import models as pos
    from pos_integrations.configuration import save_integration

    count_orders, webhooks = int(ORDERS * scale), int(WEBHOOKS * scale)
    items = RESTAURANTS * ITEMS_EACH
    made: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
        # As a production server has it; the default is for a server that shares its machine with many.
        cursor.execute(
            "SET GLOBAL innodb_buffer_pool_size = 2147483648, GLOBAL innodb_flush_log_at_trx_commit = 2"
        )

    def rows(model: type[models.Model], count: int, **values: str) -> None:
        made[model._meta.db_table] = _insert(model, count, values)

    restaurant_of_item = f"((seq - 1) DIV {ITEMS_EACH}) + 1"
    restaurant_of_order = f"((seq - 1) % {RESTAURANTS}) + 1"
    placed = _spread(count_orders)
    rows(
        menus.Restaurant,
        RESTAURANTS,
        name="CONCAT('Restaurant ', LPAD(seq, 3, '0'))",
        phone="CONCAT('+91 22 5550 ', LPAD(seq, 4, '0'))",
        email="CONCAT('r', seq, '@example.com')",
        timezone="'Asia/Kolkata'",
        currency="'INR'",
        accepting_orders="1",
    )
    rows(
        menus.Menu,
        RESTAURANTS,
        restaurant_id="seq",
        version="1",
        charges="'{}'",
        details="'{}'",
        synced_at="NOW(6)",
    )
    own = {"external_id": "CONCAT('x', seq)", "active": "1"}
    rows(
        menus.Category,
        RESTAURANTS * 10,
        **own,
        restaurant_id="((seq - 1) DIV 10) + 1",
        name="CONCAT('Category ', seq)",
        rank="seq % 10",
    )
    rows(
        menus.Item,
        items,
        **own,
        restaurant_id=restaurant_of_item,
        category_id="((seq - 1) DIV 10) + 1",
        name="CONCAT(ELT(seq % 5 + 1, 'Paneer', 'Veg', 'Masala', 'Garlic', 'Mango'), ' dish ', seq)",
        price="100 + seq % 300",
        in_stock="seq % 20 > 0",
        rank="seq % 100",
        liability="'restaurant'",
    )
    rows(
        menus.Variation,
        items,
        **own,
        restaurant_id=restaurant_of_item,
        item_id="seq",
        name="CONCAT('Size ', seq)",
        price="120 + seq % 300",
        in_stock="1",
    )
    rows(
        menus.AddOnGroup,
        RESTAURANTS * 5,
        **own,
        restaurant_id="((seq - 1) DIV 5) + 1",
        name="CONCAT('Group ', seq)",
    )
    rows(
        menus.AddOnItem,
        RESTAURANTS * 25,
        **own,
        restaurant_id="((seq - 1) DIV 25) + 1",
        group_id="((seq - 1) DIV 5) + 1",
        name="CONCAT('Add-on ', seq)",
        price="20",
        in_stock="1",
    )
    rows(
        menus.Tax,
        RESTAURANTS * 2,
        **own,
        restaurant_id="((seq - 1) DIV 2) + 1",
        name="'GST'",
        rate="2.5",
        kind="'percent'",
        base="'core'",
    )
    provider = pos.PosProvider.objects.create(
        provider_name="petpooja", display_name="PetPooja", is_active=True
    )
    for restaurant in menus.Restaurant.objects.order_by("pk"):
        save_integration(
            restaurant=restaurant,
            provider_name=provider.provider_name,
            pos_restaurant_id=f"code{restaurant.pk:04}",
            endpoint="http://127.0.0.1:9",
            api_key=f"app-key-of-restaurant-{restaurant.pk:04}",
            restaurant_config={
                "app_secret": f"app-secret-of-{restaurant.pk:04}-00000000",
                "access_token": f"access-token-of-{restaurant.pk:04}-000000",
            },
            webhook_secret=f"webhook-secret-of-{restaurant.pk:04}".ljust(32, "0"),
        )
    pos.RestaurantPosIntegration.objects.filter(pk__lte=3).update(problem="PetPooja refuses the app key.")

    newest = f"seq > {count_orders - 400}"
    status = (
        f"IF({newest}, ELT(seq % 5 + 1, 'pending', 'confirmed', 'preparing', 'ready', 'dispatched'), "
        "IF(seq % 33 = 0, 'rejected', IF(seq % 20 = 0, 'cancelled', 'delivered')))"
    )
    rows(
        orders.Order,
        count_orders,
        restaurant_id=restaurant_of_order,
        reference="UPPER(LEFT(MD5(seq), 12))",
        status=status,
        order_type="ELT(seq % 3 + 1, 'DELIVERY', 'PICKUP', 'DINE_IN')",
        payment_type="ELT(seq % 2 + 1, 'ONLINE', 'COD')",
        client="'web-shop'",
        customer_name="CONCAT('Guest ', seq)",
        customer_phone="CONCAT('+9198', LPAD(seq, 8, '0'))",
        customer_email="CONCAT('guest', seq, '@example.com')",
        customer_address="CONCAT(seq, ' Example Street, Testpur')",
        currency="'INR'",
        items_total="400",
        discount_total="20",
        packing_charge="10",
        delivery_charge="50",
        service_charge="0",
        tax_total="20",
        total="460",
        pos_order_id="CONCAT('pp', seq)",
        created_at=placed,
        updated_at=placed,
    )
    for position in (1, 2):
        made[f"OrderItems {position}"] = _insert(
            orders.OrderItem,
            count_orders,
            {
                "order_id": "seq",
                "position": str(position),
                "item_id": f"((seq - 1) % {RESTAURANTS}) * {ITEMS_EACH} + {position}",
                "variation_id": "NULL",
                "external_id": "CONCAT('x', seq)",
                "name": "CONCAT('Dish ', seq % 50)",
                "base_price": "200",
                "unit_price": "200",
                "unit_discount": "10",
                "quantity": "1",
                "net_total": "190",
                "liability": "'restaurant'",
            },
        )
    for number, (old, new) in enumerate(
        (("", "pending"), ("pending", "confirmed"), ("confirmed", "delivered"))
    ):
        made[f"OrderStatusHistory {number}"] = _insert(
            orders.OrderStatusHistory,
            count_orders,
            {
                "order_id": "seq",
                "old_status": f"'{old}'",
                "new_status": f"'{new}'",
                "source": "'pos'" if old else "'guest'",
                "happened_at": placed,
                "created_at": placed,
            },
        )
    state = (
        f"IF({newest}, ELT(seq % 5 + 1, 'due', 'acknowledged', 'sent', 'unknown', 'acknowledged'), "
        "IF(seq % 33 = 0, ELT(seq % 2 + 1, 'rejected', 'expired'), 'acknowledged'))"
    )
    rows(
        pos.OrderPush,
        count_orders,
        order_id="seq",
        kind="'order'",
        integration_id=restaurant_of_order,
        state=state,
        attempts="1",
        maybe_taken="0",
        next_attempt_at=f"IF({newest}, UTC_TIMESTAMP(6) + INTERVAL 5 MINUTE, NULL)",
        expires_at=f"{placed} + INTERVAL 15 MINUTE",
        last_error=f"IF({newest} AND seq % 5 = 3, 'No answer in time.', '')",
        silent_since=f"IF({newest} AND seq % 10 = 2, {placed}, NULL)",
        sent_at=placed,
        acknowledged_at=f"{placed} + INTERVAL seq % 300 SECOND",
        created_at=placed,
        updated_at=placed,
    )
    rows(
        pos.OrderPushAttempt,
        count_orders,
        push_id="seq",
        number="1",
        outcome="'sent'",
        url="'https://pos.example.com/save_order'",
        request_body='CONCAT(\'{"orderinfo": {"OrderInfo": {"Order": {"details": {"orderID": "\', seq, \'"}}}}}\')',
        response_status="200",
        response_body='\'{"success": "1", "message": "Your order is saved."}\'',
        duration_ms="250",
        started_at=placed,
    )
    for channel in ("sms", "email"):
        made[f"NotificationQueue {channel}"] = _insert(
            Notification,
            count_orders,
            {
                "order_id": "seq",
                "type": f"'{channel}'",
                "event": "'confirmed'",
                "phone_number": "CONCAT('+9198', LPAD(seq, 8, '0'))",
                "message": "CONCAT('Your order ', seq, ' is confirmed.')",
                "status": f"IF({newest}, 'pending', IF(seq % 500 = 0, 'failed', 'sent'))",
                "next_attempt_at": placed,
                "sent_at": placed,
                "created_at": placed,
                "updated_at": placed,
            },
        )
    received = _spread(webhooks)
    order = f"CEIL(seq * {count_orders} / {webhooks})"
    fate = "IF(seq % 997 = 0, 'parked', IF(seq % 7 = 0, 'ignored', 'processed'))"
    rows(
        pos.WebhookLog,
        webhooks,
        pos_provider_id=str(provider.pk),
        integration_id=f"(({order} - 1) % {RESTAURANTS}) + 1",
        restaurant_id=f"(({order} - 1) % {RESTAURANTS}) + 1",
        webhook_type="ELT(seq % 10 + 1, 'inventory-update', 'menu-update', 'order-callback', 'order-status', "
        "'order-status', 'order-status', 'order-status', 'order-status', 'order-status', 'stock')",
        payload=f'CONCAT(\'{{"order_id": "\', UPPER(LEFT(MD5({order}), 12)), '
        '\'", "pos_order_id": "", "status": "CONFIRMED", "timestamp": "2026-11-01T12:00:00+00:00", '
        '"restaurant_id": "code0001"}\')',
        status=fate,
        verdict=f"ELT(FIELD({fate}, 'parked', 'ignored', 'processed'), 'unknown_order', "
        "ELT(seq % 3 + 1, 'duplicate', 'late', 'stale'), 'applied')",
        order_id=f"IF(seq % 997 = 0, NULL, {order})",
        order_ref=f"UPPER(LEFT(MD5({order}), 12))",
        attempts="1",
        created_at=received,
        processed_at=received,
    )
    rows(
        pos.MenuSyncHistory,
        int(SYNCS * scale),
        restaurant_id=restaurant_of_order,
        sync_type="'full'",
        trigger="'schedule'",
        status="ELT(seq % 20 + 1, 'failed', 'partial', 'success', 'success', 'success', 'success', 'success', "
        "'success', 'success', 'success', 'success', 'success', 'success', 'success', 'success', 'success', "
        "'success', 'success', 'success', 'success')",
        items_synced="100",
        changes="'{}'",
        errors="'[]'",
        started_at=_spread(int(SYNCS * scale)),
        completed_at=_spread(int(SYNCS * scale)),
    )
    rows(
        AuditEvent,
        int(50_000 * scale),
        actor="ELT(seq % 3 + 1, 'staff:anna', 'staff:ravi', 'ding')",
        user_id="NULL",
        action="'changed'",
        object_type="'menus.restaurant'",
        object_id=f"seq % {RESTAURANTS} + 1",
        object_label=f"CONCAT('Restaurant ', seq % {RESTAURANTS} + 1)",
        restaurant_id=f"seq % {RESTAURANTS} + 1",
        created_at=_spread(int(50_000 * scale)),
    )
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION foreign_key_checks = 1, unique_checks = 1")
        for model in (
            orders.Order,
            orders.OrderItem,
            pos.OrderPush,
            pos.OrderPushAttempt,
            pos.WebhookLog,
            Notification,
            menus.Item,
        ):
            cursor.execute(f"ANALYZE TABLE `{model._meta.db_table}`")
            cursor.fetchall()
    return made


def _spread(count: int) -> str:
    """Row `seq` of `count`, evenly over the last days: ids and times grow together."""
    return f"(@now - INTERVAL FLOOR(({count} - seq) * {_SECONDS} / {count}) SECOND)"


def _insert(model: type[models.Model], count: int, values: dict[str, str]) -> int:
    started = time.monotonic()
    with connection.cursor() as cursor:
        insert(model, 1, count, values, cursor)
    print(f"  {model._meta.db_table:22} {count:>9,} rows in {time.monotonic() - started:5.1f} s", flush=True)
    return count


def insert(model: type[models.Model], first: int, last: int, values: dict[str, str], cursor: Any) -> None:
    """A row for each `seq` from `first` to `last`; columns without an expression get the field's default."""
    columns, expressions = [], []
    for field in model._meta.concrete_fields:
        column = field.column
        if field.primary_key and column not in values:
            continue
        columns.append(f"`{column}`")
        expressions.append(values.get(column) or _default(field))
    cursor.execute("SET @now = UTC_TIMESTAMP(6)")
    for begin in range(first, last + 1, STEP):
        end = min(begin + STEP - 1, last)
        cursor.execute(
            f"INSERT INTO `{model._meta.db_table}` ({', '.join(columns)}) "
            f"SELECT {', '.join(expressions)} FROM seq_{begin}_to_{end} ORDER BY seq"
        )
        cursor.execute("COMMIT")


def _default(field: Any) -> str:
    if field.null:
        return "NULL"
    if isinstance(field, models.DateTimeField):
        return "@now"
    if isinstance(field, models.JSONField):
        return "'[]'" if field.default is list else "'{}'"
    if isinstance(field, models.BooleanField):
        return "1" if field.default is True else "0"
    if isinstance(field, models.IntegerField | models.DecimalField):
        return str(field.default) if field.has_default() and not callable(field.default) else "0"
    return f"'{field.default}'" if field.has_default() and not callable(field.default) else "''"
