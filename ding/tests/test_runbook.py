"""The runbook's recipes work; those under load are the rig's (F43, F44, F49, R1, R2)."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.utils import timezone

from ding.keys import caller_of, create_api_key
from ding.models import ApiKey
from pos_integrations import outbound
from pos_integrations.configuration import callback_url
from pos_integrations.models import WebhookLog, WebhookStatus
from pos_integrations.tests.configured import KEY_B
from pos_integrations.tests.conftest import pos, start_pos  # noqa: F401 - fixtures
from pos_integrations.tests.factories import connect, connected_place, make_due, order_status, place, send

RUNBOOK = (Path(settings.BASE_DIR) / "docs/runbook.md").read_text()


def test_each_link_inside_leads_to_a_heading():
    headings = {
        re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= headings


def test_each_command_exists_and_takes_these_options():
    typed = re.findall(r"`(?:[^`]* )?manage\.py ([a-z][^`…]+)`", RUNBOOK)
    assert len(typed) > 10
    for line in typed:
        name, *words = shlex.split(re.sub(r"\b(ID|N|RESTAURANT|REFERENCE|CLIENT)\b", "1", line))
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        parser.parse_args(words)


def report(order, status="CONFIRMED", **values):
    return order_status(order, status, **values)


def test_a_window_of_webhooks_is_replayed_and_nothing_outside_of_it(client, db):
    connected_place()
    for reference in ("EARLY", "INSIDE", "LATER"):
        assert send(client, "order-status", report(reference)).status_code == 200
    now = timezone.now()
    for row, hours in zip(WebhookLog.objects.order_by("pk"), (3, 2, 1), strict=True):
        WebhookLog.objects.filter(pk=row.pk).update(
            status=WebhookStatus.PARKED, next_attempt_at=None, created_at=now - dt.timedelta(hours=hours)
        )
    window = [(now - dt.timedelta(minutes=minutes)).isoformat() for minutes in (150, 90)]
    out = StringIO()

    with pytest.raises(CommandError, match="wait for a person"):
        call_command("process_webhooks", since=window[0], until=window[1], stdout=out)

    assert "1 failed or parked webhooks of that time are tried again." in out.getvalue()
    tried = {row.payload: row.status for row in WebhookLog.objects.all()}
    assert {status for payload, status in tried.items() if "INSIDE" in payload} == {WebhookStatus.FAILED}
    assert {status for payload, status in tried.items() if "INSIDE" not in payload} == {WebhookStatus.PARKED}


def test_one_webhook_is_tried_again_and_no_other(client, db):
    connected_place()
    for reference in ("ONE", "OTHER"):
        send(client, "order-status", report(reference))
    WebhookLog.objects.update(status=WebhookStatus.PARKED, next_attempt_at=None)
    one = WebhookLog.objects.get(payload__contains="ONE")

    with pytest.raises(CommandError, match="wait for a person"):
        call_command("process_webhooks", id=[one.pk], stdout=StringIO())

    assert WebhookLog.objects.get(pk=one.pk).status == WebhookStatus.FAILED
    assert WebhookLog.objects.exclude(pk=one.pk).get().status == WebhookStatus.PARKED


def test_a_lost_encryption_key_is_replaced_and_everything_entered_anew(client, db, settings, pos):  # noqa: F811
    at = connected_place(pos)
    push = place(at)
    settings.ENCRYPTION_KEYS = KEY_B
    assert send(client, "order-status", report(push.order.reference)).status_code == 401
    outbound.deliver(push.pk)
    assert (pos.tickets(), push.attempt_log.get().outcome) == ([], "blocked")

    connect(pos, at.restaurant)
    out = StringIO()
    call_command("rotate_secret", at.restaurant.pk, stdout=out, stderr=StringIO())
    make_due(push)
    outbound.deliver(push.pk)

    assert len(pos.tickets()) == 1
    new = out.getvalue().strip()
    assert send(client, "order-status", report(push.order.reference), secret=new).status_code == 200


def test_after_a_change_of_the_callback_key_open_orders_are_refused_and_new_ones_heard(client, db, settings):
    at = connected_place()
    push = place(at)
    old = callback_url(at.integration, push.order.reference)
    settings.CALLBACK_KEY = "another-callback-key-of-some-length"
    new = callback_url(at.integration, push.order.reference)

    def call(url):
        body = {"restID": "abcd1234", "orderID": push.order.reference, "status": "1"}
        return client.post(url.partition("8000")[2], body, content_type="application/json").status_code

    assert (call(old), call(new)) == (401, 200)


def test_two_api_keys_hold_beside_each_other_until_the_old_one_is_revoked(db):
    old = create_api_key(client="shop", scopes=["menu:read"], all_restaurants=True)
    row = ApiKey.objects.get()
    new = create_api_key(client="shop", scopes=["menu:read"], all_restaurants=True)
    assert caller_of(old)
    assert caller_of(new)

    ApiKey.objects.filter(pk=row.pk).update(revoked_at=timezone.now())

    assert caller_of(old) is None
    assert caller_of(new)


def test_another_secret_key_ends_sessions_and_touches_no_order(client, admin_user, settings):
    at = connected_place()
    client.force_login(admin_user)
    assert client.get("/admin/").status_code == 200
    settings.SECRET_KEY = "another-secret-key-that-is-long-enough-for-every-check-0123456789"

    assert client.get("/admin/").status_code == 302
    push = place(at)
    assert outbound.due_pushes() == [push.pk]
