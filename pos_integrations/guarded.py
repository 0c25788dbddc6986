"""Connections of `requests` to a POS: only to addresses that are allowed, and ended at the call's deadline.

A connection is never used again: it may have been closed under us, and then nobody can say whether the request was
read. Nothing is ever sent a second time by itself.
"""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import socket
import ssl
import time
from typing import Any

import certifi
from django.utils import timezone
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
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


class _Timed:
    """What both kinds of socket share: no wait goes past the deadline, however little comes at a time."""

    deadline = 0.0

    def limit(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The call took too long.")
        self.settimeout(left)  # type: ignore[attr-defined]


class _Plain(_Timed, socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.limit()
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.limit()
        super().sendall(*args, **kwargs)


class _Tls(_Timed, ssl.SSLSocket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.limit()
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        self.limit()
        return super().send(*args, **kwargs)


class Guard(HTTPAdapter):
    """The way of one call to its POS. `stands`: bytes of the request may have left.

    Until then `send` raises ConfigurationError or TransientError, or what `requests` has against the address.
    """

    def __init__(
        self, networks: tuple[Network, ...], deadline: float, begin_by: dt.datetime | None = None
    ) -> None:
        self.networks, self.deadline, self.begin_by = networks, deadline, begin_by
        self.stands = False
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, request: Any, verify: Any, *args: Any, **kwargs: Any) -> Any:
        """A pool for this call alone, by no proxy, whatever the environment says."""
        place, _ = self.build_connection_pool_key_attributes(request, True)
        pool: HTTPConnectionPool
        if place["scheme"] == "https":
            pool = HTTPSConnectionPool(place["host"], place["port"] or 443, ssl_context=_tls())
            pool.ConnectionCls = functools.partial(_Https, self)  # type: ignore[assignment]
        else:
            pool = HTTPConnectionPool(place["host"], place["port"] or 80)
            pool.ConnectionCls = functools.partial(_Http, self)  # type: ignore[assignment]
        return pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """By `_tls`, which has read the certificates that are trusted."""
        conn.cert_reqs = "CERT_REQUIRED"

    def begin(self, sock: _Plain | _Tls) -> None:
        """From here on bytes of the request may leave, unless the way here took too long."""
        if self.begin_by is not None and timezone.now() > self.begin_by:
            sock.close()
            raise TransientError("It is too late to begin this call.", code="too_late")
        sock.deadline = self.deadline
        self.stands = True


class _Guarded:
    """What both kinds of connection share."""

    def __init__(self, guard: Guard, **options: Any) -> None:
        super().__init__(**options)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        return _connected(self._dns_host, self.port, self._guard)  # type: ignore[attr-defined]

    def connect(self) -> None:
        """Raises ConfigurationError or TransientError: nothing was sent."""
        try:
            super().connect()  # type: ignore[misc]
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise ConfigurationError(
                "The POS's TLS certificate could not be verified.", code="tls"
            ) from error
        except (OSError, ValueError, HTTPError) as error:
            raise TransientError("No connection to the POS.", code="not_connected") from error
        self._guard.begin(self.sock)  # type: ignore[attr-defined]


class _Http(_Guarded, HTTPConnection):
    pass


class _Https(_Guarded, HTTPSConnection):
    pass


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for all: reading the certificates that are trusted takes longer than a call."""
    context = create_urllib3_context()
    context.load_verify_locations(certifi.where())
    context.sslsocket_class = _Tls
    return context


def _connected(host: str, port: int, guard: Guard) -> socket.socket:
    """A socket to the first allowed address of a host: checked here, so no second look-up can differ."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = [entry for entry in found if _is_allowed(str(entry[4][0]), guard.networks)]
    if not allowed:
        raise ConfigurationError(
            "The POS's address is in a private network that is not allowed (POS_ALLOWED_NETWORKS).",
            code="address",
        )
    family, kind, protocol, _, address = allowed[0]
    sock = _Plain(family, kind, protocol)
    sock.deadline = guard.deadline
    try:
        sock.limit()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(address)
        # For the handshake of TLS.
        sock.limit()
    except BaseException:
        sock.close()
        raise
    return sock


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
