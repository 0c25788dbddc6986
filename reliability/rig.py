"""The rig: ding as it runs for real, with a database, a broker and a POS of its own that can be made to fail.

Every process is a group of its own, so a fault is a signal to a group. Between ding and the three others
stands a proxy each. The rig itself speaks to the database and the kitchens directly: what it sees, ding's
troubles do not touch.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
import random
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import stack
from benchmarks.stack import Process
from reliability.load import Load
from reliability.orders import Guests
from reliability.processes import MariaDb, Redis, free_port, go_on, owner, wait_until
from reliability.proxy import Proxy
from reliability.sender import Event, Sender, make_event, now_text

# Codes of the outlets at a POS that makes a second ticket of an order that is sent twice, at one that does
# not (there alone ding may send again what is unclear), and of one that is left alone as a neighbour.
STRICT = ("strict0", "strict1", "strict2", "strict3")
LENIENT = ("lenient0", "lenient1")
LEASE_SECONDS = 8
CALL_SECONDS = 3


@dataclass(slots=True)
class RigOutlet:
    """One restaurant of the rig, at both ends."""

    code: str
    restaurant: int
    integration: int
    public_id: str
    secret: str
    pos: Any
    items: list[int] = field(default_factory=list)
    stock_items: list[str] = field(default_factory=list)


class Rig:
    """Started once; faults are tried on it one after another."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.dice = random.Random(seed)
        self.kills: Counter[str] = Counter()
        # Processes that ended although nobody killed them.
        self.fell: Counter[str] = Counter()
        self._cleanup = ExitStack()
        self._numbers = 0
        self._pool: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._reviving: dict[str, threading.Lock] = {}

    # --- life ---

    def __enter__(self) -> Rig:
        try:
            return self._start()
        except BaseException:
            self._cleanup.close()
            raise

    def __exit__(self, *exc_info: object) -> None:
        self._cleanup.close()

    def _start(self) -> Rig:
        self.db = MariaDb(self.folder, *DB_FLAGS)
        self._cleanup.callback(self.db.kill)
        self.redis = Redis(self.folder)
        self._cleanup.callback(self.redis.kill)
        # One way to the database for the web servers, one for the others: faults can tell them apart.
        self.web_db, self.worker_db = Proxy(self.db.port), Proxy(self.db.port)
        self.redis_proxy = Proxy(self.redis.port)
        # For one outlet alone, when a fault is for it alone.
        self.gate = Proxy(0)
        self.ports = [free_port(), free_port()]
        database = f"mysql://root@127.0.0.1:{self.db.port}/ding"
        env = stack.environment(
            database, f"redis://127.0.0.1:{self.redis_proxy.port}/0", self.ports[0], self.folder
        )
        env |= {
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "VAR_DIR": str(self.folder / "var"),
            "SMS_CHANNEL": "none",
            "ALERT_EMAIL": "ops@example.com",
        }
        env["PYTHONPATH"] = str(stack.ROOT)
        os.environ.update(env)
        self.env = {**env, "DATABASE_URL": database.replace(str(self.db.port), str(self.worker_db.port))}
        self.web_env = {**env, "DATABASE_URL": database.replace(str(self.db.port), str(self.web_db.port))}
        self._prepare_database()
        self._set_up()
        self._start_ding()
        return self

    def _prepare_database(self) -> None:
        import django
        import MySQLdb

        connection = MySQLdb.connect(host="127.0.0.1", port=self.db.port, user="root")
        connection.cursor().execute("CREATE DATABASE ding CHARACTER SET utf8mb4")
        connection.close()
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    def _set_up(self) -> None:
        from ding.keys import SCOPES, create_api_key
        from pos_integrations.models import PosProvider
        from pos_integrations.simulator import Outlet, SimulatedPos, make_menu

        common: dict[str, Any] = {"step_seconds": 0.3, "callback_tries": 60, "callback_timeout_seconds": 6.0}

        def kitchen(codes: tuple[str, ...], *, dedupes: bool) -> Any:
            menus = [Outlet(code, make_menu(40, seed=n, code=code)) for n, code in enumerate(codes)]
            ledger = self.folder / f"{codes[0]}.jsonl"
            pos = SimulatedPos(menus, dedupes=dedupes, seed=self.seed, ledger=ledger, **common).start()
            self._cleanup.callback(pos.close)
            return pos

        self.strict, self.lenient = kitchen(STRICT, dedupes=False), kitchen(LENIENT, dedupes=True)
        self.pos_proxy, self.lenient_proxy = Proxy(self.strict.port), Proxy(self.lenient.port)
        self.provider = PosProvider.objects.create(
            provider_name="petpooja",
            display_name="Simulated",
            base_api_url=f"http://127.0.0.1:{self.pos_proxy.port}",
        )
        self.outlets = {code: self._connect(code) for code in (*STRICT, *LENIENT)}
        self.api_key = create_api_key(client="rig", scopes=SCOPES, all_restaurants=True)
        self.sender = Sender(self.ports, self.folder / "sender.jsonl")
        self._cleanup.callback(self.sender.close)
        menus = {outlet.restaurant: outlet.items for outlet in self.outlets.values()}
        self.guests = Guests(self.sender, self.api_key, menus, self.seed)

    def _connect(self, code: str) -> RigOutlet:
        from menus.models import Item, Restaurant
        from pos_integrations.configuration import save_integration
        from pos_integrations.menu_sync import Trigger, sync_menu
        from pos_integrations.simulator import DEMO_CREDENTIALS

        lenient = code in LENIENT
        restaurant = Restaurant.objects.create(name=f"Restaurant {code}")
        secret = secrets.token_urlsafe(32)
        integration, _ = save_integration(
            restaurant=restaurant,
            provider_name="petpooja",
            pos_restaurant_id=code,
            endpoint=f"http://127.0.0.1:{self.lenient_proxy.port}" if lenient else "",
            api_key=DEMO_CREDENTIALS.app_key,
            webhook_secret=secret,
            restaurant_config={
                "app_secret": DEMO_CREDENTIALS.app_secret,
                "access_token": DEMO_CREDENTIALS.access_token,
                "call_timeout_seconds": CALL_SECONDS,
                "push_retry_seconds": 1,
                "push_deadline_minutes": 2,
                # Where every call is spoilt on purpose the POS would soon be left alone; F32 tries that.
                "rest_after_failures": 10_000,
                "resend_unclear": lenient,
            },
        )
        sync_menu(integration, trigger=Trigger.COMMAND)
        plain = [
            item
            for item in Item.objects.filter(
                restaurant=restaurant, active=True, variations=None, addon_groups=[]
            )
            if "PICKUP" in (item.order_types or ["PICKUP"])
        ]
        half = len(plain) // 2
        return RigOutlet(
            code,
            restaurant.pk,
            integration.pk,
            integration.public_id,
            secret,
            self.lenient if lenient else self.strict,
            [item.pk for item in plain[:half]],
            [item.external_id for item in plain[half:]],
        )

    def _start_ding(self) -> None:
        webs = [{**self.web_env, "PORT": str(port)} for port in self.ports]
        self.webs = [stack.web(env, workers=1) for env in webs]
        for number, web in enumerate(self.webs):
            web.name = f"web-{'ab'[number]}"
        self.workers = [stack.worker(self.env, f"worker-{letter}") for letter in "ab"]
        self.beat = stack.beat(self.env)
        for process in self.processes:
            self._cleanup.callback(process.stop)
        threading.Thread(target=self._supervise, daemon=True).start()
        self.wait_ready()

    def _supervise(self) -> None:
        """Start again what ended by itself, as `restart: unless-stopped` does in production."""
        while True:
            time.sleep(1)
            for process in self.processes:
                if process.wanted and not process.is_running:
                    with self._lock_of(process):
                        if process.wanted and not process.is_running:
                            self.fell[process.name] += 1
                            process.start()

    def _lock_of(self, process: Process) -> threading.Lock:
        with self._lock:
            return self._reviving.setdefault(process.name, threading.Lock())

    @contextmanager
    def spoilt(self, sabotage: str) -> Iterator[None]:
        """ding with one of its promises broken on purpose."""
        before = [(process, process.command, process.env) for process in self.processes]
        for process in self.processes:
            self._enter_by(process, sabotage)
        self.wait_ready()
        try:
            yield
        finally:
            for process, command, env in before:
                process.kill()
                process.command, process.env = command, env
            self.mend()

    def _enter_by(self, process: Process, sabotage: str) -> None:
        """Start it by another door than ding's own, which does nothing but spoil ding."""
        process.kill()
        module = "reliability.sabotage"
        swap = {"ding.wsgi:application": f"{module}:application", "ding": module}
        process.command = [swap.get(word, word) for word in process.command]
        process.env = {**process.env, "RIG_SABOTAGE": sabotage}
        process.start()

    @property
    def processes(self) -> list[Process]:
        """All of ding."""
        return [*self.webs, *self.workers, self.beat]

    @property
    def proxies(self) -> list[Proxy]:
        """All that stand around ding."""
        return [
            self.web_db,
            self.worker_db,
            self.redis_proxy,
            self.pos_proxy,
            self.lenient_proxy,
            self.gate,
        ]

    def mend(self) -> None:
        """Everything as it was before a fault: proxies pass, kitchens behave, every process lives."""
        for proxy in self.proxies:
            proxy.behave()
        for pos in (self.strict, self.lenient):
            pos.misbehave({})
        for process in (self.db, self.redis, *self.processes):
            go_on(process)
            if not process.is_running:
                process.start()
        self.db.wait()
        self.redis.wait()
        self.wait_ready()
        self.forget_sessions()

    def forget_sessions(self) -> None:
        """The rig's own sessions may have died with the database."""
        from django.db import connections

        connections.close_all()

    def wait_ready(self) -> None:
        """Until both web servers and their database answer."""
        for port in self.ports:
            stack.wait_ready(port, 90)

    # --- killing ---

    def kill(self, process: Process) -> None:
        """Kill -9 a whole group and start it again; also a server."""
        with self._lock_of(process):
            process.kill()
            self.kills[process.name] += 1
            process.start()

    def kill_owner(self, port: int) -> None:
        """Kill whoever holds a connection from that local port, and start it again beside us."""
        found = owner(self.processes, port)
        if found is None:
            return
        found.kill()
        self.kills[found.name] += 1
        threading.Thread(target=self._revive, args=(found,), daemon=True).start()

    def _revive(self, process: Process) -> None:
        with self._lock_of(process):
            if not process.is_running:
                process.start()

    def restart(self, process: Process, **env: str) -> None:
        """Stop a process in order and start it, for good with this change of its environment."""
        process.stop()
        process.env = {**process.env, **env}
        process.start()

    @contextmanager
    def changed(self, processes: Sequence[Process], **env: str) -> Iterator[None]:
        """Let these run with a changed environment for a while."""
        before = [process.env for process in processes]
        for process in processes:
            self.restart(process, **env)
        self.wait_ready()
        try:
            yield
        finally:
            for process, old in zip(processes, before, strict=True):
                process.stop()
                process.env = old
                process.start()

    @contextmanager
    def only_worker(self, spoilt: str, *words: str) -> Iterator[Process]:
        """In place of both workers one that has another door than ding's own."""
        for worker in self.workers:
            worker.stop()
        one = stack.worker(self.env, f"worker-{spoilt}")
        one.kill()
        one.command = [
            *one.command[: one.command.index("-P")],
            *words,
            "--without-mingle",
            "--without-gossip",
        ]
        self._enter_by(one, spoilt)
        try:
            yield one
        finally:
            one.kill()
            for worker in self.workers:
                worker.start()

    @contextmanager
    def configured(self, codes: Sequence[str], **config: Any) -> Iterator[None]:
        """Let the integrations of these outlets have other settings for a while."""
        before = {code: self.integration(code).restaurant_specific_config for code in codes}
        for code in codes:
            row = self.integration(code)
            row.restaurant_specific_config = {**before[code], **config}
            row.save(update_fields=["restaurant_specific_config"])
        try:
            yield
        finally:
            for code in codes:
                row = self.integration(code)
                row.restaurant_specific_config = before[code]
                row.save(update_fields=["restaurant_specific_config"])

    @contextmanager
    def pace(self, step_seconds: float) -> Iterator[None]:
        """Let the kitchens take so long between two stages for a while."""
        before = self.strict.step_seconds
        self.strict.step_seconds = self.lenient.step_seconds = step_seconds
        try:
            yield
        finally:
            self.strict.step_seconds = self.lenient.step_seconds = before

    @contextmanager
    def endpoint(self, code: str, address: str) -> Iterator[None]:
        """Let one outlet's POS be elsewhere for a while."""
        from pos_integrations.models import RestaurantPosIntegration

        row = RestaurantPosIntegration.objects.filter(pk=self.outlets[code].integration)
        before = row.values_list("endpoint", flat=True).get()
        row.update(endpoint=address)
        try:
            yield
        finally:
            row.update(endpoint=before)

    def force_menu(self, code: str) -> None:
        """Make the kitchen's menu ding's, whatever would go."""
        from pos_integrations.menu_sync import Trigger, sync_menu
        from pos_integrations.menu_turn import SyncRunning

        def is_done() -> bool:
            try:
                sync_menu(self.integration(code), trigger=Trigger.COMMAND, force=True)
            except SyncRunning:
                # A worker's; one that died leaves its lease behind.
                return False
            return True

        wait_until(is_done, 330, "another sync's end")

    def sync_soon(self, code: str) -> None:
        """Let a worker fetch that menu now."""
        from pos_integrations.models import RestaurantPosIntegration

        RestaurantPosIntegration.objects.filter(pk=self.outlets[code].integration).update(
            menu_sync_due_at=dt.datetime.now(dt.UTC)
        )

    def integration(self, code: str) -> Any:
        """The integration's row as it is now."""
        from pos_integrations.models import RestaurantPosIntegration

        return RestaurantPosIntegration.objects.get(pk=self.outlets[code].integration)

    # --- what is sent ---

    def number(self) -> str:
        """A number that no other event has."""
        with self._lock:
            self._numbers += 1
            return f"rig-{self.seed}-{self._numbers}"

    def load(self, events: float = 0, orders: float = 0) -> Load:
        """Webhooks and orders at these rates per second."""
        return Load(self, events, orders)

    def stock_up(self, count: int, code: str = "") -> None:
        """Have so many orders at hand of which webhooks can tell; they are in the kitchens already."""
        from orders.models import Order

        missing = count - sum(not code or code == one for one, _ in self._pool)
        if missing <= 0:
            return
        codes = [code] if code else list(self.outlets)
        new = []
        for _ in range(missing):
            code, reference = self.dice.choice(codes), f"R{secrets.token_hex(8).upper()}"
            new.append((code, reference))
        Order.objects.bulk_create(
            [
                Order(
                    restaurant_id=self.outlets[code].restaurant,
                    reference=reference,
                    order_type="PICKUP",
                    payment_type="ONLINE",
                    currency="INR",
                    customer_name="Guest",
                    **dict.fromkeys(MONEY, 0),
                )
                for code, reference in new
            ],
            batch_size=1000,
        )
        self._pool += new

    def next_order(self, code: str = "") -> tuple[str, str]:
        """(outlet code, reference) of an order of which nobody has told anything yet."""
        with self._lock:
            for index in range(len(self._pool) - 1, -1, -1):
                if not code or self._pool[index][0] == code:
                    return self._pool.pop(index)
        raise RuntimeError("Stock up more orders before this fault.")

    def status_event(
        self, code: str, reference: str, status: str, *, ahead: float = 0.0, at: str = "", **more: Any
    ) -> Event:
        """A signed webhook that tells a status; `more` stands in its body too."""
        body = {
            "order_id": reference,
            "status": status,
            "restaurant_id": code,
            "timestamp": at or now_text(ahead),
            **more,
        }
        about = {"reference": reference, "status": status}
        return make_event(self.number(), "order-status", body, self.outlets[code].secret, about)

    # --- waiting ---

    def open_rows(self) -> dict[str, int]:
        """What ding still has to do."""
        from django.db import connections

        from pos_integrations.models import OrderPush, PushState, WebhookLog, WebhookStatus

        try:
            return {
                "webhooks": WebhookLog.objects.filter(
                    status__in=(WebhookStatus.RECEIVED, WebhookStatus.FAILED)
                ).count(),
                "pushes": OrderPush.objects.filter(state__in=(PushState.DUE, PushState.SENDING)).count(),
            }
        except Exception:
            connections.close_all()
            return {"database": 1}

    def quiet(self, seconds: float = 120) -> float:
        """Wait until nothing is owed by anyone; how long it took. It ends without a word when time is up."""
        started = time.monotonic()
        with suppress(TimeoutError):
            wait_until(self._is_quiet, seconds)
        return time.monotonic() - started

    def _is_quiet(self) -> bool:
        idle = self.strict.wait_idle(0.1) and self.lenient.wait_idle(0.1)
        return idle and not any(self.open_rows().values())

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        print(f"      {text}", file=sys.stderr, flush=True)


# As production has them; the pool small, for the machine is small.
DB_FLAGS = ("--max-connections=200", "--innodb-buffer-pool-size=128M", "--character-set-server=utf8mb4")
MONEY = (
    "items_total",
    "discount_total",
    "packing_charge",
    "delivery_charge",
    "service_charge",
    "tax_total",
    "total",
)


def fresh_encryption_key(name: str) -> str:
    """One entry for ENCRYPTION_KEYS."""
    return f"{name}:{base64.b64encode(secrets.token_bytes(32)).decode()}"
