"""Raw sockets against ding as it is really served: granian, and the server of `make run` (S18, S36, F40)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ding.fresh_env import fresh_env

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
WEBHOOK = b"POST /api/webhooks/petpooja/order-status HTTP/1.1\r\nHost: localhost\r\n"
SECOND = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CLOSE = b"Connection: close\r\n\r\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def command_of(kind: str, port: int) -> list[str]:
    if kind == "granian":
        options = [
            "--interface",
            "wsgi",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
            "--no-ws",
        ]
        return [str(BIN / "granian"), *options, "--blocking-threads", "4", "ding.wsgi:application"]
    serve = f"from waitress import serve; from ding.wsgi import application; serve(application, host='127.0.0.1', port={port}, threads=4)"
    return [sys.executable, "-c", serve]


@pytest.fixture(scope="module", params=["granian", "waitress"])
def server(request, tmp_path_factory):
    """A port at which ding answers, on a database of its own."""
    folder, port = tmp_path_factory.mktemp("wire"), free_port()
    secrets = dict(line.split("=", 1) for line in fresh_env().splitlines() if line[:1].isupper())
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= secrets | {"DING_ENV_FILE": os.devnull, "VAR_DIR": str(folder), "LOG_FORMAT": "json"}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True, timeout=120
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command_of(request.param, port), cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
        )
    try:
        until = time.monotonic() + 40
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                if b"200" in b"".join(talk(port, SECOND)):
                    break
            time.sleep(0.2)
        else:
            pytest.fail((folder / "log").read_text())
        yield request.param, port
        assert process.poll() is None
        assert "Traceback" not in (folder / "log").read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def talk(port: int, raw: bytes, seconds: float = 10) -> list[bytes]:
    """Send these bytes; the status lines of all answers until the server closes."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.settimeout(seconds)
        answer = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(raw)
            while chunk := connection.recv(65_536):
                answer += chunk
    return [line for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]


def codes(lines: list[bytes]) -> list[int]:
    return [int(line.split()[1]) for line in lines]


def body(length: bytes, rest: bytes = b"", more: bytes = b"") -> bytes:
    return WEBHOOK + more + b"Content-Length: " + length + b"\r\n" + CLOSE + rest


# What one request in may bring out: one answer, and which. Anything else would be a second request in the first one's body.
SHAPES = {
    "plain": (body(b"2", b"{}"), {401}),
    "chunked": (WEBHOOK + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"2\r\n{}\r\n0\r\n\r\n", {401, 411}),
    "no length": (WEBHOOK + CLOSE, {401, 411}),
    "length and chunks": (
        WEBHOOK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
        {400, 401, 411},
    ),
    "chunks and length": (
        WEBHOOK + b"Transfer-Encoding: chunked\r\nContent-Length: 90\r\n\r\n0\r\n\r\n" + SECOND,
        {400, 401, 411},
    ),
    "two lengths": (WEBHOOK + b"Content-Length: 2\r\nContent-Length: 90\r\n\r\n{}" + SECOND, {400}),
    "a list of lengths": (body(b"2, 2", b"{}"), {400}),
    "a signed length": (body(b"+2", b"{}"), {400}),
    "a negative length": (body(b"-2", b"{}"), {400, 411}),
    "a hexadecimal length": (body(b"0x2", b"{}"), {400, 411}),
    "an unknown coding": (WEBHOOK + b"Transfer-Encoding: xchunked\r\n" + CLOSE + b"{}", {400, 411, 501}),
    "a blank before the colon": (
        WEBHOOK + b"Transfer-Encoding : chunked\r\nContent-Length: 2\r\n" + CLOSE + b"{}",
        {400},
    ),
    "two codings": (
        WEBHOOK
        + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
        + CLOSE
        + b"0\r\n\r\n"
        + SECOND,
        {400, 401, 411, 501},
    ),
    "a bad chunk": (
        WEBHOOK + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"ZZ\r\n{}\r\n0\r\n\r\n",
        {400, 411},
    ),
    "an endless chunk": (
        WEBHOOK + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"F" * 20 + b"\r\n{}\r\n0\r\n\r\n",
        {400, 411, 413},
    ),
    "too long": (body(b"99999999999", b"{}"), {413}),
    "longer than this call may be": (body(b"300000", b"x" * 300_000), {413}),
    "a long header": (WEBHOOK + b"X: " + b"a" * 600_000 + b"\r\n\r\n", {400, 431}),
    "many headers": (WEBHOOK + b"".join(b"X-%d: 1\r\n" % n for n in range(30_000)) + b"\r\n", {400, 431}),
    "a folded header": (WEBHOOK + b"X: a\r\n b\r\nContent-Length: 2\r\n" + CLOSE + b"{}", {400, 401}),
    "a compressed body": (body(b"20", b"\x1f\x8b" + b"0" * 18, b"Content-Encoding: gzip\r\n"), {401, 415}),
    "an underscore for a dash": (
        body(b"2", b"{}", b"x_petpooja_signature: sha256=" + b"0" * 64 + b"\r\n"),
        {400, 401},
    ),
    "another host": (b"GET /api/orders HTTP/1.1\r\nHost: evil.example\r\n" + CLOSE, {400}),
    "two hosts": (b"GET /api/orders HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n" + CLOSE, {400}),
    "a nul": (b"GET /api/orders/\x00 HTTP/1.1\r\nHost: localhost\r\n" + CLOSE, {400, 404}),
    "a quoted nul": (b"GET /api/orders/%00 HTTP/1.1\r\nHost: localhost\r\n" + CLOSE, {400, 404}),
    "a long address": (
        b"GET /api/orders/" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: localhost\r\n" + CLOSE,
        {400, 404, 414, 431},
    ),
    "no such version": (b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n" + CLOSE, {400, 505, 200}),
    "a proxy's request": (
        b"CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n" + CLOSE,
        {400, 403, 404, 405},
    ),
    "trace": (b"TRACE /api/orders HTTP/1.1\r\nHost: localhost\r\n" + CLOSE, {401, 405}),
}


PATIENT = {"an endless chunk"}


@pytest.mark.parametrize("shape", SHAPES)
def test_one_request_in_is_one_answer_out(server, shape):
    raw, allowed = SHAPES[shape]
    started = time.monotonic()
    answers = codes(talk(server[1], raw))
    if shape in PATIENT and server[0] == "waitress":
        assert answers in ([], [400])  # it waits for the rest, in no thread, and closes in the end
    else:
        assert len(answers) == 1, answers
        assert answers[0] in allowed
        assert time.monotonic() - started < 8  # a hang, not a speed: the server's own patience is 30
    assert codes(talk(server[1], SECOND)) == [200]


def test_a_body_that_never_ends_holds_nobody_up(server):
    kind, port = server
    # granian reads a body in the thread that answers: before it stands a proxy that waits for whole bodies
    # (docs/security.md). Here: fewer such senders than it has threads.
    senders = 12 if kind == "waitress" else 2
    slow = []
    try:
        for _ in range(senders):
            connection = socket.create_connection(("127.0.0.1", port), 5)
            connection.sendall(WEBHOOK + b"Content-Length: 200\r\n\r\n{")
            slow.append(connection)
        time.sleep(0.5)
        assert codes(talk(port, SECOND, seconds=25)) == [200]
    finally:
        for connection in slow:
            connection.close()
    assert codes(talk(port, SECOND)) == [200]
