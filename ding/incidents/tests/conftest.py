from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from pos_integrations.tests.conftest import committed  # noqa: F401


@pytest.fixture(autouse=True)
def _staff(settings):
    """Who hears of it, unless a test says otherwise."""
    settings.ALERT_EMAIL = ["duty@example.com"]
    settings.ALERT_URLS = []
    settings.PUBLIC_URL = "https://ding.example.com"


@pytest.fixture
def httpserver():
    """A service on loopback that takes apprise's JSON; `status` is what it answers, `bodies` what it got."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            state.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(state.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = SimpleNamespace(status=200, bodies=[], url=f"json://127.0.0.1:{server.server_port}/secret-path")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
