"""Callers that come at once are served together, and none of them is harmed by another."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import OperationalError

from ding.together import Together


def all_at_once(call, items):
    """Call in as many threads; the first one's work lasts until all others have come."""
    results = {}

    def run(item):
        try:
            results[item] = call(item)
        except Exception as error:
            results[item] = error

    threads = [threading.Thread(target=run, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def gathering(expected, work):
    """`work` whose first batch waits until so many callers wait behind it."""
    batches = []

    def gathered(items):
        batches.append(sorted(items))
        until = time.monotonic() + 20
        while len(batches) == 1 and len(together._waiting) < expected and time.monotonic() < until:
            time.sleep(0.001)
        return work(items)

    together = Together(gathered)
    return together, batches


def test_who_is_alone_is_served_alone():
    assert Together(lambda items: [item + 1 for item in items])(1) == 2


def test_who_comes_meanwhile_is_served_with_the_next_batch_each_with_his_own_result():
    together, batches = gathering(9, lambda items: [item * 10 for item in items])
    assert all_at_once(together, range(10)) == {n: n * 10 for n in range(10)}
    assert [len(batch) for batch in batches] == [1, 9]
    assert together(3) == 30
    assert not together._busy


def test_one_bad_item_harms_no_other():
    def work(items):
        if 5 in items:
            raise ValueError(str(len(items)))
        return items

    together, _ = gathering(9, work)
    results = all_at_once(together, range(10))
    assert isinstance(results.pop(5), ValueError)
    assert results == {n: n for n in range(10) if n != 5}


def test_what_a_lost_database_may_have_committed_is_not_done_again():
    def work(items):
        done.append(sorted(items))
        if len(items) > 1:
            raise OperationalError(2013, "Lost connection during COMMIT")
        return items

    done = []
    together, _ = gathering(9, work)
    results = all_at_once(together, range(10))
    assert sum(isinstance(result, OperationalError) for result in results.values()) == 9
    assert [len(items) for items in done] == [1, 9]


def test_a_leader_that_is_stopped_leaves_the_others_a_leader():
    calls = []

    def work(items):
        calls.append(list(items))
        if len(calls) == 1:
            raise SystemExit
        return items

    together = Together(work)
    with pytest.raises(SystemExit):
        together(1)
    assert together(2) == 2


@pytest.mark.django_db
def test_inside_a_transaction_nobody_is_served_by_another():
    together = Together(lambda items: items)
    together._busy = True
    assert together(1) == 1


def gathers(seconds, count):
    """One that has just served so many at once, and the sizes of its batches from now on."""
    sizes = []

    def work(items):
        sizes.append(len(items))
        time.sleep(0.1 if len(sizes) == 1 else 0)
        together._gather_seconds = 0 if len(sizes) == 1 else seconds
        return items

    together = Together(work)
    all_at_once(together, range(count + 1))
    assert sizes == [1, count]
    sizes.clear()
    return together, sizes


def test_who_was_served_a_moment_ago_is_waited_for_and_no_longer_than_until_all_are_there():
    together, sizes = gathers(20, 8)
    began = time.monotonic()
    results = all_at_once(lambda item: time.sleep(item / 100) or together(item), range(8))
    assert results == {n: n for n in range(8)}
    assert sizes == [8]
    assert time.monotonic() - began < 10


def test_who_does_not_come_again_is_waited_for_only_so_long():
    together, sizes = gathers(0.3, 8)
    began = time.monotonic()
    assert together(1) == 1
    assert time.monotonic() - began < 5
    assert sizes == [1]
    # Nobody else was there: nobody is expected.
    together._gather_seconds = 20
    for n in range(5):
        assert together(n) == n
    assert time.monotonic() - began < 10


def test_who_is_alone_waits_for_nobody_however_long_one_may_wait():
    together = Together(lambda items: items, 20)
    began = time.monotonic()
    assert [together(n) for n in range(100)] == list(range(100))
    assert time.monotonic() - began < 10
