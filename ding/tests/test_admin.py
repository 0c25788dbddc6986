from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.utils import timezone

from ding.keys import caller_of, create_api_key
from ding.models import ApiKey
from menus.tests.factories import make_restaurant, statements

pytestmark = pytest.mark.django_db

LIST = "/admin/ding/apikey/"
ADD = LIST + "add/"
SHOWN = re.compile(r"dk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


def change(key):
    return f"{LIST}{key.pk}/change/"


@pytest.fixture
def restaurant(db):
    return make_restaurant(name="Spice Garden")


@pytest.fixture
def key(restaurant):
    text = create_api_key(client="shop", scopes=["menu:read"], restaurants=[restaurant])
    row = ApiKey.objects.get()
    row.text = text
    return row


def test_a_new_key_is_shown_once_and_only_its_hash_is_kept(admin_client, restaurant):
    data = {
        "client": "web-shop",
        "scopes": ["menu:read", "orders:write"],
        "restaurants": [restaurant.pk],
        "expires_at_0": "2099-01-31",
        "expires_at_1": "12:30",
    }
    answer = admin_client.post(ADD, data, follow=True)
    (text,) = SHOWN.findall(answer.content.decode())
    (message,) = [
        m for m in answer.context["messages"] if "dk_" in m.message and "not shown again" in m.message
    ]
    assert message.level_tag == "success"
    assert message.message == f"Keep this key, it is not shown again: {text}"

    row = ApiKey.objects.get()
    assert (row.client, row.scopes, row.all_restaurants) == ("web-shop", ["menu:read", "orders:write"], False)
    assert list(row.restaurants.all()) == [restaurant]
    assert row.expires_at == dt.datetime(2099, 1, 31, 12, 30, tzinfo=dt.UTC)
    assert caller_of(text).sees(restaurant.pk)
    secret = text.split("_", 2)[2]
    assert secret not in repr(ApiKey.objects.values().get())
    for page in (LIST, change(row), f"{LIST}{row.pk}/history/"):
        content = admin_client.get(page).content.decode()
        assert row.prefix in content
        assert secret not in content
        assert row.secret_sha256 not in content
    assert secret not in repr(list(LogEntry.objects.values()))


def test_a_key_for_all_restaurants(admin_client):
    admin_client.post(ADD, {"client": "screen", "scopes": ["menu:read"], "all_restaurants": "on"})
    row = ApiKey.objects.get()
    assert (row.all_restaurants, row.restaurants.count(), row.expires_at) == (True, 0, None)
    assert admin_client.get(LIST).context["cl"].model_admin.restaurant_names(row) == "all"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["everything"]}, "everything is not one of the available choices."),
        ({"all_restaurants": ""}, "Choose either restaurants or all of them."),
        ({"client": ""}, "This field is required."),
        (
            {"expires_at_0": "2020-01-01", "expires_at_1": "00:00"},
            "That is past. To end a key now, revoke it.",
        ),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(admin_client, values, message):
    data = {"client": "shop", "scopes": ["menu:read"], "all_restaurants": "on", **values}
    answer = admin_client.post(ADD, data)
    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert ApiKey.objects.count() == 0


def test_restaurants_scopes_and_expiry_of_a_key_may_change_and_nothing_else(admin_client, key):
    other = make_restaurant(name="Other")
    before = ApiKey.objects.values().get()
    page = admin_client.get(change(key)).content.decode()
    boxes = re.findall(r'<input type="checkbox" name="scopes" value="([^"]+)"', page)
    assert boxes == [
        "menu:read",
        "orders:read",
        "orders:write",
        "integrations:read",
        "integrations:write",
    ]
    data = {
        "scopes": ["orders:read"],
        "restaurants": [other.pk],
        "expires_at_0": "2099-01-01",
        "expires_at_1": "00:00",
        "client": "somebody else",
        "prefix": "000000000000",
        "secret_sha256": "0" * 64,
        "revoked_at": "2020-01-01",
    }
    assert admin_client.post(change(key), data).status_code == 302
    after = ApiKey.objects.values().get()
    assert {name for name in after if after[name] != before[name]} == {"scopes", "expires_at"}
    assert after["scopes"] == ["orders:read"]
    assert list(key.restaurants.all()) == [other]
    assert caller_of(key.text).scopes == {"orders:read"}


def test_an_expired_key_may_still_be_narrowed(admin_client, key):
    ApiKey.objects.update(expires_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    data = {
        "scopes": ["orders:read"],
        "all_restaurants": "on",
        "expires_at_0": "2020-01-01",
        "expires_at_1": "00:00:00",
    }
    assert admin_client.post(change(key), data).status_code == 302
    assert ApiKey.objects.get().scopes == ["orders:read"]


def revoke(client, *keys):
    return client.post(LIST, {"action": "revoke", "_selected_action": [key.pk for key in keys]}, follow=True)


def test_a_key_is_revoked_once_and_is_a_record_then(admin_client, key):
    now = timezone.now()
    assert b"1 key(s) revoked." in revoke(admin_client, key).content
    revoked_at = ApiKey.objects.get().revoked_at
    assert abs(revoked_at - now) < dt.timedelta(seconds=20)
    assert caller_of(key.text) is None
    assert b"0 key(s) revoked." in revoke(admin_client, key).content
    assert ApiKey.objects.get().revoked_at == revoked_at
    assert admin_client.get(change(key)).status_code == 200
    assert (
        admin_client.post(change(key), {"scopes": ["orders:read"], "all_restaurants": "on"}).status_code
        == 403
    )
    assert admin_client.post(f"{LIST}{key.pk}/delete/", {"post": "yes"}).status_code == 403


def test_who_may_only_look_can_not_revoke(client, django_user_model, key):
    user = django_user_model.objects.create_user("op", password="pw", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    client.force_login(user)
    assert b'value="revoke"' not in client.get(LIST).content
    revoke(client, key)
    assert ApiKey.objects.get().revoked_at is None
    assert client.get(ADD).status_code == 403


def test_the_list_takes_as_many_statements_for_fifty_keys_as_for_five(admin_client, restaurant):
    other = make_restaurant(name="Other")

    def counted(size):
        for i in range(size):
            create_api_key(client=f"shop {i}", scopes=["menu:read"], restaurants=[restaurant, other])
        with statements() as sql:
            page = admin_client.get(LIST).content
        return len(sql), page.count(b"Spice Garden, Other")

    few, rows = counted(5)
    assert rows == 5
    assert counted(45) == (few, 50)
    assert few <= 7
