"""The form of a restaurant's account at a POS: its columns, and what is wrong with them, asked of the one writer."""

from __future__ import annotations

from typing import Any

from pos_integrations import configuration
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.admin.config_form import ConfigForm
from pos_integrations.models import PosProvider, RestaurantPosIntegration


class IntegrationForm(ConfigForm):
    """The columns; the adapter's fields are added to it."""

    class Meta:
        model = RestaurantPosIntegration
        fields = ("restaurant", "pos_provider", "pos_restaurant_id", "endpoint", "active")
        labels = {"pos_restaurant_id": "Restaurant's id at the POS", "endpoint": "API address"}
        help_texts = {
            "endpoint": "Only if it is not the provider's own.",
            "active": "Off: nothing is sent to the POS for this restaurant and nothing taken from it.",
        }

    def clean(self) -> dict[str, Any] | None:
        """Ask the one writer what is wrong."""
        cleaned = super().clean()
        if not self.errors:
            try:
                configuration.save_integration(**self.arguments(), dry_run=True)
            except configuration.InvalidConfiguration as error:
                errors = dict(error.fields or {})
                if "api_key" in errors and (adapter := adapter_for(self._provider().provider_name)):
                    errors[adapter.api_key_field] = errors.pop("api_key")
                self.add_errors(errors)
        return cleaned

    def arguments(self) -> dict[str, Any]:
        """What is to be saved: the API key in its column, for one in the configuration would be overruled."""
        data, given, provider = self.cleaned_data, self.given(), self._provider()
        adapter = adapter_for(provider.provider_name)
        api_key = None
        if adapter is not None and adapter.api_key_field in given:
            api_key = given.pop(adapter.api_key_field) or ""
            if configuration.key_field_of(adapter) in adapter.config_fields:
                given[adapter.api_key_field] = None
        return {
            "restaurant": data.get("restaurant") or self.instance.restaurant,
            "provider_name": provider.provider_name,
            "pos_restaurant_id": data["pos_restaurant_id"],
            "endpoint": data["endpoint"],
            "api_key": api_key,
            "restaurant_config": given,
            "active": data["active"],
        }

    def _provider(self) -> PosProvider:
        provider: PosProvider = self.cleaned_data.get("pos_provider") or self.instance.pos_provider
        return provider
