"""`manage.py sync_menu`: one restaurant's menu, or all of them, with progress."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from ding.errors import DomainError
from ding.operator_command import OperatorCommand
from pos_integrations.menu_sync import Trigger, sync_menu
from pos_integrations.models import RestaurantPosIntegration

BAR = 24


class Command(OperatorCommand):
    """Exit code 1 when a menu could not be synchronised or was held."""

    help = "Fetch menus from the POS and make them ours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One restaurant or all."""
        parser.add_argument("restaurant", type=int, nargs="?", help="id of a restaurant")
        parser.add_argument("--all", action="store_true", help="every active integration")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
        parser.add_argument("--force", action="store_true", help="apply a menu that was held")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sync, one after the other."""
        if bool(options["restaurant"]) == options["all"]:
            raise self.refusal("Say which restaurant (its id), or --all.")
        integrations = RestaurantPosIntegration.objects.filter(active=True).select_related(
            "restaurant", "pos_provider"
        )
        if options["restaurant"]:
            integrations = integrations.filter(restaurant=options["restaurant"])
        found = list(integrations.order_by("pk"))
        if not found:
            raise self.refusal("There is no active integration. Set one up in the admin or through the API.")
        failed = 0
        for number, integration in enumerate(found):
            try:
                result = sync_menu(
                    integration,
                    trigger=Trigger.COMMAND,
                    force=options["force"],
                    dry_run=options["dry_run"],
                    progress=self._bar(number, len(found), str(integration.restaurant)),
                )
            except DomainError as error:
                failed += 1
                self._line(f"{integration.restaurant}: {error.message}")
                continue
            changes = ", ".join(
                f"{kind} {counts['added']} new, {counts['changed']} changed, {counts['deactivated']} gone"
                for kind, counts in result.changes.items()
                if any(counts.values())
            )
            would = "would change: " if options["dry_run"] else ""
            self._line(
                f"{integration.restaurant}: {result.status}, {result.items} items; {would}{changes or 'nothing'}"
            )
            for problem in result.problems:
                self._line(
                    f"  {problem['kind']} {problem['external_id']} {problem['field']}: "
                    f"found {problem['found']}; {problem['done']}"
                )
        if failed:
            raise self.needs_a_person(f"{failed} of {len(found)} menus could not be synchronised.")

    def _bar(self, number: int, total: int, name: str) -> Any:
        """Show the step on one line of a terminal; say nothing where nobody looks."""
        if not sys.stderr.isatty():
            return lambda step: None

        def show(step: str) -> None:
            done = BAR * (number + (step == "done")) // total
            bar = "█" * done + "░" * (BAR - done)
            self.stderr.write(f"\r\033[K{bar} {number + 1}/{total} {name}: {step}", ending="")
            self.stderr.flush()

        return show

    def _line(self, text: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write("\r\033[K", ending="")
        self.stdout.write(text)
