"""Where an order stands: what the badge says is what the filter finds, and the advice fits."""

from __future__ import annotations

import itertools

import pytest
from django.utils import timezone

from ding.cockpit.kitchen import STANDINGS, diagnose, span, standing_of
from orders.models import Order
from orders.status import OrderStatus
from pos_integrations.models import OrderPush, PushKind, PushState
from pos_integrations.outbound import owed_by
from pos_integrations.tests.factories import connected_place, place

pytestmark = pytest.mark.django_db


@pytest.fixture
def push():
    return place(connected_place())


def situations(push):
    """Every state of a push with every fate of its order."""
    statuses = (OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.REJECTED, OrderStatus.CANCELLED)
    for state, status, error, silent in itertools.product(
        PushState, statuses, ("", "No."), (None, timezone.now())
    ):
        OrderPush.objects.filter(pk=push.pk).update(state=state, last_error=error, silent_since=silent)
        Order.objects.filter(pk=push.order_id).update(status=status)
        yield Order.objects.select_related("restaurant").get(pk=push.order_id)


def pushes_of(order):
    return list(OrderPush.objects.filter(order=order).select_related("integration__pos_provider"))


def test_the_badge_and_the_filter_agree_for_every_situation(push):
    seen = set()
    for order in situations(push):
        badge = standing_of(order, owed_by(order, pushes_of(order)))
        found = [s.key for s in STANDINGS if OrderPush.objects.filter(s.pushes, order=order).exists()]
        assert found == [badge.key]
        seen.add(badge.key)
    assert seen == {s.key for s in STANDINGS} - {"telling", "told", "not_told"}


def test_a_cancellation_that_did_not_arrive_counts_for_the_order(push):
    OrderPush.objects.filter(pk=push.pk).update(state=PushState.SENT)
    Order.objects.filter(pk=push.order_id).update(status=OrderStatus.CANCELLED)
    OrderPush.objects.create(
        order=push.order,
        kind=PushKind.CANCELLATION,
        integration=push.integration,
        state=PushState.UNKNOWN,
        expires_at=timezone.now(),
        last_error="No answer.",
    )
    order = Order.objects.get()
    for state, key in (("due", "telling"), ("acknowledged", "told"), ("unknown", "not_told")):
        OrderPush.objects.filter(kind=PushKind.CANCELLATION).update(state=state)
        assert standing_of(order, owed_by(order, pushes_of(order))).key == key
    told = diagnose(order, pushes_of(order))
    assert "may still be cooking" in told.headline
    assert "No answer." in told.why


def test_every_situation_has_words_and_trouble_has_advice(push):
    for order in situations(push):
        told = diagnose(order, pushes_of(order))
        assert told.headline.endswith(".")
        standing = standing_of(order, owed_by(order, pushes_of(order)))
        assert bool(told.advice) or not standing.trouble


def test_without_a_connection_the_advice_names_it(push):
    OrderPush.objects.update(integration=None)
    order = Order.objects.get()
    assert diagnose(order, pushes_of(order)).headline == "This restaurant is connected to no POS."


def test_a_refused_credential_is_named_in_the_pos_s_words(push):
    push.integration.problem = "PetPooja refuses the app key."
    push.integration.save()
    order = Order.objects.get()
    told = diagnose(order, pushes_of(order))
    assert (told.headline, told.why) == ("PetPooja does not let ding in.", "PetPooja refuses the app key.")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (100_000, "27 h"),
        (172_800, "2 days"),
    ],
)
def test_spans_in_words(seconds, words):
    assert span(seconds) == words
