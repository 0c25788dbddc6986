"""No secret is read back, anywhere: every page and answer, every log, every table, every task (S05, S06, S08, S13)."""

from __future__ import annotations

import json
import logging
import pickle

import pytest
from django.db import connection
from django.test import Client

from ding.tests.security.test_matrix import ROWS, WEBHOOKS, call, filled
from ding.tests.security.world import links_of, written_logs
from pos_integrations.configuration import account_for, rotate_secret
from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret
from pos_integrations.tests.factories import as_bytes, fresh, order_status


def answers(world, caller):
    """Every answer of the API, good and bad."""
    for row in ROWS:
        yield row.path, call(world, caller, row.method, filled(row.path, world), row.body(world))
        yield (
            row.path,
            call(world, caller, row.method, filled(row.path, world), {"provider_name": 7, "items": "x"}),
        )
        yield row.path, world.callers[caller].get(filled(row.path, world) + "?limit=x&since=y&q=CANARY")
    for path in WEBHOOKS:
        yield path, call(world, caller, "POST", filled(path, world), {"restaurant_id": "abcd1234"})


def pages(world, caller, most=160):
    """Every page of the staff's site that this caller can reach by following links, and the lists as such."""
    client, todo, seen = world.callers[caller], ["/admin/"], set()
    while todo and len(seen) < most:
        page = todo.pop(0)
        if page in seen or "logout" in page or page.startswith("/static"):
            continue
        seen.add(page)
        answer = client.get(page)
        yield page, answer
        if answer.status_code == 200 and "html" in answer.headers.get("Content-Type", ""):
            todo += sorted(link for link in links_of(answer.content.decode()) if link.startswith("/admin/"))


@pytest.mark.parametrize("caller", ["nobody", "K1", "K2", "K1 read-only", "R1 manager", "super"])
def test_no_answer_of_the_api_holds_a_secret(world, caller, caplog):
    caplog.set_level(logging.DEBUG)
    for path, answer in answers(world, caller):
        text = answer.content.decode()
        if path.endswith("rotate-secret") and answer.status_code == 201:
            assert "no-store" in answer.headers["Cache-Control"]
            text = text.replace(answer.json()["secret"], "")  # shown this once
        assert world.found_in(text) == [], path
        assert world.found_in(str(answer.headers)) == [], path
        assert answer.status_code < 500 or answer.status_code in (502, 503), (path, text)
        assert "Traceback" not in text
    assert world.found_in(caplog.text) == []


@pytest.mark.parametrize("caller", ["super", "R1 manager", "R1 viewer"])
def test_no_page_holds_a_secret(world, caller):
    count = 0
    for page, answer in pages(world, caller):
        assert world.found_in(answer.content.decode()) == [], page
        count += answer.status_code == 200
    assert count > 10


def test_the_database_holds_ciphertext_and_hashes_only(world):
    tables = connection.introspection.table_names()
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            text = str(cursor.fetchall())
            assert world.found_in(text) == [], table


def test_logs_of_every_door_hold_no_secret(world):
    anyone = Client(raise_request_exception=False)
    place = world.r1
    raw = as_bytes(order_status(place.reference))
    with written_logs() as lines:
        for path in (
            f"/api/webhooks/petpooja/{place.integration.public_id}/stock/{place.hook}",
            f"/api/webhooks/petpooja/{place.integration.public_id}/nothing/{place.hook}",
            f"/api/webhooks/petpooja/{'0' * 32}/stock/{place.hook}",
            f"/api/webhooks/petpooja/order-status/{place.hook}",
            f"/api/webhooks/petpooja/{place.integration.public_id}/order-callback/{place.token}",
            f"/api/webhooks/petpooja/{place.integration.public_id}/order-callback/{place.token}x",
            f"/api/webhooks/petpooja/{place.integration.public_id}/order-callback/{place.token}/more",
            f"/api/orders?key={place.hook}",
        ):
            for headers in (
                {},
                {"Authorization": f"Bearer {place.hook}"},
                {"x-petpooja-signature": place.hook},
            ):
                anyone.post(path, raw, content_type="application/json", headers=headers)
                anyone.get(path, headers=headers)
        anyone.post("/admin/login/", {"username": "super", "password": place.hook})
    # As they are written: structlog's processors mask what stands in an address.
    written = lines.getvalue()
    assert "was refused" in written
    assert world.found_in(written) == []


def test_no_text_of_an_object_shows_a_secret(world):
    integration = fresh(world.r1.integration)
    account = account_for(integration)
    secret = RestaurantWebhookSecret.objects.filter(restaurant=world.r1.restaurant).first()
    for thing in (integration, account, secret, secret.secret_key, integration.api_key, vars(integration)):
        for text in (repr(thing), str(thing), f"{thing}"):
            assert world.found_in(text) == []
    with pytest.raises(ValueError, match="Restaurant one") as caught:
        raise ValueError(account, integration, secret)
    assert world.found_in(str(caught.value)) == []
    assert world.found_in(str(pickle.dumps(secret.secret_key.stored))) == []


def test_a_session_holds_no_secret_after_a_rotation(world):
    client = world.callers["super"]
    path = "/admin/pos_integrations/restaurantposintegration/"
    answer = client.post(path, {"action": "rotate_secret", "_selected_action": [world.r1.integration.pk]})
    made = {row.secret_key.open(row.sealing_context()) for row in RestaurantWebhookSecret.objects.all()}
    assert sum(secret in answer.content.decode() for secret in made) == 1
    assert "no-store" in answer.headers["Cache-Control"]
    assert not any(secret in json.dumps(dict(client.session.items())) for secret in made)
    assert not any(secret in str(client.cookies) for secret in made)


def test_a_form_that_is_saved_untouched_keeps_every_secret(world):
    """S08: nothing of a secret is in the form, and nothing erases it."""
    integration = fresh(world.r1.integration)
    page = f"/admin/pos_integrations/restaurantposintegration/{integration.pk}/change/"
    form = world.callers["super"].get(page).context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    data = {name: "" if value is None else value for name, value in data.items()}
    answer = world.callers["super"].post(page, data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    before, after = account_for(integration), account_for(fresh(integration))
    assert before.config == after.config
    assert world.found_in(json.dumps(data, default=str)) == []


@pytest.mark.parametrize("caller", ["R1 viewer", "R1 operator", "no rights", "K1 read-only", "nobody"])
def test_who_may_only_look_cannot_rotate(world, caller):
    before = RestaurantWebhookSecret.objects.count()
    client = world.callers[caller]
    path = "/admin/pos_integrations/restaurantposintegration/"
    client.post(path, {"action": "rotate_secret", "_selected_action": [world.r1.integration.pk]})
    client.post(
        "/admin/pos_integrations/restaurantwebhooksecret/add/",
        {"integration": world.r1.integration.pk, "secret": ""},
    )
    call(world, caller, "POST", f"/api/pos-integration/{world.r1.restaurant.pk}/petpooja/rotate-secret")
    assert RestaurantWebhookSecret.objects.count() == before


def test_ciphertexts_that_are_swapped_between_restaurants_open_nothing(world):
    """S39: each is bound to its row; two equal texts look different."""
    one, two = (
        RestaurantPosIntegration.objects.get(pk=place.integration.pk) for place in (world.r1, world.r2)
    )
    with connection.cursor() as cursor:
        for name, pk, value in (
            ("api_key", one.pk, two.api_key.stored),
            ("api_key", two.pk, one.api_key.stored),
        ):
            cursor.execute(f"UPDATE restaurant_pos_integrations SET {name} = %s WHERE id = %s", [value, pk])
    from pos_integrations.errors import ConfigurationError

    for place in (world.r1, world.r2):
        with pytest.raises(ConfigurationError):
            account_for(fresh(place.integration))
    rotate_secret(world.r1.integration)
    stored = list(RestaurantWebhookSecret.objects.values_list("secret_key", flat=True))
    assert len({secret.stored for secret in stored}) == len(stored)
