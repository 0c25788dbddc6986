"""Steering over HTTP."""

import pytest
import requests

from pos_integrations.simulator import make_menu
from pos_integrations.simulator.tests.conftest import MENU_HEADERS, make_order, save, saved

SETTINGS = {
    "misbehave": {},
    "seed": 1,
    "orders": {},
    "calls": {},
    "dedupes": True,
    "numeric_order_ids": False,
    "failure_status": 200,
    "step_seconds": 0.01,
}


def steer(pos, **wanted):
    return requests.post(f"{pos.control_url}/behaviour", json=wanted, timeout=5)


def test_health(pos):
    answer = requests.get(f"{pos.control_url}/health", timeout=5)
    assert answer.json() == {"status": "ok", "outlets": ["abcd1234", "efgh5678"]}


def test_the_settings_can_be_read_and_changed(pos):
    assert requests.get(f"{pos.control_url}/behaviour", timeout=5).json() == SETTINGS
    wanted = {
        "misbehave": {"500": 0.5, "delay=3": 0.1},
        "seed": 5,
        "orders": {"WEB-9": "reset*1"},
        "calls": {"mapped_restaurant_menus": "html"},
        "dedupes": False,
        "numeric_order_ids": True,
        "failure_status": 400,
        "step_seconds": 2,
    }
    assert steer(pos, **wanted).json() == wanted
    assert requests.get(f"{pos.control_url}/behaviour", timeout=5).json() == wanted
    assert steer(pos, misbehave={}).json() == {**wanted, "misbehave": {}}


def test_misbehaviour_can_be_switched_on_and_off(pos):
    steer(pos, misbehave={"500": 1})
    assert save(pos, make_order()).status_code == 500
    steer(pos, misbehave={}, orders={"WEB-2": "503*1"}, numeric_order_ids=True)
    assert save(pos, make_order()).json() == saved("WEB-1", "1")
    assert [save(pos, make_order("WEB-2")).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    "wanted",
    [
        {"misbehave": {"501": 0.1}},
        {"misbehave": {"500": 2}},
        {"misbehave": ["500"]},
        {"orders": {"WEB-1": "explode"}},
        {"orders": {"WEB-1": 5}},
        {"calls": "500"},
        {"dedupes": "yes"},
        {"failure_status": 500},
        {"step_seconds": -1},
        {"seed": "x"},
        {"colour": "red"},
    ],
)
def test_a_mistake_changes_nothing(pos, wanted):
    answer = steer(pos, numeric_order_ids=True, **wanted)
    assert answer.status_code == 400
    assert next(iter(wanted)) in answer.json()["error"]
    assert requests.get(f"{pos.control_url}/behaviour", timeout=5).json() == SETTINGS


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense"])
def test_what_is_no_object_is_refused(pos, body):
    assert requests.post(f"{pos.control_url}/behaviour", data=body, timeout=5).status_code == 400


def test_a_menu_can_be_published_over_http(pos):
    menu = make_menu(20, code="efgh5678")
    assert requests.post(f"{pos.control_url}/menus/efgh5678", json=menu, timeout=5).json() == {"items": 20}
    answer = requests.post(
        f"{pos.base_url}/mapped_restaurant_menus",
        json={"restID": "efgh5678"},
        headers=MENU_HEADERS,
        timeout=5,
    )
    assert answer.json() == menu
    assert requests.post(f"{pos.control_url}/menus/nowhere1", json=menu, timeout=5).status_code == 404


@pytest.mark.parametrize("path", ["/", "/nothing", "/orders", "/ledger/x"])
def test_there_is_nothing_else(pos, path):
    assert requests.get(f"{pos.control_url}{path}", timeout=5).status_code == 404
