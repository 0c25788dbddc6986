from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ding.errors import Conflict
from menus.models import Restaurant
from orders.models import ChangeSource, Order, OrderStatusHistory
from orders.services.statuses import (
    ReportResult,
    StatusReport,
    Verdict,
    cancel_order,
    change_status,
    report_statuses,
)
from orders.signals import order_status_changed
from orders.status import OrderStatus, can_move
from orders.tests.factories import make_order

pytestmark = pytest.mark.django_db

EARLIER = dt.datetime(2026, 1, 15, 14, 0, tzinfo=dt.UTC)
LATER = EARLIER + dt.timedelta(minutes=5)
S = OrderStatus


@pytest.fixture
def restaurant() -> Restaurant:
    return Restaurant.objects.create(name="Sample Lounge", phone="9000000001")


@pytest.fixture
def sent() -> Iterator[list[list[OrderStatusHistory]]]:
    batches: list[list[OrderStatusHistory]] = []

    def receiver(sender: Any, changes: list[OrderStatusHistory], **kwargs: Any) -> None:
        batches.append(changes)

    order_status_changed.connect(receiver)
    yield batches
    order_status_changed.disconnect(receiver)


def report(order: Order, status: OrderStatus, **values: Any) -> StatusReport:
    defaults = {
        "restaurant_id": order.restaurant_id,
        "status": status,
        "source": ChangeSource.POS,
        "reference": order.reference,
        "happened_at": EARLIER,
    }
    return StatusReport(**{**defaults, **values})


def facts(order: Order) -> dict[str, Any]:
    return Order.objects.filter(pk=order.pk).values().get()


@pytest.mark.parametrize("old", S.values)
@pytest.mark.parametrize("new", S.values)
def test_table_of_moves(old: str, new: str) -> None:
    steps = ["pending", "confirmed", "preparing", "ready", "dispatched", "delivered"]
    is_open = old in steps[:-1]
    forward = is_open and new in steps and steps.index(new) > steps.index(old)
    expected = forward or (is_open and new == "cancelled") or (old == "pending" and new == "rejected")

    assert can_move(old, new) is expected


def test_a_report_moves_the_order_and_writes_history_and_tells(
    restaurant: Restaurant, sent: list[list[OrderStatusHistory]]
) -> None:
    order = make_order(restaurant)

    results = report_statuses([report(order, S.CONFIRMED, changed_by="pos", reason="ok", prep_minutes=25)])

    assert results == [ReportResult(Verdict.APPLIED, order.pk)]
    order.refresh_from_db()
    assert order.status == "confirmed"
    assert order.pos_status_updated_at == EARLIER
    assert order.estimated_delivery_time == EARLIER + dt.timedelta(minutes=25)
    row = order.history.get()
    assert (row.old_status, row.new_status, row.source) == ("pending", "confirmed", "pos")
    assert (row.changed_by, row.change_reason, row.happened_at) == ("pos", "ok", EARLIER)
    ((told,),) = sent
    assert (told.order, told.old_status, told.new_status) == (order, "pending", "confirmed")


def test_the_same_report_twice_is_a_duplicate_and_changes_nothing(
    restaurant: Restaurant, sent: list[list[OrderStatusHistory]]
) -> None:
    order = make_order(restaurant)
    report_statuses([report(order, S.CONFIRMED)])
    before = facts(order)

    assert report_statuses([report(order, S.CONFIRMED)]) == [ReportResult(Verdict.DUPLICATE, order.pk)]
    assert facts(order) == before
    assert order.history.count() == 1
    assert len(sent) == 1


def test_the_same_report_twice_in_one_batch_is_applied_once(restaurant: Restaurant) -> None:
    order = make_order(restaurant)

    results = report_statuses([report(order, S.CONFIRMED), report(order, S.CONFIRMED)])

    assert [result.verdict for result in results] == [Verdict.APPLIED, Verdict.DUPLICATE]
    assert order.history.count() == 1


def test_a_late_accepted_does_not_undo_ready(restaurant: Restaurant) -> None:
    order = make_order(restaurant, status=S.READY)
    before = facts(order)

    results = report_statuses([report(order, S.CONFIRMED, happened_at=LATER)])

    assert results == [ReportResult(Verdict.LATE, order.pk)]
    assert facts(order) == before
    assert not order.history.exists()


@pytest.mark.parametrize("final", [S.DELIVERED, S.CANCELLED, S.REJECTED])
@pytest.mark.parametrize("status", [S.CONFIRMED, S.DISPATCHED, S.CANCELLED, S.REJECTED, S.DELIVERED])
def test_a_finished_order_stays_finished(
    restaurant: Restaurant, final: OrderStatus, status: OrderStatus
) -> None:
    order = make_order(restaurant, status=final)
    before = facts(order)

    (result,) = report_statuses([report(order, status)])

    assert result.verdict in (Verdict.LATE, Verdict.DUPLICATE)
    assert facts(order) == before


def test_a_repeated_rejection_is_a_duplicate(restaurant: Restaurant) -> None:
    order = make_order(restaurant)

    results = report_statuses([report(order, S.REJECTED), report(order, S.REJECTED)])

    assert [result.verdict for result in results] == [Verdict.APPLIED, Verdict.DUPLICATE]
    order.refresh_from_db()
    assert order.status == "rejected"


def test_a_report_older_than_what_the_pos_said_last_is_stale(restaurant: Restaurant) -> None:
    order = make_order(restaurant)
    report_statuses([report(order, S.CONFIRMED, happened_at=LATER)])
    before = facts(order)

    results = report_statuses([report(order, S.READY, happened_at=EARLIER)])

    assert results == [ReportResult(Verdict.STALE, order.pk)]
    assert facts(order) == before


def test_a_report_of_the_same_moment_is_not_stale(restaurant: Restaurant) -> None:
    order = make_order(restaurant)

    results = report_statuses([report(order, S.CONFIRMED), report(order, S.READY)])

    assert [result.verdict for result in results] == [Verdict.APPLIED, Verdict.APPLIED]
    assert list(order.history.values_list("old_status", "new_status")) == [
        ("pending", "confirmed"),
        ("confirmed", "ready"),
    ]


def test_a_clock_of_whole_seconds_is_not_stale_within_the_second(restaurant: Restaurant) -> None:
    order = make_order(restaurant)
    known = LATER.replace(microsecond=700_000)
    report_statuses([report(order, S.CONFIRMED, happened_at=known)])

    same, before = LATER.replace(microsecond=0), LATER.replace(microsecond=0) - dt.timedelta(seconds=1)
    results = report_statuses([report(order, S.READY, happened_at=when) for when in (before, same)])

    assert [result.verdict for result in results] == [Verdict.STALE, Verdict.APPLIED]
    order.refresh_from_db()
    assert order.pos_status_updated_at == known
    finer = same + dt.timedelta(microseconds=1)
    assert report_statuses([report(order, S.DELIVERED, happened_at=finer)])[0].verdict is Verdict.STALE


def test_staff_is_not_stale_whatever_the_pos_said_last(restaurant: Restaurant) -> None:
    order = make_order(restaurant)
    report_statuses([report(order, S.CONFIRMED, happened_at=LATER)])

    results = report_statuses([report(order, S.READY, source=ChangeSource.STAFF, happened_at=EARLIER)])

    assert results == [ReportResult(Verdict.APPLIED, order.pk)]


def test_a_clock_ahead_of_ours_does_not_make_later_reports_look_old(restaurant: Restaurant) -> None:
    order = make_order(restaurant)
    tomorrow = timezone.now() + dt.timedelta(days=1)

    report_statuses([report(order, S.CONFIRMED, happened_at=tomorrow)])
    order.refresh_from_db()
    assert order.pos_status_updated_at is not None
    assert order.pos_status_updated_at <= timezone.now()
    results = report_statuses([report(order, S.READY, happened_at=None)])

    assert results == [ReportResult(Verdict.APPLIED, order.pk)]


def test_an_order_is_found_by_pos_id_reference_and_number(restaurant: Restaurant) -> None:
    by_pos_id = make_order(restaurant, pos_order_id="26")
    by_reference = make_order(restaurant)
    by_number = make_order(restaurant)

    results = report_statuses(
        [
            report(by_pos_id, S.CONFIRMED, reference="", pos_order_id="26"),
            report(by_reference, S.CONFIRMED, pos_order_id="not known yet"),
            report(by_number, S.CONFIRMED, reference=str(by_number.pk)),
        ]
    )

    assert results == [
        ReportResult(Verdict.APPLIED, by_pos_id.pk),
        ReportResult(Verdict.APPLIED, by_reference.pk),
        ReportResult(Verdict.APPLIED, by_number.pk),
    ]


@pytest.mark.parametrize("reference", ["NOSUCHORDER0", "999999999", "9" * 400, "٣", ""])
def test_an_unknown_order_is_only_reported(
    restaurant: Restaurant, sent: list[list[OrderStatusHistory]], reference: str
) -> None:
    order = make_order(restaurant)

    results = report_statuses([report(order, S.CONFIRMED, reference=reference, pos_order_id="x")])

    assert results == [ReportResult(Verdict.UNKNOWN_ORDER)]
    assert sent == []


def test_another_restaurants_order_is_not_touched(restaurant: Restaurant) -> None:
    other = Restaurant.objects.create(name="Other")
    order = make_order(other, pos_order_id="26")
    before = facts(order)

    results = report_statuses(
        [
            report(order, S.CANCELLED, restaurant_id=restaurant.pk),
            report(order, S.CANCELLED, restaurant_id=restaurant.pk, reference="", pos_order_id="26"),
        ]
    )

    assert results == [ReportResult(Verdict.FOREIGN_ORDER), ReportResult(Verdict.UNKNOWN_ORDER)]
    assert facts(order) == before


def test_two_restaurants_may_have_the_same_pos_order_id(restaurant: Restaurant) -> None:
    order = make_order(restaurant, pos_order_id="26")
    other = make_order(Restaurant.objects.create(name="Other"), pos_order_id="26")

    results = report_statuses(
        [report(each, S.CONFIRMED, reference="", pos_order_id="26") for each in (order, other)]
    )

    assert results == [ReportResult(Verdict.APPLIED, order.pk), ReportResult(Verdict.APPLIED, other.pk)]


def test_rejected_after_confirmed_becomes_cancelled(restaurant: Restaurant) -> None:
    order = make_order(restaurant, status=S.CONFIRMED)

    report_statuses([report(order, S.REJECTED, reason="Oven broke")])

    order.refresh_from_db()
    assert (order.status, order.cancellation_reason, order.cancelled_at) == (
        "cancelled",
        "Oven broke",
        EARLIER,
    )
    assert order.history.get().new_status == "cancelled"


def test_delivered_completes_the_order(restaurant: Restaurant) -> None:
    order = make_order(restaurant, status=S.DISPATCHED)

    report_statuses([report(order, S.DELIVERED)])

    order.refresh_from_db()
    assert order.completed_at == EARLIER
    assert order.cancelled_at is None


@pytest.mark.parametrize(("order_type", "minutes"), [("DELIVERY", 45), ("PICKUP", 20)])
def test_the_promise_is_the_delivery_time_for_deliveries_only(
    restaurant: Restaurant, order_type: str, minutes: int
) -> None:
    order = make_order(restaurant, order_type=order_type)

    report_statuses([report(order, S.CONFIRMED, prep_minutes=20, delivery_minutes=45)])

    order.refresh_from_db()
    assert order.estimated_delivery_time == EARLIER + dt.timedelta(minutes=minutes)


def test_minutes_that_are_told_again_with_every_status_are_promised_once(restaurant: Restaurant) -> None:
    order = make_order(restaurant, order_type="DELIVERY")
    for n, status in enumerate([S.CONFIRMED, S.READY, S.DISPATCHED, S.DELIVERED]):
        happened_at = EARLIER + dt.timedelta(minutes=10 * n)
        report_statuses([report(order, status, happened_at=happened_at, prep_minutes=20)])
        order.refresh_from_db()
        assert order.estimated_delivery_time == EARLIER + dt.timedelta(minutes=20)


@pytest.mark.parametrize(
    ("order_type", "status", "promised"),
    [
        ("PICKUP", S.READY, None),
        ("PICKUP", S.DELIVERED, None),
        ("DELIVERY", S.READY, 45),
        ("DELIVERY", S.DISPATCHED, 45),
        ("DELIVERY", S.DELIVERED, None),
        ("DELIVERY", S.REJECTED, None),
    ],
)
def test_what_is_ready_needs_no_more_preparation(
    restaurant: Restaurant, order_type: str, status: OrderStatus, promised: int | None
) -> None:
    order = make_order(restaurant, order_type=order_type)
    report_statuses([report(order, status, prep_minutes=20, delivery_minutes=45)])
    order.refresh_from_db()
    expected = EARLIER + dt.timedelta(minutes=promised) if promised else None
    assert order.estimated_delivery_time == expected


def test_an_order_for_later_is_not_promised_sooner(restaurant: Restaurant) -> None:
    tomorrow = EARLIER + dt.timedelta(days=1)
    order = make_order(restaurant, scheduled_for=tomorrow)
    report_statuses([report(order, S.CONFIRMED, prep_minutes=20)])
    order.refresh_from_db()
    assert order.estimated_delivery_time == tomorrow


def test_long_reasons_are_cut_to_what_the_column_holds(restaurant: Restaurant) -> None:
    order = make_order(restaurant)

    report_statuses([report(order, S.CANCELLED, reason="x" * 900, changed_by="y" * 200)])

    order.refresh_from_db()
    assert order.cancellation_reason == "x" * 500
    assert order.history.get().changed_by == "y" * 100


def _statements(reports: list[StatusReport]) -> int:
    with CaptureQueriesContext(connection) as queries:
        results = report_statuses(reports)
    assert {result.verdict for result in results} == {Verdict.APPLIED}
    return len(queries)


def test_a_batch_takes_as_many_statements_as_two_reports(restaurant: Restaurant) -> None:
    one, two, *fifty = [make_order(restaurant) for _ in range(53)]
    last = fifty.pop()
    assert _statements([report(last, S.CONFIRMED)]) == 4
    expected = _statements([report(one, S.CONFIRMED), report(two, S.CONFIRMED)])

    assert _statements([report(order, S.CONFIRMED) for order in fifty]) == expected
    assert OrderStatusHistory.objects.count() == 53


def test_an_empty_batch_asks_nothing(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        assert report_statuses([]) == []


def test_change_status_follows_the_same_rules(restaurant: Restaurant) -> None:
    order = make_order(restaurant)

    assert (
        change_status(order.pk, S.READY, source=ChangeSource.STAFF, changed_by="staff:ann") == Verdict.APPLIED
    )
    assert change_status(order.pk, S.READY, source=ChangeSource.STAFF) == Verdict.DUPLICATE
    assert change_status(order.pk, S.CONFIRMED, source=ChangeSource.STAFF) == Verdict.LATE
    assert [row.changed_by for row in order.history.all()] == ["staff:ann"]


def test_cancelling_tells_and_cancelling_again_is_harmless(
    restaurant: Restaurant, sent: list[list[OrderStatusHistory]]
) -> None:
    order = make_order(restaurant)

    for _ in range(2):
        cancel_order(order.pk, reason="Changed my mind", source=ChangeSource.GUEST, changed_by="shop")

    order.refresh_from_db()
    assert (order.status, order.cancellation_reason) == ("cancelled", "Changed my mind")
    assert order.cancelled_at is not None
    assert len(sent) == 1
    assert order.history.count() == 1


@pytest.mark.parametrize("status", [S.DISPATCHED, S.DELIVERED, S.REJECTED])
def test_an_order_that_went_too_far_is_not_cancelled(restaurant: Restaurant, status: OrderStatus) -> None:
    order = make_order(restaurant, status=status, total=D("10.00"))
    before = facts(order)

    with pytest.raises(Conflict, match=f"The order is {status} .* Call the restaurant at 9000000001"):
        cancel_order(order.pk, reason="Too late", source=ChangeSource.GUEST, changed_by="shop")
    assert facts(order) == before
    assert not order.history.exists()


def test_a_receiver_that_fails_undoes_the_change(restaurant: Restaurant) -> None:
    order = make_order(restaurant)
    before = facts(order)

    def receiver(sender: Any, **kwargs: Any) -> None:
        raise RuntimeError("no")

    order_status_changed.connect(receiver)
    try:
        with pytest.raises(RuntimeError), transaction.atomic():
            report_statuses([report(order, S.CONFIRMED)])
    finally:
        order_status_changed.disconnect(receiver)
    assert facts(order) == before
    assert not order.history.exists()


def test_the_pos_tells_the_rider_and_that_it_changed_the_order(restaurant):
    order = make_order(restaurant)
    told = report(
        order,
        S.CONFIRMED,
        pos_order_id="POS-7",
        rider_name="Test Rider",
        rider_phone="9000000003",
        modified=True,
        auto_accepted=False,
    )
    report_statuses([told])
    order.refresh_from_db()
    facts = (order.pos_order_id, order.rider_name, order.rider_phone, order.modified_by_restaurant)
    assert facts == ("POS-7", "Test Rider", "9000000003", True)
    assert order.auto_accepted is False


def test_a_later_report_without_a_rider_does_not_take_the_rider_back(restaurant):
    order = make_order(restaurant)
    report_statuses([report(order, S.DISPATCHED, rider_name="Test Rider")])
    report_statuses([report(order, S.DELIVERED, happened_at=LATER)])
    order.refresh_from_db()
    assert (order.status, order.rider_name) == ("delivered", "Test Rider")


def test_a_repeat_that_brings_news_is_heard_and_moves_nothing(restaurant, sent):
    order = make_order(restaurant)
    report_statuses([report(order, S.CONFIRMED), report(order, S.DISPATCHED)])
    news = {"rider_name": "Test Rider", "rider_phone": "9000000003", "modified": True, "auto_accepted": True}
    for values in (news, {"rider_name": "Other Rider"}):
        (result,) = report_statuses([report(order, S.DISPATCHED, happened_at=LATER, **values)])
        assert result.verdict is Verdict.APPLIED
    order.refresh_from_db()
    assert (order.rider_name, order.rider_phone) == ("Other Rider", "9000000003")
    assert (order.modified_by_restaurant, order.auto_accepted, order.status) == (True, True, S.DISPATCHED)
    assert order.history.count() == 2
    assert len(sent) == 1
    (again,) = report_statuses([report(order, S.DISPATCHED, happened_at=LATER, **news | {"rider_name": ""})])
    assert again.verdict is Verdict.DUPLICATE


def test_an_order_changed_by_the_restaurant_is_known_as_such_however_late_it_says_so(restaurant):
    order = make_order(restaurant)
    report_statuses([report(order, S.CONFIRMED), report(order, S.READY)])
    (late,) = report_statuses([report(order, S.CONFIRMED, happened_at=LATER, modified=True)])
    assert late.verdict is Verdict.APPLIED
    order.refresh_from_db()
    assert (order.status, order.modified_by_restaurant) == (S.READY, True)


def test_news_in_a_replayed_old_report_is_not_heard(restaurant):
    order = make_order(restaurant)
    report_statuses([report(order, S.DISPATCHED, happened_at=LATER, rider_name="Test Rider")])
    (old,) = report_statuses([report(order, S.DISPATCHED, rider_name="Nobody")])
    assert old.verdict is Verdict.DUPLICATE
    order.refresh_from_db()
    assert order.rider_name == "Test Rider"


def test_a_report_without_a_time_is_never_stale_though_another_clock_be_ahead(restaurant: Restaurant) -> None:
    order = make_order(restaurant)
    ahead = timezone.now() + dt.timedelta(seconds=5)
    Order.objects.filter(pk=order.pk).update(status=S.READY, pos_status_updated_at=ahead)

    results = report_statuses([report(order, S.DELIVERED, happened_at=None)])

    order.refresh_from_db()
    assert (results[0].verdict, order.status) == (Verdict.APPLIED, S.DELIVERED)
    assert order.pos_status_updated_at == ahead
