"""Restaurants and their menus as ding keeps them.

Rows of a menu are never deleted, only deactivated: past orders point at them. `external_id` is the POS's
id, unique per restaurant and kind. `content_hash` tells a sync whether a row differs without comparing it.
"""

from __future__ import annotations

import zoneinfo

from django.conf import settings
from django.db import models

from ding.db import ExactCharField, UtcNow


def zone_named(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of that name, UTC when there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")


class Restaurant(models.Model):
    """One physical outlet."""

    name = models.CharField(max_length=200)
    address = models.CharField(max_length=500, blank=True, default="", db_default="")
    phone = models.CharField(max_length=50, blank=True, default="", db_default="")
    email = models.EmailField(blank=True, default="", db_default="")
    timezone = models.CharField(max_length=64, default="Asia/Kolkata", db_default="Asia/Kolkata")
    currency = models.CharField(max_length=3, default="INR", db_default="INR")
    accepting_orders = models.BooleanField(default=True, db_default=True)
    # When to take orders again by ourselves; and when the newest word about it is from, older ones are replays.
    reopens_at = models.DateTimeField(null=True, blank=True, db_index=True)
    store_changed_at = models.DateTimeField(null=True, editable=False)
    # Staff who are bound to restaurants see and touch only these.
    staff = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="restaurants")
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    class Meta:
        db_table = "Restaurants"
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """Its clock; UTC when somebody's SQL wrote a zone that does not exist."""
        return zone_named(self.timezone)


class Menu(models.Model):
    """What is true of a restaurant's menu as a whole; its row is also the lock of all changes to it.

    `version` grows with every change of any row, in the same transaction: whoever reads the menu in
    several statements and finds the same version before and after has read one menu.
    `charges` is `menus.snapshot.Charges` as JSON; `details` what else the POS tells of the whole.
    """

    restaurant = models.OneToOneField(Restaurant, models.PROTECT, primary_key=True, related_name="menu")
    version = models.PositiveBigIntegerField(default=0)
    charges = models.JSONField(default=dict)
    details = models.JSONField(default=dict)
    synced_at = models.DateTimeField(null=True)
    # The time stamp of the newest "menu changed" that the POS sent; older ones are replays.
    announced_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "Menus"

    def __str__(self) -> str:
        return f"menu of {self.restaurant_id}, version {self.version}"


class RenderedMenu(models.Model):
    """A menu as guests get it, made once for all processes: `body` is the document, compressed.

    Only a cache: `etag` says which version of which facts it shows, and a row may be deleted at any time.
    """

    restaurant = models.OneToOneField(Restaurant, models.CASCADE, primary_key=True, related_name="+")
    etag = models.CharField(max_length=80, default="")
    body = models.BinaryField(default=bytes)

    class Meta:
        db_table = "RenderedMenus"

    def __str__(self) -> str:
        return self.etag


class MenuRow(models.Model):
    """What every row of a menu has.

    `active`: on the POS's current menu and switched on there.
    """

    id = models.BigAutoField(primary_key=True)
    restaurant = models.ForeignKey(Restaurant, models.PROTECT, db_index=False)
    external_id = ExactCharField(max_length=64)
    name = models.CharField(max_length=255)
    active = models.BooleanField(default=True, db_default=True)
    rank = models.IntegerField(default=0, db_default=0)
    content_hash = models.CharField(max_length=32, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Stocked(models.Model):
    """What can be sold out: by the menu itself, or by the POS's stock reports, which are newer.

    `menu_in_stock` is what the menu said last; a menu moves `in_stock` only when it changes its own mind,
    so that a routine menu push does not put back what the kitchen has just run out of.

    Staff may overrule both: while their switch holds, `in_stock` is their word and `pos_in_stock` what the
    POS says meanwhile. Without a switch `pos_in_stock` is None.
    """

    menu_in_stock = models.BooleanField(default=True, db_default=True)
    in_stock = models.BooleanField(default=True, db_default=True)
    # When the newest stock report says it happened; older ones are replays.
    stock_changed_at = models.DateTimeField(null=True)
    # When a sold-out thing comes back by itself.
    back_at = models.DateTimeField(null=True, db_index=True)
    pos_in_stock = models.BooleanField(null=True, editable=False)
    # When staff's switch ends by itself; None while it holds: when somebody ends it.
    switched_until = models.DateTimeField(null=True, editable=False, db_index=True)

    class Meta:
        abstract = True


class Category(MenuRow):
    """A heading of the menu. `opening`: a list of `menus.snapshot.OpeningWindow`; empty: always sold."""

    parent_external_id = ExactCharField(max_length=64, blank=True, default="", db_default="")
    image_url = models.TextField(blank=True, default="", db_default="")
    opening = models.JSONField(default=list, db_default=[])
    details = models.JSONField(default=dict, db_default={})

    class Meta:
        db_table = "Categories"
        constraints = [
            models.UniqueConstraint(fields=("restaurant", "external_id"), name="uq_category_external")
        ]
        verbose_name_plural = "categories"


class Tax(MenuRow):
    """One tax; `rate` is a percentage or, with `kind` fixed, an amount. Empty `order_types`: all."""

    rate = models.DecimalField(max_digits=9, decimal_places=4)
    kind = models.CharField(max_length=10)
    base = models.CharField(max_length=10)
    inclusive = models.BooleanField(default=False, db_default=False)
    order_types = models.JSONField(default=list, db_default=[])

    class Meta:
        db_table = "Taxes"
        constraints = [models.UniqueConstraint(fields=("restaurant", "external_id"), name="uq_tax_external")]
        verbose_name_plural = "taxes"


class Discount(MenuRow):
    """A discount of the menu; `rule` is `menus.snapshot.DiscountSnapshot` as JSON."""

    rule = models.JSONField(default=dict)

    class Meta:
        db_table = "Discounts"
        constraints = [
            models.UniqueConstraint(fields=("restaurant", "external_id"), name="uq_discount_external")
        ]


class AddOnGroup(MenuRow):
    """Add-ons offered together."""

    class Meta:
        db_table = "AddOnGroups"
        constraints = [
            models.UniqueConstraint(fields=("restaurant", "external_id"), name="uq_addon_group_external")
        ]
        verbose_name = "add-on group"


class AddOnItem(Stocked, MenuRow):
    """One thing that can be added to an item."""

    group = models.ForeignKey(AddOnGroup, models.PROTECT, related_name="items")
    price = models.DecimalField(max_digits=12, decimal_places=2)
    diet = models.CharField(max_length=20, blank=True, default="", db_default="")

    class Meta:
        db_table = "AddOnItems"
        constraints = [
            models.UniqueConstraint(fields=("restaurant", "external_id"), name="uq_addon_item_external")
        ]
        verbose_name = "add-on item"


class Item(Stocked, MenuRow):
    """One dish.

    `addon_groups` is a list of `{"group_id": external id, "minimum", "maximum" or null}`; `tax_ids` a list
    of external ids: both belong to the item's own content, so a sync compares and writes them with it.
    """

    category = models.ForeignKey(Category, models.PROTECT, null=True, related_name="items")
    description = models.TextField(blank=True, default="", db_default="")
    price = models.DecimalField(max_digits=12, decimal_places=2)
    packing_charge = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    tax_ids = models.JSONField(default=list, db_default=[])
    tax_inclusive = models.BooleanField(default=False, db_default=False)
    tax_exempt = models.BooleanField(default=False, db_default=False)
    discount_exempt = models.BooleanField(default=False, db_default=False)
    liability = models.CharField(max_length=10, default="restaurant", db_default="restaurant")
    order_types = models.JSONField(default=list, db_default=[])
    addon_groups = models.JSONField(default=list, db_default=[])
    diet = models.CharField(max_length=20, blank=True, default="", db_default="")
    image_url = models.TextField(blank=True, default="", db_default="")
    prep_minutes = models.PositiveIntegerField(null=True)
    details = models.JSONField(default=dict, db_default={})

    class Meta:
        db_table = "Items"
        # The seam looks rows up by the POS's id within a restaurant; the order suits both.
        constraints = [models.UniqueConstraint(fields=("restaurant", "external_id"), name="uq_item_external")]
        indexes = [models.Index(fields=("external_id", "restaurant"), name="ix_item_external")]


class Variation(Stocked, MenuRow):
    """One size or kind of an item; its price replaces the item's. `master_id`: the POS's shared notion."""

    item = models.ForeignKey(Item, models.PROTECT, related_name="variations")
    master_id = ExactCharField(max_length=64, blank=True, default="", db_default="")
    group_name = models.CharField(max_length=255, blank=True, default="", db_default="")
    price = models.DecimalField(max_digits=12, decimal_places=2)
    packing_charge = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    addon_groups = models.JSONField(default=list, db_default=[])

    class Meta:
        db_table = "Variations"
        constraints = [
            models.UniqueConstraint(fields=("restaurant", "external_id"), name="uq_variation_external")
        ]


class LeftChange(models.Model):
    """A change of the POS's menu that a person chose to leave: that row stays as it is until somebody takes it.

    `kind` is a key of `menus.services.leaving.UNITS`; a dish is left with its sizes, a group with its add-ons.
    `seen`: the digest of the change that was looked at. When the POS goes back to what we have, the row goes.
    """

    id = models.BigAutoField(primary_key=True)
    restaurant = models.ForeignKey(Restaurant, models.PROTECT, db_index=False)
    kind = models.CharField(max_length=20)
    external_id = ExactCharField(max_length=64)
    name = models.CharField(max_length=255)
    seen = models.CharField(max_length=32, blank=True, default="", db_default="")
    left_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())

    class Meta:
        db_table = "LeftChanges"
        constraints = [
            models.UniqueConstraint(fields=("restaurant", "kind", "external_id"), name="uq_left_change")
        ]

    def __str__(self) -> str:
        return f"{self.name}: left"


class MenuImage(models.Model):
    """A picture that a menu names, and our copy of it.

    `source_key` is `menus.images.source_key` of its address, `url` the newest whole address; `file` is the
    copy's path below MEDIA_ROOT, empty until there is one. `next_attempt_at` None: nothing more to do.
    """

    id = models.BigAutoField(primary_key=True)
    restaurant = models.ForeignKey(Restaurant, models.PROTECT, db_index=False)
    source_key = models.CharField(max_length=64)
    url = models.TextField()
    file = models.CharField(max_length=255, blank=True, default="", db_default="")
    content_type = models.CharField(max_length=20, blank=True, default="", db_default="")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    # While a worker is at it: when its lease ends.
    next_attempt_at = models.DateTimeField(null=True, db_index=True)
    last_error = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    class Meta:
        db_table = "MenuImages"
        constraints = [models.UniqueConstraint(fields=("restaurant", "source_key"), name="uq_menu_image")]

    def __str__(self) -> str:
        return self.file or f"picture {self.pk}, not copied"
