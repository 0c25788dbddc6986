"""The page of one integration's webhook secrets: rotate with an overlap, end the old one, revoke a leaked one."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from ding import audit
from menus.menu_page import zone_of
from pos_integrations import configuration
from pos_integrations.admin.webhook_words import addresses_of
from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret

OVERLAPS = {
    "1": "for an hour",
    "24": "for a day",
    "72": "for three days",
    "168": "for a week",
    "0": "not at all",
}
# Used so lately: the POS most likely still signs with it.
LATELY = dt.timedelta(hours=24)
SHOWN = 30


def urls(admin: Any) -> list[Any]:
    """Its address, for the integrations' admin."""

    def page(request: HttpRequest, integration_id: int) -> HttpResponse:
        return show(request, admin, integration_id)

    return [
        path(
            "<int:integration_id>/secrets/",
            admin.admin_site.admin_view(page),
            name="pos_integrations_secrets",
        )
    ]


def show(request: HttpRequest, admin: Any, integration_id: int) -> HttpResponse:
    """The page; a POST does what its button says."""
    if not request.user.has_perm("pos_integrations.view_restaurantwebhooksecret"):
        raise PermissionDenied
    integration: RestaurantPosIntegration | None = (
        admin.get_queryset(request).filter(pk=integration_id).first()
    )
    if integration is None:
        raise Http404
    answer = _act(request, integration) if request.method == "POST" else {}
    if isinstance(answer, HttpResponse):
        return answer
    now = timezone.now()
    rows = list(_mine(integration).defer("secret_key").order_by("-pk")[:SHOWN])
    valid = [row for row in rows if _stands(row, now)]
    context = {
        **admin.admin_site.each_context(request),
        "title": "Webhook secrets",
        "integration": integration,
        "zone": zone_of(integration.restaurant),
        "secrets": _told(rows, now),
        "valid_count": len(valid),
        "problem": configuration.secret_problem(integration),
        "overlaps": OVERLAPS.items(),
        "may_make": request.user.has_perm("pos_integrations.add_restaurantwebhooksecret"),
        "may_end": request.user.has_perm("pos_integrations.change_restaurantwebhooksecret"),
        **answer,
    }
    response = TemplateResponse(request, "admin/pos_integrations/secrets.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _mine(integration: RestaurantPosIntegration) -> Any:
    return RestaurantWebhookSecret.objects.filter(
        restaurant=integration.restaurant_id, pos_provider=integration.pos_provider_id
    )


def _stands(row: RestaurantWebhookSecret, now: dt.datetime) -> bool:
    return row.is_active and (row.expires_at is None or row.expires_at > now)


def _told(rows: list[RestaurantWebhookSecret], now: dt.datetime) -> list[dict[str, Any]]:
    """Each with who made and who ended it, from the audit trail: one statement for all."""
    made: dict[str, Any] = {}
    ended: dict[str, Any] = {}
    events = audit.AuditEvent.objects.filter(
        object_type=RestaurantWebhookSecret._meta.label_lower, object_id__in=[str(row.pk) for row in rows]
    )
    for event in events.order_by("pk"):
        (made if event.action.startswith("made") else ended)[event.object_id] = event
    return [
        {
            "row": row,
            "stands": _stands(row, now),
            "lately": bool(row.last_used_at and now - row.last_used_at < LATELY),
            "made": made.get(str(row.pk)),
            "ended": ended.get(str(row.pk)),
        }
        for row in rows
    ]


def _act(request: HttpRequest, integration: RestaurantPosIntegration) -> dict[str, Any] | HttpResponse:
    do = request.POST.get("do", "")
    if do == "rotate":
        return _rotate(request, integration)
    if not request.user.has_perm("pos_integrations.change_restaurantwebhooksecret"):
        raise PermissionDenied
    wanted = request.POST.get("secret_id", "")
    number = int(wanted[:18]) if wanted.isascii() and wanted.isdigit() else 0
    secret = _mine(integration).defer("secret_key").filter(pk=number, is_active=True).first()
    if secret is None:
        messages.warning(request, "That secret has ended already.")
    elif do == "end":
        return _end(request, integration, secret)
    elif do == "revoke":
        _revoke(request, secret)
    return _back(integration)


def _rotate(request: HttpRequest, integration: RestaurantPosIntegration) -> dict[str, Any] | HttpResponse:
    if not request.user.has_perm("pos_integrations.add_restaurantwebhooksecret"):
        raise PermissionDenied
    hours = request.POST.get("overlap", "24")
    overlap = dt.timedelta(hours=int(hours if hours in OVERLAPS else "24"))
    brought = request.POST.get("brought", "").strip()
    if brought:
        if problem := configuration.check_secret(brought, integration):
            messages.error(request, problem["message"])
            return _back(integration)
        configuration.add_webhook_secret(integration, brought, overlap=overlap)
        messages.success(request, "The secret that you brought is valid now.")
        return _back(integration)
    new = configuration.rotate_secret(integration, overlap=overlap)
    carriers = [one for one in addresses_of(integration, new.secret) if new.secret in one.url]
    return {"new": new, "carriers": carriers}


def _end(
    request: HttpRequest, integration: RestaurantPosIntegration, secret: RestaurantWebhookSecret
) -> dict[str, Any] | HttpResponse:
    now = timezone.now()
    if not _mine(integration).valid(now).exclude(pk=secret.pk).exists():
        messages.error(
            request, "It is the only valid one. Make a new one first; or revoke it, if strangers know it."
        )
    elif secret.last_used_at and now - secret.last_used_at < LATELY and "sure" not in request.POST:
        return {"ask_about": secret}
    else:
        configuration.end_secrets(_mine(integration).filter(pk=secret.pk))
        audit.record("ended", secret)
        messages.success(request, f"{secret} has ended: what is signed with it is refused now.")
    return _back(integration)


def _revoke(request: HttpRequest, secret: RestaurantWebhookSecret) -> None:
    reason = request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, "Say why it is revoked: that stands in the audit trail.")
        return
    configuration.end_secrets(RestaurantWebhookSecret.objects.filter(pk=secret.pk))
    audit.record("revoked", secret, note=reason)
    messages.success(request, f"{secret} is revoked: nothing that is signed with it is taken any more.")


def _back(integration: RestaurantPosIntegration) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:pos_integrations_secrets", args=[integration.pk]))
