"""`manage.py run`: all of ding and a simulated POS in one process, with a demo restaurant and an order to watch."""

from __future__ import annotations

import os
import signal
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.management.sql import emit_post_migrate_signal
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from ding import demo
from pos_integrations import health
from pos_integrations.simulator import SimulatedPos

HOST = "127.0.0.1"


def _on_stop(do: Callable[[int, Any], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, do)


def _stop_in_order(number: int, frame: Any) -> None:
    # What is unfinished is in the database: whoever asks twice need not wait for it.
    _on_stop(lambda number, frame: os._exit(130))
    raise KeyboardInterrupt


def _migrate() -> None:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0)
        else:
            # `migrate` would build every model of the past in memory first, to find nothing to do.
            emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias)
    except OperationalError as error:
        raise CommandError(
            f"The database of DATABASE_URL cannot be used: {error.args[-1]}. Start or create it, or take the "
            "variable away: then ding uses SQLite."
        ) from error


def _listening(name: str, start: Callable[[], Any]) -> Any:
    """What `start` gives; a port that cannot be had is told by its variable's name."""
    try:
        return start()
    except OSError as error:
        others = f"PORT={settings.PORT + 10} SIMULATED_POS_PORT={settings.SIMULATED_POS_PORT + 10} make run"
        raise CommandError(
            f"{name}={getattr(settings, name)} cannot be used: {error.strerror}. Try other ones:\n  {others}"
        ) from error


class Command(BaseCommand):
    """For trying ding out on one machine; docker-compose.yml shows how it runs for real."""

    help = "Run web, worker, scheduler and a simulated POS together, with a demo restaurant."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Ports come from the environment: PORT, SIMULATED_POS_PORT."""
        parser.add_argument("--no-order", action="store_true", help="do not place the demo order")
        parser.add_argument("--step-seconds", type=float, default=1.5, help="pace of the simulated kitchen")

    def handle(self, *args: Any, **options: Any) -> None:
        """Until Ctrl-C."""
        # Late: only this process needs a web server and a worker.
        from ding.embedded import Embedded

        # Also where a shell started us in the background and SIGINT is ignored.
        _on_stop(_stop_in_order)
        try:
            self._run(Embedded, options)
        except KeyboardInterrupt:
            self._say("Stopped.")

    def _run(self, embedded: Any, options: dict[str, Any]) -> None:
        self._say("Preparing the database ...")
        _migrate()
        if not health.broker_answers():
            raise CommandError(
                "The broker of CELERY_BROKER_URL does not answer. Start it, or take the variable away: "
                "then ding needs none."
            )
        base_url = f"http://{HOST}:{settings.PORT}"
        pos_port, step = settings.SIMULATED_POS_PORT, options["step_seconds"]
        pos = _listening("SIMULATED_POS_PORT", lambda: SimulatedPos(port=pos_port, step_seconds=step).start())
        everything = _listening("PORT", lambda: embedded(HOST, settings.PORT))
        try:
            with everything:
                integration = demo.set_up(pos.base_url)
                demo.connect_dashboard(pos, integration)
                items = demo.sync(integration)
                key = demo.api_key(integration.restaurant)
                self._welcome(base_url, pos.base_url, integration.restaurant_id, items)
                if not options["no_order"]:
                    self._show_order(base_url, key, integration.restaurant_id)
                self._say("\nRunning. `make demo` places another order. Ctrl-C stops everything.")
                while True:
                    time.sleep(3600)
        finally:
            pos.close()

    def _welcome(self, base_url: str, pos_url: str, restaurant_id: int, items: int) -> None:
        password = demo.admin_password()
        var: Path = settings.VAR_DIR
        if var.is_relative_to(settings.BASE_DIR):
            var = var.relative_to(settings.BASE_DIR)
        self._say(
            f"""
ding is up.
  admin            {base_url}/admin/     admin / {password}
  API to try       {base_url}/api/docs/
  API key          {var}/demo-api-key
  webhook secret   {var}/demo-webhook-secret
  restaurant       {restaurant_id} ({demo.NAME}), {items} items synchronised
  simulated POS    {pos_url}/     its terminal: cook by hand, switch items off
"""
        )

    def _show_order(self, base_url: str, key: str, restaurant_id: int) -> None:
        self._say("")
        try:
            call_command("demo", base_url=base_url, key=key, restaurant=restaurant_id, stdout=self.stdout)
        except CommandError as error:
            self.stderr.write(str(error))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
