from __future__ import annotations

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import close_old_connections, connections
from django.test import RequestFactory

from ding.short_way import ShortWay


class Server:
    """Both ways, and which one answered."""

    def __init__(self):
        self.django = WSGIHandler()
        self.went_long = []
        self.app = ShortWay(self._long)

    def _long(self, environ, start_response):
        if environ["PATH_INFO"] != "/healthz":
            self.went_long.append(environ["PATH_INFO"])
        return self.django(environ, start_response)

    def ask(self, method, path, *, app=None, data="", **headers):
        names = {name.upper().replace("-", "_"): value for name, value in headers.items()}
        environ = RequestFactory().generic(method, path, data, **{"HTTP_HOST": "localhost", **names}).environ
        told = {}

        def start_response(status, headers, *args):
            told.update(status=int(status[:3]), headers=dict(headers))

        told["body"] = b"".join((app or self.app)(environ, start_response))
        return told

    def both(self, *args, **kwargs):
        """The answer, which must be the same by both ways, and whether it came the short way."""
        self.went_long.clear()
        short = self.ask(*args, **kwargs)
        took_short = not self.went_long
        long = self.ask(*args, app=self.django, **kwargs)
        for told in (short, long):
            told["headers"].pop("X-Request-ID")
            # What only DRF says, to nobody's use.
            told["headers"].pop("Allow", None)
            told["headers"].pop("Content-Length", None)
            told["headers"].pop("Vary", None)
            if told["status"] == 304:
                told["headers"].pop("Content-Type", None)
        assert short == long or b"request_id" in short["body"]
        assert short["status"] == long["status"]
        return short, took_short


@pytest.fixture
def server(monkeypatch):
    """As Django's test client does: the test's own transaction must not look like one left open."""
    request_started.disconnect(close_old_connections)
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)
    yield Server()
    request_started.connect(close_old_connections)
