"""How configuration is merged, checked and written; webhook secrets and their rotation; the REST views of it."""

from __future__ import annotations

import datetime as dt
import json
import logging

import pytest
from django.test import Client
from django.utils import timezone

from ding.errors import NotFound
from ding.keys import create_api_key
from pos_integrations import configuration
from pos_integrations.adapters.base import ConfigField, FieldType, Level
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.configuration import (
    InvalidConfiguration,
    account_for,
    add_webhook_secret,
    callback_token,
    callback_url,
    changed_config,
    check_secret,
    check_url,
    check_values,
    describe,
    end_secrets,
    inherited,
    integration_of,
    rotate_secret,
    save_integration,
    valid_secrets,
    webhook_url,
)
from pos_integrations.errors import ConfigurationError
from pos_integrations.fields import PREFIX, Secret
from pos_integrations.models import PosProvider, RestaurantPosIntegration, RestaurantWebhookSecret
from pos_integrations.tests.configured import (
    ACCESS_TOKEN,
    APP_KEY,
    APP_SECRET,
    CANARY,
    KEY_A,
    PROVIDER_TOKEN,
    WEBHOOK_SECRET,
    column,
    make_integration,
    make_provider,
    make_restaurant,
    reload,
    set_column,
)

pytestmark = pytest.mark.django_db

PETPOOJA = adapter_for("petpooja")
SECRET_1, SECRET_2, SECRET_3 = (f"webhook-secret-number-{n}-000000" for n in (1, 2, 3))


def refusal(**given):
    """The errors of a save that must not happen."""
    before = list(
        RestaurantPosIntegration.objects.order_by("pk").values("pk", "pos_restaurant_id", "endpoint")
    )
    with pytest.raises(InvalidConfiguration) as refused:
        save_integration(**given)
    after = list(
        RestaurantPosIntegration.objects.order_by("pk").values("pk", "pos_restaurant_id", "endpoint")
    )
    assert before == after
    return refused.value.fields


# --- merging ------------------------------------------------------------------------------------------


def test_each_layer_overrules_the_one_before():
    provider = make_provider()
    integration = make_integration(provider=provider, api_key=None, restaurant_config={})

    def value_of(name):
        config = {setting.name: (setting.value, setting.source) for setting in describe(reload(integration))}
        return config[name]

    assert value_of("push_retries") == (3, "default")

    PosProvider.objects.filter(pk=provider.pk).update(global_config={"push_retries": 5})
    assert value_of("push_retries") == (5, "provider")

    save_integration(
        restaurant=integration.restaurant, provider_name="petpooja", restaurant_config={"push_retries": 0}
    )
    assert value_of("push_retries") == (0, "restaurant")

    save_integration(
        restaurant=integration.restaurant, provider_name="petpooja", restaurant_config={"push_retries": None}
    )
    assert value_of("push_retries") == (5, "provider")


def test_columns_come_last():
    provider = make_provider(global_config={"app_key": Secret("key-of-the-provider-000")})
    integration = make_integration(
        provider=provider,
        restaurant_config={
            "app_key": "key-of-the-restaurant-0",
            "app_secret": APP_SECRET,
            "access_token": ACCESS_TOKEN,
        },
        endpoint="https://own.example.com/api",
    )

    account = account_for(integration)

    assert (account.config["app_key"], account.base_url) == (APP_KEY, "https://own.example.com/api")
    integration.api_key, integration.endpoint = "", ""
    integration.save()
    account = account_for(reload(integration))
    assert (account.config["app_key"], account.base_url) == (
        "key-of-the-restaurant-0",
        "https://pos.example.com/V1",
    )


def test_an_account_has_all_that_an_adapter_needs_and_shows_no_secret():
    restaurant = make_restaurant(
        address="1 Sample Road", phone="9000000001", timezone="Asia/Dubai", currency="AED"
    )
    account = account_for(make_integration(restaurant))

    assert (account.external_id, account.currency, account.timezone.key) == ("abcd1234", "AED", "Asia/Dubai")
    assert (account.restaurant.name, account.restaurant.phone) == ("Spice Garden", "9000000001")
    assert set(account.secrets) == {APP_KEY, APP_SECRET, ACCESS_TOKEN}
    assert account.config["self_delivery"] is False
    assert CANARY not in repr(account)


def test_missing_fields_are_named():
    integration = make_integration(api_key=None, restaurant_config={"app_secret": APP_SECRET})

    with pytest.raises(ConfigurationError) as refused:
        account_for(integration)

    assert refused.value.message == "Not configured: App key, Access token."


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"push_retries": "5"}, 5),
        ({"push_retries": 5.0}, 5),
        ({"resend_unclear": "true"}, True),
        ({"resend_unclear": "False"}, False),
        ({"resend_unclear": "1"}, True),
        ({"resend_unclear": 0}, False),
        ({"app_secret": 12345}, "12345"),
    ],
)
def test_values_of_somebodys_sql_get_their_type(written, read):
    integration = make_integration()
    config = json.dumps({"app_secret": APP_SECRET, "access_token": ACCESS_TOKEN, **written})
    set_column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk, config)
    (name,) = written

    value = account_for(reload(integration)).config[name]

    assert (value, type(value)) == (read, type(read))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"push_retries": "many"}, "Retries must be a whole number."),
        ({"push_retries": True}, "Retries must be a whole number."),
        ({"push_retries": [3]}, "Retries must be a whole number."),
        ({"call_timeout_seconds": "3600"}, "Time for one call (seconds) must be at most 30."),
        ({"push_deadline_minutes": 0}, "Deadline (minutes) must be at least 1."),
        ({"resend_unclear": "perhaps"}, "Send unclear orders again must be true or false."),
        ({"resend_unclear": 2}, "Send unclear orders again must be true or false."),
        ({"app_secret": {"a": 1}}, "App secret must be text."),
    ],
)
def test_wrong_values_of_somebodys_sql_are_named(written, message):
    integration = make_integration()
    config = json.dumps({"app_secret": APP_SECRET, "access_token": ACCESS_TOKEN, **written})
    set_column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk, config)

    with pytest.raises(ConfigurationError) as refused:
        account_for(reload(integration))

    assert refused.value.message == message


def test_an_unknown_timezone_is_a_matter_of_configuration():
    restaurant = make_restaurant(timezone="Asia/Atlantis")

    with pytest.raises(ConfigurationError, match="There is no timezone 'Asia/Atlantis'"):
        account_for(make_integration(restaurant))


def test_an_unreadable_secret_is_a_matter_of_configuration():
    integration = make_integration()
    set_column("restaurant_pos_integrations", "api_key", integration.pk, PREFIX + "lost:QUJD")

    with pytest.raises(ConfigurationError, match="A secret of Spice Garden at PetPooja cannot be read"):
        account_for(reload(integration))
    shown = {setting.name: setting.value for setting in describe(reload(integration))}
    assert shown["app_key"] == "••• (cannot be read)"


def test_an_unreadable_default_does_not_matter_where_it_is_overruled():
    provider = make_provider(global_config={"app_secret": Secret(PREFIX + "lost:QUJD")})

    assert account_for(make_integration(provider=provider)).config["app_secret"] == APP_SECRET


def test_people_see_masks_and_where_a_value_comes_from():
    provider = make_provider(global_config={"access_token": Secret(PROVIDER_TOKEN)})
    integration = make_integration(
        provider=provider, restaurant_config={"app_secret": "short-secret", "prep_minutes": 25}
    )

    shown = {setting.name: setting for setting in describe(integration)}

    assert (shown["app_key"].value, shown["app_key"].source) == ("•••AKEY", "restaurant")
    assert (shown["access_token"].value, shown["access_token"].source) == ("•••PROV", "provider")
    assert (shown["app_secret"].value, shown["app_secret"].secret) == ("•••", True)
    assert (shown["prep_minutes"].value, shown["prep_minutes"].source) == (25, "restaurant")
    assert shown["shrink_limit_percent"].value is None
    assert inherited(provider)["access_token"] == "•••PROV"
    assert inherited(provider)["app_secret"] is None


def test_a_sealed_value_where_none_belongs_is_masked_too():
    integration = make_integration()
    sealed = column("restaurant_pos_integrations", "api_key", integration.pk)
    config = json.dumps({"prep_minutes": sealed})
    set_column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk, config)

    shown = {setting.name: setting.value for setting in describe(reload(integration))}

    assert shown["prep_minutes"] == "•••AKEY"


def test_the_active_integration_is_meant_when_none_is_named():
    with pytest.raises(NotFound):
        integration_of(make_restaurant().pk)
    integration = make_integration()

    assert integration_of(integration.restaurant_id) == integration
    assert integration_of(integration.restaurant_id, "petpooja") == integration
    with pytest.raises(NotFound):
        integration_of(integration.restaurant_id, "another")


# --- checking -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "rule", "message"),
    [
        ({"push_retries": "5"}, "integer", "Retries must be a whole number."),
        ({"push_retries": True}, "integer", "Retries must be a whole number."),
        ({"push_retries": 2.5}, "integer", "Retries must be a whole number."),
        ({"push_retries": -1}, "minimum", "Retries must be at least 0."),
        ({"push_retries": 11}, "maximum", "Retries must be at most 10."),
        ({"prep_minutes": 0}, "minimum", "Preparation time in minutes must be at least 1."),
        ({"resend_unclear": "yes"}, "boolean", "Send unclear orders again must be true or false."),
        ({"resend_unclear": 1}, "boolean", "Send unclear orders again must be true or false."),
        ({"app_key": 5}, "text", "App key must be text."),
        ({"app_key": ["a"]}, "text", "App key must be text."),
        ({"app_key": "a" * 501}, "text", "App key must be one line of at most 500 characters."),
        ({"app_key": "a\nb"}, "text", "App key must be one line of at most 500 characters."),
        (
            {"app_key": PREFIX + "a:b"},
            "sealed",
            "App key must be given in the clear; it is sealed when it is saved.",
        ),
        ({"app_key": "a b"}, "pattern", "App key: Letters, digits and signs, without spaces."),
    ],
)
def test_each_rule_has_its_words(values, rule, message):
    (name,) = values

    assert check_values(PETPOOJA, values, Level.RESTAURANT) == {name: [{"rule": rule, "message": message}]}


def test_an_unknown_field_is_told_the_known_ones():
    errors = check_values(PETPOOJA, {"app_kye": "x"}, Level.RESTAURANT)

    assert errors["app_kye"][0]["rule"] == "unknown_field"
    assert "access_token, advance_hours, app_key, app_secret" in errors["app_kye"][0]["message"]


def test_a_field_has_its_level(monkeypatch):
    fields = (
        ConfigField("partner", "Partner id", "", level=Level.PROVIDER),
        ConfigField("branch", "Branch", "", level=Level.RESTAURANT),
        ConfigField("site", "Site", "", type=FieldType.URL),
    )
    monkeypatch.setattr(type(PETPOOJA), "config_fields", fields)
    values = {"partner": "x", "branch": "x", "site": "ftp://x"}

    def messages(level):
        return {name: errors[0]["message"] for name, errors in check_values(PETPOOJA, values, level).items()}

    address = "Site must be an address like https://host/path, without user, query or fragment."
    assert messages(Level.RESTAURANT) == {"partner": "Partner id is set for the provider.", "site": address}
    assert messages(Level.PROVIDER) == {"branch": "Branch is set for the restaurant.", "site": address}


def test_good_values_are_good():
    values = {
        "app_key": "k!~",
        "push_retries": 0,
        "resend_unclear": True,
        "prep_minutes": 240,
        "app_secret": None,
        "access_token": Secret("x"),
    }

    assert check_values(PETPOOJA, values, Level.PROVIDER) == {}


@pytest.mark.parametrize(
    "url",
    [
        "https://pos.example.com",
        "https://pos.example.com:8443/V1/x",
        "http://127.0.0.1:8000/",
        "https://[::1]/x",
        "",
    ],
)
def test_addresses_that_are_taken(url):
    assert check_url(url, "endpoint") is None


@pytest.mark.parametrize(
    "url",
    [
        "pos.example.com",
        "ftp://pos.example.com",
        "https://user:password@pos.example.com",
        "https://pos.example.com/x?key=1",
        "https://pos.example.com/#x",
        "https://",
        "https://pos.example.com/a b",
        "https://pos.example.com\n",
        "javascript:alert(1)",
    ],
)
def test_addresses_that_are_refused(url):
    assert check_url(url, "endpoint")[0] == "url"


def test_plain_http_needs_a_setting(settings):
    settings.POS_ALLOW_PLAIN_HTTP = False

    assert check_url("http://pos.example.com", "endpoint")[0] == "url"
    assert check_url("https://pos.example.com", "endpoint") is None


# --- writing ------------------------------------------------------------------------------------------


def test_what_is_not_given_stays():
    integration = make_integration(endpoint="https://own.example.com")
    RestaurantPosIntegration.objects.update(problem="The POS refuses us.")
    before = reload(integration)

    again, created = save_integration(
        restaurant=integration.restaurant, provider_name="petpooja", restaurant_config={"prep_minutes": 30}
    )

    after = reload(again)
    assert (created, after.pk, after.problem) == (False, before.pk, "")
    assert (after.pos_restaurant_id, after.endpoint, after.active) == (
        "abcd1234",
        "https://own.example.com",
        True,
    )
    assert after.api_key == before.api_key
    assert after.restaurant_specific_config == {**before.restaurant_specific_config, "prep_minutes": 30}
    assert RestaurantWebhookSecret.objects.count() == 1


def test_what_lies_there_from_before_does_not_stop_a_change():
    integration = make_integration()
    config = json.dumps({"app_secret": APP_SECRET, "of_another_version": 1, "push_retries": "5"})
    set_column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk, config)

    save_integration(restaurant=integration.restaurant, provider_name="petpooja", active=False)

    stored = reload(integration)
    assert stored.active is False
    assert stored.restaurant_specific_config["of_another_version"] == 1
    assert stored.restaurant_specific_config["push_retries"] == "5"
    assert CANARY not in column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk)


def test_taking_everything_away():
    integration = make_integration(restaurant_config={"app_secret": APP_SECRET, "prep_minutes": 5})

    save_integration(
        restaurant=integration.restaurant,
        provider_name="petpooja",
        api_key="",
        endpoint="",
        active=False,
        restaurant_config={"app_secret": None, "prep_minutes": None},
    )

    stored = reload(integration)
    assert (stored.api_key, stored.endpoint, stored.active) == ("", "", False)
    assert stored.restaurant_specific_config == {}


def test_a_dry_run_saves_nothing():
    restaurant, _ = make_restaurant(), make_provider()
    given = {"restaurant": restaurant, "provider_name": "petpooja", "pos_restaurant_id": "abcd1234"}

    assert save_integration(**given, api_key=APP_KEY, webhook_secret=WEBHOOK_SECRET, dry_run=True)[1] is True

    assert RestaurantPosIntegration.objects.count() == RestaurantWebhookSecret.objects.count() == 0
    assert list(refusal(**given, endpoint="x", dry_run=True)) == ["endpoint"]


def test_every_wrong_field_is_named_at_once():
    make_integration()
    errors = refusal(
        restaurant=make_restaurant("Other"),
        provider_name="petpooja",
        pos_restaurant_id="abcd1234",
        endpoint="pos.example.com",
        api_key="has a space",
        webhook_secret="short",
        restaurant_config={"push_retries": 99, "nonsense": 1},
    )

    assert {name: problems[0]["rule"] for name, problems in errors.items()} == {
        "restaurant_config.push_retries": "maximum",
        "restaurant_config.nonsense": "unknown_field",
        "pos_restaurant_id": "taken",
        "endpoint": "url",
        "api_key": "pattern",
        "webhook_secret": "secret",
    }
    assert errors["api_key"][0]["message"] == "App key: Letters, digits and signs, without spaces."
    assert "given" not in errors["api_key"][0]
    assert "given" not in errors["webhook_secret"][0]


@pytest.mark.parametrize("external_id", [None, "", "a b", "ä", "x" * 65, "a\n"])
def test_the_poss_id_is_required(external_id):
    make_provider()
    errors = refusal(restaurant=make_restaurant(), provider_name="petpooja", pos_restaurant_id=external_id)

    assert errors["pos_restaurant_id"][0]["rule"] == "required"
    assert "mapping code" in errors["pos_restaurant_id"][0]["message"]


def test_ids_differ_by_the_byte():
    make_integration(pos_restaurant_id="abcd1234")

    other = make_integration(make_restaurant("Other"), pos_restaurant_id="ABCD1234", webhook_secret=None)

    assert other.pos_restaurant_id == "ABCD1234"


@pytest.mark.parametrize("name", ["another", ""])
def test_an_unknown_provider_is_told_the_known_ones(name):
    make_provider()
    errors = refusal(restaurant=make_restaurant(), provider_name=name, pos_restaurant_id="x")

    assert (errors["provider_name"][0]["rule"], errors["provider_name"][0]["expected"]) == (
        "unknown_provider",
        ["petpooja"],
    )


def test_other_keys_stay_and_secrets_are_marked():
    config = {"old": [1], "app_key": "plain", "push_retries": 5}

    changed = changed_config(PETPOOJA, config, {"push_retries": None, "app_secret": "x", "access_token": ""})

    assert changed == {"old": [1], "app_key": Secret("plain"), "app_secret": Secret("x")}
    assert changed_config(PETPOOJA, None, {}) == {}


# --- webhook secrets ----------------------------------------------------------------------------------


def secrets_of(integration):
    return [secret for _, secret in valid_secrets(integration)]


def test_a_new_secret_stands_beside_the_old_for_the_overlap():
    integration = make_integration()
    before = timezone.now()

    new = rotate_secret(integration)

    assert len(new.secret) == 43
    assert sorted(secrets_of(integration)) == sorted([WEBHOOK_SECRET, new.secret])
    assert dt.timedelta(hours=24) <= new.old_valid_until - before < dt.timedelta(hours=24, minutes=1)
    old = RestaurantWebhookSecret.objects.exclude(pk=new.id).get()
    assert (old.expires_at, old.is_active) == (new.old_valid_until, True)
    fresh = RestaurantWebhookSecret.objects.get(pk=new.id)
    assert (fresh.expires_at, fresh.is_active, len(fresh.fingerprint)) == (None, True, 8)
    assert fresh.secret_key.is_sealed


def test_after_the_overlap_only_the_new_one_is_valid():
    integration = make_integration()
    new = rotate_secret(integration)
    RestaurantWebhookSecret.objects.exclude(expires_at=None).update(expires_at=timezone.now())

    assert secrets_of(integration) == [new.secret]


def test_without_an_overlap_the_old_ends_at_once():
    integration = make_integration()

    new = rotate_secret(integration, overlap=dt.timedelta(0))

    assert secrets_of(integration) == [new.secret]


def test_a_rotation_never_lengthens_what_ends_sooner():
    integration = make_integration()
    first = rotate_secret(integration, overlap=dt.timedelta(hours=1))

    rotate_secret(integration, overlap=dt.timedelta(hours=48))

    oldest = RestaurantWebhookSecret.objects.order_by("pk").first()
    assert oldest.expires_at == first.old_valid_until


def test_at_most_three_are_valid_and_any_number_is_retired():
    integration = make_integration()

    made = [rotate_secret(integration).secret for _ in range(6)]

    assert sorted(secrets_of(integration)) == sorted(made[-3:])
    assert RestaurantWebhookSecret.objects.filter(is_active=False).count() == 4


def test_the_same_secret_again_changes_nothing():
    integration = make_integration()
    before = list(RestaurantWebhookSecret.objects.values())

    new = add_webhook_secret(integration, WEBHOOK_SECRET)

    assert (new.id, new.old_valid_until) == (before[0]["id"], None)
    assert list(RestaurantWebhookSecret.objects.values()) == before


def test_going_back_to_a_secret_that_was_about_to_end_makes_it_last():
    integration = make_integration()
    second = rotate_secret(integration)

    back = add_webhook_secret(integration, WEBHOOK_SECRET)

    row = RestaurantWebhookSecret.objects.get(pk=back.id)
    assert (row.expires_at, row.is_active) == (None, True)
    assert sorted(secrets_of(integration)) == sorted([WEBHOOK_SECRET, second.secret])
    assert RestaurantWebhookSecret.objects.get(pk=second.id).expires_at == back.old_valid_until


def test_ended_secrets_sign_nothing():
    integration = make_integration()
    rotate_secret(integration)

    assert end_secrets(RestaurantWebhookSecret.objects.all()) == 2
    assert end_secrets(RestaurantWebhookSecret.objects.all()) == 0
    assert secrets_of(integration) == []


def test_a_secret_that_cannot_be_read_is_not_valid(settings):
    integration = make_integration()
    settings.ENCRYPTION_KEYS = KEY_A

    assert secrets_of(integration) == []


def test_secrets_of_others_are_not_valid_here():
    integration = make_integration()
    other = make_integration(make_restaurant("Other"), pos_restaurant_id="zzzz9999", webhook_secret=SECRET_1)

    assert secrets_of(integration) == [WEBHOOK_SECRET]
    assert secrets_of(other) == [SECRET_1]


@pytest.mark.parametrize(
    "secret", ["", "x" * 23, "with a blank in the middle of it", "ümläute-" * 5, PREFIX + "a" * 30]
)
def test_weak_secrets_are_refused(secret):
    assert check_secret(secret, make_integration())["rule"] == "secret"


def test_a_secret_of_another_restaurant_is_refused():
    make_integration()
    other = make_integration(make_restaurant("Other"), pos_restaurant_id="zzzz9999", webhook_secret=None)

    assert check_secret(WEBHOOK_SECRET, other)["rule"] == "reused"
    assert check_secret(SECRET_2, other) is None


# --- addresses ----------------------------------------------------------------------------------------


def test_a_webhook_address_is_made_of_what_the_provider_is_reached_by(settings):
    settings.PUBLIC_URL = "https://ding.example.com"
    integration = make_integration()

    assert webhook_url(integration, "order-status") == (
        f"https://ding.example.com/api/webhooks/petpooja/{integration.public_id}/order-status"
    )
    integration.pos_provider.webhook_base_url = "https://hooks.example.com/"
    assert webhook_url(integration, "x").startswith("https://hooks.example.com/api/webhooks/petpooja/")


def test_a_callback_address_opens_one_order(settings):
    integration = make_integration()
    url = callback_url(integration, "DABC1234")

    token = callback_token(integration, "DABC1234")
    assert url.endswith(f"/{integration.public_id}/order-callback/{token}")
    assert url == callback_url(integration, "DABC1234")
    assert token != callback_token(integration, "DABC1235")
    settings.CALLBACK_KEY = "another"
    assert token != callback_token(integration, "DABC1234")


# --- over REST ----------------------------------------------------------------------------------------


@pytest.fixture
def integration():
    return make_integration()


def api(*scopes, restaurants=(), all_restaurants=False):
    """A client with a key of these scopes."""
    key = create_api_key(
        client="shop",
        scopes=scopes or ("integrations:read", "integrations:write"),
        restaurants=restaurants,
        all_restaurants=all_restaurants,
    )
    return Client(headers={"authorization": f"Bearer {key}"})


def post(client, path, body=None):
    return client.post(path, data=json.dumps(body or {}), content_type="application/json")


def test_pos_config_is_merged_and_masked(integration):
    client = api(restaurants=[integration.restaurant])

    answer = client.get(f"/api/pos-config/{integration.restaurant_id}/petpooja")

    body = answer.json()
    settings = {setting["name"]: setting for setting in body["settings"]}
    assert answer.status_code == 200
    assert (body["pos_restaurant_id"], body["base_url"]) == ("abcd1234", "https://pos.example.com/V1")
    assert settings["app_key"] == {
        "name": "app_key",
        "label": "App key",
        "value": "•••AKEY",
        "source": "restaurant",
        "secret": True,
    }
    assert settings["push_retries"]["value"] == 3
    assert {"order-status", "menu-update", "inventory-update", "order-callback"} <= set(body["webhook_urls"])
    assert CANARY not in answer.content.decode()


def test_creating_and_updating(caplog):
    restaurant, _ = make_restaurant(), make_provider()
    client, path = api(restaurants=[restaurant]), f"/api/pos-integration/{restaurant.pk}"
    body = {
        "provider_name": "petpooja",
        "pos_restaurant_id": "abcd1234",
        "endpoint": "https://own.example.com/V1",
        "api_key": APP_KEY,
        "restaurant_config": {"app_secret": APP_SECRET, "access_token": ACCESS_TOKEN, "prep_minutes": 20},
        "webhook_secret": WEBHOOK_SECRET,
    }
    with caplog.at_level(logging.DEBUG):
        created = post(client, path, body)
        updated = post(client, path, {"provider_name": "petpooja", "restaurant_config": {"prep_minutes": 25}})

    assert (created.status_code, updated.status_code) == (201, 200)
    stored = RestaurantPosIntegration.objects.get()
    assert (stored.endpoint, stored.restaurant_specific_config["prep_minutes"]) == (
        "https://own.example.com/V1",
        25,
    )
    assert account_for(stored).config["app_secret"] == APP_SECRET
    assert secrets_of(stored) == [WEBHOOK_SECRET]
    for text in (created.content.decode(), updated.content.decode(), caplog.text):
        assert CANARY not in text


def test_errors_name_the_field_and_repeat_no_secret(integration):
    client = api(all_restaurants=True)
    answer = post(
        client,
        f"/api/pos-integration/{integration.restaurant_id}",
        {
            "provider_name": "petpooja",
            "endpoint": "nonsense",
            "api_key": "canary key",
            "webhook_secret": "canary",
            "restaurant_config": {"app_secret": "canary secret", "push_retries": "5"},
        },
    )

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_configuration")
    assert {name: problems[0]["rule"] for name, problems in error["fields"].items()} == {
        "endpoint": "url",
        "api_key": "pattern",
        "webhook_secret": "secret",
        "restaurant_config.app_secret": "pattern",
        "restaurant_config.push_retries": "integer",
    }
    assert "canary" not in answer.content.decode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "provider_name"),
        ({"provider_name": "another"}, "provider_name"),
        ({"provider_name": "petpooja", "restaurant_config": [1]}, "restaurant_config"),
        ({"provider_name": "petpooja", "pos_restaurant_id": "x" * 65}, "pos_restaurant_id"),
        ({"provider_name": "petpooja", "active": "perhaps"}, "active"),
    ],
)
def test_shapes_are_checked(integration, body, field):
    answer = post(api(all_restaurants=True), f"/api/pos-integration/{integration.restaurant_id}", body)

    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_rotated_secret_is_shown_once(integration):
    client = api(restaurants=[integration.restaurant])

    answer = post(
        client,
        f"/api/pos-integration/{integration.restaurant_id}/petpooja/rotate-secret",
        {"overlap_hours": 2},
    )

    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert set(answer.json()) == {"secret", "old_valid_until"}
    assert answer.json()["secret"] in secrets_of(integration)
    config = client.get(f"/api/pos-config/{integration.restaurant_id}/petpooja")
    assert answer.json()["secret"] not in config.content.decode()


@pytest.mark.parametrize("hours", [-1, 24 * 14 + 1, "many"])
def test_an_overlap_has_limits(integration, hours):
    path = f"/api/pos-integration/{integration.restaurant_id}/petpooja/rotate-secret"
    answer = post(api(all_restaurants=True), path, {"overlap_hours": hours})

    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, ["overlap_hours"])
    assert RestaurantWebhookSecret.objects.count() == 1


def test_a_restaurant_of_others_is_not_found(integration):
    client = api(restaurants=[make_restaurant("Other")])
    mine, missing = integration.restaurant_id, integration.restaurant_id + 1000

    for number in (mine, missing):
        answers = [
            client.get(f"/api/pos-config/{number}/petpooja"),
            post(client, f"/api/pos-integration/{number}", {"provider_name": "petpooja", "endpoint": ""}),
            post(client, f"/api/pos-integration/{number}/test"),
            post(client, f"/api/pos-integration/{number}/petpooja/rotate-secret"),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert CANARY not in "".join(answer.content.decode() for answer in answers)
    assert RestaurantWebhookSecret.objects.count() == 1


def test_reading_needs_its_scope_and_so_does_writing(integration):
    number = integration.restaurant_id
    reader = api("integrations:read", restaurants=[integration.restaurant])
    stranger = api("orders:read", restaurants=[integration.restaurant])

    assert reader.get(f"/api/pos-config/{number}/petpooja").status_code == 200
    assert post(reader, f"/api/pos-integration/{number}", {"provider_name": "petpooja"}).status_code == 403
    assert post(reader, f"/api/pos-integration/{number}/petpooja/rotate-secret").status_code == 403
    assert stranger.get(f"/api/pos-config/{number}/petpooja").status_code == 403
    assert Client().get(f"/api/pos-config/{number}/petpooja").status_code == 401


def test_the_connection_test_says_what_is_missing():
    integration = make_integration(api_key=None)

    answer = post(api(all_restaurants=True), f"/api/pos-integration/{integration.restaurant_id}/test")

    assert answer.json() == {
        "ok": False,
        "findings": [{"check": "configuration", "ok": False, "message": "Not configured: App key."}],
    }


def test_the_core_fields_have_names_of_their_own():
    names = [field.name for field in configuration.fields_of(PETPOOJA)]

    assert len(names) == len(set(names))
