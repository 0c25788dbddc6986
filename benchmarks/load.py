"""A light HTTP client that keeps many connections busy, in a process of its own.

    python benchmarks/load.py PORT CONNECTIONS FILE [--seconds S] [--cycle]

FILE is a pickled list of requests as bytes. Each is sent once, or with --cycle again and again until the
seconds are over. One epoll loop and no parsing beyond what keeps a connection in step, so that it takes
little of the cores that the server needs. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import pickle
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """What a run measured; times of single requests in milliseconds."""

    done: int
    seconds: float
    statuses: dict[str, int]
    p50: float
    p95: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.done / self.seconds if self.seconds else 0.0


def all_of(parts: Sequence[Result]) -> Result:
    """Several runs as one; of the times the medians of theirs."""
    statuses: Counter[str] = Counter()
    for part in parts:
        statuses.update(part.statuses)
    times = [median(getattr(part, name) for part in parts) for name in ("p50", "p95", "p99")]
    seconds = sum(part.seconds for part in parts)
    return Result(sum(part.done for part in parts), seconds, dict(statuses), *times)


def fire(
    port: int, connections: int, requests: Sequence[bytes], *, seconds: float = 30, cycle: bool = False
) -> Result:
    """Run the client as a process and return what it measured."""
    with tempfile.NamedTemporaryFile(suffix=".requests") as file:
        pickle.dump(list(requests), file)
        file.flush()
        command = [
            sys.executable,
            __file__,
            str(port),
            str(connections),
            file.name,
            "--seconds",
            str(seconds),
        ]
        done = subprocess.run(
            [*command, *(["--cycle"] if cycle else [])], check=True, capture_output=True, text=True
        )
    return Result(**json.loads(done.stdout))


def http(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """One request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Connection:
    __slots__ = ("_port", "left", "sent_at", "sock", "tail")

    def __init__(self, port: int) -> None:
        self._port = port
        self.open()

    def open(self) -> None:
        self.sock = socket.create_connection(("127.0.0.1", self._port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        self.tail, self.left = b"", -1
        self.sent_at = time.perf_counter()
        self.sock.sendall(request)

    def read(self) -> int:
        """The status once the answer is whole, else 0; -1 when the server closed."""
        data = self.sock.recv(1 << 20)
        if not data:
            return -1
        if self.left >= 0:
            self.left -= len(data)
        else:
            self.tail += data
            head, found, rest = self.tail.partition(b"\r\n\r\n")
            if not found:
                return 0
            lowered = head.lower()
            at = lowered.find(b"content-length:")
            if at < 0 and b"chunked" in lowered:
                if not self.tail.endswith(b"0\r\n\r\n"):
                    return 0
                self.left = 0
            else:
                length = int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
                self.tail = head[:16]
                self.left = length - len(rest)
        return int(self.tail[9:12]) if self.left <= 0 else 0


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--cycle", action="store_true")
    options = parser.parse_args()
    requests: list[bytes] = pickle.loads(options.file.read_bytes())
    supply: Iterator[bytes] = chain.from_iterable(repeat(requests)) if options.cycle else iter(requests)
    poll = select.epoll()
    busy: dict[int, _Connection] = {}
    statuses: Counter[str] = Counter()
    times: list[float] = []
    for _ in range(min(options.connections, len(requests)) if not options.cycle else options.connections):
        connection = _Connection(options.port)
        busy[connection.sock.fileno()] = connection
        poll.register(connection.sock, select.EPOLLIN)
    started = time.perf_counter()
    until = started + options.seconds
    for connection in list(busy.values()):
        connection.send(next(supply))
    while busy:
        for number, _ in poll.poll(1):
            connection = busy[number]
            status = connection.read()
            if not status:
                continue
            now = time.perf_counter()
            times.append(now - connection.sent_at)
            statuses[str(status)] += 1
            request = next(supply, None) if now < until else None
            if request is None or status < 0:
                poll.unregister(number)
                connection.sock.close()
                del busy[number]
                if request is not None:
                    connection.open()
                    busy[connection.sock.fileno()] = connection
                    poll.register(connection.sock, select.EPOLLIN)
                    connection.send(request)
            else:
                connection.send(request)
        if time.perf_counter() > until + 30:
            statuses["unanswered"] += len(busy)
            break
    seconds = time.perf_counter() - started
    times.sort()

    def at(share: float) -> float:
        return round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 2) if times else 0.0

    result: dict[str, Any] = {"done": len(times), "seconds": round(seconds, 3), "statuses": dict(statuses)}
    print(json.dumps({**result, "p50": at(0.5), "p95": at(0.95), "p99": at(0.99)}))


if __name__ == "__main__":
    main()
