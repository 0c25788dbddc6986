"""`manage.py pos_status`: what a person reads and what a script gets."""

from __future__ import annotations

import datetime as dt
import io
import json
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from ding.incidents import opening, pulses
from ding.incidents.detecting import Detector
from ding.incidents.models import Incident
from ding.incidents.opening import sync_incidents
from ding.incidents.tests.factories import make_place, make_push, make_webhook
from ding.management.commands import pos_status
from menus.tests.factories import statements

pytestmark = pytest.mark.django_db


def run(*args):
    out = io.StringIO()
    code = 0
    try:
        call_command("pos_status", *args, stdout=out, stderr=io.StringIO())
    except CommandError as error:
        out.write(str(error))
        code = error.returncode
    except SystemExit as stop:
        code = stop.code
    return code, out.getvalue()


@pytest.fixture(autouse=True)
def _alive():
    pulses.beat()


def test_a_quiet_house_ends_with_0():
    place = make_place("Spice Garden")
    make_webhook(place, "processed")
    code, text = run()
    assert code == 0
    assert re.match(r"database answers   broker answers   scheduler last tick \d s ago\n", text)
    (line,) = [line for line in text.splitlines() if "Spice Garden" in line]
    assert line.split() == [
        str(place.restaurant.pk), "Spice", "Garden", "PetPooja", "ok", "never", "just", "now",
    ]  # fmt: skip
    assert "order pushes     0    -" in text
    assert text.endswith("Nothing needs a person.\n")


def test_what_needs_a_person_is_named_with_what_to_do_and_ends_with_1():
    make_push(make_place("Spice Garden"), "rejected", status="rejected")
    code, text = run()
    assert code == 1
    assert "1 thing needs a person:" in text
    assert "CRITICAL order-refused: Spice Garden: The POS refused 1 order." in text
    assert "Read the POS's reason." in text
    assert not Incident.objects.exists(), "it only looks"
    sync_incidents()
    Incident.objects.update(acknowledged_by="ann", acknowledged_at=timezone.now())
    assert "order-refused (ann is at it)" in run()[1]
    Incident.objects.update(settled_at=timezone.now())
    assert run()[0] == 0


def test_the_same_as_json():
    push = make_push(make_place("Spice Garden", problem="Invalid key."), "unknown")
    code, text = run("--json")
    status = json.loads(text)
    assert code == 1
    assert (status["fine"], status["database"], status["broker"]) == (False, True, True)
    assert {queue["name"] for queue in status["queues"]} >= {"order pushes", "webhooks", "notifications"}
    assert [one["status"] for one in status["integrations"]] == ["down"]
    incidents = {one["kind"]: one for one in status["incidents"]}
    assert sorted(incidents) == ["access-refused", "order-unclear"]
    assert incidents["order-unclear"]["orders"] == [push.order.reference]
    assert incidents["order-unclear"]["severity"] == "critical"


def test_a_scheduler_that_is_dead_or_never_ticked_is_not_fine():
    pulses.Pulse.objects.update(at=timezone.now() - dt.timedelta(minutes=5))
    code, text = run()
    assert code == 1
    assert "scheduler-dead" in text
    pulses.Pulse.objects.all().delete()
    code, text = run()
    assert (code, "scheduler never ticked" in text) == (1, True)


def test_who_cannot_see_everything_does_not_say_that_all_is_well(monkeypatch):
    def fails(now):
        raise RuntimeError

    monkeypatch.setattr(opening, "DETECTORS", (Detector(fails, frozenset({"sync-held"})),))
    code, text = run()
    assert code == 2
    assert text == "Cannot tell: These could not be looked at, see the log: sync-held."


def test_without_a_database_nobody_can_tell(monkeypatch):
    monkeypatch.setattr(
        pos_status, "standing", lambda: connection.cursor().execute("SELECT nothing FROM nowhere")
    )
    code, text = run()
    assert code == 2
    assert text.startswith("Cannot tell: ")


def test_the_statements_do_not_grow_with_the_restaurants():
    def count():
        with statements() as found:
            run()
        return len(found)

    make_place()
    few = count()
    for n in range(20):
        make_place(f"Place {n}")
    assert count() == few
