"""The only writer of integrations: checks every field by its declaration, seals what is secret."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from ding import audit
from ding.db import transactional
from ding.errors import Conflict, DomainError
from menus.models import Restaurant
from pos_integrations.adapters.base import Level, PosAdapter
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.configuration.account import merged_values, secrets_set
from pos_integrations.configuration.checking import check_url, check_values, problem_with
from pos_integrations.configuration.core_fields import fields_of, key_field_of
from pos_integrations.configuration.webhook_secrets import add_webhook_secret, check_secret
from pos_integrations.fields import Secret
from pos_integrations.models import PosProvider, RestaurantPosIntegration


class InvalidConfiguration(DomainError):
    """Some fields are not right; nothing was saved."""

    status = 400
    code = "invalid_configuration"


def changed_config(
    adapter: PosAdapter, config: Mapping[str, Any] | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """`config` with `given` (already checked) in it, None taking a value away; secrets are sealed when saved."""
    secret_names = {field.name for field in fields_of(adapter) if field.secret}
    return {
        name: Secret(value) if name in secret_names and isinstance(value, str) else value
        for name, value in {**(config or {}), **given}.items()
        if value not in (None, "")
    }


@transactional
def save_integration(
    *,
    restaurant: Restaurant,
    provider_name: str,
    pos_restaurant_id: str | None = None,
    endpoint: str | None = None,
    api_key: str | None = None,
    restaurant_config: Mapping[str, Any] | None = None,
    webhook_secret: str | None = None,
    active: bool | None = None,
    dry_run: bool = False,
) -> tuple[RestaurantPosIntegration, bool]:
    """Create or update a restaurant's integration; True when created. What is None stays as it is.

    In `restaurant_config` a value of None takes the override away. A new `webhook_secret` joins the old ones,
    which end after the overlap. `dry_run`: only look for what is wrong; nothing is saved. What differs goes into
    the audit trail, secrets without their values.

    Raises:
        InvalidConfiguration: names each field and its rule (an unknown provider too); nothing was saved.
        Conflict: somebody else was faster; nothing was saved.
    """
    provider = PosProvider.objects.filter(provider_name=provider_name).first()
    adapter = adapter_for(provider_name)
    if provider is None or adapter is None:
        raise InvalidConfiguration(
            "There is no such provider.",
            fields={
                "provider_name": [
                    {
                        "rule": "unknown_provider",
                        "message": "Use the name of a provider that is set up in the admin.",
                        "expected": list(PosProvider.objects.values_list("provider_name", flat=True)),
                        "given": provider_name,
                    }
                ]
            },
        )
    integration = (
        RestaurantPosIntegration.objects.select_for_update()
        .filter(restaurant=restaurant, pos_provider=provider)
        .first()
    )
    created = integration is None
    if integration is None:
        integration = RestaurantPosIntegration(
            restaurant=restaurant, pos_provider=provider, pos_type=provider_name
        )
    given = restaurant_config or {}
    errors = {
        f"restaurant_config.{name}": e for name, e in check_values(adapter, given, Level.RESTAURANT).items()
    }
    external_id = integration.pos_restaurant_id if pos_restaurant_id is None else pos_restaurant_id
    errors |= _check_columns(adapter, integration, external_id, endpoint, api_key)
    if webhook_secret is not None:
        as_saved = copy.copy(integration)
        as_saved.restaurant_specific_config = changed_config(
            adapter, integration.restaurant_specific_config, given
        )
        if problem := check_secret(webhook_secret, as_saved):
            errors["webhook_secret"] = [problem]
    if errors:
        raise InvalidConfiguration("Some fields are not right; nothing was saved.", fields=errors)

    if problem := _sends_secrets_elsewhere(adapter, integration, endpoint, given, api_key):
        raise InvalidConfiguration("The address changes its host.", fields={"endpoint": [problem]})

    before = {} if created else _audited(adapter, integration)
    integration.restaurant_specific_config = changed_config(
        adapter, integration.restaurant_specific_config, given
    )
    integration.pos_restaurant_id = external_id
    if endpoint is not None:
        integration.endpoint = endpoint
    if api_key is not None:
        integration.api_key = api_key
    if active is not None:
        integration.active = active
    _check_together(adapter, integration)
    if dry_run:
        return integration, created
    integration.problem = ""
    secret_names = {"api_key", *(field.name for field in fields_of(adapter) if field.secret)}
    changes = audit.differences(before, _audited(adapter, integration), secret=secret_names)
    if changes.keys() - {"active"}:
        # What was tested is not what holds now.
        integration.checked_at, integration.findings = None, []
    try:
        with transaction.atomic():
            integration.save()
    except IntegrityError as error:
        message = "Somebody else saved this integration at the same moment. Look at it and try again."
        raise Conflict(message) from error
    if created or changes:
        audit.record("connected" if created else "changed", integration, changes=changes)
    if webhook_secret is not None:
        add_webhook_secret(integration, webhook_secret)
        audit.record("brought a webhook secret", integration)
    return integration, created


def _audited(adapter: PosAdapter, integration: RestaurantPosIntegration) -> dict[str, Any]:
    """What may differ, as it can be compared: a secret as it is stored."""
    values = {
        "pos_restaurant_id": integration.pos_restaurant_id,
        "endpoint": integration.endpoint,
        "active": integration.active,
        "api_key": integration.api_key,
        **(integration.restaurant_specific_config or {}),
    }
    return {name: value.stored if isinstance(value, Secret) else value for name, value in values.items()}


def _sends_secrets_elsewhere(
    adapter: PosAdapter,
    integration: RestaurantPosIntegration,
    endpoint: str | None,
    given: Mapping[str, Any],
    api_key: str | None,
) -> dict[str, Any] | None:
    """Whoever points an integration at another host must know its secrets: else the host would learn them."""
    base = integration.pos_provider.base_api_url
    if endpoint is None or _origin(endpoint or base) == _origin(integration.endpoint or base):
        return None
    brought = {name for name, value in given.items() if value}
    if api_key:
        brought.add(adapter.api_key_field)
    stored = secrets_set(integration)
    if stored <= brought:
        return None
    names = ", ".join(sorted(stored - brought))
    message = f"Another host would get the stored secrets. Give them again with the new address: {names}."
    return {"rule": "reenter_secrets", "message": message, "given": endpoint}


def moving_problem(
    adapter: PosAdapter, provider: PosProvider, base_api_url: str, given: Mapping[str, Any]
) -> str:
    """Why `provider` (as it is stored) must not move to `base_api_url` with what is `given`; empty: it may.

    The same rule as for a restaurant's own address. What restaurants stored themselves, nobody can give again
    here, so they are named.
    """
    if _origin(base_api_url) == _origin(provider.base_api_url):
        return ""
    secret_names = {field.name for field in fields_of(adapter) if field.secret}
    own = provider.global_config or {}
    stored = {name for name in secret_names if own.get(name) not in (None, "")} - set(given)
    if stored:
        names = ", ".join(sorted(stored))
        return f"Another host would get the stored secrets. Give them again with the new address: {names}."
    following = provider.integrations.filter(endpoint="").select_related("restaurant").order_by("pk")
    keeping = [
        str(integration.restaurant)
        for integration in following
        if integration.api_key or secret_names & (integration.restaurant_specific_config or {}).keys()
    ]
    if keeping:
        shown = ", ".join(keeping[:5]) + (f" and {len(keeping) - 5} more" if len(keeping) > 5 else "")
        return (
            f"Another host would get the secrets of {shown}. First give each the new address together with its "
            "secrets, as an address of its own."
        )
    return ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _check_together(adapter: PosAdapter, integration: RestaurantPosIntegration) -> None:
    """What no single value shows: a staging address for a restaurant that cooks, for one."""
    base_url = integration.endpoint or integration.pos_provider.base_api_url
    found = adapter.check_configuration(integration.pos_restaurant_id, base_url, merged_values(integration))
    if found:
        columns = ("pos_restaurant_id", "endpoint")
        raise InvalidConfiguration(
            "Some fields cannot be right together; nothing was saved.",
            fields={
                name if name in columns else f"restaurant_config.{name}": [
                    {"rule": "cannot_work", "message": words}
                ]
                for name, words in found.items()
            },
        )


def _check_columns(
    adapter: PosAdapter,
    integration: RestaurantPosIntegration,
    external_id: str,
    endpoint: str | None,
    api_key: str | None,
) -> dict[str, list[dict[str, Any]]]:
    errors: dict[str, list[dict[str, Any]]] = {}
    if not re.fullmatch(r"[\x21-\x7e]{1,64}", external_id or ""):
        message = f"{adapter.external_id_help} Required, 1 to 64 visible characters."
        errors["pos_restaurant_id"] = [{"rule": "required", "message": message}]
    else:
        taken = RestaurantPosIntegration.objects.filter(
            pos_provider=integration.pos_provider, pos_restaurant_id=external_id
        )
        if taken.exclude(pk=integration.pk).exists():
            message = (
                "Another restaurant is connected with this id already. Check which of the two it belongs to."
            )
            errors["pos_restaurant_id"] = [{"rule": "taken", "message": message, "given": external_id}]
    if endpoint and (problem := check_url(endpoint, "endpoint")):
        errors["endpoint"] = [{"rule": problem[0], "message": problem[1], "given": endpoint}]
    if api_key and (problem := problem_with(key_field_of(adapter), api_key)):
        errors["api_key"] = [{"rule": problem[0], "message": problem[1]}]
    return errors
