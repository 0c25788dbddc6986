"""`manage.py simulate_pos`: run the simulated POS. A thin door to `pos_integrations.simulator`."""

from __future__ import annotations

import logging
import os
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pos_integrations.simulator import (
    DEMO_CREDENTIALS,
    DEMO_WEBHOOK_SECRET,
    SAMPLE_CODES,
    Callbacks,
    Credentials,
    Outlet,
    SimulatedPos,
    make_menu,
    sample_menu,
)


class Command(BaseCommand):
    """Runs until it is interrupted or told to end."""

    help = "Run the simulated POS over HTTP, for demo, tests and benchmarks. Not for the open internet."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The options; credentials may also stand in the environment."""
        env = os.environ.get
        add = parser.add_argument
        add("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
        add("--port", type=int, default=8001, help="port to listen at, 0 for a free one (%(default)s)")
        add("--base-path", default="", help="path before the calls; /V1 is always understood")
        add(
            "--outlet",
            action="append",
            metavar="CODE",
            help="mapping code of an outlet, repeatable; both samples by default, others get a made-up menu",
        )
        add("--menu-items", type=int, default=60, help="size of made-up menus (%(default)s)")
        add("--app-key", default=env("SIMULATED_POS_APP_KEY", DEMO_CREDENTIALS.app_key))
        add("--app-secret", default=env("SIMULATED_POS_APP_SECRET", DEMO_CREDENTIALS.app_secret))
        add("--access-token", default=env("SIMULATED_POS_ACCESS_TOKEN", DEMO_CREDENTIALS.access_token))
        add(
            "--callbacks",
            choices=[kind.value for kind in Callbacks],
            default=Callbacks.OWN.value,
            help="own: to each order's callback_url; signed: to --webhook-url (%(default)s)",
        )
        add(
            "--webhook-url",
            default=env("SIMULATED_POS_WEBHOOK_URL", ""),
            help="what /order-status is added to",
        )
        add("--webhook-secret", default=env("SIMULATED_POS_WEBHOOK_SECRET", DEMO_WEBHOOK_SECRET))
        add("--manual", action="store_true", help="nothing moves by itself: orders wait for you at the page")
        add(
            "--dashboard-url",
            action="append",
            metavar="[CODE=]URL",
            help="what /menu, /stock, /store-status-get and /store-status-update are added to, repeatable",
        )
        add(
            "--dashboard-token", action="append", metavar="[CODE=]TOKEN", help="comes last in these addresses"
        )
        add("--step-seconds", type=float, default=2.0, help="between two stages of an order (%(default)s)")
        add(
            "--misbehave",
            action="append",
            default=[],
            metavar="NAME[=VALUE]=RATE",
            help="let orders go wrong at a rate, repeatable: 500=0.05, delay=3=0.02",
        )
        add("--seed", type=int, help="seed of the dice; chosen and printed when not given")
        add("--ledger", metavar="FILE", help="keep all that happens in this file of JSON lines")
        add("--no-dedupe", action="store_true", help="the same orderID twice makes two tickets")
        add("--numeric-order-ids", action="store_true", help="give orderIDs; the real one leaves them blank")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM."""
        try:
            pos = _build(options)
        except ValueError as error:
            raise CommandError(str(error)) from error
        end = threading.Event()
        before = {
            number: signal.signal(number, lambda *_: end.set()) for number in (signal.SIGINT, signal.SIGTERM)
        }
        if not logging.getLogger().handlers and options["verbosity"]:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
        try:
            with pos:
                self._greet(pos, options)
                end.wait()
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen at {options['host']}:{options['port']}: {error}") from error
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        counts = pos.ledger.counts()
        self.stdout.write(
            f"Stopped. {counts['requests']} save_order calls, {counts['tickets']} kitchen tickets."
        )

    def _greet(self, pos: SimulatedPos, options: dict[str, Any]) -> None:
        demo = options["app_key"] == DEMO_CREDENTIALS.app_key
        rates = ", ".join(f"{name} {rate:g}" for name, rate in pos.misbehaviour.rates.items())
        pace = "when you press a button" if options["manual"] else f"{pos.step_seconds:g} s between stages"
        for line in (
            f"Simulated POS at {pos.base_url or pos.control_url}",
            f"  outlets      {', '.join(pos.outlets)}",
            f"  credentials  {'the demo ones' if demo else 'as given'}",
            f"  callbacks    {options['callbacks']}, {pace}",
            f"  misbehaves   {rates or 'only where a note says sim:<name>'}, seed {pos.seed}",
            f"  terminal     {pos.terminal_url}",
            f"  watch        {pos.control_url}/ledger",
            f"  steer        POST {pos.control_url}/behaviour",
            "Ctrl-C ends it.",
        ):
            self.stdout.write(line)
        if options["host"] not in ("127.0.0.1", "::1", "localhost"):
            self.stdout.write(
                self.style.WARNING("Others can reach it, and /_sim asks nobody for a password.")
            )
        self.stdout.flush()


def _build(options: dict[str, Any]) -> SimulatedPos:
    credentials = Credentials(options["app_key"], options["app_secret"], options["access_token"])
    codes = options["outlet"] or SAMPLE_CODES
    urls = _by_outlet("dashboard-url", options["dashboard_url"], codes)
    tokens = _by_outlet("dashboard-token", options["dashboard_token"], codes)
    outlets = [
        Outlet(
            code,
            sample_menu(code) if code in SAMPLE_CODES else make_menu(options["menu_items"], seed, code=code),
            credentials=credentials,
            callbacks=options["callbacks"],
            webhook_url=options["webhook_url"],
            webhook_secret=options["webhook_secret"],
            manual=options["manual"],
            dashboard_url=urls.get(code, ""),
            dashboard_token=tokens.get(code, ""),
        )
        for seed, code in enumerate(codes)
    ]
    return SimulatedPos(
        outlets,
        host=options["host"],
        port=options["port"],
        base_path=options["base_path"],
        dedupes=not options["no_dedupe"],
        numeric_order_ids=options["numeric_order_ids"],
        step_seconds=options["step_seconds"],
        misbehave=dict(_rate(written) for written in options["misbehave"]),
        seed=options["seed"],
        ledger=options["ledger"],
    )


def _by_outlet(option: str, written: list[str] | None, codes: Sequence[str]) -> dict[str, str]:
    """CODE=VALUE, each; a value alone, which may hold a "=", when there is one outlet."""
    found = {}
    for one in written or ():
        code, _, value = one.partition("=")
        if code in codes:
            found[code] = value
        elif len(codes) == 1:
            found[codes[0]] = one
        else:
            raise ValueError(f"--{option}: say CODE=..., the code one of {', '.join(codes)}.")
    return found


def _rate(written: str) -> tuple[str, float]:
    name, _, rate = written.rpartition("=")
    try:
        return name, float(rate)
    except ValueError:
        raise ValueError(f"--misbehave {written}: say NAME=RATE, such as 500=0.05.") from None
