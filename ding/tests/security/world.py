"""Two restaurants that must never meet, everybody who may call, and a canary in the place of every secret."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import structlog
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from ding import audit
from ding.incidents.models import Incident
from ding.keys import SCOPES, create_api_key
from ding.roles import INTEGRATION_MANAGER, OPERATOR, VIEWER
from menus.models import Discount, Restaurant
from menus.snapshot import DiscountSnapshot
from orders.tests.factories import add_discount, make_body, make_restaurant
from pos_integrations import inbound, outbound
from pos_integrations.configuration import callback_token, rotate_secret, save_integration
from pos_integrations.models import MenuSyncHistory, OrderPush, PosProvider
from pos_integrations.tests.factories import fresh, order_status, send

__all__ = ["Discount", "DiscountSnapshot", "World", "build"]


@dataclass
class World:
    """All of it. `canaries`: what nobody may ever read back. `callers`: name → a client that calls as them."""

    r1: SimpleNamespace
    r2: SimpleNamespace
    callers: dict[str, Client]
    canaries: list[str] = field(default_factory=list)

    def found_in(self, text: str) -> list[str]:
        """The canaries in a text."""
        return [canary for canary in self.canaries if canary in text]


def build() -> World:
    """From nothing."""
    world = World(_place("one", "abcd1234"), _place("two", "efgh5678"), {})
    for place in (world.r1, world.r2):
        world.canaries += place.canaries
    provider = PosProvider.objects.get()
    provider.global_config = {}
    provider.save()
    world.callers["nobody"] = Client()
    for name, restaurants, scopes in (
        ("K1", [world.r1], SCOPES),
        ("K1 read-only", [world.r1], [scope for scope in SCOPES if scope.endswith(":read")]),
        ("K1 menu only", [world.r1], ["menu:read"]),
        ("K2", [world.r2], SCOPES),
    ):
        key = create_api_key(
            client=name, scopes=scopes, restaurants=[place.restaurant for place in restaurants]
        )
        world.canaries.append(key[16:])
        world.callers[name] = Client(headers={"Authorization": f"Bearer {key}"})
    for name, role, restaurant in (
        ("R1 manager", INTEGRATION_MANAGER, world.r1.restaurant),
        ("R1 operator", OPERATOR, world.r1.restaurant),
        ("R1 viewer", VIEWER, world.r1.restaurant),
        ("no rights", None, world.r1.restaurant),
        ("super", None, None),
    ):
        user = User.objects.create_user(name.replace(" ", "-"), is_staff=True, is_superuser=name == "super")
        if role:
            user.groups.add(Group.objects.get(name=role))
        if restaurant:
            user.restaurants.add(restaurant)
        world.callers[name] = Client()
        world.callers[name].force_login(user)
    _visit(world.r1, world.callers["K1"])
    _visit(world.r2, world.callers["K2"])
    return world


def _place(name: str, code: str) -> SimpleNamespace:
    place = make_restaurant()
    Restaurant.objects.filter(pk=place.restaurant.pk).update(name=f"Restaurant {name}")
    place.restaurant.refresh_from_db()
    PosProvider.objects.get_or_create(provider_name="petpooja", defaults={"display_name": "PetPooja"})
    secrets = {
        part: f"CANARY-{name}-{part}-0123456789abcdef" for part in ("appkey", "appsecret", "token", "hook")
    }
    integration, _ = save_integration(
        restaurant=place.restaurant,
        provider_name="petpooja",
        pos_restaurant_id=code,
        endpoint="http://127.0.0.1:9",
        api_key=secrets["appkey"],
        restaurant_config={"app_secret": secrets["appsecret"], "access_token": secrets["token"]},
        webhook_secret=secrets["hook"],
    )
    place.hook, place.code = secrets["hook"], code
    made = rotate_secret(integration)
    place.canaries = [*secrets.values(), made.secret]
    place.integration = fresh(integration)
    add_discount(place)
    return place


def _visit(place: SimpleNamespace, client: Client) -> None:
    """An order and all that follows it."""
    answer = client.post(
        "/api/orders",
        make_body(place),
        content_type="application/json",
        headers={"Idempotency-Key": "same-key"},
    )
    assert answer.status_code == 201, answer.content
    place.order_id, place.reference = answer.json()["id"], answer.json()["reference"]
    for push in OrderPush.objects.filter(order=place.order_id):
        outbound.deliver(push.pk)
    body = order_status(place.reference, restaurant_id=place.code)
    assert send(Client(), "order-status", body, secret=place.hook).status_code == 200
    inbound.drain()
    apps.get_model("notifications", "Notification").objects.get_or_create(
        order_id=place.order_id, type="sms", event="ready", defaults={"message": f"for {place.restaurant}"}
    )
    MenuSyncHistory.objects.create(
        restaurant=place.restaurant, status="success", started_at=timezone.now(), completed_at=timezone.now()
    )
    Incident.objects.create(
        kind=Incident._meta.get_field("kind").choices[0][0],
        restaurant=place.restaurant,
        what=f"at {place.restaurant}",
    )
    audit.record("looked at", place.restaurant)
    place.token = callback_token(place.integration, place.reference)
    place.canaries.append(place.token)
    place.names = [place.restaurant.name, place.reference]


@contextlib.contextmanager
def written_logs(level: int = logging.DEBUG) -> Iterator[io.StringIO]:
    """What the block logs, as it is written: with the processors that mask and escape."""
    root, lines = logging.getLogger(), io.StringIO()
    formatters = (handler.formatter for handler in root.handlers)
    handler = logging.StreamHandler(lines)
    handler.setFormatter(next(f for f in formatters if isinstance(f, structlog.stdlib.ProcessorFormatter)))
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def ago(**values: Any) -> dt.datetime:
    """A moment in the past."""
    return timezone.now() - dt.timedelta(**values)


def links_of(html: str) -> set[str]:
    """Where a page leads within this site."""
    return {link.split("#")[0] for link in re.findall(r'(?:href|action|src|data-url)="(/[^"\s]*)"', html)}
