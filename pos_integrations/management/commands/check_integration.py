"""`manage.py check_integration`: what "Test connection" does, for one restaurant or all."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ding.operator_command import OperatorCommand
from pos_integrations import configuration, health
from pos_integrations.models import RestaurantPosIntegration


class Command(OperatorCommand):
    """Calls the POS; each finding is a line. Changes nothing."""

    help = "Call the POS of a restaurant and say what works and what does not."

    def add_arguments(self, parser: CommandParser) -> None:
        """One restaurant or all."""
        parser.add_argument("restaurant", type=int, nargs="?", help="id of a restaurant")
        parser.add_argument("--provider", help="of several integrations the one at this provider")
        parser.add_argument("--all", action="store_true", help="every active integration")

    def handle(self, *args: Any, **options: Any) -> None:
        """One after the other."""
        if (options["restaurant"] is not None) == options["all"]:
            raise self.refusal("Say which restaurant (its id), or --all.")
        failing = 0
        found = self._chosen(options)
        for integration in found:
            findings = health.check_connection(integration)
            failing += not all(finding.ok for finding in findings)
            self.stdout.write(f"{integration}:")
            for finding in findings:
                self.stdout.write(f"  {'ok  ' if finding.ok else 'FAIL'} {finding.check}: {finding.message}")
        if failing:
            raise self.needs_a_person(f"{failing} of {len(found)} integrations do not work.")

    def _chosen(self, options: dict[str, Any]) -> list[RestaurantPosIntegration]:
        if not options["all"]:
            return [configuration.integration_of(options["restaurant"], options["provider"])]
        active = RestaurantPosIntegration.objects.filter(active=True, pos_provider__is_active=True)
        found = list(active.select_related("restaurant", "pos_provider").order_by("pk"))
        if not found:
            raise self.refusal("There is no active integration. Set one up in the admin.")
        return found
