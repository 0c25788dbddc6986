"""Dashboard: the calls that a restaurant configures in PetPooja's dashboard: menu, stock, store status.

Source: https://onlineorderingapisv210.docs.apiary.io, v2.1.0. Unlike callbacks they can carry a fixed
header. Their answers count: whatever is not PetPooja's own word for success is a failure.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pos_integrations.simulator.calling import Call, Outcome, deliver
from pos_integrations.simulator.courier import Courier
from pos_integrations.simulator.ledger import Ledger
from pos_integrations.simulator.outlet import Outlet
from pos_integrations.simulator.switches import END_OF_DAY, STOCK_TIME, read_until

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Topic:
    """One of the addresses, the word in the answer that means success, and what is shown without it."""

    path: str
    expects: tuple[str, str]
    failure: str


MENU = Topic("menu", ("success", "1"), "Menu trigger failed")
STOCK = Topic("stock", ("status", "success"), "Stock update failed")
STORE_GET = Topic("store-status-get", ("status", "success"), "Store status unknown")
STORE_UPDATE = Topic("store-status-update", ("status", "success"), "Store status update failed")


class NoAnswer(Exception):
    """The store status could not be asked for; the text says why."""


class Dashboard:
    """Makes the calls of all outlets; those of one outlet go one after another."""

    def __init__(
        self, outlets: Mapping[str, Outlet], courier: Courier, ledger: Ledger, timeout_seconds: float
    ) -> None:
        self._outlets = outlets
        self._courier = courier
        self._ledger = ledger
        self._timeout = timeout_seconds

    def push_menu(self, code: str) -> bool:
        """Send the whole menu. False when no address is configured, ValueError when there is no menu."""
        outlet = self._outlets[code]
        if not outlet.menu_bytes:
            raise ValueError(f"Outlet {code} has no menu.")
        return self._send(outlet, MENU, outlet.menu_bytes, f"{len(outlet.item_ids)} things to order")

    def switch_stock(
        self, code: str, ids: Iterable[str], in_stock: bool, *, addons: bool = False, until: str | None = None
    ) -> bool:
        """Switch items and variations, or add-ons, and tell. False when no address is configured."""
        outlet, ids = self._outlets[code], list(ids)
        outlet.switches.set_stock(ids, in_stock, addons=addons, until=until)
        body = {
            "restID": code,
            "type": "addon" if addons else "item",
            "inStock": in_stock,
            "itemID": ids,
            **({} if in_stock else _turn_on(until)),
        }
        word = "on" if in_stock else f"off {until or ''}".rstrip()
        return self._send(outlet, STOCK, _json(body), f"{body['type']} {', '.join(ids)} {word}")

    def switch_store(self, code: str, is_open: bool, turn_on_time: str = "", reason: str = "") -> bool:
        """Open or close the store, and tell. False when no address is configured."""
        outlet = self._outlets[code]
        outlet.switches.set_store(is_open, turn_on_time, reason)
        body = {
            "restID": code,
            "store_status": int(is_open),
            "turn_on_time": turn_on_time,
            "reason": reason,
        }
        return self._send(outlet, STORE_UPDATE, _json(body), "open" if is_open else "closed")

    def ask_store_status(self, code: str) -> dict[str, Any]:
        """Ask whether the other side has the store open, once and now. NoAnswer when it says nothing of use."""
        outlet = self._outlets[code]
        if not outlet.dashboard_url:
            raise NoAnswer("No dashboard address is configured.")
        call = _call(outlet, STORE_GET, _json({"restID": code}))
        outcome = deliver(call, self._timeout)
        self._note(code, STORE_GET, "asked", 1, outcome)
        if not isinstance(outcome.answer, dict):
            raise NoAnswer(f"No JSON object came back ({outcome.http_status or outcome.error}).")
        return outcome.answer

    def _send(self, outlet: Outlet, topic: Topic, body: bytes, about: str) -> bool:
        if not outlet.dashboard_url:
            return False

        def note(call: Call, attempt: int, outcome: Outcome) -> None:
            self._note(outlet.code, topic, about, attempt, outcome)

        self._courier.queue(("dashboard", outlet.code), _call(outlet, topic, body), note)
        return True

    def _note(self, code: str, topic: Topic, about: str, attempt: int, outcome: Outcome) -> None:
        failure = "" if outcome.is_success else topic.failure
        self._ledger.record_dashboard(code, topic.path, about, attempt=attempt, outcome=outcome, note=failure)
        logger.info("dashboard %s of %s: %s %s", topic.path, code, outcome.result, outcome.http_status or "")


def _call(outlet: Outlet, topic: Topic, body: bytes) -> Call:
    token = f"/{quote(outlet.dashboard_token, safe='')}" if outlet.dashboard_token else ""
    parts = urlsplit(outlet.dashboard_url)
    path = f"{parts.path.rstrip('/')}/{topic.path}{token}"
    url = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
    return Call(url=url, body=body, headers=outlet.dashboard_headers, expects=topic.expects)


def _turn_on(until: str | None) -> dict[str, str]:
    if until in (None, "", END_OF_DAY):
        return {"autoTurnOnTime": until or "", "customTurnOnTime": ""}
    moment = read_until(until, dt.datetime.now(dt.UTC))
    return {"autoTurnOnTime": "custom", "customTurnOnTime": f"{moment:{STOCK_TIME}}"}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
