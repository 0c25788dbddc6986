"""A client that places orders over REST, again with the same key until it has its answer, and a list of them."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from reliability.sender import Sender


@dataclass(slots=True)
class Placed:
    """One order that was asked for; `answer` is ding's, empty while there is none."""

    key: str
    restaurant: int
    answer: dict[str, Any] = field(default_factory=dict)
    status: int | None = None
    tries: int = 0
    seconds: float = 0.0

    @property
    def reference(self) -> str:
        """Its name towards the POS; empty when it was never placed."""
        return str(self.answer.get("reference", ""))


class Guests:
    """Places orders of two plain items each."""

    def __init__(self, sender: Sender, api_key: str, menus: dict[int, list[int]], seed: int) -> None:
        self._sender, self._key, self._menus, self._seed = sender, api_key, menus, seed
        self._lock = threading.Lock()
        self.orders: list[Placed] = []

    def place(
        self, restaurant: int | None = None, *, note: str = "", until: float | None = None, **values: Any
    ) -> Placed:
        """Place one and return when ding has it, or refused it, or the time is over."""
        with self._lock:
            number = len(self.orders)
            dice = random.Random(f"{self._seed}-{number}")
            where = restaurant or dice.choice(list(self._menus))
            placed = Placed(f"rig-{self._seed}-{number}", where)
            self.orders.append(placed)
        items = dice.sample(self._menus[where], 2)
        body = {
            "restaurant_id": where,
            "order_type": "PICKUP",
            "payment_type": "ONLINE",
            "customer": {"name": f"Guest {number}", "phone": f"+91{9_000_000_000 + number}"},
            "items": [{"item_id": item, "quantity": 1} for item in items],
            **({"notes": note} if note else {}),
            **values,
        }
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Idempotency-Key": placed.key,
            "Content-Type": "application/json",
        }
        raw, until = json.dumps(body).encode(), until or time.monotonic() + 120
        while True:
            placed.tries += 1
            started = time.monotonic()
            answer = self._sender.request("POST", "/api/orders", raw, headers)
            placed.seconds = time.monotonic() - started
            placed.status = answer and answer[0]
            if answer and answer[0] == 201:
                placed.answer = json.loads(answer[1])
                return placed
            if (answer and 400 <= answer[0] < 500 and answer[0] != 429) or time.monotonic() > until:
                return placed
            time.sleep(0.2)
