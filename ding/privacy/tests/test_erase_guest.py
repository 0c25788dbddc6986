"""A guest's whole trip, then the request to be forgotten; afterwards no dump and no log knows of the guest."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from ding import audit
from ding.audit import AuditEvent
from ding.keys import SCOPES, create_api_key
from ding.tests.security.world import written_logs
from notifications.models import Notification
from notifications.services import send_due
from orders.models import ChangeSource, IdempotencyKey, Order, StaffAction
from orders.services.statuses import change_status
from orders.status import OrderStatus
from orders.tests.factories import make_body, make_order
from pos_integrations import inbound, outbound
from pos_integrations.models import OrderPush, OrderPushAttempt, WebhookLog
from pos_integrations.simulator import SimulatedPos, sample_outlets
from pos_integrations.tests.conftest import committed  # noqa: F401 - a fixture
from pos_integrations.tests.factories import connected_place, order_status, send

CANARY = {
    "name": "Canary-Näme Zebedee",
    "phone": "9812399123",
    "email": "canary.zebedee@guest.example",
    "address": "77 Canary-Wharf Lane, Testpur",
    "latitude": "23.777111",
    "longitude": "72.777222",
}
WORDS = ("canary", "zebedee", "9812399123", "23.777111", "72.777222", "n\\u00e4me", "näme")


@pytest.fixture
def pos():
    with SimulatedPos(sample_outlets(callbacks="none"), step_seconds=0.02, seed=1) as pos:
        yield pos


def dump():
    """The whole database as text."""
    if connection.vendor == "sqlite":
        return "\n".join(connection.connection.iterdump())
    tool = shutil.which("mariadb-dump") or shutil.which("mysqldump")
    assert tool, "mariadb-dump is needed to scan the database"
    settings = connection.settings_dict
    command = [
        tool,
        "--skip-comments",
        "-h",
        settings["HOST"],
        "-P",
        str(settings["PORT"]),
        "-u",
        settings["USER"],
    ]
    command += [f"-p{settings['PASSWORD']}"] if settings["PASSWORD"] else []
    done = subprocess.run([*command, settings["NAME"]], capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


def found_in(text):
    return [word for word in WORDS if word in text.lower()]


def visit(at, client, key):
    """Order, cook, tell, complain, finish: everything that leaves a trace."""
    body = make_body(at, customer=CANARY, notes="ring twice, CANARY")
    body["items"][0]["notes"] = "canary likes it hot"
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "first-visit"}
    answer = client.post("/api/orders", body, content_type="application/json", headers=headers)
    assert answer.status_code == 201, answer.content
    order = Order.objects.get(pk=answer.json()["id"])
    for push in OrderPush.objects.all():
        outbound.deliver(push.pk)
    for status in ("CONFIRMED", "DISPATCHED"):
        assert (
            send(client, "order-status", order_status(order, status, note=CANARY["phone"])).status_code == 200
        )
    inbound.drain()
    send_due()
    StaffAction.objects.create(
        order=order, kind="handled", by="asha", note="Called Canary-Näme Zebedee, +91 9812399123"
    )
    audit.record("wrote a note", note=f"Canary-Näme Zebedee ({CANARY['phone']}) is angry")
    change_status(
        order.pk,
        OrderStatus.CANCELLED,
        source=ChangeSource.POS,
        reason="Zebedee changed his mind: 9812399123",
    )
    # Somebody else's webhook that speaks of the guest, of no order that we know.
    raw = json.dumps(order_status("NOBODY-KNOWS", note=CANARY["email"].upper())).encode()
    assert send(client, "order-status", raw).status_code == 200
    return order


@pytest.fixture
def visited(transactional_db, pos, client, settings, caplog):
    settings.SMS_CHANNEL = "none"
    caplog.set_level(logging.DEBUG)
    at = connected_place(pos)
    key = create_api_key(client="shop", scopes=SCOPES, all_restaurants=True)
    with written_logs() as lines:
        at.order, at.client = visit(at, client, key), client
    at.logs = lines.getvalue()
    at.other = make_order(
        at.restaurant,
        customer_name=CANARY["name"],
        customer_phone="9000000001",
        customer_email="other@example.com",
    )
    return at


def run(**options):
    out = StringIO()
    call_command("erase_guest", stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    "who", [{"phone": "+91 98123-99123"}, {"email": "CANARY.zebedee@guest.example"}, {"order": None}]
)
def test_afterwards_no_dump_and_no_log_knows_of_the_guest(visited, caplog, who):
    if "order" in who:
        who = {"order": visited.order.reference}
    Order.objects.filter(pk=visited.other.pk).update(customer_name="")
    assert len(found_in(dump())) >= 5  # the scan finds what is there
    assert OrderPushAttempt.objects.exclude(request_body="").exists()
    assert Notification.objects.exists()
    assert IdempotencyKey.objects.exists()

    OrderPush.objects.update(request_body="what an unclear order was sent with, sealed")

    told = run(**who)

    assert not OrderPush.objects.filter(order=visited.order, request_body__isnull=False).exists()
    assert found_in(dump()) == []
    assert "Erased from 1 orders" in told
    # Logs of the whole visit, in their own words and as they are written.
    assert (
        found_in(
            "\n".join(str(vars(record)) for record in caplog.records if record.name.split(".")[0] in OURS)
        )
        == []
    )
    assert "Message sent." in visited.logs
    assert found_in(visited.logs) == []
    order = Order.objects.get(pk=visited.order.pk)
    assert (order.customer_name, order.customer_phone, order.status) == ("", "", "cancelled")
    assert order.total == visited.order.total
    assert AuditEvent.objects.filter(actor="command:erase_guest").count() == 1


OURS = ("ding", "menus", "orders", "notifications", "pos_integrations", "django")


def test_another_guest_of_the_same_name_stays(visited):
    run(phone=CANARY["phone"])
    other = Order.objects.get(pk=visited.other.pk)
    assert (other.customer_name, other.customer_phone) == (CANARY["name"], "9000000001")


def test_twice_is_once(visited):
    run(phone=CANARY["phone"])
    assert "nothing was found" in run(email=CANARY["email"])


def test_an_open_order_keeps_its_guest_and_is_named(visited):
    Order.objects.filter(pk=visited.order.pk).update(status="pending")
    with pytest.raises(CommandError, match=visited.order.reference):
        run(phone=CANARY["phone"])
    assert Order.objects.get(pk=visited.order.pk).customer_phone == CANARY["phone"]
    run(phone=CANARY["phone"], open_too=True)
    assert Order.objects.get(pk=visited.order.pk).customer_phone == ""


def test_a_dry_run_only_tells(visited):
    before = dump()
    assert visited.order.reference in run(phone=CANARY["phone"], dry_run=True)
    assert dump() == before


@pytest.mark.parametrize("who", [{}, {"phone": " "}, {"order": "NOSUCHORDER"}])
def test_it_wants_to_know_who(transactional_db, who):
    with pytest.raises(CommandError):
        run(**who)


def test_a_name_with_wildcards_matches_nobody_else(transactional_db):
    at = connected_place()
    for number, phone in enumerate(("9000000001", "9000000002")):
        make_order(
            at.restaurant,
            customer_phone=phone,
            customer_name="%_%_%_%_%",
            status="delivered",
            notes=f"n{number}",
        )
    run(phone="9000000001")
    assert Order.objects.get(customer_phone="9000000002").notes == "n1"


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="a file of SQLite's")
def test_not_even_the_free_pages_of_the_file_know(committed, tmp_path):  # noqa: F811
    at = connected_place()
    orders = [
        make_order(
            at.restaurant,
            customer_phone=CANARY["phone"],
            customer_address="x" * 400 + "CANARY",
            status="delivered",
        )
        for _ in range(50)
    ]
    for order in orders:
        Notification.objects.create(
            order=order, type="sms", event="ready", message="CANARY " * 50, next_attempt_at=timezone.now()
        )
    WebhookLog.objects.all()
    run(phone=CANARY["phone"])
    connection.close()
    for file in tmp_path.glob("ding.sqlite3*"):
        assert b"CANARY" not in file.read_bytes(), file
    assert mail.outbox == []
