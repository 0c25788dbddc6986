"""Fifty clicks on every button and action of the staff's site at once: one outcome, and no page that breaks (S40)."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from ding.audit import AuditEvent
from ding.tests.security.test_admin_scope import OF_A_RESTAURANT, SITE, own_addresses, place_of, rows_of
from ding.tests.security.world import build
from notifications.models import Notification
from orders.models import Order, OrderStatusHistory
from pos_integrations.configuration import valid_secrets
from pos_integrations.models import MenuRequest, OrderPush, RestaurantPosIntegration, WebhookLog
from pos_integrations.tests.conftest import committed  # noqa: F401 - a fixture
from pos_integrations.tests.factories import fresh, in_threads

CLICKS, HANDS = 50, 5
# What pages ask for; each takes what is its own.
FORM = {
    "confirmed": "yes",
    "confirm": "yes",
    "reason": "Twice",
    "note": "Twice",
    "what": "Twice",
    "sure": "yes",
}


@pytest.fixture
def world(committed, settings):  # noqa: F811
    settings.POS_ALLOWED_NETWORKS = []
    return build()


def click(path, data):
    """All answers, of several people who are all logged in as the superuser."""
    user = User.objects.get(username="super")
    clients = []
    for _ in range(HANDS):
        client = Client(raise_request_exception=False)
        client.force_login(user)
        clients.append(client)

    def work(number):
        return [clients[number].post(path, data).status_code for _ in range(CLICKS // HANDS)]

    return [status for some in in_threads(HANDS, work) for status in some]


def check(world):
    """What holds however often anybody clicked."""
    for integration in RestaurantPosIntegration.objects.all():
        assert len(valid_secrets(fresh(integration))) <= 3
    assert WebhookLog.objects.count() == 2
    assert Order.objects.count() == 2
    for order in Order.objects.all():
        steps = list(
            OrderStatusHistory.objects.filter(order=order)
            .order_by("pk")
            .values_list("old_status", "new_status")
        )
        assert len(set(steps)) == len(steps), steps
        assert OrderPush.objects.filter(order=order).count() == order.pushes.values("kind").distinct().count()


ACTIONS = sorted(
    (model._meta.label_lower, action if isinstance(action, str) else action.__name__)
    for model, page in SITE.items()
    for action in (page.actions or ())
)


def test_every_action_of_every_list(world):
    counted = 0
    for label, action in ACTIONS:
        model = apps.get_model(label)
        rows = (
            rows_of(model, world.r1.restaurant) if model in OF_A_RESTAURANT else model._default_manager.all()
        )
        chosen = [row.pk for row in rows[:3]] or [1]
        if action in ("sync_menu_now", "test_connection"):
            chosen = chosen[:1]
        statuses = click(place_of(model), FORM | {"action": action, "_selected_action": chosen})
        assert set(statuses) <= {200, 302}, (label, action, set(statuses))
        check(world)
        counted += len(statuses)
    assert counted == CLICKS * len(ACTIONS) >= CLICKS * 9


def test_every_button_of_every_page(world):
    place, counted = world.r1, 0
    Notification.objects.update(status="failed")
    ids = {
        "order_id": place.order_id,
        "restaurant_id": place.restaurant.pk,
        "integration_id": place.integration.pk,
        "message_id": rows_of(Notification, place.restaurant).first().pk,
        "log_id": rows_of(WebhookLog, place.restaurant).first().pk,
    }
    for route in own_addresses():
        path = re.sub(r"<int:(\w+)>", lambda found: str(ids.get(found[1], place.order_id)), route)
        for do in (
            ("", "rotate", "end", "revoke", "preview", "sync", "approve", "discard")
            if "secrets" in path or "menu" in path
            else ("",)
        ):
            statuses = click(path, FORM | {"do": do, "secret_id": "1", "at": timezone.now().isoformat()})
            assert set(statuses) <= {200, 302, 403, 404, 405}, (path, do, set(statuses))
            check(world)
            counted += len(statuses)
    assert counted >= CLICKS * 10
    order = Order.objects.get(pk=place.order_id)
    ends = [
        s
        for s in order.history.values_list("new_status", flat=True)
        if s in ("cancelled", "rejected", "delivered")
    ]
    assert len(ends) <= 1
    assert MenuRequest.objects.filter(integration=place.integration).count() <= CLICKS
    assert AuditEvent.objects.exists()


def test_two_who_edit_one_secret_leave_one_that_opens_and_both_names(world):
    users = [User.objects.create_superuser(name, password="x") for name in ("anna", "ravi")]
    page = f"/admin/pos_integrations/restaurantposintegration/{world.r1.integration.pk}/secrets/"

    def work(number):
        client = Client()
        client.force_login(users[number % 2])
        return client.post(
            page, {"do": "rotate", "overlap": "1", "brought": f"a-secret-of-hand-{number}-0123456789"}
        ).status_code

    assert set(in_threads(6, work)) == {302}
    held = [secret for _, secret in valid_secrets(fresh(world.r1.integration))]
    assert len(held) == 3
    actors = AuditEvent.objects.filter(
        action="made", object_type="pos_integrations.restaurantwebhooksecret"
    ).values_list("actor", flat=True)
    assert {"staff:anna", "staff:ravi"} <= set(actors)
