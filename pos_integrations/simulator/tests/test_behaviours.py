"""Every misbehaviour over a real socket: what the client gets, what the kitchen has, who is called."""

import datetime as dt
import json
import socket
import time
import zlib

import pytest
import requests

from pos_integrations.simulator import sample_outlet
from pos_integrations.simulator.behaviours import BEHAVIOURS, SPOILERS, Plan
from pos_integrations.simulator.misbehaviour import Misbehaviour, Spec
from pos_integrations.simulator.tests.conftest import MENU_HEADERS, make_order, save, saved

GATEWAY_ERROR = {"message": "Internal server error"}


def save_with(pos, behaviour, **kwargs):
    return save(pos, make_order(note=f"no onions, sim:{behaviour}"), **kwargs)


def decisions(pos):
    return [entry.decision.value for entry in pos.ledger.entries()]


CONTRACT = """
    delay refuse accept_then_silence silence accept_then_reset reset accept_then_500 500 429 503 html
    invalid_json empty success_0 drip huge gzip_bomb redirect duplicate_callbacks reordered_callbacks
    no_callbacks callback_before_answer cancel drop
"""


def test_every_behaviour_of_the_contract_is_there():
    assert set(CONTRACT.split()) - set(BEHAVIOURS) == set()


@pytest.mark.parametrize("name", sorted(SPOILERS))
def test_a_spoilt_answer_keeps_nothing_unless_it_says_so(name):
    alone, after = Plan(), Plan()
    BEHAVIOURS[name](alone, "")
    BEHAVIOURS[f"accept_then_{name}"](after, "")
    assert (alone.verdict, after.verdict) == ("ignored", None)


# --- Answers ---

ANSWERS = [
    ("500", 500, {}, json.dumps(GATEWAY_ERROR)),
    ("503", 503, {}, '{"message": "Service Unavailable"}'),
    ("503=7", 503, {"Retry-After": "7"}, '{"message": "Service Unavailable"}'),
    ("429", 429, {"Retry-After": "1"}, '{"message": "Too Many Requests"}'),
    ("429=30", 429, {"Retry-After": "30"}, '{"message": "Too Many Requests"}'),
    ("429=soon", 429, {"Retry-After": "soon"}, '{"message": "Too Many Requests"}'),
    ("html", 200, {"Content-Type": "text/html; charset=utf-8"}, None),
    ("invalid_json", 200, {}, '{"success":"1","message":"Your order is sa'),
    ("empty", 200, {"Content-Length": "0"}, ""),
    ("wrong_type", 200, {}, '[{"success":["1"]}]'),
    ("redirect", 307, {"Location": "/_sim/sink"}, ""),
    ("redirect=302", 302, {"Location": "/_sim/sink"}, ""),
]


@pytest.mark.parametrize(("behaviour", "status", "headers", "body"), ANSWERS)
@pytest.mark.parametrize("kept", [False, True])
def test_spoilt_answers(pos, behaviour, status, headers, body, kept):
    answer = save_with(pos, f"accept_then_{behaviour}" if kept else behaviour)
    assert answer.status_code == status
    assert headers.items() <= dict(answer.headers).items()
    if body is not None:
        assert answer.text == body
    assert decisions(pos) == (["accepted"] if kept else ["ignored"])
    assert len(pos.tickets()) == kept


def test_refuse(pos):
    assert save_with(pos, "refuse").json() == {
        "success": "0",
        "message": "There were some error in order details.",
        "errorCode": "SO_105",
        "validation_errors": {"orderID": ["Refused by the simulated POS."]},
    }
    assert decisions(pos) == ["refused"]


def test_success_0(pos):
    answer = save_with(pos, "success_0")
    assert (answer.status_code, answer.json()) == (
        200,
        {"success": "0", "message": "Invalid order relay payload "},
    )
    assert decisions(pos) == ["refused"]


def test_drop(pos, inbox):
    assert save(pos, make_order(note="sim:drop", callback_url=inbox.url)).json() == saved()
    assert pos.wait_idle(5)
    assert (decisions(pos), pos.tickets(), inbox.received) == (["dropped"], [], [])


def test_delay_keeps_the_order_and_answers_late(pos):
    began = time.monotonic()
    assert save_with(pos, "delay=0.2").json() == saved()
    assert time.monotonic() - began >= 0.2
    assert decisions(pos) == ["accepted"]


def test_a_client_that_does_not_wait_for_a_delay_left_an_order_behind(pos):
    with pytest.raises(requests.ReadTimeout):
        save_with(pos, "delay=30", timeout=0.2)
    assert decisions(pos) == ["accepted"]


@pytest.mark.parametrize(("behaviour", "kept"), [("silence", 0), ("accept_then_silence", 1)])
def test_silence_lasts_until_the_client_leaves(pos, inbox, behaviour, kept):
    with pytest.raises(requests.ReadTimeout):
        save(pos, make_order(note=f"sim:{behaviour}", callback_url=inbox.url), timeout=0.2)
    assert len(pos.tickets()) == kept
    assert pos.wait_idle(5)
    assert inbox.statuses == ["1", "5", "10"] * kept


@pytest.mark.parametrize(("behaviour", "kept"), [("reset", 0), ("accept_then_reset", 1)])
def test_reset(pos, behaviour, kept):
    body = json.dumps(make_order(note=f"sim:{behaviour}")).encode()
    with socket.create_connection(("127.0.0.1", pos.port), timeout=5) as client:
        client.sendall(
            b"POST /save_order HTTP/1.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        with pytest.raises(ConnectionResetError):
            client.recv(100)
    assert len(pos.tickets()) == kept


@pytest.mark.parametrize(("behaviour", "kept"), [("half", 0), ("accept_then_half", 1)])
def test_half_an_answer(pos, behaviour, kept):
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        save_with(pos, behaviour)
    assert len(pos.tickets()) == kept


def test_drip_sends_the_real_answer_byte_by_byte(pos):
    began = time.monotonic()
    assert save_with(pos, "accept_then_drip=0.002").json() == saved()
    assert time.monotonic() - began > 0.002 * len(json.dumps(saved()))
    began = time.monotonic()
    answer = save(pos, make_order("WEB-2", note="sim:drip=0.001"))
    assert (answer.status_code, answer.json()) == (500, GATEWAY_ERROR)
    assert decisions(pos) == ["accepted", "ignored"]


def test_drip_outlasts_a_read_timeout(pos):
    # One byte each 0.05 s never lets a time-out per read of 0.4 s expire: a deadline must.
    began = time.monotonic()
    with requests.post(
        f"{pos.base_url}/save_order", json=make_order(note="sim:drip=0.05"), timeout=0.4, stream=True
    ) as answer:
        assert answer.raw.read(20).startswith(b'{"message"')
    assert time.monotonic() - began > 0.8


def test_endless(pos):
    with requests.post(
        f"{pos.base_url}/save_order", json=make_order(note="sim:endless"), timeout=5, stream=True
    ) as answer:
        assert len(answer.raw.read(3_000_000)) == 3_000_000


def test_huge(pos):
    answer = save_with(pos, "accept_then_huge=3")
    assert len(answer.content) > 3 * 1024 * 1024
    document = answer.json()
    assert len(document.pop("padding")) == 3 * 1024 * 1024
    assert document == saved()


def test_gzip_bomb(pos):
    with requests.post(
        f"{pos.base_url}/save_order",
        json=make_order(note="sim:accept_then_gzip_bomb=20"),
        timeout=5,
        stream=True,
    ) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = answer.raw.read(decode_content=False)
    assert len(packed) < 40_000
    document = json.loads(zlib.decompress(packed, 31))
    assert len(document.pop("padding")) == 20 * 1024 * 1024
    assert document == saved()


def test_header_flood(pos):
    with pytest.raises(requests.ConnectionError, match="got more than 100 headers"):
        save_with(pos, "header_flood")
    assert save(pos, make_order("WEB-2", note="sim:accept_then_header_flood=50")).json() == saved("WEB-2")


def test_a_followed_redirect_is_counted(pos):
    assert pos.ledger.counts()["redirects_followed"] == 0
    requests.post(f"{pos.base_url}/save_order", json=make_order(note="sim:redirect"), timeout=5)
    assert pos.ledger.counts()["redirects_followed"] == 1


def test_clients_that_leave_in_the_middle_harm_nobody(pos):
    for name in SPOILERS:
        note = f"sim:{name}" + ("=1" if name in ("huge", "gzip_bomb") else "")
        body = json.dumps(make_order(f"WEB-{name}", note=note)).encode()
        with socket.create_connection(("127.0.0.1", pos.port), timeout=5) as client:
            head = (
                b"POST /save_order HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            )
            client.sendall(head % len(body) + body)
    assert save(pos, make_order("LAST")).json() == saved("LAST")
    assert [ticket.reference for ticket in pos.tickets()] == ["LAST"]


# --- Callbacks ---


def statuses_with(pos, inbox, behaviour):
    assert (
        save(pos, make_order(order_type="H", note=f"sim:{behaviour}", callback_url=inbox.url)).json()
        == saved()
    )
    assert pos.wait_idle(5)
    return inbox.statuses


def test_duplicate_callbacks_are_identical(start, inbox):
    pos = start(step_seconds=0.05)
    assert sorted(statuses_with(pos, inbox, "duplicate_callbacks")) == sorted(["1", "5", "4", "10"] * 2)
    assert len({body for _, _, body in inbox.received}) == 4


def test_reordered_callbacks(pos, inbox):
    assert statuses_with(pos, inbox, "reordered_callbacks") == ["10", "4", "5", "1"]
    assert pos.tickets()[0].stage == "DELIVERED"


def test_reordered_signed_callbacks_tell_when_it_really_happened(start, inbox):
    url = inbox.url.removesuffix("/callback?k=token")
    pos = start([sample_outlet("abcd1234", callbacks="signed", webhook_url=url)])
    assert statuses_with(pos, inbox, "reordered_callbacks") == [
        "DELIVERED", "DISPATCHED", "READY", "PREPARING", "CONFIRMED",
    ]  # fmt: skip
    times = [dt.datetime.fromisoformat(document["timestamp"]) for document in inbox.documents]
    assert times == sorted(times, reverse=True)
    assert times[0] < dt.datetime.now(dt.UTC)


def test_no_callbacks(pos, inbox):
    assert statuses_with(pos, inbox, "no_callbacks") == []
    assert len(pos.tickets()) == 1


def test_callback_before_answer(start, inbox):
    pos = start(step_seconds=0.2)
    save(pos, make_order(note="sim:callback_before_answer", callback_url=inbox.url))
    assert inbox.statuses == ["1"]
    assert pos.wait_idle(5)
    assert inbox.statuses == ["1", "5", "10"]


def test_the_first_callback_comes_after_the_answer_otherwise(start, inbox):
    pos = start(step_seconds=0.2)
    save(pos, make_order(callback_url=inbox.url))
    assert inbox.statuses == []


@pytest.mark.parametrize(
    ("behaviour", "statuses", "reason", "stage"),
    [
        ("cancel", ["1", "-1"], "Item not available", "CANCELLED"),
        ("cancel=3", ["1", "5", "-1"], "Item not available", "CANCELLED"),
        ("cancel=0", ["-1"], "Restaurant is too busy", "REJECTED"),
        ("reject", ["-1"], "Restaurant is too busy", "REJECTED"),
    ],
)
def test_the_kitchen_cancels(pos, inbox, behaviour, statuses, reason, stage):
    assert statuses_with(pos, inbox, behaviour) == statuses
    assert (inbox.documents[-1]["cancel_reason"], inbox.documents[-1]["minimum_prep_time"]) == (reason, "0")
    assert pos.tickets()[0].stage == stage


@pytest.mark.parametrize(("behaviour", "word"), [("cancel", "CANCELLED"), ("reject", "REJECTED")])
def test_signed_cancelling_and_rejecting_differ(start, inbox, behaviour, word):
    url = inbox.url.removesuffix("/callback?k=token")
    pos = start([sample_outlet("abcd1234", callbacks="signed", webhook_url=url)])
    assert statuses_with(pos, inbox, behaviour)[-1] == word


def test_behaviours_combine(pos, inbox):
    order = make_order(note="sim:accept_then_500 sim:cancel", callback_url=inbox.url)
    assert save(pos, order).status_code == 500
    assert pos.wait_idle(5)
    assert inbox.statuses == ["1", "-1"]


# --- Who misbehaves when ---


def test_a_behaviour_can_be_limited_to_the_first_tries(pos):
    order = make_order(note="sim:accept_then_500*2")
    assert [save(pos, order).status_code for _ in range(3)] == [500, 500, 200]
    assert decisions(pos) == ["accepted", "duplicate", "duplicate"]
    assert len({entry.sha256 for entry in pos.ledger.entries()}) == 1


def test_a_note_without_a_known_behaviour_is_just_a_note(pos):
    assert save_with(pos, "extra_cheese=2").json() == saved()
    assert save(pos, make_order("WEB-2", note="nosim:500 please")).json() == saved("WEB-2")


def test_one_order_can_be_told_to_misbehave(pos):
    pos.misbehave_order("WEB-2", "delay=0.01 accept_then_500*1")
    assert save(pos, make_order("WEB-1")).status_code == 200
    assert [save(pos, make_order("WEB-2")).status_code for _ in range(2)] == [500, 200]
    assert pos.ledger.entries("WEB-2")[0].behaviour == "delay accept_then_500"


def test_other_calls_can_misbehave(pos):
    pos.misbehave_call("mapped_restaurant_menus", "500*1")
    pos.misbehave_call("save_order", "503*1")
    url, body = f"{pos.base_url}/mapped_restaurant_menus", {"restID": "abcd1234"}
    answers = [requests.post(url, json=body, headers=MENU_HEADERS, timeout=5).status_code for _ in range(2)]
    assert answers == [500, 200]
    assert [save(pos, make_order(f"WEB-{n}")).status_code for n in range(2)] == [503, 200]


def test_refused_orders_do_not_misbehave(pos):
    pos.misbehave({"500": 1})
    assert save(pos, make_order("")).json()["errorCode"] == "SO_105"


def test_rates_are_kept_and_repeat_with_the_seed():
    def run(seed):
        misbehaviour = Misbehaviour({"500": 0.05, "accept_then_reset": 0.1, "delay=3": 0.2}, seed)
        return [tuple(misbehaviour.plan_for_order(f"WEB-{n}", "").names) for n in range(4000)]

    first = run(7)
    assert first == run(7)
    assert first != run(8)
    shares = {name: first.count((name,)) / 4000 for name in ("500", "accept_then_reset", "delay")}
    assert shares["500"] == pytest.approx(0.05, abs=0.02)
    assert shares["accept_then_reset"] == pytest.approx(0.1, abs=0.02)
    assert shares["delay"] == pytest.approx(0.2, abs=0.03)


def test_each_try_is_diced_anew():
    misbehaviour = Misbehaviour({"500": 0.5}, seed=1)
    names = {tuple(misbehaviour.plan_for_order("WEB-1", "").names) for _ in range(50)}
    assert names == {(), ("500",)}


@pytest.mark.parametrize(
    "rates", [{"501": 0.1}, {"500": 1.5}, {"500": -0.1}, {"500": 0.6, "503": 0.6}, {"500": "often"}]
)
def test_rates_that_make_no_sense_are_refused(rates):
    with pytest.raises(ValueError, match="No behaviour|Rates lie|could not convert"):
        Misbehaviour(rates)


@pytest.mark.parametrize(
    ("written", "spec"),
    [
        ("500", Spec("500")),
        ("429=3", Spec("429", "3")),
        ("reset*2", Spec("reset", "", 2)),
        ("delay=0.5*1", Spec("delay", "0.5", 1)),
    ],
)
def test_the_way_behaviours_are_written(written, spec):
    assert Spec.parse(written) == spec
    assert Spec.all_in_note(f"Less spicy. sim:{written}, thanks") == [spec]
