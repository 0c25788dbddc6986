"""A hanging database holds up some requests, not all that come after them."""

from __future__ import annotations

import json

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from ding import breaker
from ding.middleware import DatabaseBreaker
from ding.short_way import ShortWay


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(breaker, "time", clock)
    yield clock
    breaker.open_again()


@pytest.fixture
def database(monkeypatch):
    state = {"answers": False, "asked": 0}

    def answers():
        state["asked"] += 1
        return state["answers"]

    monkeypatch.setattr(breaker, "database_answers", answers)
    return state


def breaker_of(clock, *, status=503, takes=3.0):
    """A breaker before a view that takes so long and answers so; and the list of its calls."""
    calls = []

    def view(request):
        calls.append(request.path)
        clock.now += takes
        return HttpResponse(status=status)

    return DatabaseBreaker(view), calls


def get(before, path="/api/orders"):
    return before(RequestFactory().get(path))


def test_after_one_that_waited_the_next_are_refused_at_once(clock, database):
    before, calls = breaker_of(clock)
    get(before)
    started = clock.now

    answer = get(before)

    assert answer.status_code == 503
    assert answer["Retry-After"] == "2"
    assert json.loads(answer.content)["error"]["code"] == "unavailable"
    assert (clock.now, len(calls), database["asked"]) == (started, 1, 0)


def test_after_a_second_one_request_finds_out_and_goes_on_when_it_is_back(clock, database):
    before, calls = breaker_of(clock)
    get(before)
    clock.now += 1.1
    assert get(before).status_code == 503
    assert (len(calls), database["asked"]) == (1, 1)

    clock.now += 1.1
    database["answers"] = True
    get(before)

    assert (len(calls), database["asked"]) == (2, 2)


def test_a_503_that_came_at_once_and_a_slow_answer_shut_nothing(clock, database):
    for status, takes in ((503, 0.1), (200, 9.0), (500, 9.0)):
        assert not breaker.is_shut()
        before, calls = breaker_of(clock, status=status, takes=takes)
        get(before)
        get(before)

        assert len(calls) == 2


def test_what_is_not_the_api_is_let_through(clock, database):
    before, calls = breaker_of(clock)
    get(before)

    get(before, "/healthz")
    get(before, "/admin/")

    assert calls == ["/api/orders", "/healthz", "/admin/"]


def test_the_short_way_asks_nothing_of_a_database_that_hangs(clock, database, monkeypatch):
    before, _ = breaker_of(clock)
    get(before)
    asked = []
    django = lambda environ, start_response: [b"django"]  # noqa: E731

    answer = ShortWay(django)._try(lambda environ: asked.append(1), {"HTTP_HOST": "localhost"})

    assert answer is None
    assert asked == []


def test_who_waited_on_the_short_way_shuts_it_for_all(clock, database):
    breaker.note_failure(clock.now - 0.5)
    assert not breaker.is_shut()

    breaker.note_failure(clock.now - 3.0)

    before, calls = breaker_of(clock)
    assert get(before).status_code == 503
    assert calls == []
