"""One mode per integration: what it takes, what it refuses although another mode would take it, and its ids."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import itertools
import logging

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from orders.tests.factories import make_order
from pos_integrations import configuration, inbound
from pos_integrations.configuration import InvalidConfiguration, rotate_secret, save_integration
from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret, WebhookLog
from pos_integrations.tests.factories import (
    SECRET,
    SIGNATURE,
    as_bytes,
    connected_place,
    counting,
    fresh,
    in_threads,
    order_status,
    sign,
)

MODES = ("petpooja_hmac", "standard_webhooks", "bearer", "url_token")
SHARED = "/api/webhooks/petpooja/order-status"
_numbers = itertools.count(1)


def standard_headers(raw, secret, event_id=None, stamp=None):
    event_id = event_id or f"msg_{next(_numbers)}"
    stamp = str(int(timezone.now().timestamp()) if stamp is None else stamp)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{event_id}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


def proof(mode, raw, secret):
    """Headers and the end of the address that prove `raw` in that mode, as well as `secret` can."""
    if mode == "standard_webhooks":
        as_standard = "whsec_" + base64.b64encode(secret.encode()).decode()
        return standard_headers(raw, secret if secret.startswith("whsec_") else as_standard), ""
    if mode == "petpooja_hmac":
        return {SIGNATURE: sign(raw, secret)}, ""
    # What stands in an address has no slashes.
    return (
        ({"Authorization": f"Bearer {secret}"}, "")
        if mode == "bearer"
        else ({}, f"/{secret.replace('/', '-')}")
    )


def in_mode(mode):
    """A place whose integration is in that mode, and the secret that was made for it."""
    at = connected_place(signature_mode=mode) if mode != "standard_webhooks" else connected_place()
    if mode == "standard_webhooks":
        config = {"signature_mode": mode}
        save_integration(restaurant=at.restaurant, provider_name="petpooja", restaurant_config=config)
        at.integration = fresh(at.integration)
    at.secret = rotate_secret(at.integration, overlap=dt.timedelta(0)).secret
    at.order = make_order(at.restaurant)
    return at


def own(at, topic="order-status"):
    return f"/api/webhooks/petpooja/{at.integration.public_id}/{topic}"


def post(client, path, raw, headers):
    return client.post(path, data=raw, content_type="application/json", headers=headers)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_takes_its_own_proof_and_no_other(db, client, mode):
    at = in_mode(mode)
    raw = as_bytes(order_status(at.order))
    for other in MODES:
        headers, end = proof(other, raw, at.secret)
        answer = post(client, own(at) + end, raw, headers)
        assert answer.status_code == (200 if other == mode else 401), (mode, other)
    assert WebhookLog.objects.get().proof == mode
    # All proofs of other modes together are none either.
    headers = {}
    for other in MODES:
        headers |= proof(other, raw, at.secret)[0] if other != mode else {}
    answer = post(
        client, own(at) + (proof("url_token", raw, at.secret)[1] if mode != "url_token" else ""), raw, headers
    )
    assert answer.status_code == 401
    # And no proof at all.
    assert post(client, own(at), raw, {}).status_code == 401
    assert WebhookLog.objects.count() == 1


@pytest.mark.parametrize("mode", MODES)
def test_the_mode_holds_for_calls_that_are_typed_into_a_dashboard_too(db, client, mode):
    at = in_mode(mode)
    raw = as_bytes({"restID": "abcd1234"})
    for other in MODES:
        headers, end = proof(other, raw, at.secret)
        answer = post(client, own(at, "store-status-get") + end, raw, headers)
        assert answer.status_code == (200 if other == mode else 401)


@pytest.mark.parametrize("mode", ["petpooja_hmac", "standard_webhooks", "bearer"])
def test_the_address_that_all_share_holds_to_the_mode_of_whom_the_body_names(db, client, mode):
    at = in_mode(mode)
    raw = as_bytes(order_status(at.order))
    for other in ("petpooja_hmac", "standard_webhooks", "bearer"):
        answer = post(client, SHARED, raw, proof(other, raw, at.secret)[0])
        assert answer.status_code == (200 if other == mode else 401)


def test_a_secret_at_the_end_of_the_shared_address_is_no_address(db, client):
    at = in_mode("url_token")
    raw = as_bytes(order_status(at.order))
    assert post(client, f"{SHARED}/{at.secret}", raw, {}).status_code == 404
    assert post(client, SHARED, raw, {}).status_code == 401


def test_by_nature_each_call_proves_itself_as_the_pos_can(db, client):
    at = connected_place()
    assert configuration.webhook_modes(at.integration) == {
        "order-status": "petpooja_hmac",
        "menu-update": "petpooja_hmac",
        "inventory-update": "petpooja_hmac",
        "menu": "url_token",
        "stock": "url_token",
        "store-status-get": "url_token",
        "store-status-update": "url_token",
        "order-callback": "order_token",
    }


def test_without_a_proof_of_any_kind_the_body_is_not_even_read(db, client):
    connected_place()
    assert post(client, SHARED, b"{nonsense", {}).status_code == 401
    assert post(client, SHARED, b"{nonsense", {SIGNATURE: "sha256=" + "0" * 64}).status_code == 400


# --- ids ------------------------------------------------------------------------------------------------


def test_an_id_is_taken_once_however_often_and_however_freshly_signed_it_comes(db, client):
    at = in_mode("standard_webhooks")
    raw = as_bytes(order_status(at.order))
    now = int(timezone.now().timestamp())
    for stamp in (now, now, now - 60, now + 60):
        headers = standard_headers(raw, at.secret, "msg_once", stamp)
        assert post(client, own(at), raw, headers).status_code == 200
    row = WebhookLog.objects.get()
    assert (row.event_id, row.status) == ("msg_once", "received")
    inbound.drain()
    assert post(client, own(at), raw, standard_headers(raw, at.secret, "msg_once")).status_code == 200
    assert WebhookLog.objects.count() == 1
    assert at.order.history.count() == 1


def test_ids_are_compared_letter_by_letter(db, client):
    at = in_mode("standard_webhooks")
    for number, event_id in enumerate(("msg_a", "msg_A", "MSG_a", "msg_a_"), 1):
        raw = as_bytes(order_status(at.order))
        assert post(client, own(at), raw, standard_headers(raw, at.secret, event_id)).status_code == 200
        assert WebhookLog.objects.count() == number


def test_the_same_id_with_another_body_is_kept_for_a_person_and_changes_nothing(db, client, caplog):
    at = in_mode("standard_webhooks")
    first, second = as_bytes(order_status(at.order)), as_bytes(order_status(at.order, "CANCELLED"))
    for raw in (first, second, second, first):
        assert post(client, own(at), raw, standard_headers(raw, at.secret, "msg_1")).status_code == 200
    inbound.drain()
    kept, flagged = WebhookLog.objects.order_by("pk")
    assert kept.verdict == "applied"
    assert (flagged.status, flagged.verdict) == ("parked", "id_reused")
    assert f"webhook {kept.pk}" in flagged.error_message
    at.order.refresh_from_db()
    assert at.order.status == "confirmed"


def test_fifty_at_once_are_one(committed, client):
    at = in_mode("standard_webhooks")
    raw = as_bytes(order_status(at.order))
    headers = standard_headers(raw, at.secret, "msg_1")

    answers = in_threads(20, lambda n: post(Client(), own(at), raw, headers).status_code)
    assert answers == [200] * 20
    assert WebhookLog.objects.count() == 1


# --- nobody ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_address_costs_the_same_statements_as_a_wrong_proof(db, client, mode):
    at = in_mode(mode)
    raw = as_bytes(order_status(at.order))
    headers, end = proof(
        mode,
        raw,
        "whsec_" + base64.b64encode(b"w" * 32).decode() if mode == "standard_webhooks" else "w" * 30,
    )
    answers, counts = [], []
    for public_id in (at.integration.public_id, "f" * 32):
        with counting() as count:
            answers.append(
                post(client, f"/api/webhooks/petpooja/{public_id}/order-status{end}", raw, headers)
            )
        counts.append(count())
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert counts[0] == counts[1] == 2


# --- secrets --------------------------------------------------------------------------------------------


def test_a_new_secret_has_the_form_of_the_mode(db):
    at = in_mode("standard_webhooks")
    assert at.secret.startswith("whsec_")
    with pytest.raises(InvalidConfiguration) as caught:
        save_integration(restaurant=at.restaurant, provider_name="petpooja", webhook_secret="x" * 40)
    assert "whsec_" in caught.value.fields["webhook_secret"][0]["message"]


def test_mode_and_secret_may_change_together(db, client):
    at = connected_place()
    secret = "whsec_" + base64.b64encode(b"n" * 32).decode()
    save_integration(
        restaurant=at.restaurant,
        provider_name="petpooja",
        restaurant_config={"signature_mode": "standard_webhooks"},
        webhook_secret=secret,
    )
    raw = as_bytes(order_status("X"))
    assert post(client, own(at), raw, standard_headers(raw, secret)).status_code == 200
    assert post(client, own(at), raw, {SIGNATURE: sign(raw, SECRET)}).status_code == 401


def test_a_mode_for_which_no_secret_fits_is_told(db):
    at = connected_place()
    assert configuration.secret_problem(at.integration) == ""
    config = {"signature_mode": "standard_webhooks"}
    save_integration(restaurant=at.restaurant, provider_name="petpooja", restaurant_config=config)
    assert "rotate the secret" in configuration.secret_problem(fresh(at.integration))
    RestaurantWebhookSecret.objects.all().delete()
    assert "no valid webhook secret" in configuration.secret_problem(fresh(at.integration))


@pytest.mark.parametrize("mode", ["unsigned", "none", "order_token", True, ["bearer"]])
def test_no_form_and_no_call_switches_the_proof_off(db, mode):
    at = connected_place()
    with pytest.raises(InvalidConfiguration):
        save_integration(
            restaurant=at.restaurant, provider_name="petpooja", restaurant_config={"signature_mode": mode}
        )


# --- unsigned -------------------------------------------------------------------------------------------


def test_a_named_person_may_let_calls_in_without_proof_at_the_integrations_own_address_alone(
    db, client, caplog
):
    at = connected_place()
    raw = as_bytes(order_status(at.order if "order" in vars(at) else "X"))
    assert post(client, own(at), raw, {}).status_code == 401
    with caplog.at_level(logging.WARNING):
        configuration.accept_unsigned(at.integration, by="asha")
    assert any("without any proof" in record.message for record in caplog.records)
    stored = RestaurantPosIntegration.objects.get()
    assert (stored.unsigned_by, stored.unsigned_since is not None) == ("asha", True)
    assert post(client, own(at), raw, {}).status_code == 200
    assert WebhookLog.objects.get().proof == "unsigned"
    assert post(client, SHARED, raw, {}).status_code == 401
    assert post(client, SHARED, raw, {SIGNATURE: sign(raw)}).status_code == 401
    # Whose order callbacks still carry their own token.
    body = as_bytes({"restID": "abcd1234", "orderID": "X", "status": "1"})
    assert post(client, own(at, "order-callback"), body, {}).status_code == 401
    # And a body still speaks for this restaurant alone.
    foreign = as_bytes(order_status("X", restaurant_id="efgh5678"))
    assert post(client, own(at), foreign, {}).status_code == 403
    configuration.require_proof(at.integration, by="asha")
    assert post(client, own(at), raw, {}).status_code == 401
    assert RestaurantPosIntegration.objects.get().unsigned_by == ""


ADMIN = "/admin/pos_integrations/restaurantposintegration/"


def act(client, integration, action, **more):
    data = {"action": action, "_selected_action": [integration.pk], **more}
    return client.post(ADMIN, data, follow=True)


def test_the_switch_asks_once_more_and_then_shows_who_did_it(admin_client, db, settings):
    settings.METRICS_TOKEN = "m" * 24
    at = connected_place()
    text = act(admin_client, at.integration, "accept_unsigned").content.decode()
    assert "anybody who learns its webhook address" in text
    assert fresh(at.integration).unsigned_since is None
    act(admin_client, at.integration, "accept_unsigned", confirmed="yes")
    assert fresh(at.integration).unsigned_by == "admin"
    for page in (ADMIN, f"{ADMIN}{at.integration.pk}/change/"):
        assert "UNSIGNED" in admin_client.get(page).content.decode()

    def counted():
        answer = admin_client.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
        return [line for line in answer.content.decode().splitlines() if line.startswith("ding_unsigned")]

    assert counted() == ["ding_unsigned_integrations 1.0"]
    act(admin_client, at.integration, "require_proof")
    assert fresh(at.integration).unsigned_since is None
    assert counted() == ["ding_unsigned_integrations 0.0"]
    assert LogEntry.objects.count() == 2


def test_who_may_change_an_integration_may_not_yet_open_it_to_everybody(client, db, django_user_model):
    at = connected_place()
    staff = django_user_model.objects.create_user("ravi", password="x", is_staff=True)
    rights = ("view_restaurantposintegration", "change_restaurantposintegration")
    staff.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(staff)
    act(client, at.integration, "accept_unsigned", confirmed="yes")
    assert fresh(at.integration).unsigned_since is None


def test_a_secret_in_use_is_asked_about_before_it_ends(admin_client, db):
    at = connected_place()
    secret = RestaurantWebhookSecret.objects.get()
    RestaurantWebhookSecret.objects.update(last_used_at=timezone.now())
    path = "/admin/pos_integrations/restaurantwebhooksecret/"
    data = {"action": "end_now", "_selected_action": [secret.pk]}
    text = admin_client.post(path, data).content.decode()
    assert "last used" in text
    assert configuration.valid_secrets(at.integration)
    admin_client.post(path, data | {"confirmed": "yes"})
    assert configuration.valid_secrets(at.integration) == []
