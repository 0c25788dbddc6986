"""Orders through a POS that misbehaves, while workers are killed: is each one in the kitchen exactly once?

    python benchmarks/round_trip.py [--orders 1000] [--kill-every 5] [--seconds 120] [--seed 1]

Starts its own Redis, web, workers, scheduler and simulated POS on loopback (MariaDB: the one that answers,
in a database of its own), places the orders over REST, kills -9 a random process group every few seconds,
waits for quiet, and compares what the kitchen has, what ding says, and what was acknowledged. The simulated
POS makes a second ticket of every order that is sent twice, so nothing is hidden. Exit code 1 when a figure
is not what it must be.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import requests
import services

from benchmarks import stack

MISBEHAVIOUR = {
    "refuse": 0.02,
    "accept_then_silence": 0.01,
    "accept_then_reset": 0.02,
    "accept_then_500": 0.02,
    "accept_then_html": 0.01,
    "silence": 0.01,
    "reset": 0.01,
    "500": 0.02,
    "429": 0.03,
    "html": 0.01,
    "invalid_json": 0.01,
    "delay": 0.03,
    "duplicate_callbacks": 0.05,
    "reordered_callbacks": 0.05,
    "callback_before_answer": 0.03,
    "no_callbacks": 0.01,
    "drop": 0.01,
    "cancel": 0.02,
}
RESTAURANTS = 5
SENDERS = 6


def main() -> int:
    """Run it all; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--kill-every", type=float, default=5.0, help="seconds; 0: never")
    parser.add_argument("--seconds", type=float, default=120.0, help="the whole run ends by then")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with ExitStack() as everything:
        folder = Path(everything.enter_context(tempfile.TemporaryDirectory(prefix="ding-round-trip-")))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        database = everything.enter_context(services.mariadb())
        broker = everything.enter_context(services.redis(private=True))
        env = stack.environment(f"{database}/ding_round_trip", f"{broker}/0", port, folder)
        os.environ.update(env)
        return Run(options, port, folder, everything).run(env)


class Run:
    """One run; Django is loaded with its settings."""

    def __init__(self, options: argparse.Namespace, port: int, folder: Path, cleanup: ExitStack) -> None:
        self.options, self.port, self.folder, self.cleanup = options, port, folder, cleanup
        self.base = f"http://127.0.0.1:{port}"
        self.until = time.monotonic() + options.seconds
        self.last_start = time.monotonic() + 0.75 * options.seconds
        self.kills: Counter[str] = Counter()
        self.retries = 0
        self.done = threading.Event()

    def run(self, env: dict[str, str]) -> int:
        """Set up, send, kill, wait, compare."""
        import django

        self._make_database(env["DATABASE_URL"])
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        pos, key, menus = self._set_up()
        self.cleanup.callback(pos.close)
        processes = [
            stack.web(env),
            stack.worker(env, "worker-a"),
            stack.worker(env, "worker-b"),
            stack.beat(env),
        ]
        for process in processes:
            self.cleanup.callback(process.stop)
        stack.wait_ready(self.port)
        killer = threading.Thread(target=self._kill, args=(processes,), daemon=True)
        started = time.monotonic()
        if self.options.kill_every:
            killer.start()
        with ThreadPoolExecutor(SENDERS) as pool:
            answers = list(pool.map(lambda n: self._place(n, key, menus), range(self.options.orders)))
        placed = [answer for answer in answers if answer is not None]
        sent = time.monotonic()
        self.done.set()
        if killer.ident:
            killer.join()
        print(
            f"{len(placed)} of {self.options.orders} orders placed in {sent - started:.1f} s, kills: {dict(self.kills)}",
            flush=True,
        )
        quiet = self._wait_for_quiet(pos)
        print(f"quiet {quiet:.1f} s after the last order", flush=True)
        return self._compare(pos, placed)

    def _make_database(self, url: str) -> None:
        import MySQLdb

        port = int(url.rsplit(":", 1)[1].split("/")[0])
        connection = MySQLdb.connect(host="127.0.0.1", port=port, user="root")
        cursor = connection.cursor()
        cursor.execute("DROP DATABASE IF EXISTS ding_round_trip")
        cursor.execute("CREATE DATABASE ding_round_trip CHARACTER SET utf8mb4")
        connection.close()

    def _set_up(self) -> tuple[Any, str, dict[int, list[dict[str, Any]]]]:
        from ding.keys import SCOPES, create_api_key
        from menus.models import Item, Restaurant
        from pos_integrations.configuration import save_integration
        from pos_integrations.menu_sync import Trigger, sync_menu
        from pos_integrations.models import PosProvider
        from pos_integrations.simulator import DEMO_CREDENTIALS, Outlet, SimulatedPos, make_menu

        codes = [f"outlet{n:02d}" for n in range(RESTAURANTS)]
        pos = SimulatedPos(
            [Outlet(code, make_menu(40, seed=n, code=code)) for n, code in enumerate(codes)],
            dedupes=False,
            step_seconds=0.5,
            misbehave=MISBEHAVIOUR,
            seed=self.options.seed,
            ledger=self.folder / "ledger.jsonl",
            callback_tries=40,
        ).start()
        PosProvider.objects.create(
            provider_name="petpooja", display_name="Simulated", base_api_url=pos.base_url
        )
        menus = {}
        for code in codes:
            restaurant = Restaurant.objects.create(name=f"Restaurant {code}")
            integration, _ = save_integration(
                restaurant=restaurant,
                provider_name="petpooja",
                pos_restaurant_id=code,
                api_key=DEMO_CREDENTIALS.app_key,
                restaurant_config={
                    "app_secret": DEMO_CREDENTIALS.app_secret,
                    "access_token": DEMO_CREDENTIALS.access_token,
                    "call_timeout_seconds": 3,
                    "push_retry_seconds": 1,
                    "push_deadline_minutes": 1,
                },
            )
            sync_menu(integration, trigger=Trigger.COMMAND)
            plain = Item.objects.filter(restaurant=restaurant, active=True, variations=None, addon_groups=[])
            menus[restaurant.pk] = [
                {"item_id": item.pk, "quantity": 1}
                for item in plain
                if "PICKUP" in (item.order_types or ["PICKUP"])
            ]
        key = create_api_key(client="round-trip", scopes=SCOPES, all_restaurants=True)
        return pos, key, menus

    def _place(self, number: int, key: str, menus: dict[int, list[dict[str, Any]]]) -> dict[str, Any] | None:
        """The answer; None when a slow machine had no time left to begin with this order."""
        if time.monotonic() > self.last_start:
            return None
        dice = random.Random(f"{self.options.seed}-{number}")
        restaurant = dice.choice(list(menus))
        body = {
            "restaurant_id": restaurant,
            "order_type": "PICKUP",
            "payment_type": "ONLINE",
            "customer": {"name": f"Guest {number}", "phone": f"+91{9000000000 + number}"},
            "items": dice.sample(menus[restaurant], 2),
        }
        while time.monotonic() < self.until:
            try:
                answer = requests.post(
                    f"{self.base}/api/orders",
                    json=body,
                    headers={"Authorization": f"Bearer {key}", "Idempotency-Key": f"order-{number}"},
                    timeout=10,
                )
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code == 201:
                placed: dict[str, Any] = answer.json()
                return placed
            if answer is not None and answer.status_code < 500:
                raise RuntimeError(f"order {number} was refused: {answer.text[:500]}")
            self.retries += 1
            time.sleep(0.2)
        raise TimeoutError("The time is over before every order was placed.")

    def _kill(self, processes: list[stack.Process]) -> None:
        dice = random.Random(self.options.seed)
        web, *others = processes
        while not self.done.wait(self.options.kill_every * dice.uniform(0.5, 1.5)):
            # Mostly workers; the web now and then.
            victim = web if dice.random() < 0.15 else dice.choice(others)
            victim.kill()
            self.kills[victim.name] += 1
            victim.start()

    def _wait_for_quiet(self, pos: Any) -> float:
        from pos_integrations.models import OrderPush, PushState, WebhookLog, WebhookStatus

        started = time.monotonic()
        while time.monotonic() < self.until:
            # First the kitchen: what it still says would open another row.
            idle = pos.wait_idle(0.1)
            open_pushes = OrderPush.objects.filter(state__in=(PushState.DUE, PushState.SENDING)).exists()
            waiting = WebhookLog.objects.filter(
                status__in=(WebhookStatus.RECEIVED, WebhookStatus.FAILED)
            ).exists()
            if idle and not open_pushes and not waiting:
                break
            time.sleep(0.3)
        return time.monotonic() - started

    def _compare(self, pos: Any, placed: list[dict[str, Any]]) -> int:
        from django.db.models import Count

        from notifications.models import Notification
        from orders.models import Order, OrderStatusHistory
        from pos_integrations.models import OrderPush, PushKind, PushState, WebhookLog, WebhookStatus
        from pos_integrations.simulator import Decision

        references = {order["reference"] for order in placed}
        pushes = {
            push.order.reference: push
            for push in OrderPush.objects.filter(kind=PushKind.ORDER).select_related("order")
        }
        tickets = Counter(ticket.reference for ticket in pos.tickets())
        dropped = {e.facts.reference for e in pos.ledger.entries() if e.decision is Decision.DROPPED}
        states = Counter(push.state for push in pushes.values())
        print("pushes by state:", dict(sorted(states.items())))
        print("simulated POS:", pos.ledger.counts())
        told = [call for call in pos.ledger.callbacks() if call["result"] == "acknowledged"]
        reached = {order.reference: order for order in Order.objects.all()}

        settled = (
            PushState.SENT,
            PushState.ACKNOWLEDGED,
            PushState.REJECTED,
            PushState.UNKNOWN,
            PushState.EXPIRED,
        )
        not_taken = (PushState.REJECTED, PushState.EXPIRED)
        taken = (PushState.SENT, PushState.ACKNOWLEDGED)
        behind = [
            call
            for call in told
            if call["status"] == "10"
            and reached[call["reference"]].status not in ("delivered", "cancelled", "rejected")
        ]
        figures = {
            "orders_lost": len(references - set(reached)),
            "orders_twice": Order.objects.count() - len(references),
            "pos_dup": sum(count > 1 for count in tickets.values()),
            "not_settled": sum(push.state not in settled for push in pushes.values()),
            "said_not_taken_but_in_kitchen": sum(
                tickets[r] > 0 for r, p in pushes.items() if p.state in not_taken
            ),
            "said_taken_but_not_in_kitchen": sum(
                not tickets[r] for r, p in pushes.items() if p.state in taken and r not in dropped
            ),
            "in_kitchen_but_unknown_order": len(set(tickets) - references),
            "acked_callbacks_without_row": max(0, len(told) - WebhookLog.objects.count()),
            "acked_callbacks_not_applied": len(behind),
            "webhooks_open": WebhookLog.objects.filter(
                status__in=(WebhookStatus.RECEIVED, WebhookStatus.FAILED)
            ).count(),
            "effect_dup": OrderStatusHistory.objects.values("order", "new_status")
            .annotate(n=Count("pk"))
            .filter(n__gt=1)
            .count(),
        }
        print(f"webhook verdicts: {dict(Counter(WebhookLog.objects.values_list('verdict', flat=True)))}")
        print(f"order states: {dict(Counter(order.status for order in reached.values()))}")
        print(f"notifications: {dict(Counter(Notification.objects.values_list('status', flat=True)))}")
        print(
            f"orders {len(references)}, kills {sum(self.kills.values())}, callbacks acknowledged {len(told)}, "
            f"requests sent again {self.retries}"
        )
        for name, value in figures.items():
            print(f"{'ok  ' if not value else 'MISS'} {name} {value}")
        return 1 if any(figures.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
