"""Plain secrets found and sealed, sealed ones moved to a new key."""

from __future__ import annotations

import io
import json

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from pos_integrations.configuration import account_for, valid_secrets
from pos_integrations.errors import ConfigurationError
from pos_integrations.fields import PREFIX
from pos_integrations.models import RestaurantWebhookSecret
from pos_integrations.sealing import plain_secrets, reseal
from pos_integrations.tests.configured import (
    ACCESS_TOKEN,
    APP_KEY,
    APP_SECRET,
    CANARY,
    KEY_A,
    KEY_B,
    WEBHOOK_SECRET,
    column,
    make_integration,
    make_restaurant,
    reload,
    set_column,
)

pytestmark = pytest.mark.django_db


def write_plain(integration):
    """Four secrets, as an operator's SQL would write them."""
    secret = RestaurantWebhookSecret.objects.get(restaurant=integration.restaurant)
    set_column(
        "pos_providers",
        "global_config",
        integration.pos_provider_id,
        json.dumps({"access_token": ACCESS_TOKEN}),
    )
    set_column("restaurant_pos_integrations", "api_key", integration.pk, APP_KEY)
    config = json.dumps({"app_secret": APP_SECRET, "prep_minutes": "20"})
    set_column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk, config)
    set_column("restaurant_webhook_secrets", "secret_key", secret.pk, WEBHOOK_SECRET)
    return secret


def stored(integration):
    secret = RestaurantWebhookSecret.objects.get(restaurant=integration.restaurant)
    return [
        column("pos_providers", "global_config", integration.pos_provider_id),
        column("restaurant_pos_integrations", "api_key", integration.pk),
        column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk),
        column("restaurant_webhook_secrets", "secret_key", secret.pk),
    ]


def findings():
    return [found for found in run_checks(databases=["default"]) if found.id == "pos_integrations.W001"]


def works(integration):
    """All three credentials and the webhook secret can be read."""
    integration = reload(integration)
    config = account_for(integration).config
    credentials = (config["app_key"], config["app_secret"], config["access_token"])
    assert credentials == (APP_KEY, APP_SECRET, ACCESS_TOKEN)
    assert [secret for _, secret in valid_secrets(integration)] == [WEBHOOK_SECRET]


def test_plain_secrets_work_are_reported_and_get_sealed():
    integration = make_integration()
    write_plain(integration)

    works(integration)
    assert len(list(plain_secrets())) == 4
    (warning,) = findings()
    assert warning.msg == (
        f"4 secrets lie open in the database, such as pos_providers {integration.pos_provider_id} global_config."
    )
    assert CANARY not in warning.msg

    out = io.StringIO()
    call_command("seal_secrets", stdout=out)

    assert out.getvalue() == "4 secrets sealed.\n"
    assert not any(CANARY in text for text in stored(integration))
    assert json.loads(stored(integration)[2])["prep_minutes"] == "20"
    assert findings() == []
    works(integration)


def test_a_number_for_a_secret_is_a_secret_too():
    integration = make_integration()
    config = json.dumps({"app_secret": 8273645, "access_token": ACCESS_TOKEN})
    set_column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk, config)

    assert len(list(plain_secrets())) == 1
    assert reseal(old_keys_too=False).count == 2
    assert "8273645" not in stored(integration)[2]
    assert account_for(reload(integration)).config["app_secret"] == "8273645"


def test_sealing_again_changes_nothing():
    integration = make_integration()
    before = stored(integration)

    assert reseal(old_keys_too=False).count == 0
    assert reseal(old_keys_too=True).count == 0
    assert stored(integration) == before


def test_all_secrets_move_to_the_new_key_and_the_old_one_can_go(settings):
    settings.ENCRYPTION_KEYS = KEY_A
    integration = make_integration()
    settings.ENCRYPTION_KEYS = f"{KEY_B},{KEY_A}"
    assert reseal(old_keys_too=False).count == 0

    out = io.StringIO()
    call_command("rotate_encryption_key", stdout=out)

    assert out.getvalue().startswith("4 secrets are now sealed with the key 'b'.\n")
    settings.ENCRYPTION_KEYS = KEY_B
    assert all(f"{PREFIX}b:" in text for text in stored(integration)[1:])
    config = account_for(reload(integration)).config
    assert (config["app_key"], config["app_secret"], config["access_token"]) == (
        APP_KEY,
        APP_SECRET,
        ACCESS_TOKEN,
    )
    assert [secret for _, secret in valid_secrets(integration)] == [WEBHOOK_SECRET]


def test_plain_ones_are_sealed_on_the_way(settings):
    integration = make_integration()
    write_plain(integration)
    settings.ENCRYPTION_KEYS = f"{KEY_B},{settings.ENCRYPTION_KEYS}"

    assert reseal(old_keys_too=True).count == 4
    settings.ENCRYPTION_KEYS = KEY_B
    works(integration)


def test_what_no_key_opens_is_named_and_does_not_stop_the_rest(settings):
    settings.ENCRYPTION_KEYS = KEY_A
    lost = make_integration()
    settings.ENCRYPTION_KEYS = KEY_B
    kept = make_integration(
        make_restaurant("Other"), pos_restaurant_id="zzzz9999", webhook_secret="another-webhook-secret-0000"
    )
    third = "c:" + KEY_A[2:]
    settings.ENCRYPTION_KEYS = f"{third},{KEY_B}"

    out = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("rotate_encryption_key", stdout=out)

    assert "3 cannot be read; set them again:" in str(refused.value)
    assert f"restaurant_pos_integrations {lost.pk} api_key: It was sealed with the key 'a'" in str(
        refused.value
    )
    assert "Older keys may be taken out" not in out.getvalue()
    settings.ENCRYPTION_KEYS = third
    assert account_for(reload(kept)).config["app_key"] == APP_KEY
    with pytest.raises(ConfigurationError, match="cannot be read"):
        account_for(reload(lost))


def test_a_new_key_is_printed_ready_for_use(settings):
    out = io.StringIO()
    call_command("rotate_encryption_key", "--new-key", stdout=out)
    integration = make_integration()

    settings.ENCRYPTION_KEYS = f"{out.getvalue().strip()},{settings.ENCRYPTION_KEYS}"

    assert reseal(old_keys_too=True).count == 4
    assert account_for(reload(integration)).config["app_key"] == APP_KEY


def test_the_check_asks_no_more_questions_for_more_rows(django_assert_num_queries):
    make_integration()
    for number in range(3):
        make_integration(
            make_restaurant(f"Other {number}"), pos_restaurant_id=f"zzzz999{number}", webhook_secret=None
        )

    with django_assert_num_queries(4):
        assert list(plain_secrets()) == []


def test_a_check_without_a_database_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert [found for found in run_checks() if found.id == "pos_integrations.W001"] == []
