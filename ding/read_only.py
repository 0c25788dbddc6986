"""For the admin: what happened is looked at, not edited."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


class ReadOnly:
    """An admin, or a part of one, that only shows: its rows are written by what happens."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds by hand what a sync, an order or a POS writes."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What happened does not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Others point at it."""
        return False
