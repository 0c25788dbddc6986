"""The straightforward service that ding is compared with: all work inside the request, row at a time.

Bare WSGI and bare mysqlclient on ding's own tables, on the same server: no framework, no ORM, so that what is
compared is the design. It does what ding does for a plain webhook or order, without ding's promises.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import MySQLdb

_local = threading.local()
_SECRET = os.environ.get("SIMPLE_SECRET", "").encode()
_POS = urlsplit(os.environ.get("SIMPLE_POS", ""))
_url = urlsplit(os.environ["DATABASE_URL"])


def _connection() -> Any:
    if not hasattr(_local, "db"):
        _local.db = MySQLdb.connect(
            host=_url.hostname, port=_url.port, user="root", db=_url.path[1:], charset="utf8mb4"
        )
        _local.db.cursor().execute("SET time_zone = '+00:00', tx_isolation = 'READ-COMMITTED'")
        _local.db.commit()
    return _local.db


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Two addresses: a webhook, an order."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    work = {"/webhook": _webhook, "/order": _order}.get(environ["PATH_INFO"])
    status = work(environ, body) if work else "200 OK"
    start_response(status, [("Content-Type", "application/json")])
    return [b"{}"]


def _webhook(environ: dict[str, Any], body: bytes) -> str:
    given = environ.get("HTTP_X_PETPOOJA_SIGNATURE", "").removeprefix("sha256=")
    if not hmac.compare_digest(hmac.new(_SECRET, body, hashlib.sha256).hexdigest(), given):
        return "401 Unauthorized"
    sent = json.loads(body)
    db = _connection()
    cursor = db.cursor()
    cursor.execute(
        "SELECT id, restaurant_id, pos_provider_id FROM restaurant_pos_integrations WHERE pos_restaurant_id = %s",
        (sent["restaurant_id"],),
    )
    integration, restaurant, provider = cursor.fetchone()
    cursor.execute(
        "INSERT INTO WebhookLogs (pos_provider_id, integration_id, restaurant_id, webhook_type, payload, status,"
        " verdict, error_message, attempts, remote_address, created_at) VALUES (%s, %s, %s, 'order-status', %s,"
        " 'processed', 'applied', '', 1, '', UTC_TIMESTAMP(6))",
        (provider, integration, restaurant, body.decode()),
    )
    cursor.execute(
        "SELECT id, status, customer_phone, reference FROM Orders WHERE reference = %s AND restaurant_id = %s",
        (sent["order_id"], restaurant),
    )
    order, old, phone, reference = cursor.fetchone()
    status = sent["status"].lower()
    cursor.execute(
        "UPDATE Orders SET status = %s, updated_at = UTC_TIMESTAMP(6) WHERE id = %s", (status, order)
    )
    cursor.execute(
        "INSERT INTO OrderStatusHistory (order_id, old_status, new_status, source, changed_by, change_reason,"
        " happened_at) VALUES (%s, %s, %s, 'pos', 'webhook', '', %s)",
        (order, old, status, sent["timestamp"][:19].replace("T", " ")),
    )
    cursor.execute(
        "INSERT INTO NotificationQueue (order_id, type, event, phone_number, message) VALUES (%s, 'sms', %s, %s, %s)",
        (order, status, phone, f"Your order {reference} is {status}."),
    )
    db.commit()
    return "200 OK"


def _order(environ: dict[str, Any], body: bytes) -> str:
    sent = json.loads(body)
    db = _connection()
    cursor = db.cursor()
    cursor.execute(
        f"SELECT id, external_id, name, price FROM Items WHERE id IN ({','.join(['%s'] * len(sent['items']))})",
        [line["item_id"] for line in sent["items"]],
    )
    items = {row[0]: row for row in cursor.fetchall()}
    total = sum(items[line["item_id"]][3] * line["quantity"] for line in sent["items"])
    reference = "S" + secrets.token_hex(5).upper()
    cursor.execute(
        "INSERT INTO Orders (restaurant_id, reference, status, order_type, payment_type, client, customer_name,"
        " customer_phone, customer_email, customer_address, table_no, persons, notes, currency, items_total,"
        " discount_total, packing_charge, delivery_charge, service_charge, tax_total, total, breakdown, pos_order_id,"
        " cancellation_reason) VALUES (%s, %s, 'pending', %s, %s, 'simple', %s, %s, '', '', '', 0, '', 'INR', %s,"
        " 0, 0, 0, 0, 0, %s, '{}', '', '')",
        (
            sent["restaurant_id"],
            reference,
            sent["order_type"],
            sent["payment_type"],
            sent["customer"]["name"],
            sent["customer"]["phone"],
            total,
            total,
        ),
    )
    order = cursor.lastrowid
    for position, line in enumerate(sent["items"], start=1):
        id_, external_id, name, price = items[line["item_id"]]
        cursor.execute(
            "INSERT INTO OrderItems (order_id, position, item_id, external_id, variation_external_id,"
            " variation_master_id, name, variation_name, base_price, unit_price, unit_discount, quantity, net_total,"
            " tax_inclusive, liability, taxes, notes) VALUES (%s, %s, %s, %s, '', '', %s, '', %s, %s, 0, %s, %s, 0,"
            " 'restaurant', '[]', '')",
            (
                order,
                position,
                id_,
                external_id,
                name,
                price,
                price,
                line["quantity"],
                price * line["quantity"],
            ),
        )
    db.commit()
    pos = http.client.HTTPConnection(_POS.hostname or "", _POS.port, timeout=30)
    details = {"details": {"orderID": reference}}
    info = {"Restaurant": {"details": {"restID": "simple"}}, "Order": details, "OrderItem": sent["items"]}
    pos.request("POST", "/save_order", json.dumps({"orderinfo": {"OrderInfo": info}}))
    answer = json.loads(pos.getresponse().read())
    pos.close()
    cursor.execute(
        "UPDATE Orders SET pos_order_id = %s WHERE id = %s", (answer["orderID"] or reference, order)
    )
    db.commit()
    return "201 Created"
