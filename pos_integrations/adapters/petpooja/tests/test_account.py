"""What in a configuration cannot be right, before anything is sent anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pos_integrations.adapters.base import FieldType
from pos_integrations.adapters.petpooja.account import (
    CONFIG_FIELDS,
    PRODUCTION_HOST,
    STAGING_HOSTS,
    findings,
)
from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter

POS = PetPoojaAdapter()
LIVE = f"https://{PRODUCTION_HOST}"
STAGING = f"https://{STAGING_HOSTS[0]}/V1"


def check(external_id: str = "abcd1234", base_url: str = LIVE, environment: str = "production"):
    return POS.check_configuration(external_id, base_url, {"environment": environment})


@pytest.mark.parametrize(
    ("base_url", "environment"),
    [
        (LIVE, "production"),
        (LIVE + "/", "production"),
        (STAGING, "staging"),
        (f"https://{STAGING_HOSTS[1]}/V1/", "staging"),
        ("http://127.0.0.1:9000", "production"),
        ("http://127.0.0.1:9000", "staging"),
        ("http://localhost:9000/V1", "production"),
        ("http://[::1]:9000", "staging"),
        ("https://relay.example.com/petpooja", "production"),
        ("https://relay.example.com/petpooja", "staging"),
        ("", "production"),
    ],
)
def test_addresses_that_fit(base_url, environment):
    assert check(base_url=base_url, environment=environment) == {}


@pytest.mark.parametrize(
    ("base_url", "environment", "words"),
    [
        (STAGING, "production", "no kitchen sees any"),
        (STAGING.upper().replace("HTTPS", "https"), "production", "no kitchen sees any"),
        (f"https://{STAGING_HOSTS[0]}./V1", "production", "no kitchen sees any"),
        (f"https://{STAGING_HOSTS[1]}/V1", "production", "no kitchen sees any"),
        (f"https://{STAGING_HOSTS[1]}/V1", "", "no kitchen sees any"),
        (LIVE, "staging", "where kitchens cook"),
        (LIVE + "/V1", "production", "take /V1 away"),
        (STAGING.replace("/V1", "/v1"), "staging", "capital V"),
        ("https://private-anon.apiary-mock.com/V1", "staging", "made-up data"),
        ("ftp://pos.example.com", "production", "begins with https://"),
        ("https://[", "production", "cannot be read"),
    ],
)
def test_addresses_that_do_not(base_url, environment, words):
    found = check(base_url=base_url, environment=environment)
    assert list(found) == ["endpoint"]
    assert words in found["endpoint"]


@pytest.mark.parametrize("code", ["90001", "12345678", " 90001 "])
def test_a_numeric_restaurant_id_is_no_mapping_code(code):
    found = check(external_id=code)
    assert list(found) == ["pos_restaurant_id"]
    assert "orders sent with the numeric id never reach the kitchen" in found["pos_restaurant_id"]


def test_nothing_configured_is_nothing_wrong():
    assert POS.check_configuration("", "", {}) == {}


def test_two_mistakes_are_both_named():
    assert set(check("90001", STAGING)) == {"pos_restaurant_id", "endpoint"}


def test_unless_it_says_staging_it_is_production():
    field = next(field for field in CONFIG_FIELDS if field.name == "environment")
    assert field.type is FieldType.CHOICE
    assert field.choices == ("production", "staging")
    assert field.default == "production"
    assert "endpoint" in POS.check_configuration("abcd1234", STAGING, {})


def test_the_connection_test_says_the_same(account):
    live = replace(account, base_url=STAGING, config={**account.config, "environment": "production"})
    assert [finding.ok for finding in findings(live)] == [True, False]
    local = replace(account, base_url="http://127.0.0.1:9000")
    assert [finding.ok for finding in findings(local)] == [True, True]
    assert "a simulator" in findings(local)[1].message
