"""A POS that does not answer is left alone, its orders wait, and the return is at a pace."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from pos_integrations import outbound
from pos_integrations.models import OrderPush, PushState, RestaurantPosIntegration
from pos_integrations.outbound import sweeping
from pos_integrations.tests.factories import connected_place, in_threads, make_due, place

DOWN = {"endpoint": "http://127.0.0.1:9"}


def integration_of(at):
    return RestaurantPosIntegration.objects.get(pk=at.integration.pk)


def go_down(at):
    RestaurantPosIntegration.objects.filter(pk=at.integration.pk).update(**DOWN)


def come_back(at, pos):
    RestaurantPosIntegration.objects.filter(pk=at.integration.pk).update(endpoint=pos.base_url)


def end_rest(at):
    RestaurantPosIntegration.objects.filter(pk=at.integration.pk).update(rests_until=timezone.now())


def fail(at, times=5):
    """So many orders meet a POS that is down."""
    pushes = [place(at) for _ in range(times)]
    for push in pushes:
        outbound.deliver(push.pk)
    return pushes


def test_after_five_failures_in_a_row_orders_wait_without_a_call_and_without_using_a_retry(db, pos):
    at = connected_place(pos)
    go_down(at)
    fail(at)
    assert integration_of(at).rests_until > timezone.now()
    late = place(at)

    outbound.deliver(late.pk)

    late.refresh_from_db()
    assert (late.state, late.attempts, late.attempt_log.count()) == (PushState.DUE, 0, 0)
    assert late.next_attempt_at == integration_of(at).rests_until


def test_four_failures_and_a_success_begin_no_rest(db, pos):
    at = connected_place(pos)
    go_down(at)
    fail(at, 4)
    come_back(at, pos)
    outbound.deliver(place(at).pk)
    assert integration_of(at).failed_calls == 0
    go_down(at)
    fail(at, 4)

    assert integration_of(at).rests_until is None


def test_a_refusal_is_an_answer(db, pos):
    at = connected_place(pos)
    go_down(at)
    fail(at, 4)
    come_back(at, pos)
    refused = place(at)
    pos.misbehave_order(refused.order.reference, "refuse")

    outbound.deliver(refused.pk)

    assert integration_of(at).failed_calls == 0


def test_after_a_rest_one_order_tries_and_the_others_wait_for_what_it_finds(db, pos):
    at = connected_place(pos)
    go_down(at)
    fail(at)
    first, second = place(at), place(at)
    end_rest(at)

    outbound.deliver(first.pk)
    outbound.deliver(second.pk)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.attempts, second.attempts) == (1, 0)
    assert integration_of(at).rests_until > timezone.now()


def test_when_it_is_back_the_rest_is_over_for_all(db, pos):
    at = connected_place(pos)
    go_down(at)
    fail(at)
    come_back(at, pos)
    end_rest(at)

    for push in (place(at), place(at)):
        outbound.deliver(push.pk)
        push.refresh_from_db()
        assert push.state == PushState.SENT
    assert integration_of(at).rests_until is None


def test_of_many_workers_after_a_rest_one_calls(committed, pos):
    at = connected_place(pos)
    go_down(at)
    fail(at)
    pushes = [place(at) for _ in range(4)]
    end_rest(at)

    in_threads(4, lambda n: outbound.deliver(pushes[n].pk))

    assert (
        sum(OrderPush.objects.filter(pk__in=[p.pk for p in pushes]).values_list("attempts", flat=True)) == 1
    )


def test_another_restaurant_is_not_held_up(db, pos):
    at = connected_place(pos)
    go_down(at)
    fail(at)
    other = connected_place(pos, code="efgh5678")
    push = place(other)

    outbound.deliver(push.pk)

    push.refresh_from_db()
    assert push.state == PushState.SENT


def test_the_limit_is_a_setting_of_the_integration(db, pos):
    at = connected_place(pos, rest_after_failures=2)
    go_down(at)
    fail(at, 2)

    assert integration_of(at).rests_until is not None


def test_a_backlog_is_handed_out_at_a_pace_for_each_restaurant(db, pos, monkeypatch):
    monkeypatch.setattr(sweeping, "BACKLOG_PER_SWEEP", 3)
    at, other = connected_place(pos), connected_place(pos, code="efgh5678")
    mine = [place(at) for _ in range(5)]
    others = [place(other) for _ in range(2)]
    make_due(*mine, *others)
    OrderPush.objects.filter(pk=mine[4].pk).update(next_attempt_at=timezone.now() - dt.timedelta(minutes=1))

    handed_out = outbound.due_pushes()

    assert handed_out[0] == mine[4].pk
    assert len({push.pk for push in mine} & set(handed_out)) == 3
    assert {push.pk for push in others} <= set(handed_out)
