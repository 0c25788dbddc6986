"""A restaurant connected to a simulated POS, orders for it, and webhooks as the POS signs them."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from django.apps import apps
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from menus.models import Restaurant
from orders.models import Order
from orders.services.placing import place_order
from orders.tests.factories import make_request
from orders.tests.factories import make_restaurant as make_place
from pos_integrations.configuration import save_integration
from pos_integrations.models import OrderPush, PosProvider, RestaurantPosIntegration
from pos_integrations.simulator import DEMO_CREDENTIALS, DEMO_WEBHOOK_SECRET, SimulatedPos

SIGNATURE = "x-petpooja-signature"
SECRET = DEMO_WEBHOOK_SECRET
# By name: this app does not know that one, and the rules of import hold for tests too.
Notification = apps.get_model("notifications", "Notification")


def connect(
    pos: SimulatedPos | None = None, restaurant: Any = None, *, code: str = "abcd1234", **config: Any
) -> RestaurantPosIntegration:
    """An integration of `restaurant` (a new one with a menu by default) at `pos`."""
    PosProvider.objects.get_or_create(provider_name="petpooja", defaults={"display_name": "PetPooja"})
    integration, _ = save_integration(
        restaurant=restaurant or make_place().restaurant,
        provider_name="petpooja",
        pos_restaurant_id=code,
        endpoint=pos.base_url if pos else "http://127.0.0.1:9",
        api_key=DEMO_CREDENTIALS.app_key,
        restaurant_config={
            "app_secret": DEMO_CREDENTIALS.app_secret,
            "access_token": DEMO_CREDENTIALS.access_token,
            "call_timeout_seconds": 5,
            **config,
        },
        # Each restaurant needs a secret of its own.
        webhook_secret=SECRET if code == "abcd1234" else secret_of(code),
    )
    return fresh(integration)


def secret_of(code: str) -> str:
    """The webhook secret of the outlet with that code."""
    return SECRET if code == "abcd1234" else f"webhook-secret-of-{code}".ljust(32, "0")


def fresh(integration: RestaurantPosIntegration) -> RestaurantPosIntegration:
    """As it is in the database now."""
    found = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider")
    return found.get(pk=integration.pk)


def make_restaurant() -> Restaurant:
    """A restaurant without a menu."""
    return Restaurant.objects.create(name="Sample Lounge")


def connected_place(pos: SimulatedPos | None = None, **config: Any) -> SimpleNamespace:
    """The golden menu's restaurant with its `integration`."""
    place = make_place()
    place.integration = connect(pos, place.restaurant, **config)
    return place


def place(at: SimpleNamespace, **values: Any) -> OrderPush:
    """Place the golden order; the push that it owes."""
    answer, _ = place_order(request=make_request(at, **values), client="shop")
    return OrderPush.objects.select_related("order").get(order=answer["id"])


def make_due(*pushes: OrderPush) -> None:
    """Let the time until the next attempt be over."""
    ids = [push.pk for push in pushes]
    RestaurantPosIntegration.objects.filter(pushes__in=ids).update(rests_until=None)
    OrderPush.objects.filter(pk__in=ids).update(next_attempt_at=timezone.now() - dt.timedelta(seconds=1))


# --- webhooks -------------------------------------------------------------------------------------------


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def as_bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def order_status(order: Order | str, status: str = "CONFIRMED", **values: Any) -> dict[str, Any]:
    """A signed order-status body."""
    return {
        "order_id": order if isinstance(order, str) else order.reference,
        "pos_order_id": "",
        "status": status,
        "timestamp": timezone.now().isoformat(),
        "restaurant_id": "abcd1234",
        **values,
    }


def send(client: Any, topic: str, body: Any, *, secret: str = SECRET, path: str = "", **headers: str) -> Any:
    """POST a signed webhook to the address that all restaurants share."""
    raw = as_bytes(body)
    return client.post(
        path or f"/api/webhooks/petpooja/{topic}",
        data=raw,
        content_type="application/json",
        headers={SIGNATURE: sign(raw, secret), **headers},
    )


# --- watching -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def counting() -> Iterator[Callable[[], int]]:
    """How many statements were sent to the database."""
    with CaptureQueriesContext(connection) as queries:
        yield lambda: len(queries)


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(n)` in so many threads at once; their results, and the first error if there is one."""
    start, results, errors = threading.Barrier(count), [None] * count, []

    def run(number: int) -> None:
        try:
            start.wait(10)
            results[number] = work(number)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results
