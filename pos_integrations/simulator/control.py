"""Control: the addresses under `/_sim` by which people, rigs and checkers see and steer the simulated POS.

They have no password: they are for loopback, as the whole simulator is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pos_integrations.simulator.behaviours import SINK_PATH
from pos_integrations.simulator.misbehaviour import Spec, parse_rates
from pos_integrations.simulator.wire import Answer, Reply, Request

if TYPE_CHECKING:
    from pos_integrations.simulator.pos import SimulatedPos


class _Mistake(Exception):
    """What the caller asked makes no sense; the text says why."""


class Control:
    """Callable: a request under `/_sim` in, a reply out."""

    def __init__(self, pos: SimulatedPos) -> None:
        self._pos = pos

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path == SINK_PATH:
            self._pos.ledger.count("redirects_followed")
            return Reply(Answer.json({"message": "A redirect was followed."}), "a redirect was followed")
        names = [unquote(name) for name in request.path.split("/")[2:]]
        try:
            match request.method, names:
                case "GET", ["health"]:
                    return _ok({"status": "ok", "outlets": sorted(self._pos.outlets)})
                case "GET", ["ledger"]:
                    return _ok(self._ledger())
                case "GET", ["behaviour"]:
                    return _ok(self._settings())
                case "POST", ["behaviour"]:
                    self._set(_object(request.body))
                    return _ok(self._settings())
                case "GET", ["orders", reference]:
                    return self._order(reference)
                case "POST", ["orders", reference, "status"]:
                    return self._tell(reference, _object(request.body))
                case "POST", ["menus", code]:
                    return self._set_menu(code, _object(request.body))
        except _Mistake as mistake:
            return Reply(Answer.json({"error": str(mistake)}, 400))
        return Reply(Answer.json({"error": "There is nothing here."}, 404))

    def _ledger(self) -> dict[str, Any]:
        ledger = self._pos.ledger
        return {"counts": ledger.counts(), "tickets": [ticket.as_json() for ticket in ledger.tickets()]}

    def _order(self, reference: str) -> Reply:
        ledger = self._pos.ledger
        entries = ledger.entries(reference)
        if not entries:
            return Reply(Answer.json({"error": "No such order was ever seen."}, 404))
        return _ok(
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
            raise _Mistake('Say which status, such as {"status": "5"}.')
        try:
            told = self._pos.tell_status(reference, str(body["status"]), str(body.get("reason", "")))
        except LookupError:
            return Reply(Answer.json({"error": "The kitchen has no such order."}, 404))
        if not told:
            return Reply(
                Answer.json({"error": "Nobody can be told that: no address, or no code for it."}, 409)
            )
        return Reply(Answer.json({"status": "on its way"}, 202))

    def _set_menu(self, code: str, document: dict[str, Any]) -> Reply:
        if code not in self._pos.outlets:
            return Reply(Answer.json({"error": "There is no such outlet."}, 404))
        self._pos.set_menu(code, document)
        return _ok({"items": len(document.get("items", ()))})

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
                raise _Mistake(f"{name}: {error}") from error
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
        raise _Mistake(f"{name} cannot be set to {value!r}.")


def _ok(document: Any) -> Reply:
    return Reply(Answer.json(document))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _Mistake("The body must be JSON.") from error
    if not isinstance(document, dict):
        raise _Mistake("The body must be a JSON object.")
    return document
