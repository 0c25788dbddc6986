"""The operator's pages of the POS side: secrets go in and never come out, records are only looked at."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import logging
import re
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from ding.errors import Conflict
from orders.models import Order
from pos_integrations import health, menu_sync, tasks
from pos_integrations.adapters.base import ConfigField, Level
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.admin import integrations as integrations_admin
from pos_integrations.admin import ledger
from pos_integrations.configuration import account_for, valid_secrets
from pos_integrations.fields import PREFIX, Secret
from pos_integrations.menu_applying import SyncResult
from pos_integrations.messages import Finding
from pos_integrations.models import (
    MenuSyncHistory,
    OrderPush,
    OrderPushAttempt,
    PosProvider,
    PushState,
    RestaurantPosIntegration,
    RestaurantWebhookSecret,
    WebhookLog,
    WebhookStatus,
)
from pos_integrations.simulator import DEMO_CREDENTIALS, SimulatedPos, sample_outlets
from pos_integrations.tests.configured import (
    ACCESS_TOKEN,
    APP_KEY,
    APP_SECRET,
    CANARY,
    PROVIDER_TOKEN,
    WEBHOOK_SECRET,
    column,
    make_integration,
    make_provider,
    make_restaurant,
    reload,
    set_column,
)
from pos_integrations.tests.factories import counting

pytestmark = pytest.mark.django_db

MODELS = (
    "posprovider",
    "restaurantposintegration",
    "restaurantwebhooksecret",
    "orderpush",
    "orderpushattempt",
    "webhooklog",
    "menusynchistory",
)
NAME, PHONE = "Asha Testperson", "+919876543210"
_numbers = itertools.count(1)


@pytest.fixture
def operator(admin_client):
    return admin_client


@pytest.fixture
def viewer():
    return staff("view")


def staff(*actions, models=MODELS):
    """A client of somebody who may do these things, and nothing else."""
    user = User.objects.create_user(f"staff{next(_numbers)}", is_staff=True)
    names = [f"{action}_{model}" for action in actions for model in models]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def integration():
    provider = make_provider(
        global_config={"access_token": Secret(PROVIDER_TOKEN), "push_retries": 7, "of_another_version": 1}
    )
    config = {"app_secret": APP_SECRET, "prep_minutes": 20}
    return make_integration(provider=provider, restaurant_config=config)


def listing(model):
    return f"/admin/pos_integrations/{model}/"


def page(row):
    return f"{listing(row._meta.model_name)}{row.pk}/change/"


def entered(client, path):
    """What a browser would send if nothing were touched."""
    form = client.get(path).context["adminform"].form
    data = {}
    for bound in form:
        value = bound.value()
        if value is True:
            data[bound.html_name] = "on" if bound.field.widget.input_type == "checkbox" else "True"
        elif value not in (None, False):
            data[bound.html_name] = value
        elif value is False and getattr(bound.field.widget, "input_type", "") == "select":
            data[bound.html_name] = "False"
    return data


def errors(answer):
    assert answer.status_code == 200
    return {name: list(found) for name, found in answer.context["adminform"].form.errors.items()}


def act(client, model, action, *rows):
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(listing(model), data, follow=True)


def told(answer):
    return [str(message) for message in answer.context["messages"]]


def make_order(restaurant, **fields):
    zero = dict.fromkeys(
        (
            "items_total",
            "discount_total",
            "packing_charge",
            "delivery_charge",
            "service_charge",
            "tax_total",
            "total",
        ),
        Decimal(0),
    )
    reference = f"D{next(_numbers):07}"
    return Order.objects.create(
        restaurant=restaurant, reference=reference, order_type="PICKUP", payment_type="COD", **zero | fields
    )


def make_push(integration, **fields):
    values = {
        "order": make_order(integration.restaurant),
        "integration": integration,
        "state": PushState.UNKNOWN,
        "expires_at": timezone.now(),
        "last_error": "Nobody answered.",
        **fields,
    }
    return OrderPush.objects.create(**values)


def make_attempt(push, **fields):
    return OrderPushAttempt.objects.create(push=push, number=1, started_at=timezone.now(), **fields)


def make_log(integration, **fields):
    payload = {"order_id": "D1", "customer_name": NAME, "details": [{"phone": PHONE, "amount": 1.5}]}
    values = {
        "pos_provider": integration.pos_provider,
        "integration": integration,
        "restaurant": integration.restaurant,
        "webhook_type": "order-status",
        "payload": json.dumps(payload),
        "status": WebhookStatus.PARKED,
        "verdict": "unknown_order",
        "error_message": "No order of this restaurant has this id.",
        "order": make_order(integration.restaurant),
        **fields,
    }
    return WebhookLog.objects.create(**values)


def make_sync(integration, **fields):
    now = timezone.now()
    problem = {"kind": "item", "external_id": "7", "field": "price", "found": "'abc'", "done": "left out"}
    values = {
        "restaurant": integration.restaurant,
        "trigger": "api",
        "status": MenuSyncHistory.Status.PARTIAL,
        "items_synced": 12,
        "changes": {"item": {"added": 1, "changed": 2, "deactivated": 3}},
        "errors": [problem, problem],
        "started_at": now,
        "completed_at": now + dt.timedelta(seconds=2),
        **fields,
    }
    return MenuSyncHistory.objects.create(**values)


def one_of_each(integration):
    push = make_push(integration)
    return [
        integration.pos_provider,
        integration,
        RestaurantWebhookSecret.objects.first(),
        push,
        make_attempt(push),
        make_log(integration),
        make_sync(integration),
    ]


# --- no secret on any page -----------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["operator", "viewer"])
def test_no_page_shows_a_secret(request, integration, who):
    client = request.getfixturevalue(who)
    rows = one_of_each(integration)

    for row in rows:
        model = row._meta.model_name
        for path in (listing(model), page(row), f"{listing(model)}{row.pk}/history/"):
            answer = client.get(path)
            text = answer.content.decode()
            assert answer.status_code == 200, path
            assert CANARY not in text, path
            assert PREFIX not in text, path
            assert "&lt;secret&gt;" not in text, path


def test_no_page_shows_a_plain_secret_of_somebodys_sql(operator, integration):
    secret = RestaurantWebhookSecret.objects.get()
    set_column("restaurant_pos_integrations", "api_key", integration.pk, APP_KEY)
    set_column("restaurant_webhook_secrets", "secret_key", secret.pk, WEBHOOK_SECRET)
    config = json.dumps({"app_secret": APP_SECRET})
    set_column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk, config)
    set_column("pos_providers", "global_config", integration.pos_provider_id, config)

    for row in (integration, secret, integration.pos_provider):
        for path in (page(row), listing(row._meta.model_name)):
            assert CANARY not in operator.get(path).content.decode()


def test_an_entered_secret_comes_back_neither_with_an_error_nor_in_the_log(operator, integration, caplog):
    path = page(integration)
    data = entered(operator, path) | {"config_app_secret": "canary with blanks", "pos_restaurant_id": ""}
    with caplog.at_level(logging.DEBUG):
        refused = operator.post(path, data)
        saved = operator.post(
            path,
            data | {"config_app_secret": "canary-new-secret-123456", "pos_restaurant_id": "abcd1234"},
            follow=True,
        )

    assert errors(refused)["pos_restaurant_id"] == ["This field is required."]
    assert "canary" not in refused.content.decode()
    assert account_for(reload(integration)).config["app_secret"] == "canary-new-secret-123456"
    assert CANARY not in saved.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.get_change_message(), entry.object_repr) == (
        "Changed App secret.",
        "Spice Garden at PetPooja",
    )
    assert CANARY not in caplog.text


@pytest.mark.parametrize("who", ["operator", "viewer"])
@pytest.mark.parametrize(
    ("model", "column_"),
    [
        ("restaurantwebhooksecret", "secret_key"),
        ("restaurantposintegration", "api_key"),
        ("restaurantposintegration", "restaurant_specific_config"),
        ("restaurantposintegration", "restaurant_specific_config__app_secret"),
        ("restaurantposintegration", "pos_provider__global_config__access_token"),
        ("posprovider", "global_config"),
        ("posprovider", "global_config__app_key"),
        ("posprovider", "integrations__api_key"),
        ("orderpush", "integration__api_key"),
        ("orderpush", "integration__pos_provider__global_config"),
        ("webhooklog", "integration__api_key"),
    ],
)
def test_the_query_string_cannot_ask_about_a_secret(request, integration, who, model, column_):
    client = request.getfixturevalue(who)
    one_of_each(integration)

    for lookup in ("", "__startswith", "__exact", "__regex", "__in", "__gt", "__isnull"):
        answers = [
            client.get(listing(model), {column_ + lookup: value}) for value in ("canary", "x", "1", PREFIX)
        ]
        assert {(answer.status_code, len(answer.content)) for answer in answers} == {
            (400, len(answers[0].content))
        }


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "id__nonsense=1",
        "q=canary",
        "o=99",
        "p=999",
        "created_at__gte=x",
        "q=%00",
        "_to_field=x",
    ],
)
def test_strange_questions_are_no_errors_of_ours(operator, integration, model, query):
    one_of_each(integration)

    assert operator.get(f"{listing(model)}?{query}").status_code in (200, 302, 400)


def test_searching_finds_no_secret(operator, integration):
    found = operator.get(listing("restaurantposintegration"), {"q": "canary"})
    assert found.context["cl"].result_count == 0


# --- providers -----------------------------------------------------------------------------------------


def test_a_provider_is_one_of_the_adapters(operator):
    path = f"{listing('posprovider')}add/"
    form = operator.get(path).context["adminform"].form
    assert list(form.fields["provider_name"].choices) == [("petpooja", "PetPooja")]

    data = {"display_name": "P", "auth_type": "api_key", "webhook_endpoints": "{}", "is_active": "on"}
    assert errors(operator.post(path, data | {"provider_name": "other"}))["provider_name"]
    answer = operator.post(path, data | {"provider_name": "petpooja"})

    provider = PosProvider.objects.get()
    assert answer["Location"] == page(provider)
    assert "config_app_key" in operator.get(page(provider)).context["adminform"].form.fields


def test_a_secret_left_blank_stays(operator, integration):
    provider = integration.pos_provider
    before = column("pos_providers", "global_config", provider.pk)

    answer = operator.post(page(provider), entered(operator, page(provider)))

    assert answer.status_code == 302
    assert json.loads(column("pos_providers", "global_config", provider.pk)) == json.loads(before)


def test_a_provider_takes_what_is_entered_and_keeps_the_rest(operator, integration):
    provider = integration.pos_provider
    data = entered(operator, page(provider)) | {
        "config_app_secret": "canary-default-secret-000",
        "config_push_retries": "",
        "config_marketplace": "True",
        "config_prep_minutes": "15",
        "base_api_url": "https://pos.example.com/V2",
    }

    assert operator.post(page(provider), data).status_code == 302

    stored = PosProvider.objects.get()
    assert stored.base_api_url == "https://pos.example.com/V2"
    assert set(stored.global_config) == {
        "of_another_version",
        "access_token",
        "app_secret",
        "marketplace",
        "prep_minutes",
    }
    assert (stored.global_config["marketplace"], stored.global_config["prep_minutes"]) == (True, 15)
    assert stored.global_config["app_secret"].open(stored.sealing_context()) == "canary-default-secret-000"
    assert CANARY not in column("pos_providers", "global_config", provider.pk)


def test_a_secret_can_be_cleared(operator, integration):
    provider = integration.pos_provider
    form = operator.get(page(provider)).context["adminform"].form
    assert "config_access_token_clear" in form.fields
    assert "config_app_key_clear" not in form.fields

    data = entered(operator, page(provider)) | {"config_access_token_clear": "on"}
    both = operator.post(page(provider), data | {"config_access_token": "something"})
    assert errors(both) == {"config_access_token": ["Give a new value or clear it, not both."]}
    operator.post(page(provider), data)

    assert "access_token" not in PosProvider.objects.get().global_config


def test_a_provider_that_moves_to_another_host_needs_its_secrets_again(operator):
    provider = make_provider()
    provider.global_config = {"app_secret": Secret(PROVIDER_TOKEN)}
    provider.save()
    data = entered(operator, page(provider)) | {"base_api_url": "https://elsewhere.example.com/V1"}

    assert errors(operator.post(page(provider), data)) == {
        "base_api_url": [
            "Another host would get the stored secrets. Give them again with the new address: app_secret."
        ]
    }
    # Nor by way of no address at all.
    assert errors(operator.post(page(provider), data | {"base_api_url": ""}))["base_api_url"]
    assert PosProvider.objects.get().base_api_url == provider.base_api_url

    data["config_app_secret"] = "another-secret-000000000"
    assert operator.post(page(provider), data).status_code == 302
    assert PosProvider.objects.get().base_api_url == "https://elsewhere.example.com/V1"


def test_errors_of_a_provider_stand_at_their_field(operator, integration):
    provider = integration.pos_provider
    data = entered(operator, page(provider)) | {
        "base_api_url": "nonsense",
        "webhook_endpoints": "[1]",
        "config_app_key": "a b",
        "config_push_retries": "99",
        "config_push_deadline_minutes": "soon",
    }

    found = errors(operator.post(page(provider), data))

    assert found == {
        "base_api_url": [
            "Base api url must be an address like https://host/path, without user, query or fragment."
        ],
        "webhook_endpoints": ["This is an object of topic and path: both are text."],
        "config_app_key": ["App key: Letters, digits and signs, without spaces."],
        "config_push_retries": ["Retries must be at most 10."],
        "config_push_deadline_minutes": ["Enter a whole number."],
    }
    assert PosProvider.objects.get().global_config["push_retries"] == 7


def test_a_secret_tells_whether_it_is_set(operator, integration):
    text = operator.get(page(integration.pos_provider)).content.decode()
    tags = {re.search('name="(.*?)"', tag)[1]: tag for tag in re.findall('<input type="password".*?>', text)}

    assert 'placeholder="set, ends in …PROV"' in tags["config_access_token"]
    assert 'placeholder="not set"' in tags["config_app_key"]
    assert 'autocomplete="new-password"' in tags["config_app_key"]
    assert not any("value=" in tag for tag in tags.values())


def test_a_secret_that_no_key_opens_says_so_and_can_be_given_again(operator, integration):
    set_column("restaurant_pos_integrations", "api_key", integration.pk, PREFIX + "lost:QUJD")
    text = operator.get(page(integration)).content.decode()
    assert "set, but no key opens it: give it again" in text
    assert "Not ready: A secret of Spice Garden at PetPooja cannot be read." in text

    operator.post(page(integration), entered(operator, page(integration)) | {"config_app_key": "new-key"})

    assert account_for(reload(integration)).config["app_key"] == "new-key"


def test_a_provider_without_an_adapter_can_still_be_looked_at_and_switched_off(operator):
    provider = make_provider(provider_name="bygone", global_config={"key": "canary-of-bygone-days"})
    data = entered(operator, page(provider))
    data.pop("is_active")

    assert operator.post(page(provider), data).status_code == 302

    stored = PosProvider.objects.get()
    assert (stored.is_active, stored.global_config) == (False, {"key": "canary-of-bygone-days"})


# --- integrations --------------------------------------------------------------------------------------


def test_the_form_asks_what_the_adapter_declares(operator, integration):
    form = operator.get(page(integration)).context["adminform"].form

    petpooja = adapter_for("petpooja")
    assert form.fields["pos_restaurant_id"].help_text == petpooja.external_id_help
    assert (
        form.fields["endpoint"].help_text == f"Only if it is not the provider's own. {petpooja.endpoint_help}"
    )
    for words in (
        "https://pponlineordercb.petpooja.com, nothing after it",
        "fixed IP",
        "qle1yy2ydc",
        "47pfzh5sf2",
    ):
        assert words in petpooja.endpoint_help
    provider = operator.get(page(integration.pos_provider)).context["adminform"].form
    assert provider.fields["base_api_url"].help_text.endswith(petpooja.endpoint_help)
    assert form.fields["config_push_retries"].help_text.endswith("Inherited: 7.")
    assert form.fields["config_call_timeout_seconds"].help_text.endswith("Inherited: 20.")
    assert form.fields["config_access_token"].help_text.endswith("Inherited: set, ends in …PROV.")
    assert "Inherited" not in form.fields["config_app_key"].help_text
    assert form.fields["config_prep_minutes"].initial == 20
    assert list(form.fields["config_marketplace"].choices)[0] == ("", "not set here (no)")


def test_levels_decide_who_is_asked(operator, integration, monkeypatch):
    fields = (
        ConfigField("partner", "Partner", "", level=Level.PROVIDER),
        ConfigField("branch", "Branch", "", level=Level.RESTAURANT),
    )
    monkeypatch.setattr(type(adapter_for("petpooja")), "config_fields", fields)

    asked_of_provider = operator.get(page(integration.pos_provider)).context["adminform"].form.fields
    asked_of_restaurant = operator.get(page(integration)).context["adminform"].form.fields

    assert ("config_partner" in asked_of_provider, "config_branch" in asked_of_provider) == (True, False)
    assert ("config_partner" in asked_of_restaurant, "config_branch" in asked_of_restaurant) == (False, True)
    # The column has a field of its own, though the adapter declares none for it.
    assert asked_of_restaurant["config_app_key"].label == "API key"
    data = entered(operator, page(integration)) | {"config_app_key": "another-key", "config_branch": "Main"}
    assert operator.post(page(integration), data).status_code == 302
    stored = reload(integration)
    assert stored.api_key.open(stored.sealing_context()) == "another-key"
    assert stored.restaurant_specific_config["branch"] == "Main"


def test_an_integration_is_added_on_one_page(operator):
    provider, restaurant = make_provider(), make_restaurant()
    path = f"{listing('restaurantposintegration')}add/"
    data = entered(operator, path) | {
        "restaurant": restaurant.pk,
        "pos_restaurant_id": "abcd1234",
        "config_app_key": APP_KEY,
        "config_app_secret": APP_SECRET,
        "config_access_token": ACCESS_TOKEN,
    }
    assert str(data["pos_provider"]) == str(provider.pk)

    answer = operator.post(path, data, follow=True)

    stored = RestaurantPosIntegration.objects.get()
    assert told(answer)[0].endswith("was added successfully.")
    assert (stored.pos_type, stored.pos_restaurant_id, stored.active) == ("petpooja", "abcd1234", True)
    config = account_for(stored).config
    assert (config["app_key"], config["app_secret"], config["access_token"]) == (
        APP_KEY,
        APP_SECRET,
        ACCESS_TOKEN,
    )
    assert set(stored.restaurant_specific_config) == {"app_secret", "access_token"}
    assert CANARY not in answer.content.decode()
    assert LogEntry.objects.get().object_id == str(stored.pk)


def test_a_second_one_of_the_same_restaurant_is_refused(operator, integration):
    path = f"{listing('restaurantposintegration')}add/"
    data = entered(operator, path) | {
        "restaurant": integration.restaurant_id,
        "pos_restaurant_id": "zzzz9999",
        "config_app_key": "never-saved",
    }

    found = errors(operator.post(path, data))

    assert found == {
        "__all__": ["Restaurant's POS integration with this Restaurant and Pos provider already exists."]
    }
    assert account_for(reload(integration)).config["app_key"] == APP_KEY


def test_among_several_providers_one_is_chosen_first(operator):
    first, second = make_provider(), make_provider(provider_name="bygone", display_name="Bygone")
    path = f"{listing('restaurantposintegration')}add/"

    text = operator.get(path).content.decode()
    assert f'href="?pos_provider={first.pk}"' in text
    assert f'href="?pos_provider={second.pk}"' in text
    assert operator.get(path, {"pos_provider": "x"}).context["providers"]
    assert operator.get(path, {"pos_provider": "9" * 30}).context["providers"]
    form = operator.get(path, {"pos_provider": first.pk}).context["adminform"].form
    assert list(form.fields["pos_provider"].queryset) == [first]
    assert "config_app_key" in form.fields


def test_without_a_provider_there_is_nothing_to_add(operator):
    answer = operator.get(f"{listing('restaurantposintegration')}add/", follow=True)

    assert told(answer) == ["First set up the POS itself; then connect restaurants to it."]


def test_errors_of_an_integration_stand_at_their_field(operator, integration):
    other = make_integration(make_restaurant("Other"), pos_restaurant_id="zzzz9999", webhook_secret=None)
    data = entered(operator, page(other)) | {
        "pos_restaurant_id": "abcd1234",
        "endpoint": "nonsense",
        "config_app_key": "a b",
        "config_app_secret": "a b",
        "config_push_retries": "11",
    }

    found = errors(operator.post(page(other), data))

    assert found == {
        "pos_restaurant_id": [
            "Another restaurant is connected with this id already. Check which of the two it belongs to."
        ],
        "endpoint": ["endpoint must be an address like https://host/path, without user, query or fragment."],
        "config_app_key": ["App key: Letters, digits and signs, without spaces."],
        "config_app_secret": ["App secret: Letters, digits and signs, without spaces."],
        "config_push_retries": ["Retries must be at most 10."],
    }
    assert reload(other).pos_restaurant_id == "zzzz9999"


def test_untouched_pages_change_nothing(operator, integration):
    RestaurantPosIntegration.objects.update(problem="The POS refuses us.")
    names = ("api_key", "restaurant_specific_config", "endpoint", "pos_restaurant_id", "active", "public_id")
    before = [column("restaurant_pos_integrations", name, integration.pk) for name in names]

    assert operator.post(page(integration), entered(operator, page(integration))).status_code == 302

    assert [column("restaurant_pos_integrations", name, integration.pk) for name in names] == before
    assert reload(integration).problem == ""


def test_the_key_has_one_place(operator, integration):
    config = reload(integration).restaurant_specific_config
    sealed = column("restaurant_pos_integrations", "api_key", integration.pk)
    stored = json.loads(column("restaurant_pos_integrations", "restaurant_specific_config", integration.pk))
    set_column(
        "restaurant_pos_integrations",
        "restaurant_specific_config",
        integration.pk,
        json.dumps(stored | {"app_key": sealed}),
    )
    data = entered(operator, page(integration)) | {"config_app_key": "another-key"}
    operator.post(page(integration), data)
    assert account_for(reload(integration)).config["app_key"] == "another-key"
    assert set(reload(integration).restaurant_specific_config) == set(config)

    operator.post(page(integration), entered(operator, page(integration)) | {"config_app_key_clear": "on"})

    assert reload(integration).api_key == ""


def test_an_override_is_taken_away_by_emptying_it(operator, integration):
    data = entered(operator, page(integration)) | {"config_prep_minutes": "", "config_self_delivery": "False"}

    operator.post(page(integration), data)

    config = reload(integration).restaurant_specific_config
    assert "prep_minutes" not in config
    assert config["self_delivery"] is False
    form = operator.get(page(integration)).context["adminform"].form
    assert form["config_self_delivery"].value() is False


def test_restaurant_and_provider_stay(operator, integration):
    other = make_restaurant("Other")
    data = entered(operator, page(integration)) | {"restaurant": other.pk}

    operator.post(page(integration), data)

    assert reload(integration).restaurant == integration.restaurant


def test_the_page_tells_addresses_state_and_sync(operator, integration, settings):
    RestaurantPosIntegration.objects.update(
        menu_sync_due_at=timezone.now() + dt.timedelta(hours=3, minutes=1)
    )
    text = operator.get(page(integration)).content.decode()

    for topic in ("order-status", "menu-update", "inventory-update"):
        assert f"{settings.PUBLIC_URL}/api/webhooks/petpooja/{integration.public_id}/{topic}<" in text
    assert "Nothing to set up for order-callback" in text
    assert "due in 3\xa0hours" in text
    assert "Ready." in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"problem": "The POS refuses us."}, "Does not work: The POS refuses us."),
        ({"active": False}, "Switched off."),
        ({"api_key": ""}, "Not ready: Not configured: App key."),
        ({"menu_sync_due_at": None}, "when asked"),
        ({"menu_sync_due_at": timezone.now() - dt.timedelta(days=3)}, "due since 3\xa0days"),
        ({"menu_sync_leased_until": timezone.now() + dt.timedelta(days=3)}, "running"),
    ],
)
def test_the_page_tells_what_is_wrong(operator, integration, change, words):
    RestaurantPosIntegration.objects.update(**change)

    assert words in operator.get(page(integration)).content.decode()


def test_who_may_only_look_sees_masks_and_no_inputs(viewer, integration):
    text = viewer.get(page(integration)).content.decode()

    assert 'type="password"' not in text
    assert "<td>App key</td><td>•••AKEY</td><td>restaurant</td>" in text
    assert "<td>Access token</td><td>•••PROV</td><td>provider</td>" in text
    assert (
        "<td>Access token</td><td>•••PROV</td>" in viewer.get(page(integration.pos_provider)).content.decode()
    )
    assert viewer.post(page(integration), {"pos_restaurant_id": "x"}).status_code == 403


def test_what_is_shown_is_escaped(operator, integration):
    RestaurantPosIntegration.objects.update(problem="<script>alert(1)</script>")
    make_sync(integration, errors=[{"kind": "item", "found": "<script>alert(2)</script>"}])
    log = make_log(integration, payload=json.dumps({"x": "<script>alert(3)</script>"}))

    for path in (
        page(integration),
        listing("restaurantposintegration"),
        page(MenuSyncHistory.objects.get()),
        page(log),
    ):
        text = operator.get(path).content.decode()
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_deleting_ends_the_secrets(operator, integration):
    operator.post(f"{listing('restaurantposintegration')}{integration.pk}/delete/", {"post": "yes"})

    assert RestaurantPosIntegration.objects.count() == 0
    assert RestaurantWebhookSecret.objects.filter(is_active=True).count() == 0


def test_what_has_a_history_cannot_be_deleted(operator, integration):
    make_push(integration)

    operator.post(f"{listing('restaurantposintegration')}{integration.pk}/delete/", {"post": "yes"})

    assert valid_secrets(RestaurantPosIntegration.objects.get())


# --- actions -------------------------------------------------------------------------------------------


def test_sync_now_reports_in_words(operator, integration, monkeypatch):
    other = make_integration(make_restaurant("Other"), pos_restaurant_id="zzzz9999", webhook_secret=None)
    asked = []

    def sync(row, *, trigger):
        asked.append((row.pk, trigger))
        if row == other:
            raise Conflict("A sync of this restaurant is running just now.")
        changes = {
            "item": {"added": 2, "changed": 0, "deactivated": 1},
            "tax": {"added": 0, "changed": 0, "deactivated": 0},
        }
        return SyncResult(MenuSyncHistory.Status.SUCCESS, changes, items=12, categories=3)

    monkeypatch.setattr(menu_sync, "sync_menu", sync)

    answer = act(operator, "restaurantposintegration", "sync_menu_now", integration, other)

    assert asked == [(integration.pk, menu_sync.Trigger.API), (other.pk, menu_sync.Trigger.API)]
    assert told(answer) == [
        "Spice Garden: 12 items; item 2 new, 0 changed, 1 gone.",
        "Other: A sync of this restaurant is running just now.",
    ]


def test_test_and_sync_against_a_simulated_pos(operator):
    with SimulatedPos(sample_outlets()[:1]) as pos:
        (code,) = pos.outlets
        integration = make_integration(
            pos_restaurant_id=code,
            endpoint=pos.base_url,
            api_key=DEMO_CREDENTIALS.app_key,
            restaurant_config={
                "app_secret": DEMO_CREDENTIALS.app_secret,
                "access_token": DEMO_CREDENTIALS.access_token,
            },
        )
        tested = told(act(operator, "restaurantposintegration", "test_connection", integration))
        synced = told(act(operator, "restaurantposintegration", "sync_menu_now", integration))

    assert tested[0] == f"Spice Garden, Mapping code: {code} looks like a mapping code."
    assert tested[2].startswith("Spice Garden, Credentials and menu: PetPooja sent the menu:")
    history = MenuSyncHistory.objects.get()
    assert synced[0].startswith(f"Spice Garden: {history.items_synced} items;")
    assert history.items_synced > 0


def test_many_syncs_are_left_to_a_worker(operator, integration, monkeypatch):
    monkeypatch.setattr(integrations_admin, "MOST_CALLS", 0)
    nudged = []
    monkeypatch.setattr(integrations_admin, "nudge", nudged.append)
    RestaurantPosIntegration.objects.update(menu_sync_due_at=None)

    answer = act(operator, "restaurantposintegration", "sync_menu_now", integration)

    assert told(answer) == ["1 menus are due now; a worker syncs them one by one."]
    assert reload(integration).menu_sync_due_at is not None
    assert nudged == [tasks.sweep_menu_syncs]
    answer = act(operator, "restaurantposintegration", "test_connection", integration)
    assert told(answer) == ["Choose at most 0: each calls the POS."]


def test_the_connection_is_tested_in_words(operator, integration, monkeypatch):
    findings = [Finding("Address", True, "Production."), Finding("Menu", False, "The POS refuses us.")]
    monkeypatch.setattr(health, "check_connection", lambda row: findings)

    answer = act(operator, "restaurantposintegration", "test_connection", integration)

    assert told(answer) == ["Spice Garden, Address: Production.", "Spice Garden, Menu: The POS refuses us."]
    assert [message.level_tag for message in answer.context["messages"]] == ["success", "error"]


def test_a_rotated_secret_is_shown_once_and_kept_nowhere(operator, integration, caplog):
    with caplog.at_level(logging.DEBUG):
        answer = act(operator, "restaurantposintegration", "rotate_secret", integration)

    (made,) = {secret for _, secret in valid_secrets(integration)} - {WEBHOOK_SECRET}
    text = answer.content.decode()
    assert text.count(made) == 1
    assert ("no-store" in answer["Cache-Control"], answer.redirect_chain) == (True, [])
    assert "Older secrets stay valid until" in text
    assert CANARY not in text
    assert made not in caplog.text
    assert "messages" not in operator.cookies
    assert made not in json.dumps(dict(operator.session.items()))
    assert LogEntry.objects.get().get_change_message() == "Rotated the webhook secret."
    for path in (page(integration), listing("restaurantwebhooksecret"), listing("restaurantposintegration")):
        assert made not in operator.get(path).content.decode()


def test_actions_need_more_than_looking(integration):
    client = staff("view")
    log = make_log(integration)
    secret = RestaurantWebhookSecret.objects.get()

    for model, action, row in (
        ("restaurantposintegration", "sync_menu_now", integration),
        ("restaurantposintegration", "test_connection", integration),
        ("restaurantposintegration", "rotate_secret", integration),
        ("restaurantwebhooksecret", "end_now", secret),
        ("webhooklog", "process_again", log),
    ):
        act(client, model, action, row)

    log.refresh_from_db()
    secret.refresh_from_db()
    assert (log.status, secret.is_active, RestaurantWebhookSecret.objects.count()) == ("parked", True, 1)


# --- webhook secrets -----------------------------------------------------------------------------------


def test_a_made_secret_is_shown_once(operator, integration):
    path = f"{listing('restaurantwebhooksecret')}add/"

    answer = operator.post(path, {"integration": integration.pk, "secret": ""})

    made = next(secret for _, secret in valid_secrets(integration) if secret != WEBHOOK_SECRET)
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    assert answer.content.decode().count(made) == 1
    assert made not in operator.get(listing("restaurantwebhooksecret")).content.decode()
    entry = LogEntry.objects.get()
    assert made not in f"{entry.object_repr}{entry.change_message}"
    assert made not in json.dumps(dict(operator.session.items()))


def test_a_given_secret_is_not_shown_at_all(operator, integration):
    given = "canary-brought-by-the-pos-0000000"
    data = {"integration": integration.pk, "secret": given}

    answer = operator.post(f"{listing('restaurantwebhooksecret')}add/", data, follow=True)

    assert given in [secret for _, secret in valid_secrets(integration)]
    assert CANARY not in answer.content.decode()
    assert told(answer)[0].endswith("was added successfully.")


@pytest.mark.parametrize("secret", ["canary-short", "canary with blanks in the middle"])
def test_a_weak_secret_is_refused_at_its_field(operator, integration, secret):
    data = {"integration": integration.pk, "secret": secret}

    answer = operator.post(f"{listing('restaurantwebhooksecret')}add/", data)

    assert list(errors(answer)) == ["secret"]
    assert "canary" not in answer.content.decode()
    assert RestaurantWebhookSecret.objects.count() == 1


def test_the_list_tells_secrets_apart_without_showing_them(operator, integration):
    secret = RestaurantWebhookSecret.objects.get()
    text = operator.get(listing("restaurantwebhooksecret")).content.decode()

    assert secret.fingerprint in text
    assert "Spice Garden" in text
    assert (
        secret.fingerprint
        in operator.get(listing("restaurantwebhooksecret"), {"is_active__exact": 1}).content.decode()
    )


def test_ending_now(operator, integration):
    secret = RestaurantWebhookSecret.objects.get()

    answer = act(operator, "restaurantwebhooksecret", "end_now", secret)

    assert told(answer) == ["1 secret(s) ended."]
    assert valid_secrets(integration) == []
    active = operator.get(listing("restaurantwebhooksecret"), {"is_active__exact": 1})
    assert secret.fingerprint not in active.content.decode()
    assert told(act(operator, "restaurantwebhooksecret", "end_now", secret)) == ["0 secret(s) ended."]
    assert [entry.get_change_message() for entry in LogEntry.objects.all()] == ["Ended."]


def test_a_secret_is_neither_changed_nor_deleted(operator, integration):
    secret = RestaurantWebhookSecret.objects.get()

    assert operator.post(page(secret), {"secret": "x"}).status_code == 403
    assert (
        operator.post(f"{listing('restaurantwebhooksecret')}{secret.pk}/delete/", {"post": "yes"}).status_code
        == 403
    )


# --- records -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["orderpush", "orderpushattempt", "webhooklog", "menusynchistory"])
def test_records_are_only_looked_at(operator, integration, model):
    row = next(row for row in one_of_each(integration) if row._meta.model_name == model)

    assert operator.get(f"{listing(model)}add/").status_code == 403
    assert operator.post(page(row), {"status": "x", "state": "x"}).status_code == 403
    assert operator.post(f"{listing(model)}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in operator.get(listing(model)).content.decode()


def test_a_push_shows_its_attempts_and_where_it_stands(operator, integration):
    push = make_push(integration)
    attempt = make_attempt(push, error="The connection broke.", outcome="unknown", response_status=502)

    text = operator.get(page(push)).content.decode()
    assert all(
        words in text for words in ("Nobody knows", "Nobody answered.", "The connection broke.", "502")
    )
    assert page(attempt) in text
    text = operator.get(listing("orderpush")).content.decode()
    assert all(words in text for words in (push.order.reference, "Nobody knows", "Spice Garden", "PetPooja"))


def test_a_push_without_an_integration_is_shown(operator, integration):
    push = make_push(integration)
    OrderPush.objects.update(integration=None)

    assert "no integration" in operator.get(page(push)).content.decode()
    assert "no integration" in operator.get(listing("orderpush")).content.decode()


def test_bodies_are_shown_without_the_guest_and_without_the_key_to_the_order(operator, integration):
    token = "0123456789abcdef" * 2
    url = f"https://ding.example.com/api/webhooks/petpooja/{integration.public_id}/order-callback/{token}"
    body = json.dumps(
        {"app_key": "•••", "customer": {"name": NAME, "phone": PHONE}, "callback_url": url, "total": 1.5}
    )
    attempt = make_attempt(
        make_push(integration), request_body=body, response_body='{"success": "1", "message": "Saved."}'
    )

    text = operator.get(page(attempt)).content.decode()

    assert "order-callback/•••" in text
    assert "Saved." in text
    assert not any(hidden in text for hidden in (NAME, PHONE, token))


def test_bodies_that_cannot_be_masked_are_not_shown(operator, integration):
    cut = ('{"name": "' + NAME + '", "x": "' + "x" * 20_000)[:16_000]
    attempt = make_attempt(make_push(integration), request_body=cut, response_body="<h1>502 Bad Gateway</h1>")

    text = operator.get(page(attempt)).content.decode()

    assert NAME not in text
    assert "Cut off at 16000 characters" in text
    assert "&lt;h1&gt;502 Bad Gateway&lt;/h1&gt;" in text
    log = make_log(integration, payload=f"not json {NAME}")
    text = operator.get(page(log)).content.decode()
    assert NAME not in text
    assert "Not JSON, 24 characters" in text


def test_an_empty_attempt_is_shown(operator, integration):
    text = operator.get(page(make_attempt(make_push(integration)))).content.decode()

    assert "Nothing was sent." in text


def test_a_payload_is_shown_without_the_guest(operator, integration):
    text = operator.get(page(make_log(integration))).content.decode()

    assert "<dt>order_id</dt><dd>D1</dd>" in text
    answer = operator.get(f"{listing('webhooklog')}{WebhookLog.objects.get().pk}/raw/")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert '"order_id": "D1"' in answer.content.decode()
    text += answer.content.decode()
    assert NAME not in text
    assert PHONE not in text


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("orderpush", "state__exact=unknown"),
        ("orderpush", "kind__exact=order"),
        ("webhooklog", "webhook_type=order-status"),
        ("webhooklog", "verdict=unknown_order"),
        ("webhooklog", "status__exact=parked"),
        ("orderpushattempt", "outcome__exact=running"),
        ("menusynchistory", "status__exact=partial"),
    ],
)
def test_lists_are_filtered(operator, integration, model, query):
    one_of_each(integration)
    name, _ = query.split("=")
    other = {
        "status__exact": "failed",
        "state__exact": "due",
        "outcome__exact": "sent",
        "kind__exact": "cancellation",
    }

    assert operator.get(f"{listing(model)}?{query}").context["cl"].result_count == 1
    assert (
        operator.get(listing(model), {name: other.get(name, "menu-update")}).context["cl"].result_count == 0
    )


def test_the_filters_know_the_words_of_the_ledger(operator, integration):
    text = operator.get(listing("webhooklog")).content.decode()

    for word in ("order-callback", "inventory-update", 'value="malformed"', 'value="foreign_order"'):
        assert word in text


def test_records_are_found_by_the_order(operator, integration):
    rows = [row for row in one_of_each(integration) if row._meta.model_name in ("orderpush", "webhooklog")]
    make_log(integration)
    make_push(integration)

    for row in rows:
        found = operator.get(listing(row._meta.model_name), {"q": row.order.reference}).context["cl"]
        assert [found.result_count, found.result_list[0]] == [1, row]


def test_processing_again(operator, integration, monkeypatch):
    nudged = []
    monkeypatch.setattr(ledger, "nudge", nudged.append)
    parked, failed = make_log(integration), make_log(integration, status=WebhookStatus.FAILED, attempts=2)
    done = make_log(integration, status=WebhookStatus.PROCESSED)

    answer = act(operator, "webhooklog", "process_again", parked, failed, done)

    assert told(answer) == ["2 failed or parked webhook(s) will be processed again."]
    assert nudged == [tasks.drain_webhooks]
    assert set(WebhookLog.objects.values_list("pk", "status", "attempts")) == {
        (parked.pk, "received", 0),
        (failed.pk, "received", 0),
        (done.pk, "processed", 0),
    }
    answer = act(operator, "webhooklog", "process_again", done)
    assert told(answer) == ["0 failed or parked webhook(s) will be processed again."]
    assert len(nudged) == 1


def test_a_sync_shows_what_it_did_and_left_out(operator, integration):
    sync = make_sync(integration)

    text = operator.get(page(sync)).content.decode()
    assert "<td>item</td><td>1</td><td>2</td><td>3</td>" in text
    assert "<td>item 7 price</td><td>&#x27;abc&#x27;</td><td>left out</td>" in text
    assert "2.0 s" in text
    assert "&#x27;abc&#x27; (+1)" in operator.get(listing("menusynchistory")).content.decode()


def test_a_sync_with_strange_errors_is_shown(operator, integration):
    sync = make_sync(integration, errors=["odd", None], changes={}, completed_at=None)

    assert "<td>odd</td>" in operator.get(page(sync)).content.decode()
    assert operator.get(listing("menusynchistory")).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_lists_ask_no_more_questions_for_more_rows(
    operator, integration, model, django_assert_max_num_queries, django_assert_num_queries
):
    one_of_each(integration)
    operator.get(listing(model))
    with django_assert_max_num_queries(20) as few:
        operator.get(listing(model))

    for number in range(5):
        other = make_integration(
            make_restaurant(f"Other {number}"),
            pos_restaurant_id=f"zzzz999{number}",
            webhook_secret=f"webhook-secret-number-{number}-00000",
        )
        one_of_each(other)

    with django_assert_num_queries(len(few)):
        operator.get(listing(model))


def test_a_push_page_asks_no_more_questions_for_more_attempts(operator, integration):
    push = make_push(integration)
    make_attempt(push)
    operator.get(page(push))  # what is asked once per process
    with counting() as one:
        operator.get(page(push))
    for _ in range(5):
        make_attempt(push)
    with counting() as six:
        operator.get(page(push))
    assert one() == six() <= 10
