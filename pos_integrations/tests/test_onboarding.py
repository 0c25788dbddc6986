"""Connecting a restaurant step by step: what each step refuses, whose it is, what going live needs."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User

from ding.roles import INTEGRATION_MANAGER, OPERATOR
from menus.models import Restaurant
from pos_integrations import going_live, menu_sync
from pos_integrations.configuration import rotate_secret, save_integration
from pos_integrations.models import PosProvider, RestaurantPosIntegration
from pos_integrations.tests.configured import ACCESS_TOKEN, APP_KEY, APP_SECRET, CANARY, make_integration
from pos_integrations.tests.factories import connect, counting, fresh, make_restaurant

pytestmark = pytest.mark.django_db

START = "/admin/pos_integrations/restaurantposintegration/connect/"
STEPS = ("restaurant", "pos", "account", "test", "menu", "webhooks", "live")


@pytest.fixture
def staff(client):
    def make(role=INTEGRATION_MANAGER, *restaurants):
        user = User.objects.create_user("asha", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        user.restaurants.set(restaurants)
        client.force_login(user)
        return client

    return make


def step(restaurant, key, **query):
    return f"{START}{restaurant.pk}/{key}/" + "".join(f"?{name}={value}" for name, value in query.items())


@pytest.fixture
def waiting(pos):
    """An integration at the simulated POS, not live."""
    integration = connect(pos, make_restaurant())
    RestaurantPosIntegration.objects.update(active=False)
    Restaurant.objects.update(accepting_orders=False)
    return fresh(integration)


def live(integration):
    integration = fresh(integration)
    return integration.active, integration.restaurant.accepting_orders


def test_a_new_restaurant_takes_no_orders_yet(staff):
    values = {"name": "New", "timezone": "Asia/Kolkata", "currency": "inr"}
    answer = staff().post(f"{START}new/", values)
    restaurant = Restaurant.objects.get()
    assert answer["Location"] == step(restaurant, "pos")
    assert (restaurant.accepting_orders, restaurant.currency) == (False, "INR")


def test_who_is_bound_to_restaurants_is_bound_to_the_new_one_too(staff):
    client = staff(INTEGRATION_MANAGER, make_restaurant())
    client.post(f"{START}new/", {"name": "New", "timezone": "Asia/Kolkata", "currency": "INR"})
    restaurant = Restaurant.objects.get(name="New")
    assert client.get(step(restaurant, "pos")).status_code == 200


def test_later_steps_wait_for_earlier_ones(staff):
    restaurant = make_restaurant()
    client = staff()
    for key in ("account", "test", "menu", "webhooks", "live"):
        assert client.get(step(restaurant, key))["Location"] == step(restaurant, "pos")
    provider = PosProvider.objects.create(provider_name="petpooja", display_name="PetPooja")
    assert client.get(step(restaurant, "account", pos=provider.pk)).status_code == 200
    assert client.get(step(restaurant, "test", pos=provider.pk))["Location"] == step(
        restaurant, "account", pos=provider.pk
    )
    assert client.get(f"{START}{restaurant.pk}/")["Location"] == step(restaurant, "pos")
    for strange in ("nowhere", "x" * 60):
        assert client.get(step(restaurant, strange)).status_code == 404
    assert client.get(step(restaurant, "account", pos="9" * 40)).status_code == 302


def test_an_account_is_saved_switched_off_and_its_secrets_never_shown(staff):
    restaurant = make_restaurant()
    provider = PosProvider.objects.create(
        provider_name="petpooja", display_name="PetPooja", base_api_url="https://pos.example.com"
    )
    client = staff()
    values = {
        "pos_restaurant_id": "abcd1234",
        "config_app_key": APP_KEY,
        "config_app_secret": APP_SECRET,
        "config_access_token": ACCESS_TOKEN,
    }
    address = step(restaurant, "account", pos=provider.pk)
    assert client.post(address, values)["Location"].startswith(step(restaurant, "test"))
    integration = RestaurantPosIntegration.objects.get()
    assert integration.active is False
    text = client.get(address).content.decode()
    assert "set, ends in …AKEY" in text
    assert CANARY not in text
    wrong = client.post(address, {**values, "pos_restaurant_id": "", "as_json": '{"app_key": "canary-json"}'})
    assert CANARY not in wrong.content.decode()
    # Left empty, a secret stays.
    client.post(address, {"pos_restaurant_id": "abcd9999"})
    integration = fresh(integration)
    assert integration.pos_restaurant_id == "abcd9999"
    assert integration.api_key.open(integration.sealing_context()) == APP_KEY


def test_a_pasted_setting_that_is_unknown_is_named(staff):
    integration = make_integration()
    client = staff()
    address = step(integration.restaurant, "account", pos=integration.pos_provider_id)
    answer = client.post(address, {"pos_restaurant_id": "abcd1234", "as_json": '{"colour": "red"}'})
    assert "There is no such field" in answer.content.decode()
    for broken in ("{", "[]", '"x"'):
        answer = client.post(address, {"pos_restaurant_id": "abcd1234", "as_json": broken})
        assert answer.status_code == 200


def test_inherited_values_stand_beside_the_fields(staff):
    integration = make_integration()
    integration.pos_provider.global_config = {"prep_minutes": 33}
    integration.pos_provider.save()
    text = staff().get(step(integration.restaurant, "account")).content.decode()
    assert "33" in text
    assert "https://pos.example.com/V1" in text


def test_a_test_is_kept_until_the_settings_change(staff, waiting):
    client = staff()
    client.post(step(waiting.restaurant, "test"))
    tested = fresh(waiting)
    assert tested.checked_at is not None
    assert [finding["ok"] for finding in tested.findings] == [True, True, True]
    save_integration(restaurant=waiting.restaurant, provider_name="petpooja", active=True)
    assert fresh(waiting).checked_at == tested.checked_at
    save_integration(
        restaurant=waiting.restaurant, provider_name="petpooja", restaurant_config={"prep_minutes": 5}
    )
    assert (fresh(waiting).checked_at, fresh(waiting).findings) == (None, [])


def test_it_goes_live_when_nothing_needed_is_missing(staff, waiting):
    client = staff()
    for missing in ("Connection", "Menu"):
        client.post(step(waiting.restaurant, "live"), {"do": "live"})
        assert live(waiting) == (False, False)
        assert missing in client.get(step(waiting.restaurant, "live")).content.decode()
        if missing == "Connection":
            client.post(step(waiting.restaurant, "test"))
    menu_sync.sync_menu(waiting, trigger=menu_sync.Trigger.API)
    client.post(step(waiting.restaurant, "live"), {"do": "live"})
    assert live(waiting) == (True, True)
    client.post(step(waiting.restaurant, "live"), {"do": "stop"})
    assert live(waiting) == (True, False)


def test_what_is_missing_is_named(waiting):
    with pytest.raises(going_live.NotReady, match=r"Not yet: Connection, Menu\."):
        going_live.go_live(waiting)
    assert live(waiting) == (False, False)


def test_ding_must_be_reachable_unless_the_pos_is_simulated(waiting, settings):
    def line():
        return next(c for c in going_live.checklist(waiting) if c.label == "Address for the POS")

    assert (line().ok, line().needed) == (False, False)
    settings.POS_ALLOW_PLAIN_HTTP = False
    assert (line().ok, line().needed) == (False, True)
    settings.PUBLIC_URL = "https://ding.example.com"
    assert line().ok


def test_the_secret_stands_in_the_addresses_once(staff, waiting):
    client = staff()
    address = step(waiting.restaurant, "webhooks")
    before = client.get(address).content.decode()
    assert "&lt;webhook secret&gt;" in before
    made = client.post(address)
    assert "no-store" in made["Cache-Control"]
    secret = made.context["new"].secret
    assert f"/menu/{secret}" in made.content.decode()
    assert secret not in client.get(address).content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_operator_connects_nothing(staff, waiting, method):
    client = staff(OPERATOR)
    for address in (START, f"{START}new/", *(step(waiting.restaurant, key) for key in STEPS)):
        assert getattr(client, method)(address).status_code == 403


def test_another_restaurant_is_not_there(staff, waiting):
    client = staff(INTEGRATION_MANAGER, make_restaurant())
    for key in STEPS:
        assert client.get(step(waiting.restaurant, key)).status_code == 404
        assert client.post(step(waiting.restaurant, key)).status_code == 404
    assert waiting.restaurant.pk not in [r.pk for r, _ in client.get(START).context["waiting"]]


def test_the_list_of_what_is_not_live_does_not_grow(staff):
    client = staff()

    def counted():
        with counting() as count:
            assert client.get(START).status_code == 200
        return count()

    make_restaurant()
    client.get(START)
    few = counted()
    for number in range(40):
        Restaurant.objects.create(name=f"Place {number}")
    assert counted() <= few + 1


def test_a_pos_that_is_missing_is_set_up_on_the_way(staff):
    restaurant = make_restaurant()
    client = staff()
    values = {"provider_name": "petpooja", "display_name": "PetPooja", "base_api_url": "not a url"}
    assert client.post(step(restaurant, "pos"), values).status_code == 200
    assert not PosProvider.objects.exists()
    answer = client.post(step(restaurant, "pos"), {**values, "base_api_url": "https://pos.example.com"})
    provider = PosProvider.objects.get()
    assert answer["Location"] == step(restaurant, "account", pos=provider.pk)


def test_a_rotated_secret_is_no_new_test(waiting):
    going_live.check_and_remember(waiting)
    rotate_secret(fresh(waiting))
    assert fresh(waiting).checked_at is not None
