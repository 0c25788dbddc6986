from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import pytest

from menus.models import Restaurant
from notifications.models import Notification
from orders.models import ChangeSource, Order, OrderStatusHistory
from orders.services.statuses import change_status
from orders.status import OrderStatus

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)  # 17:30 in Kolkata

_numbers = itertools.count(1)


@pytest.fixture
def restaurant(db):
    return Restaurant.objects.create(name="Spice Garden", phone="+91 22 5555 0100", timezone="Asia/Kolkata")


@pytest.fixture
def make_order(restaurant):
    def make(**fields):
        fields = {
            "restaurant": restaurant,
            "reference": f"D{next(_numbers):07}",
            "order_type": "DELIVERY",
            "payment_type": "COD",
            "customer_phone": "+919876543210",
            "customer_email": "asha@example.com",
            "currency": "INR",
            **{
                name: Decimal("0.00")
                for name in (
                    "items_total",
                    "discount_total",
                    "packing_charge",
                    "delivery_charge",
                    "service_charge",
                    "tax_total",
                    "total",
                )
            },
            **fields,
        }
        return Order.objects.create(**fields)

    return make


@pytest.fixture
def order(make_order):
    return make_order(reference="DABC1234")


@pytest.fixture
def make_row(order):
    """A message owed, due at NOW."""

    def make(**fields):
        fields = {
            "order": order,
            "type": "sms",
            "event": "ready",
            "phone_number": "+919876543210",
            "email": "asha@example.com",
            "subject": "Spice Garden: your order DABC1234 is ready",
            "message": "Spice Garden: your order DABC1234 is ready.",
            "next_attempt_at": NOW,
            **fields,
        }
        return Notification.objects.create(**fields)

    return make


def change(order, status, reason=""):
    """A change that is not saved, as the signal's receivers see it."""
    return OrderStatusHistory(
        order=order,
        old_status="pending",
        new_status=status,
        source=ChangeSource.POS,
        change_reason=reason,
        happened_at=NOW,
    )


def move(order, status, reason=""):
    """Change the status the way the project does it."""
    return change_status(order.pk, OrderStatus(status), source=ChangeSource.STAFF, reason=reason)
