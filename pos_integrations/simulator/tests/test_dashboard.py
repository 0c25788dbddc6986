"""What is configured in the dashboard: menu, stock and store status, and whose words count as success."""

import datetime as dt
import time
from zoneinfo import ZoneInfo

import pytest
import requests

from pos_integrations.simulator import Outlet, make_menu, sample_menu, sample_outlet
from pos_integrations.simulator.dashboard import NoAnswer
from pos_integrations.simulator.tests.conftest import make_order, save

LISTED = {"success": "1", "message": "Menu items are successfully listed."}
STOCKED = {"code": 200, "status": "success", "message": "Stock status updated successfully"}


@pytest.fixture
def pos(start, inbox):
    base = inbox.url.removesuffix("/callback?k=token")
    return start(
        [
            sample_outlet(
                "abcd1234",
                dashboard_url=f"{base}/hooks/0123/?k=v",
                dashboard_token="t/k",
                dashboard_headers={"X-Fixed": "secret"},
            ),
            sample_outlet("efgh5678", dashboard_url=f"{base}/hooks/4567"),
        ],
        callback_tries=2,
    )


def paths(inbox):
    return [path for path, _, _ in inbox.received]


def tries(pos, code="abcd1234"):
    return [(c["call"], c["attempt"], c["result"], c["note"]) for c in pos.ledger.dashboard_calls(code)]


def test_menu_trigger_sends_the_whole_menu(pos, inbox):
    inbox.words = LISTED
    assert pos.push_menu("abcd1234")
    assert pos.wait_idle(5)
    assert inbox.documents == [sample_menu("abcd1234")]
    assert paths(inbox) == ["/hooks/0123/menu/t%2Fk?k=v"]
    assert inbox.received[0][1]["x-fixed"] == "secret"
    assert tries(pos) == [("menu", 1, "acknowledged", "")]


def test_a_big_menu_and_one_without_a_token(pos, inbox):
    inbox.words = LISTED
    menu = make_menu(250, code="efgh5678")
    pos.set_menu("efgh5678", menu)
    assert pos.push_menu("efgh5678")
    assert pos.wait_idle(5)
    assert (inbox.documents, paths(inbox)) == ([menu], ["/hooks/4567/menu"])


@pytest.mark.parametrize(
    "words", ["", {"success": 1}, {"success": "0"}, [LISTED], {"status": "success"}, None]
)
def test_other_words_mean_menu_trigger_failed(pos, inbox, words):
    inbox.words = words
    pos.push_menu("abcd1234")
    assert pos.wait_idle(5)
    assert tries(pos) == [
        ("menu", 1, "refused", "Menu trigger failed"),
        ("menu", 2, "refused", "Menu trigger failed"),
    ]


def test_the_right_words_with_an_error_are_no_success(pos, inbox):
    inbox.words, inbox.answers = LISTED, [400]
    pos.push_menu("abcd1234")
    assert pos.wait_idle(5)
    assert [result for _, _, result, _ in tries(pos)] == ["refused", "acknowledged"]


def test_without_an_address_or_a_menu_nothing_is_sent(start):
    pos = start([sample_outlet("abcd1234"), Outlet("never001", dashboard_url="http://127.0.0.1:1/")])
    assert not pos.push_menu("abcd1234")
    assert not pos.switch_stock("abcd1234", ["118807411"], False)
    assert not pos.switch_store("abcd1234", False)
    assert not pos.outlets["abcd1234"].switches.has("118807411")
    with pytest.raises(ValueError, match="has no menu"):
        pos.push_menu("never001")
    with pytest.raises(NoAnswer):
        pos.ask_store_status("abcd1234")
    assert pos.ledger.dashboard_calls() == []


@pytest.mark.parametrize(
    ("until", "times"),
    [
        (None, {"autoTurnOnTime": "", "customTurnOnTime": ""}),
        ("endofday", {"autoTurnOnTime": "endofday", "customTurnOnTime": ""}),
        ("2030-01-16 11:00", {"autoTurnOnTime": "custom", "customTurnOnTime": "2030-01-16 11:00"}),
    ],
)
def test_stock_is_switched_off_and_on(pos, inbox, until, times):
    inbox.words = STOCKED
    off = {
        "restID": "abcd1234",
        "type": "item",
        "inStock": False,
        "itemID": ["7765862", "118807411"],
        **times,
    }
    on = {"restID": "abcd1234", "type": "addon", "inStock": True, "itemID": ["1150813"]}
    pos.switch_stock("abcd1234", ["7765862", "118807411"], False, until=until)
    pos.switch_stock("abcd1234", ["1150813"], True, addons=True)
    assert pos.wait_idle(5)
    assert inbox.documents == [off, on]
    assert paths(inbox) == ["/hooks/0123/stock/t%2Fk?k=v"] * 2


def test_calls_of_an_outlet_keep_their_order_through_failures(pos, inbox):
    inbox.words, inbox.answers = STOCKED, [500]
    for in_stock in (False, True, False):
        pos.switch_stock("abcd1234", ["1"], in_stock)
    assert pos.wait_idle(5)
    assert [document["inStock"] for document in inbox.documents] == [False, False, True, False]


def test_every_try_is_written_under_its_own_call(pos, inbox):
    inbox.words = STOCKED
    pos.switch_stock("abcd1234", ["1"], False)
    pos.push_menu("abcd1234")
    assert pos.wait_idle(5)
    assert [(call, note) for call, _, _, note in tries(pos)] == [
        ("stock", ""),
        ("menu", "Menu trigger failed"),
        ("menu", "Menu trigger failed"),
    ]


@pytest.mark.parametrize("until", ["soon", "2030-01-16", "2030-01-16 11:00:00"])
def test_a_time_that_is_none_switches_nothing(pos, inbox, until):
    with pytest.raises(ValueError, match="is no time such as '2026-01-16 11:00'"):
        pos.switch_stock("abcd1234", ["1"], False, until=until)
    assert pos.outlets["abcd1234"].switches.has("1")
    assert inbox.received == []


def test_what_is_off_until_a_time_is_back_by_then(pos):
    switches = pos.outlets["abcd1234"].switches
    past = f"{dt.datetime.now(ZoneInfo('Asia/Kolkata')) - dt.timedelta(minutes=1):%Y-%m-%d %H:%M}"
    switches.set_stock(["1"], False, addons=False, until=past)
    switches.set_stock(["2"], False, addons=False, until="endofday")
    switches.set_store(False, f"{past}:00", "No gas")
    assert (switches.has("1"), switches.has("2"), switches.has("2", addon=True)) == (True, False, True)
    assert switches.store() == {"open": True, "turn_on_time": "", "reason": ""}


def test_the_store_is_switched(pos, inbox):
    inbox.words = {"http_code": 200, "status": "success", "message": "x"}
    pos.switch_store("abcd1234", False, "2030-02-17 00:00:00", "No gas")
    pos.switch_store("abcd1234", True)
    assert pos.wait_idle(5)
    off = {"restID": "abcd1234", "store_status": 0, "turn_on_time": "2030-02-17 00:00:00", "reason": "No gas"}
    on = {"restID": "abcd1234", "store_status": 1, "turn_on_time": "", "reason": ""}
    assert inbox.documents == [off, on]
    assert paths(inbox) == ["/hooks/0123/store-status-update/t%2Fk?k=v"] * 2


def test_the_other_side_is_asked_for_its_store(pos, inbox):
    inbox.words = {"http_code": 200, "status": "success", "store_status": "0", "message": "x"}
    assert pos.ask_store_status("abcd1234") == inbox.words
    assert inbox.documents == [{"restID": "abcd1234"}]
    assert paths(inbox) == ["/hooks/0123/store-status-get/t%2Fk?k=v"]
    inbox.words = []
    with pytest.raises(NoAnswer, match="No JSON object came back"):
        pos.ask_store_status("abcd1234")
    assert [note for *_, note in tries(pos)] == ["", "Store status unknown"]


def test_fixed_headers_never_go_with_callbacks_and_nothing_secret_is_shown(pos, inbox, caplog):
    caplog.set_level("DEBUG")
    save(pos, make_order(callback_url=inbox.url))
    pos.push_menu("abcd1234")
    assert pos.wait_idle(5)
    with_header = {path for path, headers, _ in inbox.received if "x-fixed" in headers}
    assert with_header == {"/hooks/0123/menu/t%2Fk?k=v"}
    shown = repr(pos.outlets) + repr(pos.ledger.dashboard_calls()) + caplog.text
    shown += requests.get(f"{pos.control_url}/terminal", timeout=5).text
    assert not [secret for secret in ("t/k", "t%2Fk", "X-Fixed") if secret in shown]


def test_a_dashboard_address_must_be_one():
    with pytest.raises(ValueError, match="begins with http"):
        sample_outlet("abcd1234", dashboard_url="ftp://x/")


def test_stop_forgets_what_is_owed_and_a_restart_sends_again(start):
    outlet = sample_outlet("abcd1234", dashboard_url="http://127.0.0.1:1/")
    pos = start([outlet], callback_backoff_seconds=60)
    pos.push_menu("abcd1234")
    deadline = time.monotonic() + 30
    while not pos.ledger.dashboard_calls() and time.monotonic() < deadline:
        time.sleep(0.005)
    pos.stop()
    pos.start()
    pos.push_menu("abcd1234")
    while len(pos.ledger.dashboard_calls()) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [call["attempt"] for call in pos.ledger.dashboard_calls()] == [1, 1]
