"""How the POS side is doing: one integration, all of them, and the queues."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from celery import current_app
from django.db import DatabaseError, connection
from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone

from ding.paging import written_since
from pos_integrations.configuration import account_for, adapter_of, http_for, secret_problem
from pos_integrations.errors import PosError
from pos_integrations.messages import Finding
from pos_integrations.models import (
    MenuSyncHistory,
    OrderPush,
    PushState,
    RestaurantPosIntegration,
    WebhookLog,
    WebhookStatus,
)

RECENT = dt.timedelta(hours=24)
MOST_ERRORS = 5
# A connection test may fetch a whole menu.
MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue of the database: how many rows are due, and since when the oldest."""

    name: str
    due: int
    oldest_due_seconds: float


def queue_state(name: str, due: QuerySet[Any], due_at: str = "next_attempt_at") -> QueueState:
    """State of a queue of due rows, by one indexed query. `due_at`: the column that says since when."""
    counted = due.aggregate(count=Count("pk"), oldest=Min(due_at))
    oldest = counted["oldest"]
    return QueueState(name, counted["count"], (timezone.now() - oldest).total_seconds() if oldest else 0.0)


def queues() -> list[QueueState]:
    """Both queues of the POS side."""
    now = timezone.now()
    return [
        queue_state("order pushes", OrderPush.objects.due(now)),
        queue_state("webhooks", WebhookLog.objects.due(now)),
    ]


def database_answers() -> bool:
    """Whether the database answers a question."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def broker_answers() -> bool:
    """Whether the broker takes a connection; without it work is only found later, by the sweepers."""
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except Exception:  # each transport has errors of its own; any of them means no
        return False
    return True


def system_health(integrations: list[RestaurantPosIntegration]) -> dict[str, Any]:
    """The whole: database, broker, queues, and each of `integrations`."""
    return {
        "database": database_answers(),
        "broker": broker_answers(),
        "queues": [asdict(queue) for queue in queues()],
        "integrations": integrations_health(integrations),
    }


def integrations_health(integrations: list[RestaurantPosIntegration]) -> list[dict[str, Any]]:
    """State of each integration, by a number of statements that does not grow with them."""
    since = timezone.now() - RECENT
    restaurants = [integration.restaurant_id for integration in integrations]
    ids = [integration.pk for integration in integrations]
    newest = (
        MenuSyncHistory.objects.filter(restaurant__in=restaurants)
        .values("restaurant")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    syncs = {
        sync.restaurant_id: sync
        for sync in MenuSyncHistory.objects.filter(pk__in=list(newest.values_list("newest", flat=True)))
    }
    webhooks: dict[int, dict[str, int]] = {}
    last_webhook: dict[int, dt.datetime] = {}
    counted = (
        written_since(WebhookLog.objects.filter(restaurant__in=restaurants), since)
        .values("integration", "status")
        .annotate(count=Count("pk"), newest=Max("created_at"))
        .order_by()
    )
    for row in counted:
        webhooks.setdefault(row["integration"], {})[row["status"]] = row["count"]
        last = last_webhook.get(row["integration"])
        last_webhook[row["integration"]] = max(last, row["newest"]) if last else row["newest"]
    errors: dict[int, list[dict[str, Any]]] = {}
    failing = OrderPush.objects.filter(
        integration__in=ids,
        state__in=(PushState.DUE, PushState.UNKNOWN, PushState.REJECTED, PushState.EXPIRED),
        updated_at__gte=since,
    ).exclude(last_error="")
    for push in failing.select_related("order").order_by("-updated_at")[:200]:
        errors.setdefault(push.integration_id or 0, []).append(
            {
                "at": push.updated_at,
                "order": push.order.reference,
                "state": push.state,
                "message": push.last_error,
            }
        )
    return [
        _one(
            integration,
            syncs.get(integration.restaurant_id),
            webhooks.get(integration.pk, {}),
            last_webhook.get(integration.pk),
            errors.get(integration.pk, [])[:MOST_ERRORS],
        )
        for integration in integrations
    ]


def check_connection(integration: RestaurantPosIntegration) -> list[Finding]:
    """Both ways: whether the POS takes our account, and whether its webhooks can prove themselves."""
    findings = check_account(integration)
    try:
        if problem := secret_problem(integration):
            findings.append(Finding("Webhook secret", False, problem))
    except PosError:
        pass  # the same has been found above
    return findings


def check_account(integration: RestaurantPosIntegration) -> list[Finding]:
    """The adapter's own test of the account; a configuration that cannot be read is a finding too."""
    try:
        adapter = adapter_of(integration.pos_provider)
        account = account_for(integration)
        return adapter.check_account(account, http_for(account, max_bytes=MOST_BYTES))
    except PosError as error:
        return [Finding("configuration", False, error.message)]


def _one(
    integration: RestaurantPosIntegration,
    sync: MenuSyncHistory | None,
    webhooks: dict[str, int],
    last_webhook: dt.datetime | None,
    errors: list[dict[str, Any]],
) -> dict[str, Any]:
    parked = webhooks.get(WebhookStatus.PARKED, 0) + webhooks.get(WebhookStatus.FAILED, 0)
    if not integration.active or not integration.pos_provider.is_active:
        status = "inactive"
    elif integration.problem:
        status = "down"
    elif errors or parked or (sync and sync.status == MenuSyncHistory.Status.FAILED):
        status = "degraded"
    else:
        status = "ok"
    return {
        "restaurant_id": integration.restaurant_id,
        "status": status,
        "pos_type": integration.pos_type,
        "problem": integration.problem,
        "last_sync": sync
        and {
            "status": sync.status,
            "at": sync.completed_at,
            "items": sync.items_synced,
            "errors": sync.errors[:MOST_ERRORS],
        },
        "webhook_status": {"last_received_at": last_webhook, "last_24_hours": webhooks},
        "recent_errors": errors,
    }
