"""The proxy before a server that echoes."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from reliability.proxy import COMMIT, INBOX_INSERT, Proxy, When


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = socket.create_server(("127.0.0.1", 0))

    def echo(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(4096):
                    heard.append(data)
                    connection.sendall(data)
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    heard: list[bytes] = []
    threading.Thread(target=accept, daemon=True).start()
    found = Proxy(server.getsockname()[1])
    found.heard = heard  # type: ignore[attr-defined]
    yield found
    found.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def client_of(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=2)


def test_it_passes_both_ways(proxy):
    with client_of(proxy) as client:
        client.sendall(b"hello")

        assert client.recv(100) == b"hello"


def test_a_large_answer_arrives_whole_though_the_other_side_closes_after_it():
    server = socket.create_server(("127.0.0.1", 0))
    whole = b"x" * 5_000_000

    def answer_and_close():
        connection, _ = server.accept()
        with connection:
            connection.recv(100)
            connection.sendall(whole)

    threading.Thread(target=answer_and_close, daemon=True).start()
    proxy = Proxy(server.getsockname()[1])
    with client_of(proxy) as client:
        client.sendall(b"all of it")
        time.sleep(0.1)
        came = b""
        while data := client.recv(65_536):
            came += data
    proxy.close()
    server.close()

    assert len(came) == len(whole)


def test_latency_is_felt_on_the_way_there_and_back(proxy):
    proxy.latency = 0.1
    with client_of(proxy) as client:
        started = time.monotonic()
        client.sendall(b"hello")

        assert client.recv(100) == b"hello"
        assert time.monotonic() - started >= 0.2


def test_down_cuts_what_stands_and_takes_nothing_new(proxy):
    with client_of(proxy) as client:
        client.sendall(b"hello")
        client.recv(100)
        proxy.go_down()

        with pytest.raises(ConnectionResetError):
            client.recv(100)
    with pytest.raises(ConnectionResetError), client_of(proxy) as later:
        later.recv(100)


def test_a_black_hole_answers_nothing_and_then_all(proxy):
    proxy.swallow()
    with client_of(proxy) as client:
        client.settimeout(0.2)
        client.sendall(b"hello")
        with pytest.raises(TimeoutError):
            client.recv(100)
        proxy.behave()
        client.settimeout(2)

        assert client.recv(100) == b"hello"


def test_an_answer_is_cut_after_so_many_bytes(proxy):
    proxy.cut_after = 3
    with client_of(proxy) as client:
        client.sendall(b"hello")

        assert client.recv(100) == b"hel"
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_a_trigger_before_keeps_the_bytes_from_the_server(proxy):
    acted = []
    proxy.on(re.compile(rb"now"), When.BEFORE, acted.append)
    with client_of(proxy) as client:
        port = client.getsockname()[1]
        client.sendall(b"now")
        with pytest.raises(ConnectionResetError):
            client.recv(100)

    assert acted == [port]
    assert proxy.heard == []


def test_a_trigger_after_lets_the_server_act_and_the_client_hear_nothing(proxy):
    acted = []
    proxy.on(re.compile(rb"now"), When.AFTER, acted.append)
    with client_of(proxy) as client:
        client.sendall(b"now")
        with pytest.raises(ConnectionResetError):
            client.recv(100)

    assert len(acted) == 1
    assert proxy.heard == [b"now"]


def test_a_trigger_is_pulled_as_often_as_it_was_told(proxy):
    acted = []
    trigger = proxy.on(re.compile(rb"now"), When.BEFORE, acted.append, times=1)
    for _ in range(3):
        with client_of(proxy) as client:
            client.sendall(b"now")
            try:
                client.recv(100)
            except ConnectionResetError:
                continue

    assert (trigger.fired, len(acted)) == (1, 1)
    assert proxy.heard == [b"now", b"now"]


def test_the_patterns_fit_what_the_driver_sends():
    assert COMMIT.search(b"\x07\x00\x00\x00\x03COMMIT")
    assert not COMMIT.search(b"\x20\x00\x00\x00\x03SELECT 'COMMIT'")
    assert INBOX_INSERT.search(b"\x20\x00\x00\x00\x03INSERT INTO `WebhookLogs` (`a`) VALUES (1)")
