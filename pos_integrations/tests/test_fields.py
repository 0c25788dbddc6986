"""Sealed values: what lies in the database, what opens, what never shows."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import pytest
from django.core import serializers
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from pos_integrations.fields import PREFIX, Secret, Unreadable, active_key_id, map_secrets, seal
from pos_integrations.models import PosProvider, RestaurantPosIntegration, RestaurantWebhookSecret
from pos_integrations.tests.configured import (
    APP_KEY,
    CANARY,
    KEY_A,
    KEY_B,
    PROVIDER_TOKEN,
    WEBHOOK_SECRET,
    column,
    make_integration,
    make_provider,
    make_restaurant,
    reload,
    set_column,
)


@pytest.fixture
def integration(db):
    provider = make_provider(global_config={"access_token": Secret(PROVIDER_TOKEN), "push_retries": 5})
    return make_integration(provider=provider)


def test_secrets_lie_sealed_in_every_column(integration):
    secret = RestaurantWebhookSecret.objects.get()
    stored = [
        column("pos_providers", "global_config", integration.pos_provider_id),
        column("restaurant_pos_integrations", "api_key", integration.pk),
        column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk),
        column("restaurant_webhook_secrets", "secret_key", secret.pk),
    ]

    assert all(PREFIX in text for text in stored)
    assert not any(CANARY in text for text in stored)


def test_what_is_no_secret_stays_readable(integration):
    assert (
        json.loads(column("pos_providers", "global_config", integration.pos_provider_id))["push_retries"] == 5
    )


def test_a_sealed_value_opens_in_its_row(integration):
    assert integration.api_key.open(integration.sealing_context()) == APP_KEY


def test_the_same_secret_is_sealed_differently_each_time():
    assert seal("x", "row") != seal("x", "row")


def test_swapped_ciphertexts_do_not_open(integration):
    other = make_integration(
        make_restaurant("Other"),
        pos_restaurant_id="zzzz9999",
        api_key="another-key-of-another-place",
        webhook_secret=None,
    )
    mine = column("restaurant_pos_integrations", "api_key", integration.pk)
    theirs = column("restaurant_pos_integrations", "api_key", other.pk)
    set_column("restaurant_pos_integrations", "api_key", integration.pk, theirs)
    set_column("restaurant_pos_integrations", "api_key", other.pk, mine)

    for row in (reload(integration), reload(other)):
        with pytest.raises(Unreadable, match="copied from another row"):
            row.api_key.open(row.sealing_context())


@pytest.mark.parametrize(
    "damage",
    [
        lambda sealed: sealed[:-6] + "AAAA==",
        lambda sealed: sealed[:-1],
        lambda sealed: sealed.rsplit(":", 1)[0] + ":",
        lambda sealed: sealed.rsplit(":", 1)[0] + ":äöü",
        lambda sealed: sealed.rsplit(":", 1)[0] + ":QUJD",
        lambda sealed: PREFIX,
        lambda sealed: PREFIX + "nokey:" + sealed.rsplit(":", 1)[1],
    ],
)
def test_a_damaged_value_is_unreadable_and_nothing_else(damage):
    with pytest.raises(Unreadable):
        Secret(damage(seal("x", "row"))).open("row")


def test_all_keys_open_and_the_first_seals(settings):
    settings.ENCRYPTION_KEYS = KEY_A
    old = Secret(seal("x", "row"))
    settings.ENCRYPTION_KEYS = f"{KEY_B}, {KEY_A}"

    assert active_key_id() == "b"
    assert Secret(seal("x", "row")).key_id == "b"
    assert (old.key_id, old.open("row")) == ("a", "x")

    settings.ENCRYPTION_KEYS = KEY_B
    with pytest.raises(Unreadable, match="'a', which is not in ENCRYPTION_KEYS"):
        old.open("row")


@pytest.mark.parametrize(
    "keys", ["", "a", "a:", "a:short", "a:QUJD", "a b:" + KEY_A[2:], KEY_A + ",", "a:!!!"]
)
def test_wrong_keys_are_refused_without_being_shown(settings, keys):
    settings.ENCRYPTION_KEYS = keys

    with pytest.raises(ImproperlyConfigured) as refused:
        active_key_id()

    assert KEY_A[2:] not in str(refused.value)


def test_a_secret_never_shows_itself(integration, caplog):
    secret = Secret(WEBHOOK_SECRET)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r %s", secret, secret, {"key": secret})

    texts = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{[secret]}",
        caplog.text,
        repr(integration),
        str(integration),
    ]

    assert not any(CANARY in text for text in texts)
    assert "<secret>" in caplog.text


def test_a_secret_is_copied_and_pickled_whole():
    secret = Secret("sealed")

    assert copy.deepcopy(secret) == secret
    assert pickle.loads(pickle.dumps(secret)) == secret
    assert secret != "sealed"


def test_saving_again_does_not_seal_twice(integration):
    before = column("restaurant_pos_integrations", "api_key", integration.pk)
    config = column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk)

    reload(integration).save()

    assert column("restaurant_pos_integrations", "api_key", integration.pk) == before
    assert column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk) == config


def test_a_text_that_looks_sealed_is_sealed_like_any_other(integration):
    integration.api_key = PREFIX + "a:b"
    integration.save()

    assert reload(integration).api_key.open(integration.sealing_context()) == PREFIX + "a:b"


def test_a_plain_value_of_somebodys_sql_works_and_is_sealed_when_saved(integration):
    set_column("restaurant_pos_integrations", "api_key", integration.pk, "plain-by-hand")
    row = reload(integration)

    assert (row.api_key.is_sealed, row.api_key.open(row.sealing_context())) == (False, "plain-by-hand")

    row.save()

    assert column("restaurant_pos_integrations", "api_key", integration.pk).startswith(PREFIX)
    assert reload(integration).api_key.open(row.sealing_context()) == "plain-by-hand"


def test_leaves_are_found_at_any_depth():
    value = {"a": [Secret("x"), {"b": Secret("y")}], "c": 1}

    assert map_secrets(value, lambda secret: secret.stored) == {"a": ["x", {"b": "y"}], "c": 1}


@pytest.mark.parametrize("lookup", ["", "__exact", "__startswith", "__in", "__regex", "__gt", "__icontains"])
@pytest.mark.parametrize(
    ("model", "name"),
    [
        (RestaurantPosIntegration, "api_key"),
        (RestaurantPosIntegration, "restaurant_specific_config"),
        (RestaurantPosIntegration, "restaurant_specific_config__app_secret"),
        (RestaurantPosIntegration, "pos_provider__global_config__access_token"),
        (PosProvider, "global_config"),
        (PosProvider, "global_config__has_key"),
        (PosProvider, "integrations__api_key"),
        (RestaurantWebhookSecret, "secret_key"),
    ],
)
def test_no_lookup_compares_a_secret(model, name, lookup):
    with pytest.raises(FieldError):
        model.objects.filter(**{name + lookup: "c"})


def test_whether_there_is_one_may_be_asked(integration):
    assert RestaurantPosIntegration.objects.filter(api_key__isnull=False).count() == 1


def test_a_dump_holds_sealed_values_and_loads_again(integration, tmp_path):
    path = tmp_path / "dump.json"
    call_command("dumpdata", "menus.restaurant", "pos_integrations", output=str(path), verbosity=0)
    before = column("restaurant_pos_integrations", "api_key", integration.pk)

    assert CANARY not in path.read_text()
    assert PREFIX in path.read_text()

    RestaurantWebhookSecret.objects.all().delete()
    RestaurantPosIntegration.objects.all().delete()
    call_command("loaddata", str(path), verbosity=0)

    assert column("restaurant_pos_integrations", "api_key", integration.pk) == before
    again = reload(integration)
    assert again.api_key.open(again.sealing_context()) == APP_KEY
    assert again.restaurant_specific_config["app_secret"].is_sealed
    secret = RestaurantWebhookSecret.objects.get()
    assert secret.secret_key.open(secret.sealing_context()) == WEBHOOK_SECRET


def test_a_plain_value_is_not_dumped(integration):
    set_column("restaurant_pos_integrations", "api_key", integration.pk, "canary-plain")

    assert CANARY not in serializers.serialize("json", RestaurantPosIntegration.objects.all())


def test_a_query_error_shows_no_secret(integration):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM restaurant_pos_integrations WHERE api_key LIKE %s", [f"%{CANARY}%"]
        )
        assert cursor.fetchone() == (0,)
