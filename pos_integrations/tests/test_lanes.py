"""A POS that hangs holds up its own restaurant alone, and nothing due is left behind."""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter

import pytest
from django.db.models import F

from pos_integrations import outbound, tasks
from pos_integrations.models import OrderPush, PushState
from pos_integrations.outbound import at_once, lanes
from pos_integrations.tests.factories import connected_place, make_due, place


@pytest.fixture
def pushes(db):
    at = connected_place()
    return [place(at) for _ in range(3)]


@pytest.fixture
def brought(monkeypatch):
    """The ids of those that were brought to their POS, which takes them."""
    brought = []

    def deliver(pk):
        brought.append(pk)
        OrderPush.objects.filter(pk=pk).update(state=PushState.SENT)

    monkeypatch.setattr(lanes, "deliver", deliver)
    return brought


def test_one_nudge_brings_all_that_is_due_there(pushes, brought):
    make_due(*pushes)
    assert lanes.deliver_in_turn(pushes[1].pk, 20) is None
    assert brought[0] == pushes[1].pk
    assert sorted(brought) == [push.pk for push in pushes]
    assert not lanes._busy


def test_what_is_left_when_the_time_is_over_is_named(pushes, monkeypatch):
    monkeypatch.setattr(lanes, "deliver", lambda pk: OrderPush.objects.filter(pk=pk).update(state="sent"))
    make_due(*pushes)
    left = lanes.deliver_in_turn(pushes[0].pk, -1)
    assert left in (pushes[1].pk, pushes[2].pk)
    nudged = []
    monkeypatch.setattr(tasks, "nudge", lambda task, pk: nudged.append(pk))
    monkeypatch.setattr(tasks, "BUDGET_SECONDS", -1)
    tasks.push_orders(left)
    assert len(nudged) == 1


def test_with_all_lanes_taken_the_push_stays_due_and_nobody_waits(pushes, monkeypatch):
    called = []
    monkeypatch.setattr(lanes, "deliver", called.append)
    make_due(*pushes)
    lanes._busy[pushes[0].integration_id] = lanes.LANES
    try:
        assert lanes.deliver_in_turn(pushes[0].pk, 20) is None
    finally:
        lanes._busy.clear()
    assert called == []
    assert set(OrderPush.objects.values_list("state", flat=True)) == {"due"}


def test_a_push_that_came_just_before_the_last_lane_was_left_is_not_forgotten(pushes, monkeypatch):
    make_due(pushes[0])
    OrderPush.objects.exclude(pk=pushes[0].pk).update(state=PushState.SENT)
    brought = []

    def deliver(pk):
        brought.append(pk)
        OrderPush.objects.filter(pk=pk).update(state=PushState.SENT)

    leave = lanes._leave

    def late(lane):
        if len(brought) == 1:
            # Its own task has just found the lanes full and gone away.
            OrderPush.objects.filter(pk=pushes[1].pk).update(state=PushState.DUE)
            make_due(pushes[1])
            lanes._full.add(lane)
        return leave(lane)

    monkeypatch.setattr(lanes, "deliver", deliver)
    monkeypatch.setattr(lanes, "_leave", late)
    lanes.deliver_in_turn(pushes[0].pk, 20)
    assert brought == [pushes[0].pk, pushes[1].pk]


def test_a_nudge_that_is_too_late_for_its_own_push_brings_the_next_one(pushes, brought):
    make_due(*pushes)
    OrderPush.objects.filter(pk=pushes[0].pk).update(state=PushState.SENT)
    lanes.deliver_in_turn(pushes[0].pk, 20)
    assert sorted(brought) == [pushes[1].pk, pushes[2].pk]


def test_who_is_done_helps_where_more_is_known_to_wait(pushes, brought):
    elsewhere = connected_place(code="efgh5678")
    others = [place(elsewhere) for _ in range(4)]
    make_due(*pushes, *others)
    other = others[0].integration_id
    assert lanes._enter(other)
    brought.append(lanes._due_of(other))
    OrderPush.objects.filter(pk__in=brought).update(state=PushState.SENT)
    assert lanes.deliver_in_turn(pushes[0].pk, 20) is None
    lanes._leave(other)
    assert sorted(brought) == sorted(push.pk for push in [*pushes, *others])
    assert not lanes._busy


def test_nobody_helps_where_all_lanes_are_taken(pushes, monkeypatch):
    monkeypatch.setattr(lanes, "deliver", lambda pk: OrderPush.objects.filter(pk=pk).update(state="sent"))
    monkeypatch.setattr(lanes, "_found", {7: [1, 2, 3]})
    monkeypatch.setattr(lanes, "_busy", Counter({7: lanes.LANES}))
    make_due(*pushes)
    assert lanes.deliver_in_turn(pushes[0].pk, 20) is None
    assert lanes._found == {7: [1, 2, 3]}


def test_a_nudge_for_nothing_costs_one_look(pushes, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert lanes.deliver_in_turn(987_654, 20) is None


def test_who_finds_all_lanes_taken_is_told_of_once():
    for _ in range(lanes.LANES):
        assert lanes._enter(7)
    assert not lanes._enter(7)
    assert [lanes._leave(7) for _ in range(lanes.LANES)] == [True] + [False] * (lanes.LANES - 1)


def test_never_more_at_once_than_there_are_lanes():
    inside, most = [], []
    gate = threading.Barrier(20)

    def try_it():
        gate.wait()
        if lanes._enter(7):
            inside.append(1)
            most.append(len(inside))

    threads = [threading.Thread(target=try_it) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == lanes.LANES
    for _ in range(lanes.LANES):
        lanes._leave(7)
    assert not lanes._busy


@pytest.mark.django_db(transaction=True)
def test_several_are_brought_at_the_same_time(monkeypatch):
    together = threading.Barrier(3)
    closed = []
    monkeypatch.setattr(at_once, "after_work", lambda: closed.append(threading.get_ident()))

    def deliver(push_id, seconds):
        together.wait(20)
        return push_id if push_id == 2 else None

    monkeypatch.setattr(at_once, "deliver_in_turn", deliver)
    assert at_once.deliver_each([1, 2, 3], 20) == [2]
    assert len(set(closed)) == 3
    assert threading.get_ident() not in closed


def test_what_has_waited_is_left_to_the_sweepers_pace(pushes, brought):
    first, waited, fresh = pushes
    make_due(*pushes)
    OrderPush.objects.filter(pk=waited.pk).update(created_at=F("next_attempt_at") - dt.timedelta(seconds=5))
    assert lanes.deliver_in_turn(first.pk, 20) is None
    assert brought == [first.pk, fresh.pk]
    assert waited.pk in outbound.due_pushes()
    # Who is asked for by name goes.
    assert lanes.deliver_in_turn(waited.pk, 20) is None
    assert brought[2:] == [waited.pk]
