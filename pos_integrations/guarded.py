"""Connections to a POS: only to addresses that are allowed, ended at the call's deadline, used again only at once.

A connection that is used again may have been closed under us, and then nobody can say whether the request was read. So
it is used again only within a second after an answer that was whole and in which the POS said that it keeps the
connection; and where that was not true once, never again. Nothing is ever sent a second time on another connection.
"""

from __future__ import annotations

import base64
import functools
import ipaddress
import os
import select
import socket
import ssl
import threading
import time
from collections import defaultdict
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import unquote

import certifi
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url
from urllib3.util.ssl_ import create_urllib3_context

from pos_integrations.errors import ConfigurationError, TransientError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv6 networks in which an IPv4 address is meant, and how many bits stand to its right: mapped, translated, NAT64,
# compatible, 6to4.
_MEANING_IPV4 = {
    ipaddress.IPv6Network("::ffff:0:0/96"): 0,
    ipaddress.IPv6Network("::ffff:0:0:0/96"): 0,
    ipaddress.IPv6Network("64:ff9b::/96"): 0,
    ipaddress.IPv6Network("::/96"): 0,
    ipaddress.IPv6Network("2002::/16"): 80,
}
# What Python 3.11 holds for global and is not: protocol assignments (some clouds tell secrets there), relays, tunnels,
# documentation. Of IPv6 only 2000::/3 is given out at all.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "3fff::/20")
)

# The shortest that a server in use waits before it closes what is idle is 2 s.
IDLE_SECONDS = 1.0
# Then its name is looked up again, and its certificate looked at.
OLDEST_SECONDS = 60.0


class Target(NamedTuple):
    """What an address says, read once."""

    scheme: str
    host: str
    port: int
    path: str
    authorization: str


@functools.lru_cache(maxsize=1000)
def target_of(url: str) -> Target:
    """Raises TransientError: nothing can be sent to this address."""
    try:
        parts = parse_url(url)
    except (LocationParseError, ValueError) as error:
        raise TransientError("The POS's address cannot be used.", code="not_connected") from error
    if not parts.host or not parts.scheme:
        raise TransientError("The POS's address cannot be used.", code="not_connected")
    secret = f"Basic {base64.b64encode(unquote(parts.auth).encode()).decode()}" if parts.auth else ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Target(parts.scheme, parts.host.strip("[]"), port, parts.request_uri, secret)


class _Timed:
    """What both kinds of socket share: no wait goes past the deadline, however little comes at a time."""

    deadline = 0.0

    def _limit(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The call took too long.")
        self.settimeout(left)  # type: ignore[attr-defined]


class _Plain(_Timed, socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._limit()
        return super().recv_into(*args, **kwargs)


class _Tls(_Timed, ssl.SSLSocket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._limit()
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._limit()
        return super().send(*args, **kwargs)


class Connection:
    """One connection that stands. Whatever goes wrong on it after `send` began, the POS may have read the request."""

    def __init__(self, target: Target, networks: tuple[Network, ...], deadline: float) -> None:
        """Connect. Raises ConfigurationError or TransientError: then nothing was sent."""
        self.place = (target.scheme, target.host, target.port, networks)
        self.born = time.monotonic()
        self.used = False
        self._http = HTTPConnection(target.host, target.port)
        # Never by itself on a new connection.
        self._http.auto_open = 0
        self._http.default_port = 443 if target.scheme == "https" else 80
        self._http.sock = self._socket = _connected(target, networks, deadline)
        self.idle_since = self.born

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, deadline: float
    ) -> HTTPResponse:
        """The beginning of the answer. Raises ValueError, HTTPException or OSError."""
        self._socket.deadline = deadline
        self._socket._limit()
        self._http.request(method, path, body, headers)
        return self._http.getresponse()

    def release(self, response: HTTPResponse) -> None:
        """Its answer was read: keep it for a moment, if the POS says that it does too and nothing else came."""
        keeps = "keep-alive" in (response.headers.get("Connection") or "").lower()
        if keeps and not response.will_close and response.isclosed() and self.is_quiet():
            self.used, self.idle_since = True, time.monotonic()
            _idle.put(self)
        else:
            self.close()

    def is_quiet(self) -> bool:
        """Whether it is open, as far as we can know, and nothing lies in it."""
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
        except ValueError:
            return False
        return not poll.poll(0)

    def broke(self) -> None:
        """No whole answer came."""
        if self.used:
            _idle.distrust(self.place)
        self.close()

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            self._http.close()
        with suppress(OSError):
            self._socket.close()


class _Idle:
    """Connections that were used and may be used again for a moment."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Of a forked process: these are the parent's."""
        self._lock = threading.Lock()
        self._kept: dict[Any, list[Connection]] = defaultdict(list)
        self._distrusted: set[Any] = set()
        self._sweeper: threading.Timer | None = None

    def put(self, connection: Connection) -> None:
        with self._lock:
            if connection.place not in self._distrusted:
                self._kept[connection.place].append(connection)
                if self._sweeper is None:
                    self._plan()
                return
        connection.close()

    def take(self, place: Any) -> Connection | None:
        """The one that was used last."""
        while True:
            with self._lock:
                kept = self._kept.get(place)
                if not kept:
                    return None
                connection = kept.pop()
            now = time.monotonic()
            fresh = now - connection.idle_since < IDLE_SECONDS and now - connection.born < OLDEST_SECONDS
            if fresh and connection.is_quiet():
                return connection
            connection.close()

    def distrust(self, place: Any) -> None:
        """It closes what it says it keeps."""
        with self._lock:
            self._distrusted.add(place)

    def _plan(self) -> None:
        self._sweeper = threading.Timer(IDLE_SECONDS, self._sweep)
        self._sweeper.daemon = True
        self._sweeper.start()

    def _sweep(self) -> None:
        oldest = time.monotonic() - IDLE_SECONDS
        with self._lock:
            kept = [connection for connections in self._kept.values() for connection in connections]
            stale = [connection for connection in kept if connection.idle_since <= oldest]
            self._kept.clear()
            for connection in kept:
                if connection.idle_since > oldest:
                    self._kept[connection.place].append(connection)
            self._sweeper = None
            if self._kept:
                self._plan()
        for connection in stale:
            connection.close()


_idle = _Idle()
os.register_at_fork(after_in_child=_idle.forget)


def connection_to(target: Target, networks: tuple[Network, ...], deadline: float) -> Connection:
    """One that stands: used a moment ago, or new. Raises as `Connection` does."""
    place = (target.scheme, target.host, target.port, networks)
    return _idle.take(place) or Connection(target, networks, deadline)


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for all: reading the certificates that are trusted takes longer than a call."""
    context = create_urllib3_context()
    context.load_verify_locations(certifi.where())
    context.sslsocket_class = _Tls
    return context


def _connected(target: Target, networks: tuple[Network, ...], deadline: float) -> Any:
    """A socket to the first allowed address of a host: checked here, so no second look-up can differ."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, OverflowError) as error:
        raise TransientError("No connection to the POS.", code="not_connected") from error
    allowed = [entry for entry in found if _is_allowed(str(entry[4][0]), networks)]
    if not allowed:
        raise ConfigurationError(
            "The POS's address is in a private network that is not allowed (POS_ALLOWED_NETWORKS).",
            code="address",
        )
    family, kind, protocol, _, address = allowed[0]
    plain = _Plain(family, kind, protocol)
    plain.deadline = deadline
    try:
        plain._limit()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.connect(address)
        if target.scheme != "https":
            return plain
        plain._limit()
        # A name without the zone that an address may carry.
        return _tls().wrap_socket(plain, server_hostname=target.host.split("%")[0])
    except ssl.SSLError as error:
        plain.close()
        raise ConfigurationError("The POS's TLS certificate could not be verified.", code="tls") from error
    except (OSError, ValueError) as error:
        plain.close()
        raise TransientError("No connection to the POS.", code="not_connected") from error


def _is_allowed(text: str, networks: tuple[Network, ...]) -> bool:
    address = ipaddress.ip_address(text.split("%")[0])
    meant = _meant(address)
    if any(a in network for a in (address, meant) for network in networks):
        return True
    if meant.version == 6 and meant not in _GIVEN_OUT:
        return False
    special = any(meant in network for network in _SPECIAL)
    return meant.is_global and not meant.is_multicast and not special


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, or the address itself."""
    for network, shift in _MEANING_IPV4.items():
        if address in network:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


# What a connection may raise once something may have been sent.
BROKEN = (HTTPException, OSError, ValueError)
