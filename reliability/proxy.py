"""A TCP proxy that misbehaves on purpose: it stands before the database, the broker and the POS.

What a connection suffers is set at run time, for all connections at once: latency, no connection, a black
hole, a cut after so many bytes. And the peer pulls the trigger: a `Trigger` waits for a pattern in what
the client sends and acts at that very moment, before the bytes go on, or after the other side has done
what they ask and before the client hears of it. No product code knows of any of this.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

COMMIT = re.compile(rb"^.{4}\x03COMMIT$", re.IGNORECASE | re.DOTALL)
INBOX_INSERT = re.compile(rb"INSERT INTO [`\"]?WebhookLogs")
LPUSH = re.compile(rb"LPUSH")
SAVE_ORDER = re.compile(rb"^POST \S*/save_order")
CHUNK = 65_536


class When(Enum):
    """The moment at which a trigger acts."""

    BEFORE = "before the bytes go on"
    AFTER = "after the answer came, before the client has it"


@dataclass(slots=True)
class Trigger:
    """Act at the next `times` messages of a client that match; the connection `cuts` without a word, or goes on."""

    pattern: re.Pattern[bytes]
    when: When
    act: Callable[[int], None]
    times: int = 1
    cuts: bool = True
    fired: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def takes(self, data: bytes) -> bool:
        """Whether this message pulls it."""
        if self.fired >= self.times or not self.pattern.search(data):
            return False
        with self.lock:
            if self.fired >= self.times:
                return False
            self.fired += 1
            return True


class Proxy:
    """Listens on a free port of loopback and passes on to `target`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.latency = 0.0
        self.is_down = False
        self.swallows = False
        self.cut_after: int | None = None
        self.refused = 0
        self.triggers: list[Trigger] = []
        self._links: set[_Link] = set()
        self._changed = threading.Condition()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True).start()

    def on(
        self,
        pattern: re.Pattern[bytes],
        when: When,
        act: Callable[[int], None],
        times: int = 1,
        *,
        cuts: bool = True,
    ) -> Trigger:
        """Set a trigger; `act` is given the client's port."""
        trigger = Trigger(pattern, when, act, times, cuts)
        self.triggers.append(trigger)
        return trigger

    def go_down(self) -> None:
        """Cut what stands and take nothing more."""
        self.is_down = True
        self.reset()

    def swallow(self) -> None:
        """Take everything and answer nothing, as a host does whose cable was pulled."""
        self.swallows = True

    def reset(self) -> None:
        """Cut every connection with RST."""
        with self._changed:
            links = list(self._links)
        for link in links:
            link.cut()

    def behave(self) -> None:
        """Pass everything again; forget all triggers."""
        self.latency, self.is_down, self.cut_after, self.triggers = 0.0, False, None, []
        with self._changed:
            self.swallows = False
            self._changed.notify_all()

    def close(self) -> None:
        """Stop for good."""
        self.behave()
        self.is_down = True
        self._server.close()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, (_, port) = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._begin, args=(client, port), daemon=True).start()

    def _begin(self, client: socket.socket, port: int) -> None:
        try:
            if self.is_down:
                self.refused += 1
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", self.target), timeout=30)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        link = _Link(self, client, server, port)
        with self._changed:
            self._links.add(link)
        link.run()

    def _over(self, link: _Link) -> None:
        with self._changed:
            self._links.discard(link)
            self._changed.notify_all()

    def _delay(self, link: _Link) -> None:
        """Hold the bytes of a link for as long as the proxy is told to."""
        with self._changed:
            if self.latency:
                self._changed.wait_for(lambda: link.is_cut, self.latency)
            self._changed.wait_for(lambda: link.is_cut or not self.swallows)


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket, port: int) -> None:
        self.proxy, self.client, self.server, self.port = proxy, client, server, port
        self.is_cut = False
        self.pending: Trigger | None = None
        self.left = proxy.cut_after
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        """Pump both ways until either side ends."""
        there = (self.client, self.server, self._to_server)
        back = threading.Thread(
            target=self._pump, args=(self.server, self.client, self._to_client), daemon=True
        )
        back.start()
        self._pump(*there)
        back.join()
        self.cut()

    def _pump(self, source: socket.socket, target: socket.socket, send: Callable[[bytes], None]) -> None:
        try:
            while not self.is_cut and (data := source.recv(CHUNK)):
                send(data)
            if not self.is_cut:
                # An orderly end, which is passed on: what is on its way arrives.
                target.shutdown(socket.SHUT_WR)
        except OSError:
            self.cut()

    def _to_server(self, data: bytes) -> None:
        for trigger in list(self.proxy.triggers):
            if not trigger.takes(data):
                continue
            if trigger.when is When.AFTER:
                self.pending = trigger
                continue
            trigger.act(self.port)
            if trigger.cuts:
                self.cut()
                return
        self.proxy._delay(self)
        self.server.sendall(data)

    def _to_client(self, data: bytes) -> None:
        if trigger := self.pending:
            self.pending = None
            trigger.act(self.port)
            if trigger.cuts:
                self.cut()
                return
        self.proxy._delay(self)
        if self.left is not None:
            data, self.left = data[: self.left], self.left - len(data)
        self.client.sendall(data)
        if self.left is not None and self.left <= 0:
            self.cut()

    def cut(self) -> None:
        """End both sides, at once."""
        with self.proxy._changed:
            if self.is_cut:
                return
            self.is_cut = True
            self.proxy._changed.notify_all()
        for end in (self.client, self.server):
            _reset(end)
        self.proxy._over(self)


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Wakes the thread that reads it; only when that one has let go is the RST sent.
        end.shutdown(socket.SHUT_RD)
    with suppress(OSError):
        end.close()
