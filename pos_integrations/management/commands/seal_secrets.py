"""`manage.py seal_secrets`: seal what somebody's SQL wrote in the clear."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from pos_integrations.sealing import reseal


class Command(BaseCommand):
    """Safe to run at any time, any number of times."""

    help = "Encrypt secrets that were written to the database in the clear."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal and count."""
        self.stdout.write(f"{reseal(old_keys_too=False).count} secrets sealed.")
