"""Many pushes at the same time: each waits for its POS in a thread of this process, and none for another."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import connection

from ding.connections import after_work, before_work
from pos_integrations.outbound.lanes import deliver_in_turn

# Its threads begin when they are first needed: after a worker has forked.
_threads = ThreadPoolExecutor(settings.CALLS_AT_ONCE, thread_name_prefix="push")


def deliver_each(push_ids: Sequence[int], seconds: float) -> list[int]:
    """`deliver_in_turn` for each of them; the ids of pushes that are still due."""
    if connection.in_atomic_block:
        # Other threads do not see what is not committed.
        left = [deliver_in_turn(push_id, seconds) for push_id in push_ids]
    else:
        calls = [_threads.submit(_deliver, push_id, seconds) for push_id in push_ids]
        left = [call.result() for call in calls]
    return [push_id for push_id in left if push_id is not None]


def _deliver(push_id: int, seconds: float) -> int | None:
    before_work()
    try:
        return deliver_in_turn(push_id, seconds)
    finally:
        after_work()
