"""Orders as the guest made them: names, prices and taxes copied at that time.

Money columns are in the restaurant's currency, 2 places. Statuses change only through
`orders.services.statuses`.
"""

from __future__ import annotations

from django.db import models

from ding.db import ExactCharField, UtcNow
from menus.models import AddOnItem, Item, Restaurant, Variation
from menus.snapshot import OrderType
from orders.status import OrderStatus


def _money(**kwargs: object) -> models.DecimalField:
    return models.DecimalField(max_digits=12, decimal_places=2, **kwargs)  # type: ignore[arg-type]


class OrderQuerySet(models.QuerySet["Order"]):
    """Named reads."""

    def for_push(self) -> OrderQuerySet:
        """With all that `orders.snapshots.snapshot_of` needs."""
        return self.prefetch_related("items__addons")

    def for_answer(self) -> OrderQuerySet:
        """With all that the API answers; the number of statements does not grow with the orders."""
        orders = self.prefetch_related("items__addons", "history")
        # Whoever pushes orders points at them under this name; orders do not know who that is.
        related = {relation.get_accessor_name() for relation in self.model._meta.related_objects}
        return orders.prefetch_related("pushes") if "pushes" in related else orders


class Order(models.Model):
    """One order. `reference` is our name for it towards guest and POS: random, unique for ever.

    It is random because a POS may swallow a second order with a name that it has seen, and after a restored
    backup a counter would hand out such names.
    """

    restaurant = models.ForeignKey(Restaurant, models.PROTECT, db_index=False)
    reference = ExactCharField(max_length=20, unique=True)
    status = models.CharField(
        max_length=12,
        choices=OrderStatus.choices,
        default=OrderStatus.PENDING,
        db_default=OrderStatus.PENDING.value,
    )
    order_type = models.CharField(max_length=10, choices=[(t.value, t.value) for t in OrderType])
    payment_type = models.CharField(max_length=20)
    client = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Who placed it: an API key's name."
    )

    customer_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    customer_phone = models.CharField(max_length=20, blank=True, default="", db_default="", db_index=True)
    customer_email = models.CharField(max_length=254, blank=True, default="", db_default="")
    customer_address = models.CharField(max_length=500, blank=True, default="", db_default="")
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    table_no = models.CharField(max_length=20, blank=True, default="", db_default="")
    persons = models.PositiveIntegerField(default=0, db_default=0)
    notes = models.CharField(max_length=500, blank=True, default="", db_default="")
    scheduled_for = models.DateTimeField(null=True)
    prep_minutes = models.PositiveIntegerField(null=True)
    coupon = models.CharField(
        max_length=50,
        blank=True,
        default="",
        db_default="",
        help_text="As the guest wrote it. Which discount applied is in the breakdown.",
    )
    pickup_code = models.CharField(max_length=10, blank=True, default="", db_default="")
    urgent = models.BooleanField(default=False, db_default=False)
    urgent_minutes = models.PositiveIntegerField(null=True, help_text="Wanted within so many minutes.")

    currency = models.CharField(max_length=3, db_default="INR")
    items_total = _money(db_default=0, help_text="Lines before discount.")
    discount_total = _money(db_default=0)
    packing_charge = _money(db_default=0)
    delivery_charge = _money(db_default=0)
    service_charge = _money(db_default=0)
    tax_total = _money(db_default=0, help_text="All taxes, those inside prices too.")
    total = _money(db_default=0, help_text="What the guest pays.")
    # {"packing"|"delivery"|"service": [tax lines], "discount": {"id", "name"} or null}
    breakdown = models.JSONField(default=dict, db_default={})

    pos_order_id = ExactCharField(max_length=64, blank=True, default="", db_default="")
    pos_status_updated_at = models.DateTimeField(
        null=True, help_text="When the POS's newest status happened."
    )
    estimated_delivery_time = models.DateTimeField(null=True)
    rider_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    rider_phone = models.CharField(max_length=50, blank=True, default="", db_default="")
    modified_by_restaurant = models.BooleanField(default=False, db_default=False)
    auto_accepted = models.BooleanField(null=True, help_text="Nobody in the kitchen pressed a button.")
    completed_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    cancellation_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    objects = OrderQuerySet.as_manager()

    class Meta:
        db_table = "Orders"
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("restaurant", "status", "id"), name="ix_order_restaurant_status"),
            models.Index(fields=("restaurant", "created_at"), name="ix_order_restaurant_created"),
            models.Index(fields=("created_at",), name="ix_order_created"),
            models.Index(fields=("status",), name="ix_order_status"),
            models.Index(fields=("pos_order_id", "restaurant"), name="ix_order_pos_order_id"),
        ]

    def __str__(self) -> str:
        return self.reference


class OrderItem(models.Model):
    """One line. `unit_price` holds the add-ons; `net_total` is (price - discount) x quantity.

    `taxes`: a list of tax lines, see `orders.snapshot.TaxLine`.
    """

    order = models.ForeignKey(Order, models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveIntegerField()
    item = models.ForeignKey(Item, models.PROTECT)
    variation = models.ForeignKey(Variation, models.PROTECT, null=True)
    external_id = ExactCharField(max_length=64)
    variation_external_id = ExactCharField(max_length=64, blank=True, default="", db_default="")
    variation_master_id = ExactCharField(max_length=64, blank=True, default="", db_default="")
    name = models.CharField(max_length=255)
    variation_name = models.CharField(max_length=255, blank=True, default="", db_default="")
    base_price = _money(help_text="The item's or variation's price, add-ons apart.")
    unit_price = _money()
    unit_discount = _money()
    quantity = models.PositiveIntegerField()
    net_total = _money()
    tax_inclusive = models.BooleanField(default=False, db_default=False)
    liability = models.CharField(max_length=10)
    taxes = models.JSONField(default=list, db_default=[])
    notes = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta:
        db_table = "OrderItems"
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=("order", "position"), name="uq_order_item_position")]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"


class OrderItemAddOn(models.Model):
    """An add-on of a line; `quantity` is per unit of the line."""

    order_item = models.ForeignKey(OrderItem, models.CASCADE, related_name="addons")
    addon_item = models.ForeignKey(AddOnItem, models.PROTECT)
    external_id = ExactCharField(max_length=64)
    group_external_id = ExactCharField(max_length=64)
    name = models.CharField(max_length=255)
    group_name = models.CharField(max_length=255)
    price = _money()
    quantity = models.PositiveIntegerField()

    class Meta:
        db_table = "OrderItemAddOns"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"


class ChangeSource(models.TextChoices):
    """Who changed an order's status."""

    GUEST = "guest", "Ordering channel"
    POS = "pos", "POS"
    STAFF = "staff", "Staff"
    SYSTEM = "system", "ding"


class OrderStatusHistory(models.Model):
    """Each change of an order's status. `happened_at`: in the world; `created_at`: when we learned it."""

    # By whom a change is that came of sending the order.
    BY_PUSH = "push"

    order = models.ForeignKey(Order, models.CASCADE, related_name="history", db_index=False)
    old_status = models.CharField(max_length=12, blank=True, default="", db_default="")
    new_status = models.CharField(max_length=12, choices=OrderStatus.choices)
    source = models.CharField(
        max_length=10, choices=ChangeSource.choices, db_default=ChangeSource.STAFF.value
    )
    changed_by = models.CharField(max_length=100, blank=True, default="", db_default="")
    change_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    happened_at = models.DateTimeField(db_default=UtcNow())
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())

    class Meta:
        db_table = "OrderStatusHistory"
        ordering = ("id",)
        indexes = [models.Index(fields=("order", "id"), name="ix_history_order")]
        verbose_name_plural = "order status history"

    def __str__(self) -> str:
        return f"{self.old_status or '-'} → {self.new_status}"

    @property
    def reason_for_guest(self) -> str:
        """Why, unless a POS's server refused the order: its words are about fields and codes."""
        by_server = self.source == ChangeSource.POS and self.changed_by == self.BY_PUSH
        return "" if by_server else self.change_reason


class StaffAction(models.Model):
    """What a person did about an order that changed no status of it; never edited, never deleted."""

    class Kind(models.TextChoices):
        """What was done."""

        PUSHED_AGAIN = "pushed_again", "Sent to the kitchen again"
        HANDLED = "handled", "Handled by phone"
        TOLD_AGAIN = "told_again", "Message sent again"

    order = models.ForeignKey(Order, models.CASCADE, related_name="staff_actions", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    by = models.CharField(max_length=150, help_text="A user's name, or what asked in one's place.")
    note = models.CharField(max_length=500, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())

    class Meta:
        db_table = "StaffActions"
        ordering = ("id",)
        indexes = [models.Index(fields=("order", "id"), name="ix_staff_action_order")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} by {self.by}"


class IdempotencyKey(models.Model):
    """A client's `Idempotency-Key`, the body it came with, and the answer given: the same again gets it again."""

    client = models.CharField(max_length=64)
    key = ExactCharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow(), db_index=True)

    class Meta:
        db_table = "IdempotencyKeys"
        constraints = [models.UniqueConstraint(fields=("client", "key"), name="uq_idempotency_key")]

    def __str__(self) -> str:
        return f"{self.client}: {self.key}"
