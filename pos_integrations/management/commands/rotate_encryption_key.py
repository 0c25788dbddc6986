"""`manage.py rotate_encryption_key`: move every sealed value to the newest key."""

from __future__ import annotations

import base64
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pos_integrations.fields import active_key_id
from pos_integrations.sealing import reseal


class Command(BaseCommand):
    """First put a new key in front of ENCRYPTION_KEYS and restart, then run this, then drop the old key."""

    help = "Seal every secret with the first of ENCRYPTION_KEYS."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A new key, for the first step."""
        parser.add_argument(
            "--new-key", action="store_true", help="only print a fresh entry for ENCRYPTION_KEYS"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a key, or reseal."""
        if options["new_key"]:
            entry = f"k{secrets.token_hex(3)}:{base64.b64encode(secrets.token_bytes(32)).decode()}"
            self.stdout.write(entry)
            return
        done = reseal(old_keys_too=True)
        self.stdout.write(f"{done.count} secrets are now sealed with the key {active_key_id()!r}.")
        if done.unreadable:
            rows = "\n  ".join(done.unreadable)
            raise CommandError(f"{len(done.unreadable)} cannot be read; set them again:\n  {rows}")
        self.stdout.write("Older keys may be taken out of ENCRYPTION_KEYS now.")
