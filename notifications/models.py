"""Messages owed to guests: one row per order, event and channel, at once the queue and the record."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.utils import timezone

from ding.db import UtcNow
from menus.models import Restaurant
from orders.models import Order
from orders.status import OrderStatus


class Channel(models.TextChoices):
    """The way a message takes; each has its own row and its own tries."""

    SMS = "sms", "SMS"
    EMAIL = "email", "E-mail"


class Status(models.TextChoices):
    """`failed` is final until a person sends it again."""

    PENDING = "pending", "Pending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class Event(models.TextChoices):
    """What a guest is told about; other statuses are told to nobody."""

    UNCONFIRMED = "unconfirmed", "Not confirmed yet"
    CONFIRMED = OrderStatus.CONFIRMED.value, "Confirmed"
    READY = OrderStatus.READY.value, "Ready"
    DISPATCHED = OrderStatus.DISPATCHED.value, "Dispatched"
    DELIVERED = OrderStatus.DELIVERED.value, "Delivered"
    CANCELLED = OrderStatus.CANCELLED.value, "Cancelled"
    REJECTED = OrderStatus.REJECTED.value, "Rejected"


class NotificationQuerySet(models.QuerySet["Notification"]):
    """The named questions to the queue."""

    def due(self, now: dt.datetime) -> NotificationQuerySet:
        """To be sent now, and in no worker's hands."""
        return self.filter(status=Status.PENDING, next_attempt_at__lte=now, leased_until=None)

    def abandoned(self, now: dt.datetime) -> NotificationQuerySet:
        """Taken by a worker that never told the result: nobody knows whether it was sent."""
        return self.filter(status=Status.PENDING, leased_until__lte=now)


class Notification(models.Model):
    """One message owed to one guest.

    Worded when it is owed: it tells what was true then. `leased_until`: a worker is sending it. `type` is
    the channel. `user_id` belongs to whoever reads and writes this table by SQL; ding leaves it alone.
    """

    user_id = models.BigIntegerField(null=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="notifications", db_index=False)
    type = models.CharField(max_length=10, choices=Channel.choices)
    event = models.CharField(max_length=20, choices=Event.choices, db_default="")
    phone_number = models.CharField(max_length=32, blank=True, default="", db_default="")
    email = models.CharField(max_length=254, blank=True, default="", db_default="")
    subject = models.CharField(max_length=255, blank=True, default="", db_default="")
    message = models.TextField()
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.PENDING, db_default=Status.PENDING.value
    )
    retry_count = models.PositiveIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now, db_default=UtcNow())
    leased_until = models.DateTimeField(null=True)
    provider_message_id = models.CharField(max_length=255, blank=True, default="", db_default="")
    last_error = models.CharField(max_length=500, blank=True, default="", db_default="")
    sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    objects = NotificationQuerySet.as_manager()

    class Meta:
        db_table = "NotificationQueue"
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=("order", "event", "type"), name="uq_notification_order_event_type"
            )
        ]
        indexes = [
            models.Index(fields=("status", "next_attempt_at"), name="ix_notification_due"),
            models.Index(fields=("order", "created_at"), name="ix_notification_order"),
            models.Index(fields=("event",), name="ix_notification_event"),
            models.Index(fields=("created_at",), name="ix_notification_created"),
        ]

    def __str__(self) -> str:
        return f"{self.event} by {self.type}, {self.status}"


class MessageQuota(models.Model):
    """How many messages a restaurant sent on its last day with any (UTC); see `notifications.quota`."""

    restaurant = models.OneToOneField(Restaurant, models.CASCADE, primary_key=True, related_name="+")
    day = models.DateField()
    sent = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "MessageQuotas"

    def __str__(self) -> str:
        return f"{self.sent} messages of restaurant {self.restaurant_id} on {self.day}"
