from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from ding.db import database_now
from ding.incidents.detecting import DETECTORS
from ding.incidents.detecting import integrations as integration_detectors
from ding.incidents.kinds import KINDS
from ding.incidents.models import Incident, IncidentAlert, Pulse
from ding.incidents.pulses import CLOCK, SCHEDULER
from ding.incidents.tests.factories import make_order, make_place, make_push, make_sync, make_webhook
from menus.tests.factories import statements
from notifications.models import Notification
from pos_integrations.models import OrderPush, RestaurantPosIntegration, RestaurantWebhookSecret
from pos_integrations.outbound import mark_handled, push_again
from pos_integrations.sealing import reseal

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return make_place()


def found():
    """All causes that stand, by key."""
    now = database_now()
    return {cause.key: cause for detector in DETECTORS for cause in detector.find(now)}


def kinds():
    return sorted(cause.kind for cause in found().values())


def test_every_kind_has_a_detector_and_the_other_way_round():
    looked_for = {kind for detector in DETECTORS for kind in detector.kinds}
    assert looked_for <= set(KINDS)
    assert set(KINDS) == looked_for


def test_nothing_is_wrong_in_a_quiet_house(place):
    make_push(place, "acknowledged", status="confirmed")
    make_push(place, "sent")
    make_push(place, "due", next_attempt_at=timezone.now())
    make_webhook(place, "processed")
    make_sync(place, "success")
    assert found() == {}


# --- orders ----------------------------------------------------------------------------------------------


def test_a_hundred_refused_orders_of_a_restaurant_are_one_cause(place):
    pushes = [make_push(place, "rejected", status="rejected", last_error="No such item.") for _ in range(25)]
    other = make_place("Other")
    make_push(other, "rejected", status="rejected")
    causes = found()
    assert len(causes) == 2
    cause = causes[f"order-refused:restaurant-{place.restaurant.pk}"]
    assert (cause.kind, cause.count, cause.restaurant_id) == ("order-refused", 25, place.restaurant.pk)
    assert len(cause.orders) == 20
    assert cause.orders[0] == (pushes[-1].order_id, pushes[-1].order.reference)
    assert cause.what == "Spice Garden: The POS refused 25 orders. The last reason: “No such item.”"


@pytest.mark.parametrize(
    ("state", "status", "kind"),
    [
        ("rejected", "rejected", "order-refused"),
        ("expired", "rejected", "order-not-sent"),
        ("unknown", "pending", "order-unclear"),
    ],
)
def test_each_way_to_fail_has_its_kind(place, state, status, kind):
    make_push(place, state, status=status)
    assert kinds() == [kind]


def test_what_a_guest_cancelled_before_it_was_sent_failed_nobody(place):
    make_push(place, "expired", status="cancelled")
    assert found() == {}


def test_an_unclear_order_that_is_over_needs_nobody(place):
    make_push(place, "unknown", status="delivered")
    make_push(place, "sent", status="delivered", silent_since=timezone.now())
    assert found() == {}


def test_a_silent_kitchen(place):
    push = make_push(place, "sent", silent_since=timezone.now())
    (cause,) = found().values()
    assert (cause.kind, cause.orders) == ("kitchen-silent", ((push.order_id, push.order.reference),))
    OrderPush.objects.update(state="acknowledged")
    assert found() == {}


def test_a_cancellation_that_the_pos_did_not_take(place):
    make_push(place, "rejected", status="cancelled", kind="cancellation")
    assert kinds() == ["cancellation-failed"]


@pytest.mark.parametrize("state", ["rejected", "expired", "unknown"])
def test_news_of_a_rider_that_the_pos_did_not_take(place, state):
    push = make_push(place, state, status="preparing", kind="rider_assigned", last_error="No such rider.")
    ((key, cause),) = found().items()
    assert key == f"rider-not-told:restaurant-{place.restaurant.pk}"
    assert cause.orders == ((push.order_id, push.order.reference),)
    assert cause.what == (
        "Spice Garden: The POS did not take the news of the rider of 1 order."
        " The last reason: “No such rider.”"
    )
    later = OrderPush.objects.create(
        order=push.order, integration=place.integration, kind="rider_arrived", state="due",
        expires_at=timezone.now(),
    )  # fmt: skip
    assert len(found()) == 1
    OrderPush.objects.filter(pk=later.pk).update(state="acknowledged", acknowledged_at=timezone.now())
    assert found() == {}


def test_news_of_a_rider_is_no_cause_of_its_own_while_access_is_refused(place):
    RestaurantPosIntegration.objects.update(problem="Invalid app key.")
    make_push(place, "expired", kind="rider_assigned")
    assert kinds() == ["access-refused"]


def test_what_is_older_than_a_day_is_history(place):
    make_push(place, "rejected", status="rejected", ago=25 * 3600)
    assert found() == {}


@pytest.mark.parametrize("repair", [push_again, mark_handled])
@pytest.mark.parametrize(("state", "status"), [("rejected", "rejected"), ("expired", "rejected")])
def test_a_repaired_order_is_no_cause_any_more(place, state, status, repair):
    push = make_push(place, state, status=status)
    assert len(found()) == 1
    repair(push.order_id, by="ann")
    assert found() == {}


def test_refused_access_is_one_cause_whatever_became_of_its_orders(place):
    RestaurantPosIntegration.objects.update(problem="Invalid app key.")
    make_push(place, "expired", status="rejected")
    make_push(place, "due", next_attempt_at=timezone.now(), attempts=1)
    ((key, cause),) = found().items()
    assert key == f"access-refused:integration-{place.integration.pk}"
    assert (cause.kind, cause.count, len(cause.orders)) == ("access-refused", 2, 2)
    assert cause.target == str(place.integration.pk)
    assert "does not let us in. 2 orders wait or were turned down." in cause.what
    RestaurantPosIntegration.objects.update(active=False)
    assert kinds() == []


def test_an_order_with_nowhere_to_go(place):
    make_push(place, "due", integration=None, next_attempt_at=timezone.now())
    assert found() == {}, "it has not been tried yet"
    OrderPush.objects.update(attempts=1)
    assert kinds() == ["no-integration"]
    push = make_push(place, "expired", integration=None, status="rejected")
    assert [(c.kind, c.count, c.orders[0][0]) for c in found().values()] == [
        ("no-integration", 2, push.order_id)
    ]


def test_no_number_and_no_address_of_a_guest_gets_into_an_incident(place):
    error = "Phone 98765 43210 or +91-9876543210 of asha@example.com is\nwrong"
    make_push(place, "rejected", status="rejected", last_error=error)
    (cause,) = found().values()
    assert cause.what.endswith("The last reason: “Phone … or … of … is wrong”")


# --- integrations ----------------------------------------------------------------------------------------


def make_secret(place, **delta):
    expires_at = timezone.now() + dt.timedelta(**delta) if delta else None
    return RestaurantWebhookSecret.objects.create(
        restaurant=place.restaurant, pos_provider=place.provider, secret_key="s" * 24, expires_at=expires_at
    )


@pytest.mark.parametrize(
    ("delta", "kind", "urgency"),
    [
        ({"days": 20}, None, None),
        ({"days": 13}, "secret-expiring", 0),
        ({"days": 2}, "secret-expiring", 1),
        ({"hours": 20}, "secret-expiring", 2),
        ({"seconds": -1}, "secret-expired", 3),
    ],
)
def test_a_secret_is_warned_of_at_14_3_and_1_days_and_when_it_ends(place, delta, kind, urgency):
    make_secret(place, **delta)
    causes = list(found().values())
    if kind is None:
        assert causes == []
    else:
        (cause,) = causes
        assert (cause.key, cause.kind, cause.urgency) == (
            f"secret:integration-{place.integration.pk}",
            kind,
            urgency,
        )


def test_an_old_secret_that_ends_beside_a_lasting_one_is_no_cause(place):
    make_secret(place, hours=1)
    make_secret(place)
    assert found() == {}


def test_revoking_the_last_secret_leaves_none(place):
    assert found() == {}, "an integration that never had one takes no signed webhooks"
    secret = make_secret(place)
    secret.is_active = False
    secret.save()
    (cause,) = found().values()
    assert cause.kind == "secret-expired"
    assert "was ended" in cause.what


def test_unsigned_webhooks_are_a_cause_as_long_as_somebody_lets_them_in(place):
    RestaurantPosIntegration.objects.update(unsigned_since=timezone.now(), unsigned_by="ann")
    (cause,) = found().values()
    assert (cause.kind, cause.target) == ("webhooks-unsigned", str(place.integration.pk))
    assert "ann switched it on" in cause.what
    RestaurantPosIntegration.objects.update(unsigned_since=None)
    assert found() == {}


def test_a_held_menu(place):
    make_sync(place, "success")
    make_sync(place, "failed", done="held, nothing was changed", found="40 of 50 items would go.")
    (cause,) = found().values()
    assert cause.kind == "sync-held"
    assert "40 of 50 items would go." in cause.what
    make_sync(place, "success")
    assert found() == {}


def test_one_failed_sync_is_tried_again_three_need_a_person(place):
    make_sync(place, "success")
    for _ in range(integration_detectors.FAILURES - 1):
        make_sync(place, "failed", done="nothing was changed", found="No answer.")
        assert found() == {}
    make_sync(place, "failed", done="nothing was changed", found="No answer.")
    (cause,) = found().values()
    assert cause.kind == "sync-failing"
    assert "No answer." in cause.what


def test_secrets_that_somebodys_sql_left_open(place):
    make_secret(place)
    table = RestaurantWebhookSecret._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET secret_key = 'plain-plain-plain-plain-plain'")
    (cause,) = found().values()
    assert (cause.kind, cause.count) == ("secrets-open", 1)
    assert "plain-plain" not in cause.what
    reseal(old_keys_too=False)
    assert found() == {}


# --- reports and messages --------------------------------------------------------------------------------


def test_parked_webhooks_of_a_restaurant_are_one_cause(place):
    order = make_order(place)
    make_webhook(place, "parked", verdict="unknown_item", error_message="The menu has no such item.")
    make_webhook(place, "parked", verdict="foreign_order", order=order)
    make_webhook(place, "parked", verdict="held")
    make_webhook(place, "failed", next_attempt_at=timezone.now())
    ((key, cause),) = found().items()
    assert key == f"webhook-parked:restaurant-{place.restaurant.pk}"
    assert (cause.count, cause.orders) == (2, ((order.pk, order.reference),))


def test_failed_messages_are_one_cause_by_channel(place):
    order = make_order(place)
    for event in ("confirmed", "ready", "dispatched"):
        Notification.objects.create(
            order=order, type="sms", event=event, message="…", status="failed", last_error="No credit."
        )
    Notification.objects.create(order=order, type="email", event="ready", message="…", status="sent")
    ((key, cause),) = found().items()
    assert key == "notification-failed:sms"
    assert (cause.count, cause.orders, cause.urgency) == (3, ((order.pk, order.reference),), 0)
    assert "No credit." in cause.what


def test_alerts_that_fail_are_an_incident_until_one_arrives():
    incident = Incident.objects.create(kind="sync-held", what="…")
    alert = {"incident": incident, "channel": "slack-1234"}
    IncidentAlert.objects.create(number=1, status="sent", **alert)
    assert found() == {}
    IncidentAlert.objects.create(number=2, status="failed", last_error="Gone.", **alert)
    (cause,) = found().values()
    assert (cause.kind, cause.count) == ("alert-failed", 1)
    assert "Gone." in cause.what
    IncidentAlert.objects.create(number=3, status="sent", **alert)
    assert found() == {}


# --- the whole system ------------------------------------------------------------------------------------


def ago(**delta):
    return timezone.now() - dt.timedelta(**delta)


def test_a_push_that_nobody_takes_stalls_its_queue(place):
    push = make_push(place, "due", next_attempt_at=ago(seconds=30))
    assert found() == {}
    OrderPush.objects.filter(pk=push.pk).update(next_attempt_at=ago(seconds=50))
    ((key, cause),) = found().items()
    assert (key, cause.kind) == ("queue-stalled:orders", "queue-stalled")


def test_each_queue_is_watched(place):
    order = make_order(place)
    make_webhook(place, "received", next_attempt_at=ago(minutes=2))
    Notification.objects.create(
        order=order, type="sms", event="ready", message="…", next_attempt_at=ago(minutes=9)
    )
    RestaurantPosIntegration.objects.update(menu_sync_due_at=ago(minutes=30))
    incident = Incident.objects.create(kind="sync-held", what="…")
    IncidentAlert.objects.create(incident=incident, number=1, channel="email", next_attempt_at=ago(minutes=9))
    assert sorted(found()) == [
        "queue-stalled:default",
        "queue-stalled:menus",
        "queue-stalled:notifications",
        "queue-stalled:webhooks",
    ]


def test_a_dead_scheduler_explains_the_stalled_queues(place):
    make_push(place, "due", next_attempt_at=ago(minutes=2))
    Pulse.objects.create(name=SCHEDULER, at=ago(seconds=10))
    assert kinds() == ["queue-stalled"]
    Pulse.objects.update(at=ago(seconds=50))
    ((key, cause),) = found().items()
    assert key == "scheduler-dead"
    assert "Waiting since then: calls to the POS." in cause.what


def test_a_clock_that_differs_is_a_cause_while_it_is_seen():
    pulse = Pulse.objects.create(name=f"{CLOCK}web on a", skew_seconds=-600, at=ago(seconds=5))
    Pulse.objects.create(name=f"{CLOCK}worker on a", skew_seconds=20, at=ago(seconds=5))
    ((key, cause),) = found().items()
    assert key == "clock-skewed:clock of web on a"
    assert cause.what == "The clock of web on a is 600 seconds behind the database's."
    Pulse.objects.filter(pk=pulse.pk).update(at=ago(minutes=5))
    assert found() == {}


def test_the_number_of_statements_does_not_grow_with_what_is_wrong():
    def mess():
        for n in range(3):
            place = make_place(f"Place {n}", problem="Invalid key.")
            other = make_place(f"Other {n}")
            make_secret(other, hours=1)
            for state, status in (("rejected", "rejected"), ("unknown", "pending"), ("due", "pending")):
                make_push(place, state, status=status, next_attempt_at=ago(minutes=2))
                make_push(other, state, status=status, next_attempt_at=ago(minutes=2))
            make_webhook(other, "parked")
            make_sync(other, "failed", done="held")

    mess()
    with statements() as few:
        found()
    mess()
    mess()
    with statements() as many:
        found()
    assert len(many) == len(few)
    assert len(few) <= 24
