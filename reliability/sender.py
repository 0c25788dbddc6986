"""A sender of webhooks as real ones are: signed, the same bytes again until a 2xx comes, and a diary of it all.

Each try and its answer is on the disk before the next thing happens. An event is *acknowledged* (a 2xx
came), *refused* (a 4xx came), or *unclear* (nothing, a 5xx, a cut connection): what is unclear may be in
ding or not, but never twice.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import json
import select
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pos_integrations.simulator.journal import Journal

SIGNATURE_HEADER = "x-petpooja-signature"
PATIENCE_SECONDS = 12.0


@dataclass(slots=True)
class Event:
    """One webhook. `about`: what the checker will look for, such as an order's reference and its status.

    `status` is that of the last answer; None: there was none. `cut`: tries that were read, perhaps, and not
    answered.
    """

    id: str
    topic: str
    body: bytes
    headers: Mapping[str, str]
    about: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    cut: int = 0
    acknowledged: int = 0
    status: int | None = None
    statuses: list[int | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where it goes."""
        return self.about.get("path") or f"/api/webhooks/petpooja/{self.topic}"


def signed(body: bytes, secret: str) -> dict[str, str]:
    """The headers of a signed webhook."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", SIGNATURE_HEADER: f"sha256={digest}"}


def make_event(
    number: str, topic: str, body: Mapping[str, Any], secret: str, about: dict[str, Any] | None = None
) -> Event:
    """An event whose body carries its own number, by which its row is found."""
    document = {**body, "timestamp": body.get("timestamp") or now_text(), "event_id": number}
    raw = json.dumps(document).encode()
    return Event(number, topic, raw, signed(raw, secret), about or {})


def now_text(ahead: float = 0.0) -> str:
    """The time as it stands in bodies."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=ahead)).isoformat()


class Sender:
    """Thread-safe: each thread has a connection of its own to each address."""

    def __init__(self, ports: Sequence[int], diary: Path) -> None:
        self.ports = list(ports)
        self.events: list[Event] = []
        self._diary = Journal(diary)
        self._own = threading.local()

    def deliver(self, event: Event, *, until: float | None = None, pause: float = 0.15) -> Event:
        """Send until a 2xx or a 4xx comes, or the time is over."""
        self.events.append(event)
        until = time.monotonic() + 120 if until is None else until
        while True:
            self.try_once(event)
            status = event.status
            if status is not None and (200 <= status < 300 or 400 <= status < 500 and status != 429):
                return event
            if time.monotonic() > until:
                return event
            time.sleep(pause)

    def try_once(self, event: Event, port: int | None = None) -> int | None:
        """One try; the status of its answer, None when there was none."""
        event.tries += 1
        started = time.monotonic()
        status = self.post(event.path, event.body, event.headers, port=port)
        took = time.monotonic() - started
        event.status = status
        event.cut += status is None and not self._own.refused
        event.statuses.append(status)
        if status is not None:
            event.seconds.append(took)
            event.acknowledged += 200 <= status < 300
        record = {"event": event.id, "try": event.tries, "status": status, "ms": round(took * 1000)}
        self._diary.sync(self._diary.add(record))
        return status

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str], *, port: int | None = None
    ) -> int | None:
        """POST over this thread's connection; the status, None when no whole answer came."""
        answer = self.request("POST", path, body, headers, port=port)
        return answer and answer[0]

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
    ) -> tuple[int, bytes, Mapping[str, str]] | None:
        """Status, body and headers; None when no whole answer came. After a failure the next address is tried."""
        chosen = port or self._port()
        connections = self._connections()
        connection = connections.pop(chosen, None)
        if connection is not None and _was_closed(connection):
            # Since the last answer, and nothing was sent on it: every client begins a new one then.
            connection.close()
            connection = None
        connection = connection or http.client.HTTPConnection("127.0.0.1", chosen, timeout=PATIENCE_SECONDS)
        self._own.refused = False
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._own.refused = isinstance(error, ConnectionRefusedError)
            self._own.turn = getattr(self._own, "turn", 0) + 1
            return None
        connections[chosen] = connection
        return response.status, content, {k.lower(): v for k, v in response.getheaders()}

    def _connections(self) -> dict[int, http.client.HTTPConnection]:
        if not hasattr(self._own, "connections"):
            self._own.connections = {}
        found: dict[int, http.client.HTTPConnection] = self._own.connections
        return found

    def _port(self) -> int:
        if not hasattr(self._own, "turn"):
            self._own.turn = threading.get_ident() // 64
        return self.ports[self._own.turn % len(self.ports)]

    def close(self) -> None:
        """Close the diary."""
        self._diary.close()


def _was_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side has ended a kept connection: nothing but its end can be waiting there."""
    if connection.sock is None:
        return True
    waiting = select.poll()
    waiting.register(connection.sock, select.POLLIN)
    return bool(waiting.poll(0))
