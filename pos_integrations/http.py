"""The one guarded door for calls to a POS.

What it holds to, whatever the other side does: a deadline for the whole call (not per read), a cap on
the bytes taken, no redirects, no proxies from the environment, the address checked at the socket, TLS
verified, and a redacted record of each exchange. Every failure is told apart by proof: before the
connection stood, nothing was sent (`TransientError`); after it, nobody knows (`OutcomeUnknown`).
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import requests
import urllib3
from django.utils import timezone

from pos_integrations import strict_json
from pos_integrations.errors import (
    ConfigurationError,
    MalformedPayload,
    OutcomeUnknown,
    PosError,
    TransientError,
)
from pos_integrations.guarded import Guard, Network

KEPT_CHARACTERS = 16_000
PIECE = 65_536
A_DAY = 86_400.0
MASK = "•••"
# What a call may raise besides our own errors.
BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError)


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
        guard = Guard(self._networks, time.monotonic() + self._timeout, self._begin_by)
        said = {
            # A compressed answer could be a bomb; none of ours needs compressing.
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "ding",
            **headers,
        }
        try:
            # Without a session: no cookies, no redirects, nothing of the environment.
            request = requests.Request(method, url, headers=said, data=body).prepare()
            with closing(guard.send(request, stream=True, timeout=self._timeout)) as response:
                content = _read(response, max_bytes)
        except PosError:
            raise
        except BROKEN as error:
            if not guard.stands:
                raise TransientError("The POS's address cannot be used.", code="not_connected") from error
            raise OutcomeUnknown(
                "The connection to the POS broke or timed out after sending.", code="no_answer"
            ) from error
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
    if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise OutcomeUnknown("The POS sent a compressed answer, which was not asked for.", code="compressed")

    def read(size: int) -> bytes:
        piece: bytes = response.raw.read(size, decode_content=False)
        return piece

    # What is announced comes in one piece: a large menu that grew would be moved again and again.
    content = io.BytesIO(read(min(response.raw.length_remaining or PIECE, max_bytes + 1)))
    content.seek(0, io.SEEK_END)
    while content.tell() <= max_bytes and (piece := read(PIECE)):
        content.write(piece)
    if content.tell() > max_bytes:
        raise OutcomeUnknown(f"The POS's answer is larger than {max_bytes} bytes.", code="too_large")
    return content.getvalue()
