"""Provider defaults + restaurant overrides → one `Account`, or its picture for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from ding.errors import NotFound
from pos_integrations.adapters.base import ConfigField, FieldType, PosAdapter
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.configuration.checking import problem_with
from pos_integrations.configuration.core_fields import fields_of
from pos_integrations.errors import ConfigurationError
from pos_integrations.fields import Secret, Unreadable
from pos_integrations.http import MASK, PosHttp
from pos_integrations.messages import Account, RestaurantFacts
from pos_integrations.models import PosProvider, RestaurantPosIntegration


def adapter_of(provider: PosProvider) -> PosAdapter:
    """The adapter that speaks this provider's language.

    Raises:
        ConfigurationError: there is none of that name.
    """
    adapter = adapter_for(provider.provider_name)
    if adapter is None:
        raise ConfigurationError(f"There is no adapter named {provider.provider_name!r}.")
    return adapter


def account_for(integration: RestaurantPosIntegration) -> Account:
    """The merged configuration, secrets in the clear: for calling the POS, never for showing.

    Raises:
        ConfigurationError: a secret cannot be read, or a required field is missing.
    """
    adapter = adapter_of(integration.pos_provider)
    try:
        config = {
            found.field.name: _typed(found.field, found.opened())
            for found in _merged(adapter, _layers(integration, adapter))
        }
    except Unreadable as error:
        raise ConfigurationError(f"A secret of {integration} cannot be read. {error}") from error
    missing = [
        field.label for field in adapter.config_fields if field.required and config[field.name] in (None, "")
    ]
    if missing:
        raise ConfigurationError(f"Not configured: {', '.join(missing)}.")
    restaurant = integration.restaurant
    try:
        timezone_ = ZoneInfo(restaurant.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"There is no timezone {restaurant.timezone!r}.") from error
    return Account(
        external_id=integration.pos_restaurant_id,
        base_url=integration.endpoint or integration.pos_provider.base_api_url,
        config=config,
        secrets=tuple(str(config[f.name]) for f in fields_of(adapter) if f.secret and config[f.name]),
        timezone=timezone_,
        currency=restaurant.currency,
        restaurant=RestaurantFacts(restaurant.name, restaurant.address, restaurant.phone),
    )


def http_for(account: Account, *, hidden: Sequence[str] = (), **options: Any) -> PosHttp:
    """The guarded door for calls in the name of `account`. `hidden`: further secrets of this call."""
    return PosHttp(
        secrets=(*account.secrets, *hidden),
        timeout_seconds=account.config["call_timeout_seconds"],
        allowed_networks=settings.POS_ALLOWED_NETWORKS,
        allow_plain_http=settings.POS_ALLOW_PLAIN_HTTP,
        **options,
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """One configured value as people may see it: a secret masked, and where it comes from."""

    name: str
    label: str
    value: Any
    source: str
    secret: bool


def describe(integration: RestaurantPosIntegration) -> list[Setting]:
    """The merged configuration for people."""
    adapter = adapter_of(integration.pos_provider)
    return [
        Setting(found.field.name, found.field.label, found.shown(), found.source, found.field.secret)
        for found in _merged(adapter, _layers(integration, adapter))
    ]


def merged_values(integration: RestaurantPosIntegration) -> dict[str, Any]:
    """The merged configuration without its secrets, as it stands in memory."""
    adapter = adapter_of(integration.pos_provider)
    return {
        found.field.name: found.value
        for found in _merged(adapter, _layers(integration, adapter))
        if not found.field.secret
    }


def secrets_set(integration: RestaurantPosIntegration) -> set[str]:
    """Names of the secrets that the merged configuration has a value for."""
    adapter = adapter_of(integration.pos_provider)
    merged = _merged(adapter, _layers(integration, adapter))
    return {found.field.name for found in merged if found.field.secret and found.value not in (None, "")}


def inherited(provider: PosProvider) -> dict[str, Any]:
    """What a restaurant gets where it sets nothing itself, by field; secrets masked."""
    layers = _layers(RestaurantPosIntegration(pos_provider=provider), adapter_of(provider))
    return {found.field.name: found.shown() for found in _merged(adapter_of(provider), layers)}


def masked(value: Any, context: str) -> str | None:
    """`•••` and the last four characters, where there are enough others to hide them."""
    if value in (None, ""):
        return None
    try:
        plain = value.open(context) if isinstance(value, Secret) else str(value)
    except Unreadable:
        return f"{MASK} (cannot be read)"
    return MASK + (plain[-4:] if len(plain) >= 16 else "")


def integration_of(restaurant_id: int, provider_name: str | None = None) -> RestaurantPosIntegration:
    """A restaurant's integration: that at `provider_name`, or the active one.

    Raises:
        NotFound
    """
    found = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").filter(
        restaurant_id=restaurant_id
    )
    if provider_name is not None:
        found = found.filter(pos_provider__provider_name=provider_name)
    integration = found.order_by("-active", "pk").first()
    if integration is None:
        raise NotFound(
            "This restaurant has no such POS integration, or there is no such restaurant. Connect it in the admin,"
            f" or with POST /api/pos-integration/{restaurant_id}."
        )
    return integration


@dataclass(frozen=True, slots=True)
class _Layer:
    """Values that are set in one place, and what their secrets are bound to there."""

    source: str
    values: Mapping[str, Any]
    context: str


@dataclass(frozen=True, slots=True)
class _Found:
    """The value of a field that won, still sealed if it is a secret."""

    field: ConfigField
    value: Any
    source: str
    context: str

    def opened(self) -> Any:
        return self.value.open(self.context) if isinstance(self.value, Secret) else self.value

    def shown(self) -> Any:
        # A sealed value in a field that is no secret is nothing to show either.
        hidden = self.field.secret or isinstance(self.value, Secret)
        return masked(self.value, self.context) if hidden else self.value


def _layers(integration: RestaurantPosIntegration, adapter: PosAdapter) -> list[_Layer]:
    """Where values are set, later wins."""
    provider, key = integration.pos_provider, integration.api_key
    mine = integration.sealing_context()
    return [
        _Layer("provider", provider.global_config or {}, provider.sealing_context()),
        _Layer("restaurant", integration.restaurant_specific_config or {}, mine),
        _Layer("restaurant", {adapter.api_key_field: key} if key else {}, mine),
    ]


def _merged(adapter: PosAdapter, layers: Sequence[_Layer]) -> list[_Found]:
    result = []
    for field in fields_of(adapter):
        found = _Found(field, field.default, "default", "")
        for layer in layers:
            if layer.values.get(field.name) not in (None, ""):
                found = _Found(field, layer.values[field.name], layer.source, layer.context)
        result.append(found)
    return result


def _typed(field: ConfigField, value: Any) -> Any:
    """A value as its field's type, also when somebody's SQL wrote it as text.

    Raises:
        ConfigurationError
    """
    if value is None:
        return None
    problem = None
    if field.type is FieldType.INTEGER:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or isinstance(value, bool):
            problem = "must be a whole number"
        elif out_of_range := problem_with(field, number):
            raise ConfigurationError(out_of_range[1])
        else:
            return number
    elif field.type is FieldType.BOOLEAN:
        words = {"true": True, "1": True, "false": False, "0": False}
        key = str(value).lower()
        if isinstance(value, str | int) and key in words:
            return words[key]
        problem = "must be true or false"
    elif field.type is FieldType.CHOICE:
        if out_of_choice := problem_with(field, value):
            raise ConfigurationError(out_of_choice[1])
        return value
    elif isinstance(value, str | int):
        return str(value)
    else:
        problem = "must be text"
    raise ConfigurationError(f"{field.label} {problem}.")
