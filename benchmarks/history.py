"""Years of a few restaurants: their past orders, with what was said of each, by INSERT … SELECT.

Rows are as those of `big_database`, but of the restaurants of a run, so that what is measured there meets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.big_database import insert
from benchmarks.world import Place

DAYS = 40
# Changes of status and webhooks of each order.
EACH = 5


def fill(cursor: Any, places: Sequence[Place], provider: int, first: int, last: int, orders: int) -> None:
    """Orders `first` to `last` of so many, evenly over the last days: the last one was placed now.

    Their ids are their numbers: what is older may be filled in later.
    """
    from notifications.models import Notification
    from orders.models import Order, OrderItem, OrderStatusHistory
    from pos_integrations.models import OrderPush, OrderPushAttempt, WebhookLog

    def of_place(values: Sequence[int], order: str) -> str:
        return f"ELT({order} % {len(places)} + 1, {', '.join(map(str, values))})"

    def spread(order: str) -> str:
        return f"(@now - INTERVAL FLOOR(({orders} - ({order})) * {DAYS * 86_400} / {orders}) SECOND)"

    cursor.execute("SELECT id, external_id FROM Items ORDER BY id LIMIT 1")
    item, external_id = cursor.fetchone()
    each = f"((seq - 1) DIV {EACH} + 1)"
    step = f"((seq - 1) % {EACH} + 1)"
    words = "'pending', 'confirmed', 'preparing', 'dispatched', 'delivered'"
    placed, later = spread("seq"), spread(each)
    restaurant = of_place([place.id for place in places], "seq")
    integration = of_place([place.integration_id for place in places], "seq")
    final = "IF(seq % 33 = 0, 'rejected', IF(seq % 20 = 0, 'cancelled', 'delivered'))"
    money = dict.fromkeys(("items_total", "total"), "100")
    money |= {f"{name}_charge": "0" for name in ("packing", "delivery", "service")}
    reference = "CONCAT('G', UPPER(LEFT(MD5({}), 15)))"
    times = {"created_at": placed, "updated_at": placed}

    def rows(model: Any, count_each: int, **values: str) -> None:
        values["id"] = "seq"
        insert(model, (first - 1) * count_each + 1, last * count_each, values, cursor)

    rows(
        Order,
        1,
        restaurant_id=restaurant,
        reference=reference.format("seq"),
        status=final,
        order_type="ELT(seq % 3 + 1, 'DELIVERY', 'PICKUP', 'DINE_IN')",
        payment_type="'ONLINE'",
        client="'bench'",
        customer_name="CONCAT('Guest ', seq)",
        customer_phone="CONCAT('+9198', LPAD(seq, 8, '0'))",
        currency="'INR'",
        discount_total="0",
        tax_total="0",
        completed_at=placed,
        **money,
        **times,
    )
    rows(
        OrderItem,
        1,
        order_id="seq",
        position="1",
        item_id=str(item),
        external_id=f"'{external_id}'",
        name="'Dish'",
        base_price="100",
        unit_price="100",
        unit_discount="0",
        quantity="1",
        net_total="100",
        liability="'restaurant'",
    )
    rows(
        OrderPush,
        1,
        order_id="seq",
        kind="'order'",
        integration_id=integration,
        state="IF(seq % 33 = 0, 'rejected', 'acknowledged')",
        attempts="1",
        expires_at=f"{placed} + INTERVAL 15 MINUTE",
        sent_at=placed,
        acknowledged_at=f"{placed} + INTERVAL seq % 300 SECOND",
        **times,
    )
    rows(
        OrderPushAttempt,
        1,
        push_id="seq",
        number="1",
        outcome="'sent'",
        request_body="REPEAT('x', 1500)",
        response_status="200",
        started_at=placed,
    )
    rows(
        Notification,
        1,
        order_id="seq",
        type="'sms'",
        event="'confirmed'",
        phone_number="CONCAT('+9198', LPAD(seq, 8, '0'))",
        message="CONCAT('Your order ', seq, ' is confirmed.')",
        status="'sent'",
        next_attempt_at=placed,
        sent_at=placed,
        **times,
    )
    rows(
        OrderStatusHistory,
        EACH,
        order_id=each,
        old_status=f"ELT({step}, '', {words})",
        new_status=f"ELT({step}, {words})",
        source="'pos'",
        happened_at=later,
        created_at=later,
    )
    rows(
        WebhookLog,
        EACH,
        pos_provider_id=str(provider),
        integration_id=of_place([place.integration_id for place in places], each),
        restaurant_id=of_place([place.id for place in places], each),
        webhook_type="'order-status'",
        payload=f'CONCAT(\'{{"order_id": "\', {reference.format(each)}, \'", "status": "CONFIRMED", '
        '"timestamp": "2026-11-01T12:00:00+00:00", "restaurant_id": "bench0001"}\')',
        status="IF(seq % 997 = 0, 'parked', 'processed')",
        verdict=f"ELT({step}, 'applied', 'applied', 'applied', 'duplicate', 'late')",
        order_id=each,
        order_ref=reference.format(each),
        attempts="1",
        created_at=later,
        processed_at=later,
    )
