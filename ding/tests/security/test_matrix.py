"""Every address of the API with every method, for every kind of caller (S01, S03).

The rows are checked against the URL map: a new address without a row here fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.urls import get_resolver, resolve

from ding.keys import SCOPES
from ding.tests.security.world import World
from orders.models import Order
from orders.tests.factories import make_body
from pos_integrations.models import WebhookLog

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "HEAD", "OPTIONS")
READS = frozenset(scope for scope in SCOPES if scope.endswith(":read"))
HOLDS = {
    "nobody": frozenset(),
    "K1": frozenset(SCOPES),
    "K1 read-only": READS,
    "K1 menu only": frozenset({"menu:read"}),
    "K2": frozenset(SCOPES),
    "R1 manager": READS,
    "R1 operator": READS,
    "R1 viewer": READS,
    "no rights": frozenset(),
    "super": frozenset(SCOPES),
}


@dataclass(frozen=True)
class Row:
    """One method of one address. `scope` None: for everybody. `path` and `body` speak of R1.

    `foreign`: what a stranger with the scope gets; None: his own list, with nothing of R1 in it.
    """

    method: str
    path: str
    scope: str | None
    ok: tuple[int, ...] = (200,)
    body: Callable[[World], Any] = field(default=lambda world: {})
    foreign: int | None = 404


ROWS = (
    Row("GET", "/api/restaurants/{r}/menu", "menu:read"),
    Row("GET", "/api/orders", "orders:read", foreign=None),
    Row("POST", "/api/orders", "orders:write", (201,), lambda world: make_body(world.r1)),
    Row("POST", "/api/orders/quote", "orders:write", (200,), lambda world: make_body(world.r1)),
    Row("GET", "/api/orders/{order}", "orders:read"),
    Row("POST", "/api/orders/{order}/cancel", "orders:write", (200,), lambda world: {"reason": "no"}),
    Row(
        "POST",
        "/api/orders/{order}/rider",
        "orders:write",
        (200, 201, 202, 409, 422),
        lambda world: {"status": "assigned", "name": "Ravi", "phone": "9000000003"},
    ),
    Row("POST", "/api/menu-sync/{r}/sync", "integrations:write", (200, 422, 502, 503)),
    Row("GET", "/api/menu-sync/{r}/history", "integrations:read"),
    Row("GET", "/api/pos-config/{r}/petpooja", "integrations:read"),
    Row("GET", "/api/pos-integration/health", "integrations:read", foreign=None),
    Row(
        "POST",
        "/api/pos-integration/{r}",
        "integrations:write",
        (200,),
        lambda world: {"provider_name": "petpooja"},
    ),
    Row("POST", "/api/pos-integration/{r}/test", "integrations:write"),
    Row("GET", "/api/pos-integration/{r}/status", "integrations:read"),
    Row("GET", "/api/pos-integration/{r}/health", "integrations:read"),
    Row("POST", "/api/pos-integration/{r}/petpooja/rotate-secret", "integrations:write", (201,)),
    Row("GET", "/api/webhooks/logs", "integrations:read", foreign=None),
    Row("GET", "/api/schema", None),
    Row("GET", "/api/docs", None),
)
# Nobody's key opens these: the POS's own proof does, and it is not here.
WEBHOOKS = (
    "/api/webhooks/petpooja/order-status",
    "/api/webhooks/petpooja/{public}/order-status",
)
# Outside of /api/: what stands there is listed, and everything else is missing.
OUTSIDE = {
    "/": {"nobody": 302},
    "/healthz": {"nobody": 200},
    "/readyz": {"nobody": 200},
    "/metrics": {"nobody": 401, "super": 401},
    "/media/menu/1/" + "0" * 64 + ".jpg": {"nobody": 404},
}


def filled(path: str, world: World) -> str:
    place = world.r1
    return path.format(r=place.restaurant.pk, order=place.reference, public=place.integration.public_id)


def url_map() -> set[str]:
    """Every address outside the admin, as the URL map spells it."""

    def walk(patterns, before=""):
        for pattern in patterns:
            here = before + str(pattern.pattern).removeprefix("^")
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns, here)
            else:
                yield here

    return {route for route in walk(get_resolver().url_patterns) if not route.startswith("admin/")}


def route_of(path: str) -> str:
    return resolve(path).route.removeprefix("^")


def test_every_address_has_a_row(world):
    rows = {route_of(filled(path, world)) for path in [row.path for row in ROWS] + [*WEBHOOKS, *OUTSIDE]}
    assert url_map() - rows == set()


def call(world: World, caller: str, method: str, path: str, body: Any = None) -> Any:
    data = json.dumps(body if body is not None else {})
    return world.callers[caller].generic(method, path, data, content_type="application/json")


def expected(row: Row, caller: str) -> tuple[int, ...]:
    if row.scope is None:
        return row.ok
    if caller in ("nobody", "no rights") and not HOLDS[caller]:
        return (401,) if caller == "nobody" else (403,)
    if row.scope not in HOLDS[caller]:
        return (403,)
    if caller == "K2" and row.foreign:
        return (row.foreign,)
    return row.ok


@pytest.mark.parametrize("caller", HOLDS)
def test_who_may_do_what(world, caller):
    wrong = []
    for row in ROWS:
        answer = call(world, caller, row.method, filled(row.path, world), row.body(world))
        if answer.status_code not in expected(row, caller):
            wrong.append(
                (row.method, row.path, answer.status_code, expected(row, caller), answer.content[:200])
            )
    assert wrong == []


@pytest.mark.parametrize("caller", ["nobody", "K1", "K2", "super"])
def test_every_other_method_is_refused(world, caller):
    have = {(row.method, row.path) for row in ROWS}
    for path in {row.path for row in ROWS}:
        for method in METHODS:
            if (method, path) in have or method in ("HEAD", "OPTIONS"):
                continue
            answer = call(world, caller, method, filled(path, world))
            assert answer.status_code in ((401, 405) if caller == "nobody" else (405, 403)), (method, path)
    for path in WEBHOOKS:
        for method in METHODS:
            answer = call(world, caller, method, filled(path, world))
            assert answer.status_code in {"POST": (400, 401), "OPTIONS": (200, 405)}.get(method, (405,)), (
                method,
                path,
            )
    assert WebhookLog.objects.count() == 2


@pytest.mark.parametrize("path", OUTSIDE)
def test_what_stands_outside_the_api(world, path):
    for caller, status in OUTSIDE[path].items():
        assert world.callers[caller].get(path).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/docs",
        "/flower",
        "/__debug__/",
        "/silk/",
        "/.git/config",
        "/.env",
        "/static/../ding/settings.py",
        "/static/%2e%2e/ding/settings.py",
        "/media/menu/../../ding.sqlite3",
        "/media/%2e%2e/%2e%2e/etc/passwd",
        "/admin/doc/",
        "/api/v1/orders",
        "/api/",
        "/health",
        "/simulator",
        "/manage.py",
    ],
)
def test_side_doors_are_not_there(world, path):
    for caller in ("nobody", "super"):
        answer = world.callers[caller].get(path)
        assert answer.status_code in (404, 302), path
        if answer.status_code == 302:  # the admin sends whoever is not logged in to its log-in
            assert answer.headers["Location"].startswith("/admin/login/")


def test_lists_hold_only_what_the_caller_sees(world):
    for caller, place, other in (
        ("K1", world.r1, world.r2),
        ("K2", world.r2, world.r1),
        ("R1 viewer", world.r1, world.r2),
    ):
        for path in [row.path for row in ROWS if row.foreign is None]:
            text = world.callers[caller].get(path).content.decode()
            assert other.reference not in text, (caller, path)
            assert other.restaurant.name not in text, (caller, path)
            for query in (f"restaurant={other.restaurant.pk}", f"restaurant={place.restaurant.pk}"):
                answer = world.callers[caller].get(f"{path}?{query}")
                assert other.reference not in answer.content.decode()
        assert place.reference in world.callers[caller].get("/api/orders").content.decode()


def test_a_cursor_of_one_caller_shows_another_only_his_own(world):
    first = world.callers["super"].get("/api/orders?limit=1").json()
    assert first["next"]
    text = world.callers["K2"].get(first["next"]).content.decode()
    assert world.r1.reference not in text


def test_ids_in_bodies_do_not_reach_over(world):
    """R2's dishes in R1's order, R1's order by K2, and an Idempotency-Key that R1 has used."""
    mixed = make_body(world.r1, items=make_body(world.r2)["items"])
    assert call(world, "K1", "POST", "/api/orders", mixed).status_code == 422
    before = Order.objects.count()
    for body in (make_body(world.r1), mixed):
        assert call(world, "K2", "POST", "/api/orders", body).status_code == 404
    answer = world.callers["K2"].post(
        "/api/orders",
        make_body(world.r2),
        content_type="application/json",
        headers={"Idempotency-Key": "same-key"},
    )
    assert answer.json()["reference"] == world.r2.reference
    assert Order.objects.count() == before


EXTRA = {
    "id": 999999,
    "pk": 999999,
    "reference": "MINE",
    "status": "delivered",
    "total": "0.01",
    "price": "0",
    "is_staff": True,
    "is_superuser": True,
    "created_at": "2020-01-01T00:00:00Z",
    "pos_order_id": "X",
    "client": "somebody",
    "_state": {},
    "__class__": "x",
    "signature_required": False,
    "dry_run": True,
    "unsigned_since": "2020-01-01T00:00:00Z",
    "unsigned_by": "me",
    "public_id": "f" * 32,
    "problem": "x",
}


def test_fields_that_nobody_asked_for_change_nothing(world):
    """S04: each is refused by name, or ignored."""
    body = make_body(world.r1) | EXTRA
    answer = call(world, "K1", "POST", "/api/orders", body)
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        order = Order.objects.get(pk=answer.json()["id"])
        assert (order.status, order.client) == ("pending", "K1")
        assert order.pk != 999999
    before = dict(vars(type(world.r1.integration).objects.get(pk=world.r1.integration.pk)))
    call(
        world,
        "K1",
        "POST",
        f"/api/pos-integration/{world.r1.restaurant.pk}",
        {"provider_name": "petpooja"} | EXTRA,
    )
    after = dict(vars(type(world.r1.integration).objects.get(pk=world.r1.integration.pk)))
    changed = {name for name in before if not name.startswith("_") and before[name] != after[name]}
    assert changed <= {"updated_at"}
