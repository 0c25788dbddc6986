"""`manage.py create_api_key`: a key for a web shop, an app or a kiosk."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ding.keys import SCOPES, create_api_key
from menus.models import Restaurant


class Command(BaseCommand):
    """Prints the key alone on standard output: it is shown this once."""

    help = "Make an API key. It is printed once and cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Least privilege: without --restaurant or --all-restaurants a key is refused."""
        parser.add_argument("client", help="who uses it, such as web-shop")
        parser.add_argument("--restaurant", type=int, action="append", default=[], help="id; may be repeated")
        parser.add_argument("--all-restaurants", action="store_true")
        parser.add_argument(
            "--scope",
            action="append",
            choices=SCOPES,
            help="may be repeated; default: menu:read, orders:read, orders:write",
        )
        parser.add_argument("--days", type=int, help="how long it is valid; default: until revoked")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it."""
        restaurants = list(Restaurant.objects.filter(pk__in=options["restaurant"]))
        missing = set(options["restaurant"]) - {restaurant.pk for restaurant in restaurants}
        if missing:
            raise CommandError(f"There is no restaurant {', '.join(map(str, sorted(missing)))}.")
        if bool(restaurants) == options["all_restaurants"]:
            raise CommandError("Say either --restaurant ID or --all-restaurants.")
        days = options["days"]
        key = create_api_key(
            client=options["client"],
            scopes=options["scope"] or ("menu:read", "orders:read", "orders:write"),
            restaurants=restaurants,
            all_restaurants=options["all_restaurants"],
            expires_at=timezone.now() + dt.timedelta(days=days) if days else None,
        )
        self.stdout.write(key)
        self.stderr.write("Keep it: it is not shown again. Use it as `Authorization: Bearer <key>`.")
