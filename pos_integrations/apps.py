"""The POS side: adapters, what is owed to a POS, and what a POS tells us."""

from django.apps import AppConfig


class PosIntegrationsConfig(AppConfig):
    """Owns providers, integrations, pushes, webhooks and menu syncs."""

    name = "pos_integrations"
    verbose_name = "POS integrations"

    def ready(self) -> None:
        """Listen to the orders' signals, register checks."""
        from pos_integrations import checks, receivers  # noqa: F401
