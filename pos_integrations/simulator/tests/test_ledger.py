"""The ledger: what a checker counts, and what is left of it after a kill."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from pos_integrations.simulator import SimulatedPos, sample_outlets
from pos_integrations.simulator.journal import Journal, read_journal
from pos_integrations.simulator.tests.conftest import BODY_CREDENTIALS, make_order, save, saved

ROOT = Path(__file__).parents[3]


def test_the_ledger_over_http(start, inbox):
    pos = start(numeric_order_ids=True)
    save(pos, make_order(callback_url=inbox.url))
    save(pos, make_order(callback_url=inbox.url))
    save(pos, make_order("", callback_url=inbox.url))
    save(pos, make_order("WEB-2", code="90001"))
    save(pos, make_order("WEB-3", note="sim:500"))
    assert pos.wait_idle(5)
    document = requests.get(f"{pos.control_url}/ledger", timeout=5).json()
    assert document["counts"] == {
        "requests": 5,
        "accepted": 1,
        "duplicate": 1,
        "refused": 1,
        "dropped": 1,
        "ignored": 1,
        "tickets": 1,
        "cancelled": 0,
        "callbacks_acknowledged": 3,
        "callbacks_refused": 0,
        "callbacks_unclear": 0,
        "redirects_followed": 0,
    }
    (ticket,) = document["tickets"]
    assert ticket.pop("at").endswith("+00:00")
    assert ticket == {
        "number": 1,
        "reference": "WEB-1",
        "restID": "abcd1234",
        "pos_order_id": "1",
        "stage": "DELIVERED",
        "cancelled": False,
        "times_seen": 2,
    }


def test_one_order_over_http(pos, inbox):
    order = make_order("WEB/1 ü", note="sim:accept_then_500*1", callback_url=inbox.url)
    save(pos, order)
    save(pos, order)
    assert pos.wait_idle(5)
    document = requests.get(f"{pos.control_url}/orders/WEB%2F1%20%C3%BC", timeout=5).json()
    assert (document["times_seen"], document["different_bodies"]) == (2, 1)
    assert [(r["decision"], r["behaviour"]) for r in document["requests"]] == [
        ("accepted", "accept_then_500"),
        ("duplicate", ""),
    ]
    assert [c["status"] for c in document["callbacks"]] == ["1", "5", "10"]
    assert document["body"] == {"orderinfo": order["orderinfo"]}
    assert requests.get(f"{pos.control_url}/orders/WEB-2", timeout=5).status_code == 404


def test_credentials_are_nowhere(start, tmp_path, caplog):
    caplog.set_level("DEBUG")
    pos = start(ledger=tmp_path / "ledger.jsonl")
    save(pos, make_order())
    save(pos, {**make_order("WEB-2"), "app_secret": "a wrong secret"})
    kept = (tmp_path / "ledger.jsonl").read_text() + caplog.text + repr(pos.outlets)
    kept += requests.get(f"{pos.control_url}/orders/WEB-2", timeout=5).text
    assert not [value for value in (*BODY_CREDENTIALS.values(), "a wrong secret") if value in kept]


def test_the_file_holds_the_order_before_it_is_answered(start, tmp_path):
    path = tmp_path / "ledger.jsonl"
    seen = []

    def look(ticket):
        seen.append((ticket.reference, [record["reference"] for record in read_journal(path)]))

    pos = start(ledger=path, on_accept=look)
    save(pos, make_order("WEB-1"))
    save(pos, make_order("WEB-1"))
    save(pos, make_order("WEB-2"))
    assert seen == [("WEB-1", ["WEB-1"]), ("WEB-2", ["WEB-1", "WEB-1", "WEB-2"])]


def test_a_client_killed_on_accept_left_an_order_in_the_kitchen(start):
    arrived, go_on = threading.Event(), threading.Event()

    def hold(ticket):
        arrived.set()
        go_on.wait(5)

    pos = start(on_accept=hold)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(save, pos, make_order())
        assert arrived.wait(5)
        assert [ticket.reference for ticket in pos.tickets()] == ["WEB-1"]
        assert not answer.done()
        go_on.set()
        assert answer.result().json() == saved()


def test_a_ledger_is_continued(start, tmp_path, inbox):
    path = tmp_path / "ledger.jsonl"
    first = start(ledger=path, numeric_order_ids=True)
    save(first, make_order("WEB-1", callback_url=inbox.url))
    save(first, make_order("WEB-2"))
    save(first, make_order(""))
    cancel = {**BODY_CREDENTIALS, "restID": "abcd1234", "clientorderID": "WEB-2", "status": "-1"}
    requests.post(f"{first.base_url}/update_order_status", json=cancel, timeout=5)
    assert first.wait_idle(5)
    first.close()
    second = start(ledger=path)
    assert second.ledger.counts() == first.ledger.counts()
    assert [t.as_json() for t in second.tickets()] == [t.as_json() for t in first.tickets()]
    assert second.ledger.callbacks() == first.ledger.callbacks()
    assert [e.body for e in second.ledger.entries()] == [e.body for e in first.ledger.entries()]
    assert save(second, make_order("WEB-1")).json() == saved("WEB-1", "1")
    assert len(second.tickets()) == 2


def test_a_torn_last_line_is_cut_off(start, tmp_path):
    path = tmp_path / "ledger.jsonl"
    first = start(ledger=path)
    save(first, make_order("WEB-1"))
    first.close()
    with path.open("ab") as file:
        file.write(b'{"kind":"order","at":"2026-')
    assert [record["reference"] for record in read_journal(path)] == ["WEB-1"]
    second = start(ledger=path)
    save(second, make_order("WEB-2"))
    assert [record["reference"] for record in read_journal(path)] == ["WEB-1", "WEB-2"]


def test_many_threads_write_whole_lines_in_order(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")

    def write(n):
        journal.sync(journal.add({"n": n, "text": "x" * 500}))
        return n in {record["n"] for record in read_journal(journal.path)}

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(write, range(200)))
    journal.close()
    assert sorted(record["n"] for record in read_journal(journal.path)) == list(range(200))


KILLED_AFTER_ACCEPT = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pos_integrations.simulator import SimulatedPos
pos = SimulatedPos(ledger=sys.argv[2], on_accept=lambda ticket: os._exit(9)).start()
print(pos.base_url, flush=True)
sys.stdin.read()
"""


def test_what_was_accepted_survives_a_killed_pos(tmp_path):
    path = tmp_path / "ledger.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_AFTER_ACCEPT, str(ROOT), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        url = process.stdout.readline().strip()
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{url}/save_order", json=make_order("WEB-1"), timeout=5)
        assert process.wait(5) == 9
    assert [(record["reference"], record["decision"]) for record in read_journal(path)] == [
        ("WEB-1", "accepted")
    ]


def test_parallel_saves_of_one_order_make_one_ticket(start, tmp_path):
    pos = start(ledger=tmp_path / "ledger.jsonl")
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda n: save(pos, make_order(f"WEB-{n % 4}")).json(), range(64)))
    assert answers == [saved(f"WEB-{n % 4}") for n in range(64)]
    assert sorted((t.reference, t.times_seen) for t in pos.tickets()) == [(f"WEB-{n}", 16) for n in range(4)]


def test_a_stopped_pos_starts_again_where_it_was(inbox):
    pos = SimulatedPos(sample_outlets(), step_seconds=0.01)
    pos.start()
    port, url = pos.port, pos.base_url
    save(pos, make_order())
    pos.stop()
    pos.stop()
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.post(f"{url}/save_order", json=make_order(), timeout=5)
    pos.start()
    assert (pos.port, pos.base_url) == (port, url)
    assert save(pos, make_order()).json() == saved()
    assert [ticket.times_seen for ticket in pos.tickets()] == [2]
    pos.close()


def test_stopping_cuts_what_is_open_and_leaves_no_thread_or_socket():
    before, open_before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    arrived = threading.Event()
    with requests.Session() as idle, ThreadPoolExecutor(2) as clients:
        with SimulatedPos(sample_outlets(), on_accept=lambda ticket: arrived.set()) as pos:
            idle.get(f"{pos.control_url}/health", timeout=5)
            hanging = clients.submit(save, pos, make_order(note="sim:accept_then_silence"), 30)
            assert arrived.wait(5)
        assert isinstance(hanging.exception(5), requests.ConnectionError)
    assert threading.active_count() == before
    assert len(os.listdir("/proc/self/fd")) == open_before


def test_one_line_per_request_is_logged(pos, caplog):
    caplog.set_level("INFO", "pos_integrations.simulator.server")
    requests.post(f"{pos.base_url}/save_order?key=token", json=make_order(note="sim:500"), timeout=5)
    requests.post(f"{pos.base_url}/save_order", json=make_order("WEB-2"), timeout=5)
    pos.stop()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("POST /save_order 500 ")
    assert lines[0].endswith(" ms, WEB-1 ignored (misbehaviour) [500]")
    assert lines[1].endswith(" ms, WEB-2 accepted")


def test_json_lines_are_plain(start, tmp_path):
    path = tmp_path / "ledger.jsonl"
    pos = start(ledger=path)
    save(pos, make_order("WEB-ü"))
    (line,) = path.read_text(encoding="utf-8").splitlines()
    record = json.loads(line)
    assert list(record) == [
        "kind", "at", "reference", "restID", "decision", "why", "behaviour", "pos_order_id", "sha256", "body",
    ]  # fmt: skip
    assert record["reference"] == "WEB-ü"
