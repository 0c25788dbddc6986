"""Messages owed to guests, and the channels that carry them."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Owns notifications."""

    name = "notifications"

    def ready(self) -> None:
        """Listen to the orders' signals and check the configuration."""
        from notifications import checks, receivers  # noqa: F401
