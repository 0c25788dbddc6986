"""The two addresses that are asked most, answered without Django's middleware, views and ORM.

A menu and a webhook are asked for thousands of times for each page that staff opens, and of what Django does
for such a request next to nothing concerns it. So the plainest case of each is answered here, from one
statement that checks everything anew: no cache can be stale. Whatever is not plain (a wrong key, a menu that
is not rendered yet, an address with another host) is left to Django, which then decides as if this file did
not exist. So nothing is refused here, and no rule stands here that does not stand there.
"""

from __future__ import annotations

import functools
import json
import logging
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.http.request import split_domain_port, validate_host
from django.test import RequestFactory

from ding import breaker, short_orders
from ding.errors import NotFound
from ding.menu_readers import reader_of_menu
from ding.nudge import nudge
from ding.throttle import calls
from ding.whole_body import whole_body
from menus.rendering import kept_menu, knows
from menus.views import answer
from pos_integrations import inbound, tasks
from pos_integrations.inbound import Taken
from pos_integrations.messages import WebhookRequest

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
# Status, headers, body.
Answer = tuple[str, list[tuple[str, str]], bytes]

# As in `pos_integrations.urls`.
_WEBHOOK = re.compile(
    r"/api/webhooks/(?P<provider>[a-z0-9_-]{1,50})/(?:(?P<public_id>[0-9a-f]{32})/)?(?P<topic>[a-z0-9_-]{1,50})"
    r"(?:/(?P<token>[^/\s]{1,200}))?/?"
)
_MENU = re.compile(r"/api/restaurants/([0-9]{1,18})/menu/?")
# Headers of an answer that belong to that answer alone.
_OWN = frozenset({"content-type", "content-length", "x-request-id", "vary", "allow", "cache-control", "etag"})


class ShortWay:
    """A WSGI application in front of Django's."""

    def __init__(self, django: Application) -> None:
        self._django = django
        self._headers: dict[str, list[tuple[str, str]]] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, or let Django."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method == "GET" and (match := _MENU.fullmatch(path)):
            found = self._try(_menu, environ, int(match[1]))
        elif method == "POST" and path in short_orders.PATHS:
            found = self._try(short_orders.place, environ)
        elif method == "POST" and (match := _WEBHOOK.fullmatch(path)):
            webhook = _read_webhook(environ, match)
            if webhook is None:
                return self._django(environ, start_response)
            found = self._try(_take, environ, webhook)
            if found is None:
                return self._learning(environ, start_response, webhook)
        else:
            return self._django(environ, start_response)
        if found is None:
            return self._django(environ, start_response)
        status, headers, body = found
        # An id and no secret: the system's own randomness costs a system call.
        request_id = f"{random.getrandbits(128):032x}"  # noqa: S311
        start_response(status, [*headers, ("X-Request-ID", request_id), *self._common(environ)])
        return [body]

    def _learning(
        self, environ: Environ, start_response: StartResponse, webhook: _Webhook
    ) -> Iterable[bytes]:
        """Django's answer; when it is yes, the next one of this sender may go the short way."""
        told: list[str] = []

        def noting(status: str, *args: Any) -> Any:
            told.append(status)
            return start_response(status, *args)

        answer_ = self._django(environ, noting)
        if told and told[0].startswith("200"):
            try:
                inbound.learn(
                    provider_name=webhook.provider, request=webhook.request, public_id=webhook.public_id
                )
            except Error:
                logger.debug("A sender of webhooks was not kept.", exc_info=True)
        return answer_

    def _try(self, way: Callable[..., Answer | None], environ: Environ, *args: Any) -> Answer | None:
        if not _is_for_us(environ.get("HTTP_HOST", ""), environ.get("HTTP_X_FORWARDED_PROTO", "")):
            return None
        if breaker.is_shut():
            # Django refuses, or finds out whether the database is back.
            return None
        began = breaker.moment()
        try:
            return way(environ, *args)
        except Error:
            # Django meets it too, and knows what to say.
            logger.debug("The short way met a database error.", exc_info=True)
            breaker.note_failure(began)
            connection.close_if_unusable_or_obsolete()
            return None

    def _common(self, environ: Environ) -> list[tuple[str, str]]:
        """The headers that Django's middleware puts on every answer: learned from one that it gives."""
        scheme = environ.get("HTTP_X_FORWARDED_PROTO", "")
        if scheme not in self._headers:
            told: list[tuple[str, str]] = []

            def start_response(status: str, headers: list[tuple[str, str]], *args: Any) -> None:
                told.extend(headers)

            asked: Mapping[str, str] = {"HTTP_HOST": environ["HTTP_HOST"], "HTTP_X_FORWARDED_PROTO": scheme}
            request = RequestFactory().get("/healthz", **asked)  # type: ignore[arg-type]
            for part in self._django(request.environ, start_response):
                del part
            self._headers[scheme] = [pair for pair in told if pair[0].lower() not in _OWN]
        return self._headers[scheme]


_hosts: dict[tuple[str, str], bool] = {}


def _is_for_us(host: str, scheme: str) -> bool:
    """Whether Django would neither refuse the host nor redirect to https."""
    known = _hosts.get((host, scheme))
    if known is None:
        allowed = ["localhost", "127.0.0.1"] if settings.DEBUG else settings.ALLOWED_HOSTS
        domain, _ = split_domain_port(host)
        known = bool(domain) and validate_host(domain, allowed)
        known = known and (scheme == "https" if settings.BEHIND_TLS else not scheme)
        if len(_hosts) < 100:
            _hosts[host, scheme] = known
    return known


def _menu(environ: Environ, restaurant_id: int) -> Answer | None:
    scheme, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    reader = reader_of_menu(key.strip(), restaurant_id) if scheme.lower() == "bearer" else None
    if reader is None:
        return None
    client, etag = reader
    known = knows(environ.get("HTTP_IF_NONE_MATCH", ""), etag)
    rendered = kept_menu(etag)
    if not known and rendered is None:
        return None
    # Counted as `PerClient` does; who is over it is refused by Django.
    if calls.over((client, "menu:read", None), settings.API_CALLS_PER_MINUTE):
        return None
    if known or rendered is None:
        return "304 Not Modified", [("ETag", etag)], b""
    body, headers = answer(rendered, environ.get("HTTP_ACCEPT_ENCODING", ""))
    length = ("Content-Length", str(len(body)))
    return "200 OK", [("Content-Type", "application/json"), length, *headers.items()], body


@dataclass(slots=True)
class _Webhook:
    """One at an address of webhooks, whole."""

    provider: str
    public_id: str | None
    request: WebhookRequest


class _Headers(Mapping[str, str]):
    """The headers of a request by their names in lower case, each looked up when it is asked for."""

    __slots__ = ("_environ",)

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def __getitem__(self, name: str) -> str:
        value: str = self._environ["HTTP_" + name.upper().replace("-", "_")]
        return value

    def __iter__(self) -> Iterator[str]:
        return (name[5:].replace("_", "-").lower() for name in self._environ if name.startswith("HTTP_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _read_webhook(environ: Environ, match: re.Match[str]) -> _Webhook | None:
    """What came, read; None when it is not plain."""
    provider, public_id, topic, token = match.group("provider", "public_id", "topic", "token")
    if token and not public_id:
        return None
    try:
        body = whole_body(environ, inbound.max_bytes(provider, topic, public_id))
    except NotFound:
        return None
    if body is None:
        return None
    return _Webhook(provider, public_id, WebhookRequest(topic, body, _Headers(environ), token=token or ""))


def _take(environ: Environ, webhook: _Webhook) -> Answer | None:
    topic = webhook.request.topic
    taken = inbound.receive_again(
        provider_name=webhook.provider,
        topic_name=topic,
        request=webhook.request,
        public_id=webhook.public_id,
        remote_address=environ.get("REMOTE_ADDR", ""),
    )
    if taken is Taken.NOT:
        return None
    if taken is Taken.FIRST:
        nudge(tasks.drain_webhooks)
    return _accepted(webhook.provider, topic)


@functools.cache
def _accepted(provider: str, topic: str) -> Answer:
    """What this POS hears at this topic: the same each time."""
    reply = inbound.reply_when_taken(provider, topic)
    told = b""
    if reply.body is not None:
        told = json.dumps(reply.body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = [("Content-Length", str(len(told))), ("Cache-Control", "no-store")]
    if told:
        headers.insert(0, ("Content-Type", "application/json"))
    return f"{reply.status} {HTTPStatus(reply.status).phrase}", headers, told
