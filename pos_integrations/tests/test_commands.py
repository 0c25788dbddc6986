"""What an operator runs by hand, and the exit codes by which scripts know how it went."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import OperationalError

from ding.audit import AuditEvent
from menus.models import Item
from orders.models import Order
from orders.tests.factories import make_order
from pos_integrations.configuration import valid_secrets
from pos_integrations.management.commands import push_order as push_order_command
from pos_integrations.models import MenuSyncHistory, OrderPush, RestaurantPosIntegration, WebhookLog
from pos_integrations.tests.factories import (
    connect,
    connected_place,
    make_restaurant,
    order_status,
    place,
    send,
)


def run(*args, **options):
    """What the command printed, and its exit code."""
    out = io.StringIO()
    code = 0
    try:
        call_command(*args, stdout=out, stderr=io.StringIO(), **options)
    except CommandError as error:
        out.write(str(error))
        code = error.returncode
    except SystemExit as stop:
        code = stop.code
    return code, out.getvalue()


# --- sync_menu ------------------------------------------------------------------------------------------


def test_syncing_one_restaurant(db, pos):
    integration = connect(pos, make_restaurant())
    other = connect(pos, make_restaurant(), code="efgh5678")
    code, text = run("sync_menu", str(integration.restaurant_id))
    assert code == 0
    assert "Sample Lounge: success, 3 items; " in text
    assert "items 3 new, 0 changed, 0 gone" in text
    assert set(Item.objects.values_list("restaurant", flat=True)) == {integration.restaurant_id}
    assert MenuSyncHistory.objects.get().trigger == "command"
    code, text = run("sync_menu", str(integration.restaurant_id))
    assert (code, text.strip()) == (0, "Sample Lounge: success, 3 items; nothing")
    assert not MenuSyncHistory.objects.filter(restaurant=other.restaurant).exists()


def test_a_dry_run_says_what_would_change_and_changes_nothing(db, pos):
    integration = connect(pos, make_restaurant())
    code, text = run("sync_menu", str(integration.restaurant_id), "--dry-run")
    assert code == 0
    assert "would change: " in text
    assert "items 3 new" in text
    assert not Item.objects.exists()
    assert not MenuSyncHistory.objects.exists()


def test_syncing_all_goes_on_after_a_failure_and_ends_with_1(db, pos):
    broken = connect(pos, make_restaurant())
    connect(pos, make_restaurant(), code="efgh5678")
    off = connect(pos, make_restaurant(), code="offf0000")
    RestaurantPosIntegration.objects.filter(pk=off.pk).update(active=False)
    pos.set_menu("abcd1234", None)
    code, text = run("sync_menu", "--all")
    assert code == 1
    assert "Press Menu Trigger" in text
    assert "Sample Lounge: success, 8 items; " in text
    assert text.endswith("1 of 2 menus could not be synchronised.")
    assert MenuSyncHistory.objects.get(restaurant=broken.restaurant).status == "failed"
    assert not MenuSyncHistory.objects.filter(restaurant=off.restaurant).exists()


def test_a_held_menu_is_a_failure_that_force_overcomes(db, pos):
    integration = connect(pos, make_restaurant())
    run("sync_menu", "--all")
    menu = pos.outlets["abcd1234"].menu
    pos.set_menu("abcd1234", {**menu, "items": []})
    code, text = run("sync_menu", str(integration.restaurant_id))
    assert code == 1
    assert "sync again with force" in text
    assert run("sync_menu", str(integration.restaurant_id), "--force")[0] == 0
    assert not Item.objects.filter(active=True).exists()


def test_what_was_left_out_of_a_menu_is_named(db, pos):
    integration = connect(pos, make_restaurant())
    menu = pos.outlets["abcd1234"].menu
    menu["items"][1]["price"] = "a lot"
    pos.set_menu("abcd1234", menu)
    code, text = run("sync_menu", str(integration.restaurant_id))
    assert code == 0
    assert "partial, 2 items" in text
    assert "  item 118807411 price: found a lot; " in text


@pytest.mark.parametrize("args", [(), ("1", "--all"), ("999999",)])
def test_a_question_that_makes_no_sense_is_an_error(db, args):
    assert run("sync_menu", *args)[0] == 2


# --- process_webhooks -----------------------------------------------------------------------------------


def test_working_off_the_inbox_by_hand(db, client):
    at = connected_place()
    orders = [make_order(at.restaurant) for _ in range(3)]
    for order in orders:
        send(client, "order-status", order_status(order))
    code, text = run("process_webhooks")
    assert code == 0
    assert text.endswith("Done: 3 worked off; 0 will be tried again, 0 are parked.\n")
    assert run("process_webhooks") == (0, "Done: 0 worked off; 0 will be tried again, 0 are parked.\n")


def test_a_webhook_that_is_not_there_is_told(db):
    code, text = run("process_webhooks", "--id", "999999")
    assert (code, "There is no webhook 999999." in text) == (2, True)


def test_parked_webhooks_end_it_with_1_and_can_be_tried_again(db, client):
    at = connected_place()
    send(client, "order-status", order_status("LATER"))
    WebhookLog.objects.update(attempts=4, status="failed")
    other = send(client, "order-status", order_status("X", timestamp="soon"))
    assert other.status_code == 200
    code, text = run("process_webhooks")
    assert code == 1
    assert "0 will be tried again, 2 are parked." in text

    order = make_order(at.restaurant, reference="LATER")
    first = WebhookLog.objects.order_by("pk")[0]
    code, text = run("process_webhooks", "--id", str(first.pk))
    assert code == 1
    assert "1 failed or parked webhooks are tried again." in text
    assert order.history.count() == 1
    WebhookLog.objects.filter(status="parked").update(payload=json.dumps(order_status("LATER", "READY")))
    code, text = run("process_webhooks", "--failed")
    assert code == 0
    assert order.history.count() == 2


def test_a_row_that_fails_now_is_not_tried_in_a_circle(db, client):
    connected_place()
    send(client, "order-status", order_status("LATER"))
    assert run("process_webhooks")[0] == 0
    assert WebhookLog.objects.get().attempts == 1
    assert "1 will be tried again, 0 are parked" in run("process_webhooks")[1]
    assert WebhookLog.objects.get().attempts == 1


# --- push_order -----------------------------------------------------------------------------------------


def test_an_order_is_brought_to_the_kitchen_by_hand(db, pos):
    push = place(connected_place(pos))
    OrderPush.objects.update(state="expired", next_attempt_at=None)
    Order.objects.update(status="rejected")
    code, text = run("push_order", push.order.reference)
    assert (code, text) == (0, f"{push.order.reference}: Sent, not confirmed.\n")
    assert [ticket.facts.reference for ticket in pos.tickets()] == [push.order.reference]
    push.refresh_from_db()
    assert push.state == "sent"
    assert Order.objects.get().status == "pending"


def test_an_order_that_the_kitchen_may_have_is_sent_only_with_the_word(db, pos):
    push = place(connected_place(pos))
    OrderPush.objects.update(state="unknown", maybe_taken=True)
    code, text = run("push_order", push.order.reference)
    assert code == 2
    assert "may cook it twice" in text
    assert pos.tickets() == []
    assert run("push_order", push.order.reference, "--twice-is-fine")[0] == 0
    assert len(pos.tickets()) == 1


def test_a_push_that_does_not_arrive_ends_with_1_and_stays_owed(db):
    push = place(connected_place())  # nobody listens there
    code, text = run("push_order", push.order.reference)
    assert code == 1
    assert "It is tried again by itself until" in text
    push.refresh_from_db()
    assert (push.state, push.attempts) == ("due", 1)


def test_a_reference_that_nobody_has_ends_with_2(db):
    assert run("push_order", "NOSUCHORDER1") == (2, "There is no order of this reference.")


# --- rotate_secret --------------------------------------------------------------------------------------


def test_a_secret_is_rotated_and_shown_once_on_standard_output(db, pos):
    integration = connect(pos, make_restaurant())
    old = valid_secrets(integration)
    code, text = run("rotate_secret", str(integration.restaurant_id))
    assert code == 0
    secret = text.strip()
    assert secret in [value for _, value in valid_secrets(integration)]
    assert len(valid_secrets(integration)) == len(old) + 1
    event = AuditEvent.objects.filter(action="rotated the webhook secret").get()
    assert event.actor == "command:rotate_secret"
    assert secret not in repr(list(AuditEvent.objects.values()))
    assert run("rotate_secret", str(integration.restaurant_id), "--overlap-hours", "0")[0] == 0
    assert len(valid_secrets(integration)) == 1


@pytest.mark.parametrize(
    "args", [("999999",), ("{own}", "--provider", "other"), ("{own}", "--overlap-hours", "-1")]
)
def test_rotating_what_is_not_there_changes_nothing(db, pos, args):
    integration = connect(pos, make_restaurant())
    before = valid_secrets(integration)
    code, _ = run("rotate_secret", *(arg.format(own=integration.restaurant_id) for arg in args))
    assert code == 2
    assert valid_secrets(integration) == before


# --- check_integration ----------------------------------------------------------------------------------


def test_checking_one_integration_says_line_by_line_what_works(db, pos):
    integration = connect(pos, make_restaurant())
    code, text = run("check_integration", str(integration.restaurant_id))
    assert code == 0
    assert text.startswith(f"{integration}:\n  ok   ")
    assert "FAIL" not in text
    assert not MenuSyncHistory.objects.exists()


def test_checking_all_goes_on_after_one_that_fails(db, pos):
    connect(pos, make_restaurant())
    connect(pos, make_restaurant(), code="unknown00")
    code, text = run("check_integration", "--all")
    assert code == 1
    assert text.count("Sample Lounge at PetPooja:") == 2
    assert "FAIL" in text
    assert text.endswith("1 of 2 integrations do not work.")


@pytest.mark.parametrize("args", [(), ("1", "--all"), ("999999",), ("--all",)])
def test_checking_nothing_is_an_error(db, args):
    assert run("check_integration", *args)[0] == 2


# --- what all have in common ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["sync_menu", "process_webhooks", "push_order", "rotate_secret", "check_integration", "pos_status"],
)
def test_the_help_tells_the_exit_codes(name):
    help_text = load_command_class(app_of(name), name).create_parser("manage.py", name).format_help()
    assert "Exit codes: 0 all is well; 1 something needs a person" in " ".join(help_text.split())


def app_of(name):
    return get_commands()[name]


def test_without_a_database_a_command_says_so_and_ends_with_2(db, monkeypatch):
    def gone(*args, **kwargs):
        raise OperationalError('(2002, "Can\'t connect")')

    monkeypatch.setattr(push_order_command.Order.objects, "filter", gone)
    assert run("push_order", "X") == (2, "The database does not answer (OperationalError).")
