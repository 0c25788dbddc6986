"""`manage.py erase_guest`: a guest asks to be forgotten."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ding import audit
from ding.privacy.erasing import erase, find_orders


class Command(BaseCommand):
    """Shows its progress and says what it did; may be stopped and run again."""

    help = (
        "Take one guest out of orders, messages, webhooks, calls to the POS and the trail. Orders stay, with their "
        "amounts and without their guest. Logs hold no guests; older backups do, until they are thrown away."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who it is; several may be given."""
        parser.add_argument("--phone", default="", help="as the guest gave it; the last ten digits count")
        parser.add_argument("--email", default="")
        parser.add_argument(
            "--order", default="", metavar="REFERENCE", help="or the order's id; its whole guest"
        )
        parser.add_argument(
            "--open-too",
            action="store_true",
            help="also orders that are not finished; the kitchen loses the guest",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say which orders")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find, tell, erase."""
        phone, email, order = (options[name].strip() for name in ("phone", "email", "order"))
        if not (phone or email or order):
            raise CommandError("Say who: --phone, --email or --order.")
        if order:
            named = find_orders(order=order)
            if not named:
                raise CommandError(f"There is no order {order}.")
            phone, email = phone or named[0].customer_phone, email or named[0].customer_email
        if options["dry_run"]:
            found = [
                f"{one.reference} ({one.status})"
                for one in find_orders(phone=phone, email=email, order=order)
            ]
            self.stdout.write(f"{len(found)} orders: {', '.join(found) or 'none'}. Nothing was changed.")
            return
        last = 0.0

        def tell(line: str) -> None:
            nonlocal last
            if options["verbosity"] > 1 or time.monotonic() - last > 1:
                last = time.monotonic()
                self.stdout.write(line)
                self.stdout.flush()

        erased = erase(
            find_orders(phone=phone, email=email, order=order),
            words=[word for word in (phone, email) if len(word) >= 7],
            open_too=options["open_too"],
            tell=tell,
        )
        with audit.acting_as("command:erase_guest"):
            audit.record("erased a guest", note=f"{erased.orders} orders")
        done = ", ".join(f"{count} {name}" for name, count in erased.rows.items()) or "nothing was found"
        self.stdout.write(self.style.SUCCESS(f"Erased from {erased.orders} orders: {done}."))
        if erased.open:
            raise CommandError(
                f"Still open and left as they are: {', '.join(erased.open)}. Run this again when they are finished, or "
                "with --open-too."
            )
