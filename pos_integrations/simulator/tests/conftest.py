"""A simulated POS on a real socket, orders to send to it, and someone to receive its callbacks."""

import contextlib
import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from pos_integrations.simulator import DEMO_CREDENTIALS, Outlet, SimulatedPos, sample_outlets

BODY_CREDENTIALS = {
    "app_key": DEMO_CREDENTIALS.app_key,
    "app_secret": DEMO_CREDENTIALS.app_secret,
    "access_token": DEMO_CREDENTIALS.access_token,
}
MENU_HEADERS = {
    "app-key": DEMO_CREDENTIALS.app_key,
    "app-secret": DEMO_CREDENTIALS.app_secret,
    "access-token": DEMO_CREDENTIALS.access_token,
}


def make_order(
    reference: str = "WEB-1",
    *,
    code: str = "abcd1234",
    order_type: str = "P",
    note: str = "",
    callback_url: str = "",
    **details: Any,
) -> dict[str, Any]:
    """A save_order body that PetPooja takes."""
    now = dt.datetime.now(ZoneInfo("Asia/Kolkata"))
    item = {
        "id": "118807411",
        "name": "Chocolate cake",
        "tax_inclusive": False,
        "gst_liability": "restaurant",
        "item_tax": [],
        "item_discount": "",
        "price": "310.00",
        "final_price": "310.00",
        "quantity": "1",
        "description": "",
        "variation_name": "",
        "variation_id": "",
        "AddonItem": {"details": []},
    }
    return {
        **BODY_CREDENTIALS,
        "orderinfo": {
            "OrderInfo": {
                "Restaurant": {"details": {"res_name": "", "restID": code}},
                "Customer": {"details": {"name": "Test Customer", "phone": "9000000002"}},
                "Order": {
                    "details": {
                        "orderID": reference,
                        "preorder_date": now.strftime("%Y-%m-%d"),
                        "preorder_time": now.strftime("%H:%M:%S"),
                        "created_on": now.strftime("%Y-%m-%d %H:%M:%S"),
                        "order_type": order_type,
                        "payment_type": "COD",
                        "total": "310.00",
                        "description": note,
                        "callback_url": callback_url,
                        "enable_delivery": 1,
                        "min_prep_time": 25,
                        **details,
                    }
                },
                "OrderItem": {"details": [item]},
                "Tax": {"details": []},
            },
            "udid": "",
            "device_type": "Web",
        },
    }


def saved(reference: str = "WEB-1", pos_order_id: str = "", code: str = "abcd1234") -> dict[str, str]:
    """PetPooja's success."""
    return {
        "success": "1",
        "message": "Your order is saved.",
        "restID": code,
        "clientOrderID": reference,
        "orderID": pos_order_id,
    }


def save(pos: SimulatedPos, body: Any, timeout: float = 5.0) -> requests.Response:
    """Send an order and close the connection."""
    return requests.post(f"{pos.base_url}/save_order", json=body, timeout=timeout, allow_redirects=False)


class Inbox:
    """Receives calls and answers each with the next of `answers`, then with 200; the body is `words`."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.words: Any = ""
        self.url = ""
        self._lock = threading.Lock()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            self.received.append((path, headers, body))
            return self.answers.pop(0) if self.answers else 200

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.received]

    @property
    def statuses(self) -> list[str]:
        return [document["status"] for document in self.documents]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = inbox.take(self.path, headers, body)
            self.send_response(status)
            words = json.dumps(inbox.words).encode() if inbox.words != "" else b""
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256

    with Server(("127.0.0.1", 0), Handler) as server:
        inbox.url = f"http://127.0.0.1:{server.server_port}/callback?k=token"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        yield inbox
        server.shutdown()
        thread.join()


@pytest.fixture
def start() -> Iterator[Callable[..., SimulatedPos]]:
    """Start simulated POSes that are closed after the test; quick steps, quick retries."""
    with contextlib.ExitStack() as stack:

        def start(outlets: list[Outlet] | None = None, **settings: Any) -> SimulatedPos:
            quick = {"step_seconds": 0.01, "callback_backoff_seconds": 0.01, "seed": 1}
            chosen = sample_outlets() if outlets is None else outlets
            return stack.enter_context(SimulatedPos(chosen, **quick | settings))

        yield start


@pytest.fixture
def pos(start: Callable[..., SimulatedPos]) -> SimulatedPos:
    return start()
