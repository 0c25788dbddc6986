"""The restaurants, menus and orders that a run is about."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECRET = "benchmark-secret-of-no-worth-0123456789"


@dataclass(frozen=True, slots=True)
class Place:
    """A restaurant with its account at the POS."""

    id: int
    code: str
    integration_id: int


def code_of(number: int) -> str:
    """The POS's name of a restaurant."""
    return f"bench{number:04d}"


def write_menu(folder: Path, code: str, items: int, seed: int) -> bytes:
    """Put a menu where the POS finds it; its bytes."""
    from pos_integrations.simulator import make_menu

    menu = make_menu(items, seed=seed, code=code)
    raw = json.dumps(menu, ensure_ascii=False).encode()
    (folder / f"menu-{code}.json").write_bytes(raw)
    return raw


def make_places(count: int, folder: Path, pos_url: str, items: int) -> list[Place]:
    """That many restaurants, each with a menu, an integration and a webhook secret."""
    from pos_integrations.configuration import add_webhook_secret
    from pos_integrations.models import PosProvider

    PosProvider.objects.get_or_create(
        provider_name="petpooja", defaults={"display_name": "Bench", "base_api_url": pos_url}
    )
    places = []
    for number in range(count):
        write_menu(folder, code_of(number), items, number)
        integration = make_integration(code_of(number))
        add_webhook_secret(integration, SECRET)
        places.append(Place(integration.restaurant_id, code_of(number), integration.pk))
    return places


def make_integration(code: str, *, sync: bool = True) -> Any:
    """A restaurant at the POS, with its menu fetched."""
    from menus.models import Restaurant
    from pos_integrations.configuration import save_integration
    from pos_integrations.menu_sync import Trigger, sync_menu

    restaurant = Restaurant.objects.create(name=f"Kitchen {code}", phone="9000000007")
    integration, _ = save_integration(
        restaurant=restaurant,
        provider_name="petpooja",
        pos_restaurant_id=code,
        api_key="key",
        restaurant_config={
            "app_secret": "bench-secret",
            "access_token": "bench-token",
            "call_timeout_seconds": 30,
        },
    )
    if sync:
        sync_menu(integration, trigger=Trigger.COMMAND)
    return integration


def basket(place: Place, lines: int) -> list[dict[str, Any]]:
    """So many lines that may be ordered, a third of them with an add-on or a size where the menu has them."""
    from menus.models import Item, Variation

    items = list(Item.objects.filter(restaurant_id=place.id, active=True, in_stock=True).order_by("id"))
    sizes: dict[int, int] = {}
    for variation in Variation.objects.filter(restaurant_id=place.id, active=True).order_by("-id"):
        sizes[variation.item_id] = variation.pk
    found = []
    for item in items:
        if any(offer["minimum"] for offer in item.addon_groups):
            continue
        if item.order_types and "PICKUP" not in item.order_types:
            continue
        found.append({"item_id": item.pk, "variation_id": sizes.get(item.pk), "quantity": 1 + len(found) % 3})
        if len(found) == lines:
            return found
    raise RuntimeError(f"The menu has only {len(found)} plain items.")


def order_body(place: Place, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """An order as a web shop sends it."""
    return {
        "restaurant_id": place.id,
        "order_type": "PICKUP",
        "payment_type": "ONLINE",
        "customer": {"name": "Asha Guest", "phone": "+919000000002"},
        "items": list(lines),
    }


def make_orders(
    cursor: Any, places: Sequence[Place], count: int, *, state: str = "sent", name: str = "B"
) -> list[tuple[str, str]]:
    """So many pending orders by plain SQL, spread over the places, as copies of one that was really placed.

    `state` is that of their pushes, `name` what their references begin with. Returns (reference, code) of each.
    """
    from orders.serializers import OrderInput
    from orders.services.placing import place_order

    models = {}
    for place in places:
        order = OrderInput(data=order_body(place, basket(place, 2)))
        order.is_valid(raise_exception=True)
        answer, _ = place_order(request=order.as_request(), client="bench")
        models[place.id] = answer["id"]
    each = -(-count // len(places))
    made = []
    for place in places:
        model = models[place.id]
        number = min(each, count - len(made))
        if number <= 0:
            break
        prefix = f"{name}{place.id}X"
        _copy(cursor, "Orders", f"id = {model}", number, {"reference": f"CONCAT('{prefix}', s.seq)"})
        cursor.execute("SELECT id FROM Orders WHERE reference = %s", (f"{prefix}1",))
        first = cursor.fetchone()[0]
        # One INSERT gives ids in a row.
        for table in ("OrderItems", "OrderStatusHistory"):
            _copy(cursor, table, f"order_id = {model}", number, {"order_id": f"{first} + s.seq - 1"})
        now = "UTC_TIMESTAMP(6)"
        late = f"{now} + INTERVAL 1 DAY"
        changed = {"order_id": f"{first} + s.seq - 1", "state": f"'{state}'", "expires_at": late}
        # A worker that runs may be at the one that they are copies of.
        changed |= {"attempts": "0", "request_body": "NULL"}
        changed["next_attempt_at"] = now if state == "due" else late
        _copy(cursor, "OrderPushes", f"order_id = {model}", number, changed)
        made += [(f"{prefix}{n}", place.code) for n in range(1, number + 1)]
    _hide(models.values())
    cursor.connection.commit()
    return made


def _hide(models: Any) -> None:
    """No worker shall push what the others are copies of; one that runs may be at it, so nothing is deleted."""
    from pos_integrations.models import OrderPush, PushState

    OrderPush.objects.filter(order__in=list(models)).update(state=PushState.REJECTED, next_attempt_at=None)


def _copy(cursor: Any, table: str, where: str, count: int, changed: dict[str, str]) -> None:
    cursor.execute(f"SHOW COLUMNS FROM `{table}`")
    names = [row[0] for row in cursor.fetchall() if row[0] != "id"]
    picked = ", ".join(changed.get(name, f"t.`{name}`") for name in names)
    listed = ", ".join(f"`{name}`" for name in names)
    cursor.execute(
        f"INSERT INTO `{table}` ({listed}) SELECT {picked} FROM `{table}` t JOIN seq_1_to_{count} s "
        f"WHERE t.{where} ORDER BY s.seq"
    )


def status_body(reference: str, code: str, status: str = "CONFIRMED") -> bytes:
    """A signed order-status webhook's body."""
    now = dt.datetime.now(dt.UTC).isoformat()
    sent = {"restaurant_id": code, "order_id": reference, "status": status, "timestamp": now}
    return json.dumps(sent).encode()


def signature(body: bytes) -> str:
    """As the POS signs it."""
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
