"""The one guarded door for calls to a POS.

What it holds to, whatever the other side does: a deadline for the whole call (not per read), a cap on
the bytes taken, no redirects, no proxies from the environment, the address checked at the socket, TLS
verified, and a redacted record of each exchange. Every failure is told apart by proof: before the
connection stood, nothing was sent (`TransientError`); after it, nobody knows (`OutcomeUnknown`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from django.utils import timezone
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from pos_integrations import strict_json
from pos_integrations.errors import (
    ConfigurationError,
    MalformedPayload,
    OutcomeUnknown,
    PosError,
    TransientError,
)

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

KEPT_CHARACTERS = 16_000
A_DAY = 86_400.0
MASK = "•••"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the POS answered, whole. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            OutcomeUnknown: it is none; the POS may have taken the call all the same.
        """
        try:
            return strict_json.parse_object(self.body)
        except MalformedPayload as error:
            raise OutcomeUnknown(
                f"The POS answered HTTP {self.status} with something that is not a JSON object.",
                code="unreadable_answer",
            ) from error

    @property
    def retry_after(self) -> float | None:
        """Seconds that the POS asks us to wait, a day at most; None when it does not, or writes nonsense."""
        value = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value, re.ASCII):
            return min(float(value), A_DAY)
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        # "-0000" is a date without a zone: meant is UTC all the same.
        aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return min(max((aware - timezone.now()).total_seconds(), 0.0), A_DAY)


@dataclass(slots=True)
class Exchange:
    """One call as it is kept for people to read: secrets masked, long bodies cut."""

    method: str
    url: str
    request_body: str
    status: int | None = None
    response_body: str = ""
    error: str = ""
    duration_ms: int = 0


class PosHttp:
    """Calls for one account. Give it to an adapter; read `exchanges` afterwards.

    `secrets` are masked wherever they occur in a record. `allowed_networks` are the private networks in
    which a POS may stand; every public address is allowed, every other private one refused. `keep` is given the
    bytes of a call that must never be made with others a second time, before any of them leave, and says which
    bytes to send: these, or those that were kept when the POS may have got some already. After `begin_by` none leave.
    """

    def __init__(
        self,
        *,
        secrets: Sequence[str] = (),
        timeout_seconds: float = 30.0,
        max_bytes: int = 1024 * 1024,
        allowed_networks: Sequence[Network] = (),
        allow_plain_http: bool = False,
        keep: Callable[[bytes], bytes] | None = None,
        begin_by: dt.datetime | None = None,
    ) -> None:
        self._secrets = sorted(filter(None, _as_written(secrets)), key=len, reverse=True)
        self._timeout = timeout_seconds
        self._max_bytes = max_bytes
        self._networks = tuple(allowed_networks)
        self._allow_plain_http = allow_plain_http
        self._keep = keep
        self._begin_by = begin_by
        self.exchanges: list[Exchange] = []

    def post(
        self,
        url: str,
        *,
        payload: Any,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        kept: bool = False,
    ) -> Answer:
        """POST `payload` as JSON and return whatever was answered, also 4xx and 5xx.

        `kept`: for the call that makes an order; were it repeated, its bytes would be the same.

        Raises:
            ConfigurationError: the address is not allowed or its certificate is not valid.
            TransientError: no connection, so nothing was sent.
            OutcomeUnknown: sent, and no whole answer within the deadline and the cap, or a redirect.
        """
        # Pure ASCII: whatever characters a guest typed, there are bytes for it.
        body = json.dumps(payload, separators=(",", ":")).encode()
        if kept and self._keep:
            body = self._keep(body)
        shown = json.dumps(json.loads(body), ensure_ascii=False)
        exchange = Exchange("POST", self._masked(url), self._masked(shown)[:KEPT_CHARACTERS])
        as_json = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        return self._exchange(exchange, url, body, as_json, max_bytes or self._max_bytes)

    def get(self, url: str, max_bytes: int) -> Answer:
        """GET a file, as guarded as `post`; its content is not kept in the record.

        Raises:
            ConfigurationError, TransientError, OutcomeUnknown: as `post` does.
        """
        exchange = Exchange("GET", self._masked(url), "")
        return self._exchange(exchange, url, None, {"Accept": "*/*"}, max_bytes)

    def _exchange(
        self, exchange: Exchange, url: str, body: bytes | None, headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        self.exchanges.append(exchange)
        started = time.monotonic()
        try:
            answer = self._send(exchange.method, url, body, headers, max_bytes)
        except PosError as error:
            exchange.error = self._masked(f"{type(error).__name__}: {error.message}")
            raise
        finally:
            exchange.duration_ms = round((time.monotonic() - started) * 1000)
        exchange.status = answer.status
        if body is not None:
            exchange.response_body = self._kept(answer.body)
        if 300 <= answer.status < 400:
            # Whoever redirects may have read the body first: no proof that it was not taken.
            raise OutcomeUnknown(
                f"The POS redirects elsewhere (HTTP {answer.status}), which is not followed. Check its address.",
                code="redirected",
            )
        return answer

    def _send(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], max_bytes: int
    ) -> Answer:
        if not url.startswith("https://") and not (self._allow_plain_http and url.startswith("http://")):
            raise ConfigurationError("The POS's address must begin with https://.", code="address")
        deadline = time.monotonic() + self._timeout
        guard = _GuardedAdapter(self._networks, self._begin_by)
        with requests.Session() as session, guard.cut_at(deadline):
            session.trust_env = False
            session.mount("https://", guard)
            session.mount("http://", guard)
            try:
                response = session.request(
                    method,
                    url,
                    data=body,
                    headers={
                        # A compressed answer could be a bomb; none of ours needs compressing.
                        "Accept-Encoding": "identity",
                        # A fresh connection for each call: a reused one may have been closed under us,
                        # and then nobody can say whether the request was read.
                        "Connection": "close",
                        "User-Agent": "ding",
                        **headers,
                    },
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
                with contextlib.closing(response):
                    content = _read(response, max_bytes)
                    if time.monotonic() >= deadline:
                        # It may look whole and be cut off by ourselves.
                        raise OutcomeUnknown("The POS took too long to answer.", code="no_answer")
            except PosError:
                raise
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                raise _told_apart(error, guard.connected) from error
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, content)

    def _kept(self, body: bytes) -> str:
        """The beginning of an answer, masked. A menu of megabytes is not read through for it."""
        longest = max((len(secret.encode()) for secret in self._secrets), default=0)
        most = 4 * KEPT_CHARACTERS + longest
        text = self._masked(body[:most].decode("utf-8", "replace"))
        if len(body) > most and longest:
            # The cut may have gone through a secret.
            text = text[:-longest]
        return text[:KEPT_CHARACTERS]

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def _as_written(secrets: Sequence[str]) -> set[str]:
    """`secrets` as they may stand in a text: plain, or inside JSON."""
    in_json = {json.dumps(s, ensure_ascii=ascii_only)[1:-1] for s in secrets for ascii_only in (True, False)}
    return in_json.union(secrets)


def _read(response: requests.Response, max_bytes: int) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise OutcomeUnknown("The POS sent a compressed answer, which was not asked for.", code="compressed")
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read(65_536, decode_content=False):
        size += len(chunk)
        if size > max_bytes:
            raise OutcomeUnknown(f"The POS's answer is larger than {max_bytes} bytes.", code="too_large")
        chunks.append(chunk)
    return b"".join(chunks)


def _told_apart(error: Exception, connected: bool) -> PosError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PosError):
            return cause
        if isinstance(cause, ssl.SSLError) and not connected:
            return ConfigurationError("The POS's TLS certificate could not be verified.", code="tls")
        if isinstance(cause, (NewConnectionError, ConnectTimeoutError, NameResolutionError)):
            return TransientError("No connection to the POS.", code="not_connected")
        inner = getattr(cause, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in getattr(cause, "args", ()) if isinstance(a, BaseException)), None)
        cause = inner or cause.__cause__
    if not connected:
        return TransientError("The POS's address cannot be used.", code="not_connected")
    return OutcomeUnknown("The connection to the POS broke or timed out after sending.", code="no_answer")


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, or the address itself."""
    for network, shift in _MEANING_IPV4.items():
        if address in network:
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address


class _GuardedAdapter(HTTPAdapter):
    """Connects only to allowed addresses, and cuts every connection at the deadline."""

    def __init__(self, networks: tuple[Network, ...], begin_by: dt.datetime | None) -> None:
        self._networks, self._begin_by = networks, begin_by
        self._sockets: list[socket.socket] = []
        self.connected = False
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        guard = self

        class Http(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return guard.connect(self, self._dns_host, self.port, self.timeout)

            def connect(self) -> None:
                super().connect()
                guard.stands(self.sock)

        class Https(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return guard.connect(self, self._dns_host, self.port, self.timeout)

            def connect(self) -> None:
                super().connect()
                guard.stands(self.sock)

        class HttpPool(HTTPConnectionPool):
            ConnectionCls = Http

        class HttpsPool(HTTPSConnectionPool):
            ConnectionCls = Https

        self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}

    def connect(self, connection: HTTPConnection, host: str, port: int, timeout: Any) -> socket.socket:
        """A socket to the first allowed address of `host`: checked here, so no second look-up can differ."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(connection, f"No address for {host}.") from error
        allowed = [entry for entry in found if self._is_allowed(str(entry[4][0]))]
        if not allowed:
            raise ConfigurationError(
                "The POS's address is in a private network that is not allowed (POS_ALLOWED_NETWORKS).",
                code="address",
            )
        family, kind, protocol, _, address = allowed[0]
        sock = socket.socket(family, kind, protocol)
        self._sockets.append(sock)
        try:
            sock.settimeout(timeout if isinstance(timeout, int | float) else None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as error:
            sock.close()
            raise NewConnectionError(connection, "No connection.") from error
        return sock

    def stands(self, sock: socket.socket) -> None:
        """From here on bytes of the request may have left, unless the way here took too long."""
        if self._begin_by is not None and timezone.now() > self._begin_by:
            sock.close()
            raise TransientError("It is too late to begin this call.", code="too_late")
        self._sockets.append(sock)
        self.connected = True

    def _is_allowed(self, text: str) -> bool:
        address = ipaddress.ip_address(text.split("%")[0])
        meant = _meant(address)
        if any(a in network for a in (address, meant) for network in self._networks):
            return True
        if meant.version == 6 and meant not in _GIVEN_OUT:
            return False
        special = any(meant in network for network in _SPECIAL)
        return meant.is_global and not meant.is_multicast and not special

    @contextlib.contextmanager
    def cut_at(self, deadline: float) -> Iterator[None]:
        """Shut every socket down at `deadline`: a peer that drips bytes cannot hold us longer."""

        def cut() -> None:
            for sock in list(self._sockets):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
