"""What machines that watch ding ask: is it alive, is it ready, and how much is waiting."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from ding.incidents import pulses
from ding.incidents.kinds import KINDS
from ding.incidents.models import Incident
from ding.throttle import note_failure
from notifications.models import Notification
from pos_integrations import health
from pos_integrations.models import RestaurantPosIntegration


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers too; without it nothing can be acknowledged."""
    ready = health.database_answers()
    headers = {} if ready else {"Retry-After": "2"}
    return JsonResponse({"ready": ready}, status=200 if ready else 503, headers=headers)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Queues, incidents and the scheduler, for Prometheus; behind METRICS_TOKEN, and closed without one."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    token = settings.METRICS_TOKEN
    if not token or not hmac.compare_digest(given.encode(), token.encode()):
        wait = note_failure("metrics", request.META.get("REMOTE_ADDR", ""))
        return HttpResponse(
            "Set METRICS_TOKEN and send it as a bearer token.",
            status=429 if wait else 401,
            content_type="text/plain",
        )
    registry = CollectorRegistry()
    due = Gauge("ding_queue_due", "Rows that are due now.", ["queue"], registry=registry)
    oldest = Gauge(
        "ding_queue_oldest_due_seconds", "Age of the oldest due row.", ["queue"], registry=registry
    )
    messages = health.queue_state("notifications", Notification.objects.due(timezone.now()))
    for queue in [*health.queues(), messages]:
        due.labels(queue.name).set(queue.due)
        oldest.labels(queue.name).set(queue.oldest_due_seconds)
    unsigned = Gauge(
        "ding_unsigned_integrations", "Integrations that take webhooks without proof.", registry=registry
    )
    unsigned.set(RestaurantPosIntegration.objects.exclude(unsigned_since=None).count())
    is_open = Gauge("ding_incidents_open", "Open incidents.", ["kind"], registry=registry)
    counts = dict(Incident.objects.open().values_list("kind").annotate(Count("pk")).order_by())
    for kind in KINDS:
        is_open.labels(kind).set(counts.get(kind, 0))
    silence = Gauge(
        "ding_scheduler_silent_seconds", "Since the scheduler's last sign of life.", registry=registry
    )
    silence.set(pulses.silent_seconds())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
