from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from ding.incidents.models import Incident, Pulse
from pos_integrations import health


def test_alive(client):
    for address in ("/healthz", "/healthz/"):
        answer = client.get(address)
        assert (answer.status_code, answer.content) == (200, b"ok")
    assert client.post("/healthz").status_code == 405


def test_ready_while_the_database_answers(client, db, monkeypatch):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})
    monkeypatch.setattr(health, "database_answers", lambda: False)
    answer = client.get("/readyz/")
    assert (answer.status_code, answer.json()) == (503, {"ready": False})


@pytest.mark.parametrize("given", [None, "", "Bearer ", "Bearer wrong", "Bearer é", "watch-me-closely-x"])
@pytest.mark.parametrize("token", ["", "watch-me-closely"])
def test_metrics_are_closed_without_the_token(client, settings, token, given):
    settings.METRICS_TOKEN = token
    headers = {} if given is None else {"Authorization": given}
    answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer.content) == (401, b"Set METRICS_TOKEN and send it as a bearer token.")


def test_metrics_tell_how_much_is_waiting(client, db, settings):
    settings.METRICS_TOKEN = "watch-me-closely"
    answer = client.get("/metrics", headers={"Authorization": "Bearer watch-me-closely"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    lines = answer.content.decode().splitlines()
    for queue in ("order pushes", "webhooks", "notifications"):
        assert f'ding_queue_due{{queue="{queue}"}} 0.0' in lines
        assert f'ding_queue_oldest_due_seconds{{queue="{queue}"}} 0.0' in lines


def test_metrics_tell_of_incidents_and_of_the_scheduler(client, db, settings):
    settings.METRICS_TOKEN = "watch-me-closely"
    for closed_at in (None, None, timezone.now()):
        Incident.objects.create(kind="kitchen-silent", what="…", closed_at=closed_at)

    def lines():
        answer = client.get("/metrics", headers={"Authorization": "Bearer watch-me-closely"})
        return answer.content.decode().splitlines()

    assert 'ding_incidents_open{kind="kitchen-silent"} 2.0' in lines()
    assert 'ding_incidents_open{kind="sync-held"} 0.0' in lines()
    assert "ding_scheduler_silent_seconds -1.0" in lines(), "it has never ticked"
    Pulse.objects.create(name="scheduler", at=timezone.now() - dt.timedelta(seconds=90))
    (silence,) = [line for line in lines() if line.startswith("ding_scheduler_silent_seconds")]
    assert 90 <= float(silence.split()[1]) < 120
