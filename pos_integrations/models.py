"""The POS side's tables: providers and accounts, what is owed to a POS, and what a POS told us.

Columns that an operator may leave out of a plain SQL INSERT have database defaults.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from django.db import models
from django.db.models import Q
from django.utils import timezone

from ding.db import ExactCharField, RandomId, UtcNow
from menus.models import Restaurant
from orders.models import Order
from pos_integrations.fields import SealedJSONField, SealedTextField
from pos_integrations.menu_models import MenuRequest, MenuReview

__all__ = [
    "MenuRequest",
    "MenuReview",
    "MenuSyncHistory",
    "OrderPush",
    "OrderPushAttempt",
    "PosProvider",
    "PushKind",
    "PushState",
    "RefusedWebhook",
    "RestaurantPosIntegration",
    "RestaurantWebhookSecret",
    "WebhookLog",
    "WebhookStatus",
]


def _random_id() -> str:
    return uuid.uuid4().hex


class PosProvider(models.Model):
    """A kind of POS as configured here. `provider_name` is an adapter's slug.

    `webhook_base_url`: where this provider reaches us, when not at PUBLIC_URL. `webhook_endpoints`: topic →
    path, as told to the provider; for people to read. `global_config`: defaults for all its restaurants.
    """

    class AuthType(models.TextChoices):
        """How the provider wants to be authenticated."""

        API_KEY = "api_key", "API key"
        OAUTH = "oauth", "OAuth"
        BASIC = "basic", "Basic"

    provider_name = ExactCharField(max_length=50, unique=True)
    display_name = models.CharField(max_length=100)
    base_api_url = models.CharField(max_length=500, blank=True, default="", db_default="")
    webhook_base_url = models.CharField(max_length=500, blank=True, default="", db_default="")
    webhook_endpoints = models.JSONField(blank=True, default=dict, db_default={})
    global_config = SealedJSONField(blank=True, default=dict, db_default={})
    auth_type = models.CharField(max_length=10, choices=AuthType.choices, default=AuthType.API_KEY)
    is_active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    class Meta:
        db_table = "pos_providers"
        verbose_name = "POS provider"

    def __str__(self) -> str:
        return self.display_name

    def sealing_context(self) -> str:
        """What its secrets are bound to."""
        return f"provider:{self.provider_name}"


class RestaurantPosIntegrationQuerySet(models.QuerySet["RestaurantPosIntegration"]):
    """Named reads and writes."""

    def owe_menu_sync(self, ids: Collection[int]) -> int:
        """From now on the menus of these are due."""
        return self.filter(pk__in=ids).update(menu_sync_due_at=timezone.now())


class RestaurantPosIntegration(models.Model):
    """One restaurant's account at one provider.

    `public_id` names it in webhook addresses: random, not secret. `menu_sync_due_at`: a menu sync is owed
    from then on; `menu_sync_leased_until`: one is running. `failed_calls`: how many orders in a row its POS did
    not answer for; `rests_until`: it is left alone until then.
    """

    restaurant = models.ForeignKey(Restaurant, models.PROTECT, related_name="integrations")
    pos_type = models.CharField(max_length=50)
    pos_provider = models.ForeignKey(PosProvider, models.PROTECT, related_name="integrations", db_index=False)
    pos_restaurant_id = ExactCharField(max_length=64)
    endpoint = models.CharField(max_length=500, blank=True, default="", db_default="")
    api_key = SealedTextField(blank=True, default="", db_default="")
    restaurant_specific_config = SealedJSONField(blank=True, default=dict, db_default={})
    active = models.BooleanField(default=True, db_default=True)
    public_id = ExactCharField(
        max_length=32, unique=True, editable=False, default=_random_id, db_default=RandomId()
    )
    # Who lets webhooks in without any proof, and since when; nobody by default.
    unsigned_since = models.DateTimeField(null=True, editable=False)
    unsigned_by = models.CharField(max_length=150, blank=True, default="", db_default="", editable=False)
    # What stops it, in words, when the POS refuses our credentials; empty when all is well.
    problem = models.CharField(max_length=500, blank=True, default="", db_default="", editable=False)
    # What the last test of the connection found: a list of {"check", "ok", "message"}. Other settings: not tested.
    checked_at = models.DateTimeField(null=True, editable=False)
    findings = models.JSONField(default=list, db_default=[], editable=False)
    menu_sync_due_at = models.DateTimeField(
        null=True, editable=False, default=timezone.now, db_default=UtcNow()
    )
    menu_sync_leased_until = models.DateTimeField(null=True, editable=False)
    # Of the document that our menu was made from; empty when that is not certain. See `menu_recognition`.
    menu_digest = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    menu_pictures_digest = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    menu_digest_at = models.DateTimeField(null=True, editable=False)
    failed_calls = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    rests_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    objects = RestaurantPosIntegrationQuerySet.as_manager()

    class Meta:
        db_table = "restaurant_pos_integrations"
        verbose_name = "restaurant's POS integration"
        constraints = [
            models.UniqueConstraint(
                fields=("restaurant", "pos_provider"), name="uq_integration_restaurant_provider"
            ),
            models.UniqueConstraint(
                fields=("pos_provider", "pos_restaurant_id"), name="uq_integration_external"
            ),
        ]
        indexes = [models.Index(fields=("menu_sync_due_at",), name="ix_integration_sync_due")]
        permissions = [("accept_unsigned", "Can let webhooks in without any proof")]

    def __str__(self) -> str:
        return f"{self.restaurant} at {self.pos_provider}"

    def sealing_context(self) -> str:
        """What its secrets are bound to."""
        return f"integration:{self.restaurant_id}:{self.pos_provider_id}"


class RestaurantWebhookSecretQuerySet(models.QuerySet["RestaurantWebhookSecret"]):
    """Named reads."""

    def valid(self, now: dt.datetime) -> RestaurantWebhookSecretQuerySet:
        """Those that may sign at `now`."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), is_active=True)


class RestaurantWebhookSecret(models.Model):
    """A secret with which a POS signs for a restaurant; several are valid at once during a rotation.

    `fingerprint`: the first 8 hexadecimal digits of its SHA-256, to tell secrets apart without showing them.
    """

    restaurant = models.ForeignKey(Restaurant, models.PROTECT, db_index=False)
    pos_provider = models.ForeignKey(PosProvider, models.PROTECT, db_index=False)
    secret_key = SealedTextField()
    fingerprint = models.CharField(max_length=8, blank=True, default="", db_default="", editable=False)
    is_active = models.BooleanField(default=True, db_default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    objects = RestaurantWebhookSecretQuerySet.as_manager()

    class Meta:
        db_table = "restaurant_webhook_secrets"
        indexes = [
            models.Index(fields=("restaurant", "pos_provider", "is_active"), name="ix_webhook_secret_owner")
        ]

    def __str__(self) -> str:
        return f"webhook secret {self.fingerprint or self.pk}"

    def sealing_context(self) -> str:
        """What it is bound to."""
        return f"webhook-secret:{self.restaurant_id}:{self.pos_provider_id}"


class PushKind(models.TextChoices):
    """What is owed to the POS."""

    ORDER = "order", "Order"
    CANCELLATION = "cancellation", "Cancellation"
    RIDER_ASSIGNED = "rider_assigned", "Rider assigned"
    RIDER_ARRIVED = "rider_arrived", "Rider arrived"
    RIDER_PICKED_UP = "rider_picked_up", "Rider picked up"
    RIDER_DELIVERED = "rider_delivered", "Rider delivered"


class PushState(models.TextChoices):
    """Where a push stands, for the operator.

    `sent`: the POS took it. `acknowledged`: a webhook proved that the kitchen has it.
    """

    DUE = "due", "Due"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent, not confirmed"
    ACKNOWLEDGED = "acknowledged", "In the kitchen"
    REJECTED = "rejected", "Refused by the POS"
    UNKNOWN = "unknown", "Nobody knows"
    EXPIRED = "expired", "Not sent any more"


class OrderPushQuerySet(models.QuerySet["OrderPush"]):
    """Named reads."""

    def due(self, now: dt.datetime) -> OrderPushQuerySet:
        """Owed now."""
        return self.filter(state=PushState.DUE, next_attempt_at__lte=now)

    def silent(self, now: dt.datetime) -> OrderPushQuerySet:
        """Sent, and still without the kitchen's word when it should have been there."""
        return self.filter(state=PushState.SENT, next_attempt_at__lte=now)

    def stuck(self, now: dt.datetime) -> OrderPushQuerySet:
        """Claimed by a worker that did not come back within its lease."""
        return self.filter(state=PushState.SENDING, next_attempt_at__lte=now)


class OrderPush(models.Model):
    """The debt of bringing one order, or its cancellation, to the POS.

    `next_attempt_at`: in state `due`, when to try; in `sending`, when the worker's lease ends; in `sent`, when
    the kitchen's silence is to be looked at. So one index serves all. `attempts_before`: those made before a
    person asked for it again; retries count from there. `silent_since`: the kitchen has not
    confirmed it in time. `expires_at`: after it the order is not sent any more. `maybe_taken`: a call was made
    whose outcome nobody knows, so this can never again count as "not sent". `request_body`: the bytes of an
    order's call, sealed, written before they leave and gone when nothing is unclear any more: while it is null,
    nothing was sent.
    """

    order = models.ForeignKey(Order, models.PROTECT, related_name="pushes", db_index=False)
    kind = models.CharField(max_length=20, choices=PushKind.choices, default=PushKind.ORDER)
    integration = models.ForeignKey(
        RestaurantPosIntegration, models.PROTECT, null=True, related_name="pushes"
    )
    state = models.CharField(max_length=12, choices=PushState.choices, default=PushState.DUE)
    attempts = models.PositiveIntegerField(default=0)
    attempts_before = models.PositiveIntegerField(default=0, db_default=0)
    maybe_taken = models.BooleanField(default=False)
    request_body = SealedTextField(null=True, editable=False)
    next_attempt_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    last_error = models.CharField(max_length=500, blank=True, default="")
    sent_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    silent_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    objects = OrderPushQuerySet.as_manager()

    class Meta:
        db_table = "OrderPushes"
        constraints = [models.UniqueConstraint(fields=("order", "kind"), name="uq_push_order_kind")]
        indexes = [
            models.Index(fields=("state", "next_attempt_at"), name="ix_push_due"),
            models.Index(fields=("state", "updated_at"), name="ix_push_state_updated"),
        ]
        verbose_name_plural = "order pushes"

    def __str__(self) -> str:
        return f"{self.kind} {self.order_id}: {self.state}"

    def sealing_context(self) -> str:
        """What its request is bound to."""
        return f"push:{self.order_id}:{self.kind}"


class OrderPushAttempt(models.Model):
    """One call to a POS, written before it is made: a crash leaves a trace. Bodies are redacted."""

    class Outcome(models.TextChoices):
        """How the call ended; a row without an end was cut off."""

        RUNNING = "running", "Running, or cut off"
        SENT = "sent", "Taken"
        NOT_SENT = "not_sent", "Not sent"
        REFUSED = "refused", "Refused"
        UNKNOWN = "unknown", "Unclear"
        BLOCKED = "blocked", "Access refused"

    push = models.ForeignKey(OrderPush, models.CASCADE, related_name="attempt_log")
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    url = models.CharField(max_length=500, blank=True, default="")
    request_body = models.TextField(blank=True, default="")
    response_status = models.PositiveIntegerField(null=True)
    response_body = models.TextField(blank=True, default="")
    error = models.CharField(max_length=500, blank=True, default="")
    duration_ms = models.PositiveIntegerField(null=True)
    started_at = models.DateTimeField()

    class Meta:
        db_table = "OrderPushAttempts"
        ordering = ("id",)
        indexes = [models.Index(fields=("outcome",), name="ix_attempt_outcome")]

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome}"


class WebhookStatus(models.TextChoices):
    """How far a webhook got. `failed` is tried again, `parked` waits for a person."""

    RECEIVED = "received", "Received"
    PROCESSED = "processed", "Processed"
    IGNORED = "ignored", "Ignored"
    FAILED = "failed", "Failed, will be tried again"
    PARKED = "parked", "Parked"


class WebhookLogQuerySet(models.QuerySet["WebhookLog"]):
    """Named reads."""

    def due(self, now: dt.datetime) -> WebhookLogQuerySet:
        """To be worked off now: new ones, failed ones whose time has come, and those of a dead worker."""
        return self.filter(
            status__in=(WebhookStatus.RECEIVED, WebhookStatus.FAILED),
            next_attempt_at__lte=now,
        )


class WebhookLog(models.Model):
    """One authentic request from a POS: inbox and ledger in one.

    `payload` is the body as it came (checked to be JSON). `verdict`: what it meant to us, in a word.
    `order_ref`: how it names the order that it speaks of, known to us or not.
    `next_attempt_at` is also the lease of the worker that holds it. `proof`: the signature mode by which it was
    believed. `event_id`: the sender's own id of it, where its scheme has one; the same id is taken once.
    """

    pos_provider = models.ForeignKey(PosProvider, models.PROTECT, db_index=False)
    integration = models.ForeignKey(RestaurantPosIntegration, models.PROTECT, db_index=False)
    restaurant = models.ForeignKey(Restaurant, models.PROTECT, db_index=False)
    webhook_type = models.CharField(max_length=40)
    payload = models.TextField()
    status = models.CharField(
        max_length=10,
        choices=WebhookStatus.choices,
        default=WebhookStatus.RECEIVED,
        db_default=WebhookStatus.RECEIVED.value,
    )
    verdict = models.CharField(max_length=20, blank=True, default="", db_default="")
    error_message = models.CharField(max_length=500, blank=True, default="", db_default="")
    order = models.ForeignKey(Order, models.SET_NULL, null=True, related_name="webhooks")
    order_ref = ExactCharField(max_length=64, blank=True, default="", db_default="")
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(null=True, default=None, db_default=UtcNow())
    remote_address = models.CharField(max_length=45, blank=True, default="", db_default="")
    proof = models.CharField(max_length=30, blank=True, default="", db_default="")
    event_id = ExactCharField(max_length=64, null=True)
    body_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    processed_at = models.DateTimeField(null=True)

    objects = WebhookLogQuerySet.as_manager()

    class Meta:
        db_table = "WebhookLogs"
        ordering = ("-id",)
        constraints = [
            # Databases count nulls as different: only what has an id is held to it.
            models.UniqueConstraint(fields=("integration", "event_id"), name="uq_webhook_event"),
        ]
        indexes = [
            models.Index(fields=("status", "next_attempt_at"), name="ix_webhook_due"),
            models.Index(fields=("webhook_type", "status", "created_at"), name="ix_webhook_type_status"),
            models.Index(fields=("restaurant", "id"), name="ix_webhook_restaurant"),
            models.Index(fields=("created_at",), name="ix_webhook_created"),
            models.Index(fields=("verdict",), name="ix_webhook_verdict"),
            models.Index(fields=("order_ref",), name="ix_webhook_order_ref"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_type} {self.pk}: {self.status}"


class RefusedWebhook(models.Model):
    """How often webhooks of an integration were refused at a topic, since when and until when; not what was in them.

    `first_at` begins anew after a `PAUSE` without any. See `inbound.refusals`.
    """

    PAUSE = dt.timedelta(hours=6)

    class Why(models.TextChoices):
        """What was wrong."""

        NOT_AUTHENTIC = "not_authentic", "Signature or token fits nobody"
        ANOTHER_RESTAURANT = "another_restaurant", "Speaks for another restaurant"

    integration = models.ForeignKey(RestaurantPosIntegration, models.CASCADE, db_index=False)
    topic = models.CharField(max_length=50)
    why = models.CharField(max_length=20, choices=Why.choices)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "RefusedWebhooks"
        constraints = [
            models.UniqueConstraint(fields=("integration", "topic", "why"), name="uq_refused_webhook")
        ]
        indexes = [models.Index(fields=("last_at",), name="ix_refused_webhook_last")]

    def __str__(self) -> str:
        return f"{self.count} {self.topic} of {self.integration_id}: {self.why}"


class MenuSyncHistory(models.Model):
    """One menu synchronisation. `partial`: some rows were left out, named in `errors`."""

    class SyncType(models.TextChoices):
        """What was synchronised."""

        FULL = "full", "Full"
        PARTIAL = "partial", "Partial"
        CATEGORIES = "categories", "Categories"
        ITEMS = "items", "Items"

    class Status(models.TextChoices):
        """How it ended."""

        SUCCESS = "success", "Success"
        FAILED = "failed", "Failed"
        PARTIAL = "partial", "Partial"

    restaurant = models.ForeignKey(Restaurant, models.PROTECT, db_index=False)
    sync_type = models.CharField(
        max_length=10, choices=SyncType.choices, default=SyncType.FULL, db_default=SyncType.FULL.value
    )
    trigger = models.CharField(
        max_length=20,
        default="",
        db_default="",
        help_text="Who asked: admin, api, command, schedule, webhook.",
    )
    status = models.CharField(max_length=10, choices=Status.choices)
    items_synced = models.PositiveIntegerField(default=0, db_default=0)
    categories_synced = models.PositiveIntegerField(default=0, db_default=0)
    # {"added": n, "changed": n, "deactivated": n} per kind
    changes = models.JSONField(default=dict, db_default={})
    errors = models.JSONField(default=list, db_default=[])
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "MenuSyncHistory"
        ordering = ("-id",)
        indexes = [models.Index(fields=("restaurant", "id"), name="ix_menu_sync_restaurant")]
        verbose_name_plural = "menu sync history"

    def __str__(self) -> str:
        return f"sync of {self.restaurant_id} at {self.started_at}: {self.status}"
