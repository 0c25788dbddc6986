"""Stored secrets go to no other host than the one they were given for."""

from __future__ import annotations

import pytest

from pos_integrations.adapters.registry import adapter_for
from pos_integrations.configuration import InvalidConfiguration, moving_problem, save_integration
from pos_integrations.tests.configured import make_integration, make_restaurant
from pos_integrations.tests.factories import connect, fresh


def test_another_host_does_not_get_the_stored_secrets(db):
    integration = connect()
    with pytest.raises(InvalidConfiguration) as refused:
        save_integration(
            restaurant=integration.restaurant, provider_name="petpooja", endpoint="http://127.0.0.1:10"
        )
    (problem,) = refused.value.fields["endpoint"]
    assert problem["rule"] == "reenter_secrets"
    assert "access_token, app_key, app_secret" in problem["message"]
    assert fresh(integration).endpoint == "http://127.0.0.1:9"
    # The same host under another path, or with the secrets given again, is fine.
    for values in (
        {"endpoint": "http://127.0.0.1:9/V1"},
        {
            "endpoint": "http://127.0.0.1:10",
            "api_key": "a" * 32,
            "restaurant_config": {"app_secret": "b" * 40, "access_token": "c" * 40},
        },
    ):
        save_integration(restaurant=integration.restaurant, provider_name="petpooja", **values)
        assert fresh(integration).endpoint == values["endpoint"]


def test_a_provider_does_not_move_with_what_its_restaurants_stored(db):
    provider = make_integration().pos_provider
    make_integration(
        make_restaurant("Own Address"),
        pos_restaurant_id="other",
        endpoint="https://own.example.com",
        webhook_secret=None,
    )
    adapter = adapter_for("petpooja")
    assert adapter is not None
    assert moving_problem(adapter, provider, "https://pos.example.com/V2", {}) == ""
    assert moving_problem(adapter, provider, "https://elsewhere.example.com", {}) == (
        "Another host would get the secrets of Spice Garden. First give each the new address together with its "
        "secrets, as an address of its own."
    )
    for number in range(6):
        make_integration(
            make_restaurant(f"Branch {number}"), pos_restaurant_id=f"b{number}", webhook_secret=None
        )
    problem = moving_problem(adapter, provider, "https://elsewhere.example.com", {})
    assert "Spice Garden, Branch 0, Branch 1, Branch 2, Branch 3 and 2 more." in problem
