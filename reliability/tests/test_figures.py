"""What counts as good, and what the checker says of a database that disagrees with the senders."""

from __future__ import annotations

import pytest

from pos_integrations.models import WebhookLog, WebhookStatus
from pos_integrations.tests.factories import connect
from reliability.checks import refusals, webhooks
from reliability.figures import Figure, added_up, quantile, seconds, told
from reliability.report import read
from reliability.sender import Event, make_event


def acknowledged(number: str = "e-1", status: int = 200) -> Event:
    event = make_event(number, "order-status", {"order_id": "R1"}, "s" * 32)
    event.statuses, event.acknowledged, event.tries = [status], int(status == 200), 1
    return event


def figures_of(events: list[Event]) -> dict[str, Figure]:
    return {figure.name: figure for figure in webhooks(events)}


def test_a_zero_of_no_chances_proves_nothing():
    assert Figure("acked_lost", 0, 10).is_good
    assert not Figure("acked_lost", 1, 10).is_good
    assert not Figure("acked_lost", 0, 0).is_good


def test_a_time_has_a_limit_and_what_is_only_told_has_none():
    assert seconds("ack", 1.9, 2).is_good
    assert not seconds("ack", 2.1, 2).is_good
    assert told("kills", 300).is_good
    assert str(Figure("pos_dup", 0, 2000)) == "pos_dup 0/2000"
    assert str(seconds("ack_p99", 0.25, 2)) == "ack_p99 0.25 s (≤ 2)"


def test_pieces_of_one_fault_add_up_and_a_miss_stays_one():
    first = [told("kills", 60), Figure("acked_lost", 0, 4000), seconds("ack", 0.5, 2), told("quiet", 3, "s")]
    second = [told("kills", 40), Figure("acked_lost", 1, 2000), seconds("ack", 0.2, 2), told("quiet", 9, "s")]

    kills, lost, ack, quiet = added_up([*first, *second])

    assert (kills.found, str(lost), lost.is_good) == (100, "acked_lost 1/6000", False)
    assert (str(ack), str(quiet)) == ("ack 0.50 s (≤ 2)", "quiet 9 s")


@pytest.mark.parametrize(
    "figure",
    [
        Figure("pos_dup (worker-a -600 s)", 0, 2400),
        Figure("requests_cut", 3, 700, limit=7),
        seconds("alert secret-expired after", 7.5, 60),
        Figure("worker_growth", 12.25, None, 50, "MB"),
        told("kills", 300),
        told("quiet after", 3.25, "s"),
    ],
    ids=str,
)
def test_what_stands_in_the_table_can_be_read_again(figure):
    assert read(str(figure)) == figure
    assert read(f"**missed: {figure}**") == figure


def test_quantiles_of_nothing_and_of_something():
    assert quantile([], 0.99) == 0
    assert quantile([3, 1, 2], 0.5) == 2
    assert quantile(range(100), 0.99) == 99


@pytest.mark.django_db
def test_an_acknowledged_webhook_without_a_row_is_lost():
    figures = figures_of([acknowledged()])

    assert (figures["acked_lost"].found, figures["acked_lost"].chances) == (1, 1)
    assert not figures["acked_lost"].is_good


@pytest.mark.django_db
def test_an_acknowledged_webhook_that_nobody_worked_off_is_found():
    integration = connect()
    event = acknowledged()
    row = WebhookLog.objects.create(
        pos_provider=integration.pos_provider,
        integration=integration,
        restaurant=integration.restaurant,
        webhook_type="order-status",
        payload=event.body.decode(),
    )

    assert figures_of([event])["acked_not_worked_off"].found == 1
    row.status = WebhookStatus.PROCESSED
    row.save()
    assert figures_of([event])["acked_not_worked_off"].found == 0


def test_a_refusal_of_a_right_signature_and_a_500_are_counted():
    found = {
        figure.name: figure.found for figure in refusals([acknowledged("a", 401), acknowledged("b", 500)])
    }

    assert found == {"valid_refused": 1, "input_5xx": 1}
