"""The rows of the last day, and no others, whatever their ids and times have to do with each other."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from ding import paging
from ding.audit import AuditEvent
from ding.paging import written_since

NOW = timezone.now()


def written(*hours):
    """Events of so many hours ago, in the order of their ids."""
    events = [AuditEvent.objects.create(action="changed", object_type="x", object_id=str(h)) for h in hours]
    for event, ago in zip(events, hours, strict=True):
        AuditEvent._base_manager.filter(pk=event.pk).update(created_at=NOW - dt.timedelta(hours=ago))
    return events


def recent():
    found = written_since(AuditEvent.objects.all(), NOW - dt.timedelta(hours=24))
    return sorted(float(event.object_id) for event in found)


@pytest.mark.django_db
def test_rows_since_are_those_since_also_where_times_and_ids_disagree_a_little():
    assert recent() == []
    written(50, 30)
    assert recent() == []
    written(23, 25, 22, 23.5, 1)
    assert recent() == [1, 22, 23, 23.5]


@pytest.mark.django_db
def test_what_lies_far_before_is_not_read(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(paging, "OUT_OF_ORDER", 1)
    events = written(50, 40, 30, 20, 10)
    with django_assert_num_queries(2):
        assert recent() == [10, 20]
    found = written_since(AuditEvent.objects.all(), NOW - dt.timedelta(hours=24))
    assert str(events[2].pk) in str(found.query)
