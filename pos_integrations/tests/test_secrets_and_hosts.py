"""Stored secrets go to no other host than the one they were given for."""

from __future__ import annotations

import pytest

from pos_integrations.configuration import InvalidConfiguration, save_integration
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
