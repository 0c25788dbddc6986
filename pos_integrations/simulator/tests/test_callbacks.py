"""The kitchen reports: PetPooja's own callbacks, signed ones, tries and back-off, a thousand at once."""

import datetime as dt
import hashlib
import hmac
import socket
import threading
import time

import pytest
import requests

from pos_integrations.simulator import DEMO_WEBHOOK_SECRET, Decision, OrderFacts, sample_outlet
from pos_integrations.simulator.tests.conftest import make_order, save


def signed_outlet(inbox, **settings):
    url = inbox.url.removesuffix("/callback?k=token") + "/hooks/"
    return sample_outlet("abcd1234", callbacks="signed", webhook_url=url, **settings)


# --- PetPooja's own ---


@pytest.mark.parametrize(
    ("order_type", "statuses"),
    [("H", ["1", "5", "4", "10"]), ("P", ["1", "5", "10"]), ("D", ["1", "5", "10"])],
)
def test_own_callbacks_follow_the_life_of_the_order(pos, inbox, order_type, statuses):
    save(pos, make_order(order_type=order_type, callback_url=inbox.url))
    assert pos.wait_idle(5)
    assert inbox.statuses == statuses
    assert [path for path, _, _ in inbox.received] == ["/callback?k=token"] * len(statuses)
    assert pos.tickets()[0].stage == "DELIVERED"
    assert pos.ledger.counts()["callbacks_acknowledged"] == len(statuses)


def test_own_callbacks_have_the_keys_of_production_and_no_proof(pos, inbox):
    save(pos, make_order(order_type="H", callback_url=inbox.url))
    assert pos.wait_idle(5)
    production = {
        "restID": "abcd1234",
        "orderID": "WEB-1",
        "status": "1",
        "cancel_reason": "",
        "is_modified": "No",
        "autoaccept": "1",
        "minimum_delivery_time": "",
        "minimum_prep_time": "25",
    }
    rider = {"rider_name": "Test Rider", "rider_phone_number": "9000000003"}
    assert inbox.documents[0] == production
    assert inbox.documents[2] == {**production, "status": "4", **rider}
    headers = inbox.received[0][1]
    assert headers["content-type"] == "application/json"
    assert not {"authorization", "x-petpooja-signature"} & headers.keys()


def test_own_callbacks_may_have_the_published_keys(start, inbox):
    pos = start([sample_outlet("abcd1234", callback_keys="published")])
    save(pos, make_order(callback_url=inbox.url))
    assert pos.wait_idle(5)
    assert inbox.documents[0] == {
        "restID": "abcd1234",
        "orderID": "WEB-1",
        "status": "1",
        "cancel_reason": "",
        "minimum_prep_time": 25,
        "minimum_delivery_time": "",
        "rider_name": "",
        "rider_phone_number": "",
        "is_modified": "No",
    }


@pytest.mark.parametrize("url", ["", "not a url", "ftp://127.0.0.1/x"])
def test_without_a_usable_callback_url_nobody_is_called(pos, url):
    save(pos, make_order(callback_url=url))
    assert pos.wait_idle(5)
    assert pos.ledger.callbacks() == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999/", "http://[::1", "http:///x", "http://127.0.0.1:1/x"]
)
def test_an_impossible_callback_url_is_refused_and_harms_nobody(start, inbox, url):
    pos = start(callback_tries=1)
    save(pos, make_order("BAD", callback_url=url))
    save(pos, make_order("GOOD", callback_url=inbox.url))
    assert pos.wait_idle(5)
    assert [try_["result"] for try_ in pos.ledger.callbacks("BAD")] == ["refused"] * 3
    assert inbox.statuses == ["1", "5", "10"]


def test_an_outlet_may_never_report(start, inbox):
    pos = start([sample_outlet("abcd1234", callbacks="none")])
    save(pos, make_order(callback_url=inbox.url))
    assert pos.wait_idle(5)
    assert inbox.received == []


# --- Signed ---


@pytest.mark.parametrize("order_type", ["H", "P"])
def test_signed_callbacks(start, inbox, order_type):
    pos = start([signed_outlet(inbox)], numeric_order_ids=True)
    before = dt.datetime.now(dt.UTC)
    save(pos, make_order(order_type=order_type, callback_url="http://127.0.0.1:1/unused"))
    assert pos.wait_idle(5)
    expected = ["CONFIRMED", "PREPARING", "READY", "DISPATCHED", "DELIVERED"]
    if order_type == "P":
        expected.remove("DISPATCHED")
    assert inbox.statuses == expected
    times = []
    for path, headers, body in inbox.received:
        assert path == "/hooks/order-status"
        mac = hmac.new(DEMO_WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-petpooja-signature"] == f"sha256={mac}"
    for document in inbox.documents:
        times.append(dt.datetime.fromisoformat(document.pop("timestamp")))
        document.pop("status")
        assert document == {"order_id": "WEB-1", "pos_order_id": "1", "restaurant_id": "abcd1234"}
    assert times == sorted(set(times))
    assert before < times[0] < times[-1] < dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    assert times[0].utcoffset() == dt.timedelta(0)


def test_each_outlet_signs_with_its_own_secret(start, inbox):
    pos = start([signed_outlet(inbox, webhook_secret="other")])
    save(pos, make_order())
    assert pos.wait_idle(5)
    _, headers, body = inbox.received[0]
    assert headers["x-petpooja-signature"] == "sha256=" + hmac.new(b"other", body, hashlib.sha256).hexdigest()


def test_signed_callbacks_need_an_address():
    with pytest.raises(ValueError, match="need a webhook_url"):
        sample_outlet("abcd1234", callbacks="signed")


# --- Tries ---


def test_a_callback_is_repeated_until_it_is_acknowledged(pos, inbox):
    inbox.answers = [500, 404, 302, 204]
    save(pos, make_order(callback_url=inbox.url))
    assert pos.wait_idle(5)
    assert inbox.statuses == ["1", "1", "1", "1", "5", "10"]
    assert len({body for _, _, body in inbox.received[:4]}) == 1
    assert [
        (t["status"], t["attempt"], t["result"], t["http_status"]) for t in pos.ledger.callbacks("WEB-1")
    ] == [
        ("1", 1, "refused", 500),
        ("1", 2, "refused", 404),
        ("1", 3, "refused", 302),
        ("1", 4, "acknowledged", 204),
        ("5", 1, "acknowledged", 200),
        ("10", 1, "acknowledged", 200),
    ]


def test_tries_are_bounded_and_the_next_stage_follows(start, inbox):
    pos = start(callback_tries=2)
    inbox.answers = [500, 500]
    save(pos, make_order(callback_url=inbox.url))
    assert pos.wait_idle(5)
    assert inbox.statuses == ["1", "1", "5", "10"]


def test_no_answer_is_unclear(start):
    pos = start(callback_tries=1, callback_timeout_seconds=0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        save(pos, make_order(callback_url=f"http://127.0.0.1:{deaf.getsockname()[1]}/"))
        assert pos.wait_idle(5)
    assert [(t["result"], t["error"]) for t in pos.ledger.callbacks()] == [("unclear", "TimeoutError")] * 3


def test_steps_are_apart(start, inbox):
    pos = start(step_seconds=0.1)
    began = time.monotonic()
    save(pos, make_order(callback_url=inbox.url))
    assert pos.wait_idle(30)
    assert inbox.statuses == ["1", "5", "10"]
    assert time.monotonic() - began > 0.35  # the unnamed "preparing" takes its step too


# --- By hand ---


def tell(pos, reference, **body):
    return requests.post(f"{pos.control_url}/orders/{reference}/status", json=body, timeout=5)


def test_a_callback_by_hand(start, inbox):
    pos = start(step_seconds=60)
    save(pos, make_order("WEB/1 a", callback_url=inbox.url))
    reference = "WEB%2F1%20a"
    assert tell(pos, reference, status=2).status_code == 202
    assert tell(pos, reference, status="READY").status_code == 202
    assert tell(pos, reference, status="99").status_code == 202
    assert tell(pos, reference, status="-1", reason="No gas").status_code == 202
    deadline = time.monotonic() + 30
    while len(inbox.received) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(inbox.statuses) == ["-1", "2", "5", "99"]
    (cancelled,) = (d for d in inbox.documents if d["status"] == "-1")
    assert (cancelled["cancel_reason"], cancelled["orderID"]) == ("No gas", "WEB/1 a")


def test_a_signed_callback_by_hand_takes_codes_and_words(start, inbox):
    pos = start([signed_outlet(inbox)])
    save(pos, make_order(note="sim:no_callbacks"))
    for status in ("10", "PREPARING", "BURNT"):
        assert pos.tell_status("WEB-1", status)
    assert pos.wait_idle(5)
    assert sorted(inbox.statuses) == ["BURNT", "DELIVERED", "PREPARING"]


def test_a_callback_by_hand_that_cannot_be_sent(pos, inbox):
    assert tell(pos, "WEB-1", status="5").status_code == 404
    save(pos, make_order("DEAF"))
    assert tell(pos, "DEAF", status="5").status_code == 409
    save(pos, make_order("OWN", callback_url=inbox.url))
    assert tell(pos, "OWN", status="PREPARING").status_code == 409
    assert tell(pos, "OWN").status_code == 400


# --- Many ---


def test_a_thousand_orders_at_once(start, inbox):
    pos = start(step_seconds=0)
    for n in range(1000):  # planned without HTTP: it is the courier that is on trial
        order = make_order(f"WEB-{n}", callback_url=inbox.url)
        pos.ledger.record_order(OrderFacts.of(order), Decision.ACCEPTED, raw=b"", body=order)
        pos.tell_status(f"WEB-{n}", "1")
    assert threading.active_count() < 40
    assert pos.wait_idle(20)
    assert sorted(d["orderID"] for d in inbox.documents) == sorted(f"WEB-{n}" for n in range(1000))
    assert pos.ledger.counts()["callbacks_acknowledged"] == 1000
