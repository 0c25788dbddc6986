"""A demo restaurant at the simulated POS, and an order whose trip can be watched."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.contrib.auth import get_user_model

from ding.keys import SCOPES, caller_of, create_api_key
from menus.models import Restaurant
from notifications.models import Notification
from orders.models import Order, OrderStatusHistory
from orders.status import FINAL
from pos_integrations.configuration import save_integration, valid_secrets, webhook_url
from pos_integrations.menu_sync import Trigger, sync_menu
from pos_integrations.models import OrderPushAttempt, PosProvider, RestaurantPosIntegration, WebhookLog
from pos_integrations.simulator import DEMO_CREDENTIALS, SAMPLE_CODES, SimulatedPos

PROVIDER = "petpooja"
NAME = "Demo Lounge"
PATIENCE_SECONDS = 60


def _kept(name: str, make: Callable[[], str], still_good: Callable[[str], bool]) -> str:
    """A secret of the demo, kept in a file that only its owner reads, made anew when it is of no use."""
    path: Path = settings.VAR_DIR / f"demo-{name}"
    value = path.read_text().strip() if path.exists() else ""
    if not value or not still_good(value):
        value = make()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(value + "\n")
    return value


def admin_password() -> str:
    """The password of the admin `admin`, who is created when there is none."""
    users = get_user_model().objects
    name = "admin"

    def make() -> str:
        password = secrets.token_urlsafe(12)
        user = users.filter(username=name).first() or users.create_superuser(name)
        user.set_password(password)
        user.save()
        return password

    def still_good(password: str) -> bool:
        user = users.filter(username=name).first()
        return user is not None and user.check_password(password)

    return _kept("admin-password", make, still_good)


def api_key(restaurant: Restaurant) -> str:
    """A key for the demo restaurant alone."""
    return _kept(
        "api-key",
        lambda: create_api_key(client="demo", scopes=SCOPES, restaurants=[restaurant]),
        lambda key: (caller := caller_of(key)) is not None and caller.sees(restaurant.pk),
    )


def set_up(pos_url: str) -> RestaurantPosIntegration:
    """The demo restaurant, connected to the simulated POS; the same one each time."""
    PosProvider.objects.get_or_create(
        provider_name=PROVIDER, defaults={"display_name": "PetPooja (simulated)", "base_api_url": pos_url}
    )
    restaurant, _ = Restaurant.objects.get_or_create(
        name=NAME, defaults={"address": "1 Sample Road, Testpur", "phone": "9000000001"}
    )
    integration, _ = save_integration(
        restaurant=restaurant,
        provider_name=PROVIDER,
        pos_restaurant_id=SAMPLE_CODES[0],
        endpoint=pos_url,
        api_key=DEMO_CREDENTIALS.app_key,
        restaurant_config={
            "app_secret": DEMO_CREDENTIALS.app_secret,
            "access_token": DEMO_CREDENTIALS.access_token,
        },
    )
    known = [secret for _, secret in valid_secrets(integration)]
    secret = _kept("webhook-secret", lambda: secrets.token_urlsafe(32), lambda kept: kept in known)
    save_integration(restaurant=restaurant, provider_name=PROVIDER, webhook_secret=secret)
    return integration


def connect_dashboard(pos: SimulatedPos, integration: RestaurantPosIntegration) -> None:
    """Type ding's addresses into the simulated POS's dashboard, so that its own pushes arrive."""
    (_, secret), *_ = valid_secrets(integration)
    url = webhook_url(integration, "menu").removesuffix("/menu")
    pos.outlets[integration.pos_restaurant_id].set_dashboard(url=url, token=secret)


def sync(integration: RestaurantPosIntegration) -> int:
    """Fetch the menu; how many items it has."""
    return sync_menu(integration, trigger=Trigger.COMMAND).items


# --- an order's trip ------------------------------------------------------------------------------------


class DemoFailed(Exception):
    """The demo cannot go on; the message says what to do."""


def place_order(base_url: str, key: str, restaurant_id: int) -> dict[str, Any]:
    """Order two things over REST, as a web shop would."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {key}"
    try:
        menu = session.get(f"{base_url}/api/restaurants/{restaurant_id}/menu", timeout=10).json()
        wanted = [item for item in menu.get("items", []) if item["available"]][:2]
        lines = [
            {
                "item_id": item["id"],
                "quantity": 1,
                **({"variation_id": item["variations"][0]["id"]} if item["variations"] else {}),
            }
            for item in wanted
        ]
        answer = session.post(
            f"{base_url}/api/orders",
            headers={"Idempotency-Key": secrets.token_hex(8)},
            json={
                "restaurant_id": restaurant_id,
                "order_type": "DELIVERY",
                "payment_type": "ONLINE",
                "customer": {
                    "name": "Asha Guest",
                    "phone": "9000000002",
                    "email": "asha@example.com",
                    "address": "2 Example Street, Testpur",
                },
                "items": lines,
            },
            timeout=10,
        )
    except requests.RequestException as error:
        raise DemoFailed(f"Nothing answers at {base_url}. Is `make run` running?") from error
    order: dict[str, Any] = answer.json()
    if answer.status_code != 201:
        raise DemoFailed(
            f"The order was refused: {order['error']['message']} {order['error'].get('fields', '')}"
        )
    return order


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to an order, `seconds` after it was placed."""

    seconds: float
    what: str
    text: str


def watch(order_id: int) -> Iterator[Step]:
    """What happens to an order, as it happens, until it is finished and the guest told."""
    order = Order.objects.get(pk=order_id)
    seen: set[tuple[str, int, str]] = set()
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        order.refresh_from_db()
        for at, key, what, text in sorted(_facts(order), key=lambda fact: fact[0]):
            if key not in seen:
                seen.add(key)
                yield Step((at - order.created_at).total_seconds(), what, text)
        if order.status in FINAL and not Notification.objects.filter(order=order, status="pending").exists():
            return
        time.sleep(0.1)
    raise DemoFailed(
        f"The order is still {order.status} after {PATIENCE_SECONDS} s; look at it in the admin."
    )


def _facts(order: Order) -> Iterator[tuple[Any, tuple[str, int, str], str, str]]:
    for change in OrderStatusHistory.objects.filter(order=order):
        text = f"{change.old_status or 'new'} → {change.new_status}"
        yield change.created_at, ("status", change.pk, ""), "order", text
    for attempt in OrderPushAttempt.objects.filter(push__order=order).exclude(outcome="running"):
        text = f"attempt {attempt.number}: HTTP {attempt.response_status or '-'}, {attempt.get_outcome_display().lower()}"
        yield attempt.started_at, ("push", attempt.pk, attempt.outcome), "to the POS", text
    for log in WebhookLog.objects.filter(order=order).exclude(processed_at=None):
        yield log.created_at, ("webhook", log.pk, ""), "from the POS", f"{log.webhook_type}: {log.verdict}"
    for note in Notification.objects.filter(order=order, status="sent").exclude(sent_at=None):
        text = f"{note.get_type_display()}: {note.subject or note.message}"
        yield note.sent_at, ("message", note.pk, ""), "to the guest", text
