"""`manage.py demo`: place an order at the demo restaurant and watch its trip."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ding import demo
from menus.models import Restaurant


class Command(BaseCommand):
    """Needs a running `manage.py run`."""

    help = "Place a demo order over REST and show its trip, step by step, until it is delivered."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """All have the values of `manage.py run`."""
        parser.add_argument("--base-url", default=f"http://127.0.0.1:{settings.PORT}")
        parser.add_argument("--restaurant", type=int)
        parser.add_argument("--key", help="API key; default: the demo's")

    def handle(self, *args: Any, **options: Any) -> None:
        """Place, watch, tell."""
        restaurant = Restaurant.objects.filter(name=demo.NAME).first()
        restaurant_id = options["restaurant"] or (restaurant and restaurant.pk)
        if not restaurant_id:
            raise CommandError("There is no demo restaurant yet. Start `make run` in another terminal first.")
        try:
            key = options["key"] or demo.api_key(Restaurant.objects.get(pk=restaurant_id))
            order = demo.place_order(options["base_url"], key, restaurant_id)
            lines = ", ".join(f"{line['quantity']} x {line['name']}" for line in order["items"])
            self._line(0, "guest", f"orders {lines}: {order['totals']['total']} {order['currency']}")
            self._line(0, "ding", f"placed as {order['reference']}")
            for step in demo.watch(order["id"]):
                self._line(step.seconds, step.what, step.text)
        except demo.DemoFailed as error:
            raise CommandError(str(error)) from error

    def _line(self, seconds: float, who: str, text: str) -> None:
        self.stdout.write(f"  {seconds:6.2f} s  {who:<13} {text}")
        self.stdout.flush()
