"""Control: the addresses under `/_sim` by which people, rigs and checkers see and steer the simulated POS.

They have no password: they are for loopback, as the whole simulator is. Pages of other sites are kept out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pos_integrations.simulator.asking import Mistake, NothingHere, ok, read_object, refuse_other_sites
from pos_integrations.simulator.behaviours import SINK_PATH
from pos_integrations.simulator.misbehaviour import Spec, parse_rates
from pos_integrations.simulator.terminal import Terminal
from pos_integrations.simulator.wire import Answer, Reply, Request

if TYPE_CHECKING:
    from pos_integrations.simulator.pos import SimulatedPos


class Control:
    """Callable: a request under `/_sim` in, a reply out."""

    def __init__(self, pos: SimulatedPos) -> None:
        self._pos = pos
        self._terminal = Terminal(pos)

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path == SINK_PATH:
            self._pos.ledger.count("redirects_followed")
            return Reply(Answer.json({"message": "A redirect was followed."}), "a redirect was followed")
        names = [unquote(name) for name in request.path.split("/")[2:]]
        try:
            if request.method == "GET":
                return self._get(names)
            if request.method == "POST":
                refuse_other_sites(request)
                return self._post(names, request.body)
        except Mistake as mistake:
            return mistake.reply()
        return NothingHere().reply()

    def _get(self, names: list[str]) -> Reply:
        match names:
            case ["health"]:
                return ok({"status": "ok", "outlets": sorted(self._pos.outlets)})
            case ["ledger"]:
                return ok(self._ledger())
            case ["behaviour"]:
                return ok(self._settings())
            case ["orders", reference]:
                return self._order(reference)
            case ["terminal"]:
                return self._terminal.state()
            case ["events"]:
                return self._terminal.events()
            case ["behaviours"]:
                return self._terminal.behaviours()
            case ["menus", code]:
                return self._terminal.menu(code)
        raise NothingHere

    def _post(self, names: list[str], raw: bytes) -> Reply:
        match names:
            case ["behaviour"]:
                self._set(read_object(raw))
                return ok(self._settings())
            case ["orders", reference, "status"]:
                return self._tell(reference, read_object(raw))
            case ["menus", code]:
                return self._set_menu(code, read_object(raw))
            case ["menus", code, "push"]:
                return self._terminal.push_menu(code)
            case ["tickets", number, act]:
                return self._terminal.act(number, act, read_object(raw))
            case ["outlets", code]:
                return self._terminal.settings(code, read_object(raw))
            case ["outlets", code, "stock"]:
                return self._terminal.stock(code, read_object(raw))
            case ["outlets", code, "store"]:
                return self._terminal.store(code, read_object(raw))
            case ["outlets", code, "store", "ask"]:
                return self._terminal.ask_store(code)
        raise NothingHere

    def _ledger(self) -> dict[str, Any]:
        ledger = self._pos.ledger
        return {"counts": ledger.counts(), "tickets": [ticket.as_json() for ticket in ledger.tickets()]}

    def _order(self, reference: str) -> Reply:
        ledger = self._pos.ledger
        entries = ledger.entries(reference)
        if not entries:
            raise Mistake("No such order was ever seen.", 404)
        return ok(
            {
                "reference": reference,
                "times_seen": len(entries),
                "different_bodies": len({entry.sha256 for entry in entries}),
                "tickets": [ticket.as_json() for ticket in ledger.tickets_of(reference)],
                "requests": [entry.as_json() for entry in entries],
                "callbacks": ledger.callbacks(reference),
                "body": entries[-1].body,
            }
        )

    def _tell(self, reference: str, body: dict[str, Any]) -> Reply:
        if not isinstance(body.get("status"), (str, int)):
            raise Mistake('Say which status, such as {"status": "5"}.')
        try:
            told = self._pos.tell_status(reference, str(body["status"]), str(body.get("reason", "")))
        except LookupError as error:
            raise Mistake("The kitchen has no such order.", 404) from error
        if not told:
            raise Mistake("Nobody can be told that: no address, or no code for it.", 409)
        return ok({"status": "on its way"}, 202)

    def _set_menu(self, code: str, document: dict[str, Any]) -> Reply:
        if code not in self._pos.outlets:
            raise Mistake("There is no such outlet.", 404)
        self._pos.set_menu(code, document)
        return ok({"items": len(document.get("items", ()))})

    def _settings(self) -> dict[str, Any]:
        pos = self._pos
        return {
            **pos.misbehaviour.as_json(),
            "dedupes": pos.dedupes,
            "numeric_order_ids": pos.numeric_order_ids,
            "failure_status": pos.failure_status,
            "step_seconds": pos.step_seconds,
        }

    def _set(self, wanted: dict[str, Any]) -> None:
        """Check all of it, then set all of it: a mistake changes nothing."""
        setters: dict[str, Callable[[Any], None]] = {}
        for name, value in wanted.items():
            try:
                setters[name] = self._setter(name, value)
            except (ValueError, TypeError, AttributeError) as error:
                raise Mistake(f"{name}: {error}") from error
        for name, setter in setters.items():
            setter(wanted[name])

    def _setter(self, name: str, value: Any) -> Callable[[Any], None]:
        pos = self._pos
        match name:
            case "misbehave":
                parse_rates(value)
                return pos.misbehaviour.set_rates
            case "orders" | "calls":
                for written in value.values():
                    for one in written.split():
                        Spec.parse(one)
                return pos.misbehaviour.set_orders if name == "orders" else pos.misbehaviour.set_calls
            case "seed" if type(value) is int:
                return lambda seed: setattr(pos.misbehaviour, "seed", seed)
            case "dedupes" | "numeric_order_ids" if type(value) is bool:
                return lambda flag: setattr(pos, name, flag)
            case "failure_status" if value in (200, 400):
                return lambda status: setattr(pos, name, status)
            case "step_seconds" if type(value) in (int, float) and value >= 0:
                return lambda seconds: setattr(pos, name, float(seconds))
        raise Mistake(f"{name} cannot be set to {value!r}.")
