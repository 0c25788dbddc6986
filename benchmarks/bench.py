"""How fast ding is, beside floors measured in the same run.

    python benchmarks/bench.py [--only webhooks,menu-sync,menu-out,orders,push,idle,growth] [--short]
                               [--json FILE] [--docs]

Starts its own MariaDB (durability at its default), Redis, web, workers and a POS on loopback, measures, and
stops what it started. Single figures move with the machine: read the ratios. `--short` only shows that it
still runs. `--docs` writes the table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import services

from benchmarks import stack, table
from benchmarks.load import Result, all_of, fire
from benchmarks.measure import Figure, Spent, session_of, spending

# Each belongs to a whole run but the last, which fills a database for minutes.
PATHS = ("webhooks", "menu-sync", "menu-out", "orders", "push", "idle", "growth")
DATABASE = "ding_bench"
SLICES = 5


class Bench:
    """What is running, and what the paths share."""

    def __init__(self, options: argparse.Namespace, cleanup: ExitStack) -> None:
        self.short: bool = options.short
        self.folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="ding-bench-")))
        self.database_url = cleanup.enter_context(services.mariadb(private=True))
        broker = cleanup.enter_context(services.redis(private=True))
        self.database_port = int(self.database_url.rsplit(":", 1)[1])
        self.database_session = session_of(f"--port={self.database_port}")
        self.port, pos_port = free_port(), free_port()
        self.pos_url = f"http://127.0.0.1:{pos_port}"
        self.env = stack.environment(f"{self.database_url}/{DATABASE}", f"{broker}/0", self.port, self.folder)
        # Nothing dies here, and a hanging POS takes its time.
        self.env |= {"LEASE_SECONDS": "90", "API_CALLS_PER_MINUTE": "0"}
        os.environ.update(self.env)
        self.set_delay(0)
        command = [sys.executable, str(ROOT / "benchmarks/pos.py"), str(pos_port), str(self.folder)]
        pos = stack.Process("pos", command, self.env)
        cleanup.callback(pos.stop)
        self._connection = self._make_database()
        import django

        django.setup()
        from django.core.management import call_command

        from benchmarks import world
        from ding.keys import SCOPES, create_api_key

        call_command("migrate", verbosity=0)
        stack.wait_ready(pos_port, path="/")
        self.places = world.make_places(3 if self.short else 20, self.folder, self.pos_url, 200)
        self.key = create_api_key(client="bench", scopes=SCOPES, all_restaurants=True)

    def size(self, whole: int, short: int) -> int:
        """How many, in a whole run or a short one."""
        return short if self.short else whole

    @property
    def seconds(self) -> float:
        """How long one load lasts."""
        return 0.5 if self.short else 5.0

    # --- the database ---

    def connect(self) -> Any:
        """A bare connection, as the floors use it."""
        import MySQLdb

        connection = MySQLdb.connect(
            host="127.0.0.1", port=self.database_port, user="root", db=DATABASE, charset="utf8mb4"
        )
        connection.cursor().execute("SET time_zone = '+00:00', tx_isolation = 'READ-COMMITTED'")
        connection.commit()
        return connection

    def _make_database(self) -> Any:
        import MySQLdb

        connection = MySQLdb.connect(host="127.0.0.1", port=self.database_port, user="root")
        connection.cursor().execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        connection.close()
        return self.connect()

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement and commit."""
        cursor = self._connection.cursor()
        cursor.execute(statement, values or None)
        rows = list(cursor.fetchall()) if cursor.description else []
        self._connection.commit()
        return rows

    def count(self, table_name: str, where: str = "1=1") -> int:
        """How many rows."""
        return int(self.sql(f"SELECT COUNT(*) FROM `{table_name}` WHERE {where}")[0][0])

    def empty_tables(self) -> None:
        """No orders, no webhooks, no messages."""
        tables = ("NotificationQueue", "OrderPushAttempts", "OrderPushes", "WebhookLogs", "IdempotencyKeys")
        tables += ("OrderStatusHistory", "OrderItemAddOns", "OrderItems", "Orders")
        self.sql("SET foreign_key_checks = 0")
        for name in tables:
            self.sql(f"TRUNCATE `{name}`")
        self.sql("SET foreign_key_checks = 1")

    def orders(self, count: int, **options: Any) -> list[tuple[str, str]]:
        """So many pending orders; (reference, code) of each."""
        from benchmarks import world

        return world.make_orders(self._connection.cursor(), self.places, count, **options)

    # --- processes ---

    def set_delay(self, seconds: float) -> None:
        """How long the POS takes for an order from now on."""
        (self.folder / "delay").write_text(str(seconds))

    @contextmanager
    def web(
        self, app: str = "ding.wsgi:application", *, port: int = 0, **options: Any
    ) -> Iterator[stack.Process]:
        """A web server, ready; at ding's port or another."""
        port = port or self.port
        options.setdefault("workers", 1 if self.short else 2)
        env = {**self.env, **options.pop("env", {}), "PORT": str(port)}
        process = stack.web(env, app=app, **options)
        try:
            path = "/healthz" if app.startswith("ding.") else "/empty"
            stack.wait_ready(port, path=path)
            yield process
        finally:
            process.stop()

    @contextmanager
    def spending(self, **processes: stack.Process) -> Iterator[Spent]:
        """CPU and memory of these processes and the database."""
        sessions = {name: process.session for name, process in processes.items()}
        with spending({**sessions, "mariadb": self.database_session}) as spent:
            yield spent

    def fire(self, connections: int, requests: list[bytes], *, warm: bool = True, **options: Any) -> Result:
        """Load on the web server."""
        port = options.pop("port", self.port)
        if warm and options.get("cycle"):
            fire(port, connections, requests, seconds=0.3, cycle=True)
        return fire(port, connections, requests, **options)

    def beside(
        self, web: stack.Process, requests: list[bytes], floors: Sequence[tuple[int, list[bytes]]]
    ) -> tuple[Result, list[Result], Spent]:
        """ding and floors at ports of theirs, a slice of time each in turn: what else the machine does meets all."""
        sides = [(self.port, requests), *floors]
        slices: list[list[Result]] = [[] for _ in sides]
        spent, seconds = Spent(), self.seconds / SLICES
        for port, sent in sides:
            fire(port, 32, sent, seconds=0.3, cycle=True)
        for _ in range(SLICES):
            for (port, sent), results in zip(sides, slices, strict=True):
                with self.spending(web=web) as one:
                    results.append(fire(port, 32, sent, seconds=seconds, cycle=True))
                if port == self.port:
                    spent.add(one)
        ours, *theirs = (all_of(results) for results in slices)
        return ours, theirs, spent


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Run it all; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="", help=f"of {', '.join(PATHS)}")
    parser.add_argument("--short", action="store_true", help="only show that it runs")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name]
    wanted = wanted or [name for name in PATHS if name != "growth"]
    if unknown := set(wanted) - set(PATHS):
        parser.error(f"There is no path {', '.join(sorted(unknown))}.")
    started = time.monotonic()
    figures: list[Figure] = []
    try:
        with ExitStack() as everything:
            bench = Bench(options, everything)
            for name in wanted:
                module = __import__(f"benchmarks.paths.{name.replace('-', '_')}", fromlist=["run"])
                print(f"{name} ...", file=sys.stderr, flush=True)
                for figure in module.run(bench):
                    figures.append(figure)
                    print(f"  {table.line(figure)}", file=sys.stderr, flush=True)
    except services.Missing as missing:
        print(f"The benchmark needs its own MariaDB and Redis: {missing}")
        return 1
    facts = _facts(time.monotonic() - started)
    print(table.as_markdown(figures, facts))
    if options.json:
        options.json.write_text(
            json.dumps({"facts": facts, "figures": [f.as_json() for f in figures]}, indent=2) + "\n"
        )
    if options.docs:
        table.write_into(ROOT / "docs/performance.md", figures, facts)
    return 0


def _facts(seconds: float) -> dict[str, str]:
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    database = subprocess.run(
        [shutil.which("mariadbd", path="/usr/sbin:/usr/bin") or "mariadbd", "--version"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return {
        "interpreter": f"{platform.python_implementation()} {platform.python_version()}, "
        f"built {'with' if optimised else 'without'} --enable-optimizations",
        "cores": str(os.cpu_count()),
        "load before": f"{os.getloadavg()[2]:.1f}",
        "database": next((word for word in database if word[:1].isdigit()), "MariaDB"),
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": f"{seconds:.0f}",
    }


if __name__ == "__main__":
    sys.exit(main())
