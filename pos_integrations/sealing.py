"""Sealing what lies open, and moving what is sealed to the newest key: over every table that holds secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction

from pos_integrations.adapters.registry import adapter_for
from pos_integrations.fields import Secret, Unreadable, active_key_id, map_secrets
from pos_integrations.models import OrderPush, PosProvider, RestaurantPosIntegration, RestaurantWebhookSecret

_FIELDS: tuple[tuple[type[models.Model], str], ...] = (
    (PosProvider, "global_config"),
    (RestaurantPosIntegration, "restaurant_specific_config"),
    (RestaurantPosIntegration, "api_key"),
    (RestaurantWebhookSecret, "secret_key"),
)
# What only ding itself writes, always sealed, and many rows of it.
_KEPT: tuple[tuple[type[models.Model], str], ...] = ((OrderPush, "request_body"),)


@dataclass(slots=True)
class Sealed:
    """How many values were sealed anew, and which rows hold one that no key opens."""

    count: int = 0
    unreadable: list[str] = field(default_factory=list)


def reseal(*, old_keys_too: bool) -> Sealed:
    """Seal plain secrets; with `old_keys_too` also those that an older key sealed.

    Row by row in short transactions, so it may run while ding works and be run again after a stop.
    """
    done = Sealed()
    for model, name in (*_FIELDS, *_KEPT):
        filled = model._default_manager.filter(**{f"{name}__isnull": False})
        for pk in list(filled.order_by("pk").values_list("pk", flat=True)):
            with transaction.atomic():
                row = model._default_manager.select_for_update().filter(pk=pk).first()
                if row is None:
                    continue  # deleted meanwhile
                try:
                    changed = _reseal_row(row, name, old_keys_too)
                except Unreadable as error:
                    done.unreadable.append(f"{model._meta.db_table} {pk} {name}: {error}")
                    continue
                if changed:
                    row.save(update_fields=[name])
                    done.count += changed
    return done


def plain_secrets() -> Iterator[str]:
    """Where a secret lies open in the database: table, id, column."""
    for model, name in _FIELDS:
        rows = model._default_manager.order_by("pk")
        if model is not PosProvider:
            rows = rows.select_related("pos_provider")
        for row in rows.iterator():
            leaves: list[Secret] = []
            map_secrets(_marked(row, name), leaves.append)
            if any(not leaf.is_sealed for leaf in leaves):
                yield f"{model._meta.db_table} {row.pk} {name}"


def _reseal_row(row: models.Model, name: str, old_keys_too: bool) -> int:
    context = row.sealing_context()  # type: ignore[attr-defined]
    count = 0

    def renew(secret: Secret) -> Secret:
        nonlocal count
        if secret.is_sealed and (not old_keys_too or secret.key_id == active_key_id()):
            return secret
        count += 1
        return Secret(secret.open(context))

    # The fields seal what is plain when the row is saved.
    setattr(row, name, map_secrets(_marked(row, name), renew))
    return count


def _marked(row: Any, name: str) -> Any:
    """The column's value with every leaf that must be secret as a `Secret`."""
    value = getattr(row, name)
    if not isinstance(value, dict):
        return value
    provider = row if isinstance(row, PosProvider) else row.pos_provider
    adapter = adapter_for(provider.provider_name)
    secret = {field.name for field in adapter.config_fields if field.secret} if adapter else set()
    return {
        key: Secret(str(member)) if key in secret and isinstance(member, str | int) and member else member
        for key, member in value.items()
    }
