"""Run in a process of its own: fills the database of a running ding, and prints what a test must know of it as JSON."""

from __future__ import annotations

import json
import sys

import django

if __name__ == "__main__":
    django.setup()
    from django.contrib.auth.models import User

    from ding.keys import SCOPES, create_api_key
    from orders.tests.factories import make_body, make_restaurant
    from pos_integrations.configuration import rotate_secret, save_integration
    from pos_integrations.models import PosProvider

    at = make_restaurant()
    PosProvider.objects.get_or_create(provider_name="petpooja", defaults={"display_name": "PetPooja"})
    secrets = {
        part: f"CANARY-{part}-0123456789abcdef"
        for part in ("appkey", "appsecret", "accesstoken", "hooksecret")
    }
    integration, _ = save_integration(
        restaurant=at.restaurant,
        provider_name="petpooja",
        pos_restaurant_id="abcd1234",
        endpoint="http://127.0.0.1:9",
        api_key=secrets["appkey"],
        restaurant_config={"app_secret": secrets["appsecret"], "access_token": secrets["accesstoken"]},
        webhook_secret=secrets["hooksecret"],
    )
    rotated = rotate_secret(integration).secret
    key = create_api_key(client="shop", scopes=SCOPES, all_restaurants=True)
    User.objects.create_superuser("anna", "anna@example.com", "CANARY-password-0123456789")
    known = {
        "canaries": [*secrets.values(), rotated, key[16:], "CANARY-password-0123456789"],
        "hook": secrets["hooksecret"],
        "key": key,
        "public": integration.public_id,
        "restaurant": at.restaurant.pk,
        "body": make_body(at),
    }
    json.dump(known, sys.stdout)
