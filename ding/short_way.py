"""The two addresses that are asked most, answered without Django's middleware, views and ORM.

A menu and a webhook are asked for thousands of times for each page that staff opens, and of what Django does
for such a request next to nothing concerns it. So the plainest case of each is answered here, from one
statement that checks everything anew: no cache can be stale. Whatever is not plain (a wrong key, a menu that
is not rendered yet, an address with another host) is left to Django, which then decides as if this file did
not exist. So nothing is refused here, and no rule stands here that does not stand there.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.http.request import split_domain_port, validate_host
from django.test import RequestFactory

from ding.db import note_answer, trust_recent_answer
from ding.keys import reader_of_menu
from menus.rendering import kept_menu, knows, make_etag
from menus.views import answer

logger = logging.getLogger(__name__)

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
# Status, headers, body.
Answer = tuple[str, list[tuple[str, str]], bytes]

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
        found: Answer | None = None
        if environ["REQUEST_METHOD"] == "GET" and (match := _MENU.fullmatch(environ["PATH_INFO"])):
            found = self._try(_menu, environ, int(match[1]))
        if found is None:
            return self._django(environ, start_response)
        status, headers, body = found
        headers = [*headers, ("X-Request-ID", secrets.token_hex(16)), *self._common(environ)]
        start_response(status, headers)
        return [body]

    def _try(self, way: Callable[..., Answer | None], environ: Environ, *args: Any) -> Answer | None:
        if not _is_for_us(environ.get("HTTP_HOST", ""), environ.get("HTTP_X_FORWARDED_PROTO", "")):
            return None
        try:
            if connection.connection is not None:
                # As Django does at the beginning of each request.
                connection.close_if_unusable_or_obsolete()
                trust_recent_answer()
            found = way(environ, *args)
            note_answer()
            return found
        except Error:
            # Django meets it too, and knows what to say.
            logger.debug("The short way met a database error.", exc_info=True)
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
    facts = reader_of_menu(key.strip(), restaurant_id) if scheme.lower() == "bearer" else None
    if facts is None:
        return None
    etag = make_etag(restaurant_id, *facts)
    if knows(environ.get("HTTP_IF_NONE_MATCH", ""), etag):
        return "304 Not Modified", [("ETag", etag)], b""
    rendered = kept_menu(etag)
    if rendered is None:
        return None
    body, headers = answer(rendered, environ.get("HTTP_ACCEPT_ENCODING", ""))
    length = ("Content-Length", str(len(body)))
    return "200 OK", [("Content-Type", "application/json"), length, *headers.items()], body
