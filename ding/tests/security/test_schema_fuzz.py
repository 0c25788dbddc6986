"""Every operation of the OpenAPI document, called with what its own schema allows and with what it does not (S48).

`DING_FUZZ_SECONDS=600 DING_FUZZ_SEED=7 pytest …` goes on for longer, with other dice; by default it is short and the same.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
import sys
import time
from collections import Counter
from urllib.parse import quote, urlencode

import pytest

from ding.tests.security.test_hostile_values import NASTY
from orders.models import Order
from pos_integrations.tests.factories import sign

SECONDS = float(os.environ.get("DING_FUZZ_SECONDS", "0"))
SEED = int(os.environ.get("DING_FUZZ_SEED", "1"))
EACH = 12
ODD_TEXTS = [value for value in NASTY if isinstance(value, str)]


class Dice:
    """Makes values for schemas of one OpenAPI document."""

    def __init__(self, document, seed):
        self.schemas, self.random = document["components"]["schemas"], random.Random(seed)

    def odd(self, chance=0.12):
        return self.random.random() < chance

    def value(self, schema, depth=0):
        """Mostly as the schema says, sometimes anything."""
        if self.odd() or depth > 6:
            return self.random.choice(NASTY)
        if "$ref" in schema:
            return self.value(self.schemas[schema["$ref"].rpartition("/")[2]], depth + 1)
        for word in ("allOf", "oneOf", "anyOf"):
            if word in schema:
                return self.value(self.random.choice(schema[word]), depth + 1)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        kind = schema.get("type", "string")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        return getattr(self, f"_{kind}", lambda *_: None)(schema, depth)

    def _object(self, schema, depth):
        names = schema.get("properties", {})
        required = schema.get("required", ())
        made = {
            name: self.value(inner, depth + 1)
            for name, inner in names.items()
            if (name in required and not self.odd(0.05)) or self.odd(0.6)
        }
        if not names or self.odd():
            made[self.random.choice(["x", "", "id", "__class__", "restaurant_id", *ODD_TEXTS])[:200]] = 1
        return made

    def _array(self, schema, depth):
        count = self.random.choice([0, 1, 1, 2, 3, 60])
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]

    def _integer(self, schema, depth):
        low, high = schema.get("minimum", -5), schema.get("maximum", 1_000)
        return self.random.choice([low, high, low - 1, high + 1, 0, 1, 2, 2**31, 2**63, 10**30])

    def _number(self, schema, depth):
        return self.random.choice([0.0, -0.0, 1.5, 1e-9, 1e300, 99999999.999])

    def _boolean(self, schema, depth):
        return self.random.random() < 0.5

    def _string(self, schema, depth):
        longest = schema.get("maxLength", 40)
        made = {
            "date-time": [
                "2026-11-28T12:00:00Z",
                "2026-11-28",
                "0001-01-01T00:00:00Z",
                "9999-12-31T23:59:59-14:00",
            ],
            "decimal": ["1.00", "0", "-1", "1e5", "99999999999999", "0.001", "NaN"],
            "uuid": ["0" * 32, "x"],
            "email": ["a@example.com", "a@b", "@"],
            "uri": ["https://pos.example.com/", "http://127.0.0.1/", "javascript:1"],
        }.get(
            schema.get("format", ""),
            ["a", "ab", "x" * longest, "x" * (longest + 1), "é", "9000000003", "1", "12:30"],
        )
        return self.random.choice(made)


def call(world, dice, method, path, operation):
    """One call by somebody; his name and the answer."""
    place, query, headers = world.r1, {}, {}
    good = {
        "restaurant_id": place.restaurant.pk,
        "name": dice.random.choice([place.reference, place.order_id]),
        "provider_name": "petpooja",
        "provider": "petpooja",
        "topic": dice.random.choice(
            ["order-status", "menu-update", "inventory-update", "stock", "menu", "order-callback"]
        ),
        "public_id": place.integration.public_id,
    }
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        if parameter["in"] == "path":
            value = dice.random.choice(ODD_TEXTS)[:300] if dice.odd(0.08) else good[name]
            path = path.replace(f"{{{name}}}", quote(str(value), safe="", errors="replace"))
        elif dice.odd(0.6):
            value = dice.value(parameter["schema"])
            text = value if isinstance(value, str) else json.dumps(value)
            if parameter["in"] == "query":
                query[name] = text[:1_500]
            else:
                headers[name] = "".join(letter for letter in text if " " <= letter < "\x7f")[:300]
    raw = b""
    if "requestBody" in operation:
        schema = next(iter(operation["requestBody"]["content"].values()))["schema"]
        body = dice.value(schema)
        if "webhooks" in path and isinstance(body, dict):
            body |= {
                "restaurant_id": place.code,
                "restID": place.code,
                "order_id": place.reference,
                "orderID": place.reference,
            }
            body |= {
                "status": dice.value({"enum": ["CONFIRMED", "-1", "10", "READY", 4]}),
                "timestamp": "2026-11-28T12:00:00Z",
            }
        raw = json.dumps(body).encode("utf-8", "surrogatepass")
        headers["x-petpooja-signature"] = sign(raw, place.hook)
    caller = dice.random.choice([*world.callers, *["K1", "super"] * 8])
    address = f"{path}?{urlencode(query, errors='replace')}" if query else path
    kind = (
        "application/json"
        if not dice.odd(0.05)
        else dice.random.choice(["text/plain", "multipart/form-data", ""])
    )
    answer = world.callers[caller].generic(method.upper(), address, raw, content_type=kind, headers=headers)
    return caller, address, raw, answer


@pytest.fixture
def document(world):
    return (
        world.callers["super"]
        .get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
        .json()
    )


def test_whatever_the_schema_allows_or_not(world, document, settings, caplog, monkeypatch):
    # No call leaves: what the connection test and the sync find is not what is looked for here.
    settings.POS_ALLOWED_NETWORKS = []
    caplog.set_level(logging.ERROR)
    dice = Dice(document, SEED)
    operations = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert len(operations) >= 18
    until, counted = time.monotonic() + SECONDS, Counter()
    for turn in itertools.count():
        if turn >= EACH and time.monotonic() > until:
            break
        for method, path, operation in operations:
            caller, address, raw, answer = call(world, dice, method, path, operation)
            about = (SEED, turn, caller, method, address[:300], raw[:500], answer.content[:300])
            counted[answer.status_code] += 1
            text = answer.content.decode()
            costly = path.endswith(("/sync/", "/test/"))
            assert answer.status_code < 500 or (costly and answer.status_code in (502, 503)), about
            assert "Traceback" not in text, about
            if answer.status_code == 201 and "rotate-secret" in address:
                text = ""  # shown this once
            assert world.found_in(text) == [], about
            if answer.status_code >= 400:
                error = answer.json().get("error", answer.json())
                assert "code" in error or "message" in error, about
            if method == "post" and answer.status_code in (401, 403, 405):
                assert caller not in ("super", "K1") or "webhooks" in path or answer.status_code == 405, about
    sys.stdout.write(
        f"seed {SEED}: {sum(counted.values())} calls of {len(operations)} operations, {dict(counted)}\n"
    )
    assert sum(counted.values()) >= EACH * len(operations)
    assert {200, 400, 401, 403, 404} <= set(counted)
    assert not [record for record in caplog.records if record.exc_info]
    assert Order.objects.filter(restaurant=world.r2.restaurant).count() >= 1
