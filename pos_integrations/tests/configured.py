"""A provider, restaurants and their integrations for tests, with secrets that are easy to find where they must not be."""

from __future__ import annotations

import base64
from typing import Any

from django.db import connection

from menus.models import Restaurant
from pos_integrations.configuration import save_integration
from pos_integrations.models import PosProvider, RestaurantPosIntegration

APP_KEY = "canary-app-key-0000000001-AKEY"
APP_SECRET = "canary-app-secret-00000002-SECR"
ACCESS_TOKEN = "canary-access-token-000003-TOKN"
WEBHOOK_SECRET = "canary-webhook-secret-00004-HOOK"
PROVIDER_TOKEN = "canary-provider-token-0005-PROV"
CANARY = "canary-"

KEY_A = "a:" + base64.b64encode(b"A" * 32).decode()
KEY_B = "b:" + base64.b64encode(b"B" * 32).decode()


def make_provider(**fields: Any) -> PosProvider:
    values = {
        "provider_name": "petpooja",
        "display_name": "PetPooja",
        "base_api_url": "https://pos.example.com/V1",
        **fields,
    }
    return PosProvider.objects.create(**values)


def make_restaurant(name: str = "Spice Garden", **fields: Any) -> Restaurant:
    return Restaurant.objects.create(name=name, **fields)


def make_integration(
    restaurant: Restaurant | None = None, provider: PosProvider | None = None, **given: Any
) -> RestaurantPosIntegration:
    """Ready for use, with canaries for secrets."""
    provider = provider or PosProvider.objects.filter(provider_name="petpooja").first() or make_provider()
    values: dict[str, Any] = {
        "pos_restaurant_id": "abcd1234",
        "api_key": APP_KEY,
        "restaurant_config": {"app_secret": APP_SECRET, "access_token": ACCESS_TOKEN},
        "webhook_secret": WEBHOOK_SECRET,
        **given,
    }
    integration, _ = save_integration(
        restaurant=restaurant or make_restaurant(), provider_name=provider.provider_name, **values
    )
    return RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").get(
        pk=integration.pk
    )


def reload(integration: RestaurantPosIntegration) -> RestaurantPosIntegration:
    return RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").get(
        pk=integration.pk
    )


def column(table: str, name: str, pk: int) -> Any:
    """What lies in the database, past every field of Django."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM {table} WHERE id = %s", [pk])
        return cursor.fetchone()[0]


def set_column(table: str, name: str, pk: int, value: Any) -> None:
    """As somebody's SQL would."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {name} = %s WHERE id = %s", [value, pk])
