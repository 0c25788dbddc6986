from __future__ import annotations

from types import SimpleNamespace

import pytest

from ding import checks


def ids(messages):
    return [message.id for message in messages]


@pytest.mark.parametrize(
    ("engine", "broker", "found"),
    [
        ("django.db.backends.mysql", "memory://", ["ding.W001"]),
        ("django.db.backends.mysql", "redis://127.0.0.1:6379/0", []),
        ("django.db.backends.sqlite3", "memory://", []),
    ],
)
def test_the_memory_broker_does_not_fit_a_shared_database(monkeypatch, engine, broker, found):
    settings = SimpleNamespace(DATABASES={"default": {"ENGINE": engine}}, CELERY_BROKER_URL=broker)
    monkeypatch.setattr(checks, "settings", settings)
    assert ids(checks.broker_fits_the_database()) == found


def test_plain_http_is_warned_of_in_production(settings):
    settings.POS_ALLOW_PLAIN_HTTP = True
    assert ids(checks.plain_http_is_for_simulators()) == ["ding.W002"]
    settings.POS_ALLOW_PLAIN_HTTP = False
    assert checks.plain_http_is_for_simulators() == []


@pytest.mark.parametrize("ladder", [[], [5, 15], [0, 15, 5], [0, 5, 5]])
def test_a_ladder_that_does_not_go_up_is_a_mistake(settings, ladder):
    assert checks.the_ladder_goes_up() == []
    settings.ALERT_LADDER_MINUTES = ladder
    assert ids(checks.the_ladder_goes_up()) == ["ding.E002"]
