"""Terminal: what the page at `/` reads, and what its buttons do. Like all of `/_sim`, without a password."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pos_integrations.simulator.asking import Mistake, NothingHere, ok, read_value
from pos_integrations.simulator.behaviours import BEHAVIOURS, SPOILERS
from pos_integrations.simulator.dashboard import NoAnswer
from pos_integrations.simulator.kitchen import ACTS, NotNow, acts_for
from pos_integrations.simulator.ledger import Ticket
from pos_integrations.simulator.menu_card import menu_card
from pos_integrations.simulator.order import Typed
from pos_integrations.simulator.outlet import CallbackKeys, Outlet
from pos_integrations.simulator.slip import slip_of
from pos_integrations.simulator.wire import Reply

if TYPE_CHECKING:
    from pos_integrations.simulator.pos import SimulatedPos

LIVE, FINISHED = 200, 20  # how many orders are shown, newest first


class Terminal:
    """Each method answers one address; `Control` finds it."""

    def __init__(self, pos: SimulatedPos) -> None:
        self._pos = pos

    # --- reading ---

    def state(self) -> Reply:
        """GET /terminal: the outlets and their orders."""
        tickets = [t for t in reversed(self._pos.tickets()) if t.facts.outlet_code in self._pos.outlets]
        live = [ticket for ticket in tickets if ticket.is_live]
        finished = [ticket for ticket in tickets if not ticket.is_live][:FINISHED]
        return ok(
            {
                "outlets": [self._outlet(outlet, live) for outlet in self._pos.outlets.values()],
                "orders": [_order(ticket) for ticket in (*live[:LIVE], *finished)],
                "not_shown": max(0, len(live) - LIVE),
            }
        )

    def menu(self, code: str) -> Reply:
        """GET /menus/CODE: the menu with its switches."""
        outlet = self._find(code)
        return ok(menu_card(outlet.menu, outlet.switches))

    def events(self) -> Reply:
        """GET /events: what happened last, newest first."""
        return ok({"counts": self._pos.ledger.counts(), "events": self._pos.ledger.recent()})

    def behaviours(self) -> Reply:
        """GET /behaviours: every name with its help. `twice`: there is also one that keeps the order first."""
        return ok(
            [
                {"name": name, "help": (function.__doc__ or "").strip(), "twice": name in SPOILERS}
                for name, function in {**BEHAVIOURS, **SPOILERS}.items()
                if not name.startswith("accept_then_")
            ]
        )

    # --- acting ---

    def act(self, number: str, name: str, body: dict[str, Any]) -> Reply:
        """POST /tickets/NUMBER/ACT: a button of an order, with what was typed."""
        if name not in ACTS or not number.isascii() or not number.isdigit():
            raise NothingHere
        typed = Typed(
            prep_minutes=read_value(body, "prep_minutes", int) if "prep_minutes" in body else None,
            **{
                key: read_value(body, key, str, "")
                for key in ("delivery_minutes", "rider_name", "rider_phone")
            },
            modified=read_value(body, "modified", bool, False),
        )
        try:
            told = self._pos.act(int(number[:9]), name, typed, read_value(body, "reason", str, ""))
        except NotNow as error:
            raise Mistake(str(error), 409) from error
        except LookupError as error:
            raise Mistake("The kitchen has no such ticket.", 404) from error
        return ok({"told": told})

    def push_menu(self, code: str) -> Reply:
        """POST /menus/CODE/push: Menu Trigger."""
        return self._tell(code, self._pos.push_menu)

    def stock(self, code: str, body: dict[str, Any]) -> Reply:
        """POST /outlets/CODE/stock: `{"ids": [...], "in_stock": false, "addons": false, "until": "endofday"}`."""
        ids = read_value(body, "ids", list)
        if not ids or not all(isinstance(one, str) for one in ids):
            raise Mistake("ids must be texts, and at least one.")
        in_stock, addons = read_value(body, "in_stock", bool), read_value(body, "addons", bool, False)
        until = read_value(body, "until", str, "") or None
        return self._tell(
            code, lambda code: self._pos.switch_stock(code, ids, in_stock, addons=addons, until=until)
        )

    def store(self, code: str, body: dict[str, Any]) -> Reply:
        """POST /outlets/CODE/store: `{"open": false, "turn_on_time": "", "reason": "No gas"}`."""
        is_open = read_value(body, "open", bool)
        when, reason = read_value(body, "turn_on_time", str, ""), read_value(body, "reason", str, "")
        return self._tell(code, lambda code: self._pos.switch_store(code, is_open, when, reason))

    def ask_store(self, code: str) -> Reply:
        """POST /outlets/CODE/store/ask: what the other side says of the store."""
        self._find(code)
        try:
            return ok(self._pos.ask_store_status(code))
        except NoAnswer as error:
            raise Mistake(str(error), 502) from error

    def settings(self, code: str, body: dict[str, Any]) -> Reply:
        """POST /outlets/CODE: `manual`, `callback_keys`, and what is typed into the dashboard."""
        outlet = self._find(code)
        if unknown := set(body) - {"manual", "callback_keys", "dashboard_url", "dashboard_token"}:
            raise Mistake(f"{', '.join(sorted(unknown))} cannot be set.")
        manual = read_value(body, "manual", bool, outlet.manual)
        url = read_value(body, "dashboard_url", str, outlet.dashboard_url)
        token = read_value(body, "dashboard_token", str, outlet.dashboard_token)
        try:
            keys = CallbackKeys(read_value(body, "callback_keys", str, outlet.callback_keys))
            outlet.set_dashboard(url, token, outlet.dashboard_headers)
        except ValueError as error:
            raise Mistake(str(error)) from error
        outlet.callback_keys = keys
        self._pos.set_manual(code, manual)
        return ok(self._outlet(outlet, []))

    # --- inside ---

    def _find(self, code: str) -> Outlet:
        if code not in self._pos.outlets:
            raise Mistake("There is no such outlet.", 404)
        return self._pos.outlets[code]

    def _tell(self, code: str, tell: Callable[[str], bool]) -> Reply:
        self._find(code)
        try:
            return ok({"told": tell(code)})
        except ValueError as error:
            raise Mistake(str(error)) from error

    def _outlet(self, outlet: Outlet, live: list[Ticket]) -> dict[str, Any]:
        mine = [ticket for ticket in live if ticket.facts.outlet_code == outlet.code]
        return {
            "code": outlet.code,
            "name": outlet.name,
            "manual": outlet.manual,
            "callback_keys": outlet.callback_keys,
            "dashboard_url": outlet.dashboard_url,
            "has_token": bool(outlet.dashboard_token),  # the token itself is shown to nobody
            "live": len(mine),
            "waiting": sum(ticket.stage is None for ticket in mine),
            **outlet.switches.store(),
        }


def _order(ticket: Ticket) -> dict[str, Any]:
    try_ = ticket.last_try
    return {
        **ticket.as_json(),
        "acts": acts_for(ticket),
        "by_hand": ticket.by_hand,
        "remark": ticket.remark,
        "reason": ticket.reason,
        "rider": ticket.rider,
        "prep_minutes": ticket.facts.prep_minutes,
        "callback": {
            name: try_.get(name) for name in ("status", "attempt", "result", "http_status", "error")
        },
        **slip_of(ticket.body),
    }
