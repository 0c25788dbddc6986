from __future__ import annotations

import datetime as dt
import hashlib
import re

import pytest
import time_machine
from django.core.management import CommandError, call_command

from ding.keys import Caller, caller_of, create_api_key
from ding.models import ApiKey
from menus.models import Restaurant
from menus.tests.factories import statements

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


def make(**values):
    return create_api_key(**{"client": "shop", "scopes": ["menu:read"], "all_restaurants": True, **values})


def test_a_key_is_known_again_and_kept_only_as_a_hash():
    key = make(scopes=["orders:write", "menu:read"], expires_at=NOW)
    prefix, secret = re.fullmatch(r"dk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", key).groups()
    row = ApiKey.objects.get()
    assert (row.prefix, row.secret_sha256) == (prefix, hashlib.sha256(secret.encode()).hexdigest())
    assert (row.client, row.scopes, row.expires_at) == ("shop", ["menu:read", "orders:write"], NOW)
    assert secret not in str(ApiKey.objects.values().get())
    for shown in (repr(row), str(row), repr(caller_of(key))):
        assert secret not in shown
        assert row.secret_sha256 not in shown
    assert str(row) == f"shop (dk_{prefix}_…)"
    assert make() != make()


def test_a_key_says_who_calls_and_what_they_see():
    here, there = Restaurant.objects.create(name="Here"), Restaurant.objects.create(name="There")
    caller = caller_of(
        make(client="kiosk", scopes=["menu:read", "orders:read"], all_restaurants=False, restaurants=[here])
    )
    assert caller == Caller("kiosk", frozenset({"menu:read", "orders:read"}), frozenset({here.pk}))
    assert (caller.sees(here.pk), caller.sees(there.pk)) == (True, False)
    everywhere = caller_of(make())
    assert everywhere.restaurant_ids is None
    assert everywhere.sees(there.pk)
    assert caller_of(make(all_restaurants=False)).sees(here.pk) is False


def test_a_key_ends_when_it_expires_or_is_revoked():
    key = make(expires_at=NOW)
    with time_machine.travel(NOW - dt.timedelta(seconds=1), tick=False):
        assert caller_of(key) is not None
    with time_machine.travel(NOW, tick=False):
        assert caller_of(key) is None
    key = make()
    assert caller_of(key) is not None
    ApiKey.objects.update(revoked_at=NOW)
    assert caller_of(key) is None


def test_what_only_looks_like_a_key_is_none():
    key = make()
    other = make()
    mixed = key[:16] + other[16:]
    wrong = [
        mixed,
        key + "A",
        key[:-1],
        key.upper(),
        f" {key}",
        key + "\n",
        "",
        "dk__",
        "é",
        key.replace("_", "-"),
    ]
    assert [caller_of(text) for text in wrong] == [None] * len(wrong)
    flipped = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert caller_of(flipped) is None
    with statements() as sql:
        caller_of("dk_nothing_of_the_kind")
    assert sql == []


def test_the_last_use_is_written_once_a_minute_at_most():
    key = make()

    def last_used_after(seconds):
        with time_machine.travel(NOW + dt.timedelta(seconds=seconds), tick=False), statements() as sql:
            caller_of(key)
        return ApiKey.objects.get().last_used_at, len(sql)

    assert last_used_after(0) == (NOW, 2)
    assert last_used_after(59) == (NOW, 1)
    assert last_used_after(60) == (NOW, 1)
    assert last_used_after(61) == (NOW + dt.timedelta(seconds=61), 2)
    assert last_used_after(62)[1] == 1


# --- manage.py create_api_key --------------------------------------------------------------------------


def test_the_command_prints_the_key_alone(capsys):
    restaurant = Restaurant.objects.create(name="Here")
    call_command("create_api_key", "web-shop", "--restaurant", str(restaurant.pk))
    out, err = capsys.readouterr()
    assert caller_of(out.strip()) == Caller(
        "web-shop", frozenset({"menu:read", "orders:read", "orders:write"}), frozenset({restaurant.pk})
    )
    assert out.strip().split("_", 2)[2] not in err
    assert ApiKey.objects.get().expires_at is None


def test_the_command_narrows_a_key(capsys):
    with time_machine.travel(NOW, tick=False):
        call_command("create_api_key", "app", "--all-restaurants", "--scope", "menu:read", "--days", "30")
    row = ApiKey.objects.get()
    assert (row.scopes, row.all_restaurants) == (["menu:read"], True)
    assert row.expires_at == NOW + dt.timedelta(days=30)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Say either --restaurant ID or --all-restaurants."),
        (("--restaurant", "987654"), "There is no restaurant 987654."),
        (("--all-restaurants", "--scope", "everything"), "invalid choice"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(arguments, message):
    with pytest.raises(CommandError, match=re.escape(message)):
        call_command("create_api_key", "app", *arguments)
    assert ApiKey.objects.count() == 0
