from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError
from django.utils import timezone

from ding.incidents import opening
from ding.incidents.detecting import Detector
from ding.incidents.models import Incident
from ding.incidents.tests.factories import cause, make_place, make_push, pass_time, stand
from ding.incidents.watching import watch
from menus.tests.factories import statements
from pos_integrations.models import OrderPush
from pos_integrations.tests.factories import in_threads

pytestmark = pytest.mark.django_db


def the_incident():
    return Incident.objects.get()


def test_a_cause_opens_one_incident_however_often_it_is_seen():
    place = make_place()
    stood = cause(count=3, orders=((7, "D7"),), restaurant_id=place.restaurant.pk, target="9")
    assert stand(stood).opened == 1
    assert stand(stood).opened == 0
    incident = the_incident()
    assert (incident.cause, incident.kind, incident.what) == (
        stood.key,
        "order-refused",
        "Something is wrong.",
    )
    assert (incident.count, incident.orders, incident.target) == (3, [[7, "D7"]], "9")
    assert incident.restaurant == place.restaurant
    assert incident.closed_at is None
    assert incident.next_alert_at == incident.opened_at


def test_it_grows_with_its_cause():
    stand(cause())
    stand(cause(count=2, what="Worse.", orders=((1, "D1"), (2, "D2"))))
    incident = the_incident()
    assert (incident.count, incident.what, incident.orders) == (2, "Worse.", [[1, "D1"], [2, "D2"]])
    assert incident.rung == 0


def test_it_closes_itself_when_the_cause_is_gone():
    stand(cause(), cause("secrets-open"))
    assert stand(cause("secrets-open")).closed == 1
    incident = Incident.objects.get(kind="order-refused")
    assert incident.closed_at is not None
    assert Incident.objects.open().get().kind == "secrets-open"
    assert stand(cause("secrets-open")).closed == 0


def test_what_comes_back_soon_is_the_same_incident():
    stand(cause())
    stand()
    pass_time(the_incident(), minutes=20)
    changes = stand(cause())
    assert (changes.opened, changes.reopened) == (0, 1)
    incident = the_incident()
    assert (incident.closed_at, incident.reopened) == (None, 1)


def test_what_comes_back_much_later_is_another_one():
    stand(cause())
    stand()
    pass_time(the_incident(), minutes=40)
    stand()
    assert the_incident().cause is None
    stand(cause())
    assert Incident.objects.count() == 2
    assert Incident.objects.open().get().reopened == 0


def test_a_kind_that_nobody_looked_for_stays_as_it_is():
    stand(cause())
    opening.sync_incidents([Detector(lambda now: [], frozenset({"secrets-open"}))])
    assert the_incident().closed_at is None


def test_a_detector_that_fails_blinds_no_other_and_closes_nothing(caplog):
    stand(cause())

    def fails(now):
        raise RuntimeError("a mistake")

    opening.sync_incidents(
        [
            Detector(fails, frozenset({"order-refused"})),
            Detector(lambda now: [cause("secrets-open")], frozenset({"secrets-open"})),
        ]
    )
    assert {i.kind for i in Incident.objects.open()} == {"order-refused", "secrets-open"}
    assert "A detector failed." in caplog.text


def test_what_gets_worse_is_told_anew_even_when_somebody_had_acknowledged_it():
    key = "secret:integration-1"
    stand(cause(key, kind="secret-expiring"))
    Incident.objects.update(
        acknowledged_at=timezone.now(),
        acknowledged_by="ann",
        next_alert_at=timezone.now() + dt.timedelta(days=1),
    )
    stand(cause(key, kind="secret-expired", urgency=3))
    incident = the_incident()
    assert (incident.kind, incident.acknowledged_at, incident.acknowledged_by) == ("secret-expired", None, "")
    assert incident.next_alert_at <= timezone.now()


def acknowledged(minutes):
    Incident.objects.update(
        acknowledged_at=timezone.now() - dt.timedelta(minutes=minutes), acknowledged_by="ann"
    )


def test_new_events_leave_whoever_acknowledged_in_peace_for_a_quarter_of_an_hour():
    stand(cause(latest_at=timezone.now()))
    acknowledged(minutes=10)
    stand(cause(count=2, latest_at=timezone.now()))
    assert the_incident().acknowledged_by == "ann"
    acknowledged(minutes=16)
    stand(cause(count=3, latest_at=timezone.now()))
    incident = the_incident()
    assert (incident.acknowledged_at, incident.acknowledged_by) == (None, "")


def test_without_new_events_an_acknowledged_incident_stays_acknowledged():
    then = timezone.now() - dt.timedelta(hours=1)
    stand(cause(latest_at=then))
    acknowledged(minutes=30)
    stand(cause(latest_at=then))
    assert the_incident().acknowledged_by == "ann"


def test_what_a_person_settled_is_closed_until_it_happens_again():
    then = timezone.now() - dt.timedelta(minutes=5)
    stand(cause(latest_at=then))
    Incident.objects.update(settled_at=timezone.now())
    assert stand(cause(latest_at=then)).closed == 1
    pass_time(the_incident(), minutes=40)
    stand(cause(latest_at=then - dt.timedelta(minutes=40)))
    assert the_incident().cause is not None, "its row remembers what is settled"
    assert the_incident().closed_at is not None
    stand(cause(count=2, latest_at=timezone.now()))
    assert the_incident().closed_at is None


def test_a_cause_has_one_row_whatever_happens():
    stand(cause())
    with pytest.raises(IntegrityError):
        Incident.objects.create(cause=cause().key, kind="order-refused", what="…")


def test_many_causes_take_as_many_statements_as_one():
    def causes(count, what):
        return [cause(f"order-refused:restaurant-{n}", what=what) for n in range(count)]

    counts = []
    for number in (1, 60):
        Incident.objects.all().delete()
        with statements() as opened:
            stand(*causes(number, "new"))
        with statements() as changed:
            stand(*causes(number, "changed"))
        with statements() as closed:
            stand()
        with statements() as reopened:
            stand(*causes(number, "again"))
        counts.append([len(opened), len(changed), len(closed), len(reopened)])
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 6


def test_a_look_at_nothing_new_writes_nothing():
    stand(cause())
    with statements() as quiet:
        stand(cause())
    assert [sql for sql in quiet if not sql.startswith("SELECT")] == []


@pytest.mark.usefixtures("committed")
@pytest.mark.django_db(transaction=True)
def test_two_that_look_at_once_open_one_incident():
    place = make_place()
    make_push(place, "rejected", status="rejected")
    in_threads(6, lambda number: watch())
    incident = the_incident()
    assert (incident.count, incident.alerts) == (1, 1)
    assert incident.alert_log.count() == 1
    OrderPush.objects.update(state="acknowledged")
    in_threads(6, lambda number: watch())
    assert the_incident().closed_at is not None
