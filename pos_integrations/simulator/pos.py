"""SimulatedPos: a PetPooja that can be started, misled, and asked afterwards what it saw."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pos_integrations.simulator import petpooja
from pos_integrations.simulator.behaviours import Plan
from pos_integrations.simulator.callbacks import build_callback
from pos_integrations.simulator.courier import Courier
from pos_integrations.simulator.dashboard import Dashboard
from pos_integrations.simulator.journey import usual_journey
from pos_integrations.simulator.kitchen import Kitchen
from pos_integrations.simulator.ledger import Ledger, Ticket
from pos_integrations.simulator.misbehaviour import Misbehaviour
from pos_integrations.simulator.order import Decision, Stage, Typed, part, text
from pos_integrations.simulator.outlet import CREDENTIAL_NAMES, Outlet, sample_outlets
from pos_integrations.simulator.routes import Routes
from pos_integrations.simulator.server import HttpServer
from pos_integrations.simulator.wire import Answer, Reply, Request

logger = logging.getLogger(__name__)


class SimulatedPos:
    """A PetPooja on a real socket.

        with SimulatedPos(step_seconds=0.01) as pos:
            ...  # send orders to pos.base_url
            assert pos.wait_idle(5)
            assert [ticket.reference for ticket in pos.ledger.tickets()] == ["WEB-1"]

    Args:
        outlets: both samples by default.
        host, port: where to listen; port 0 takes a free one, which a restart keeps.
        base_path: before the paths; with or without a further `/V1`, both are answered.
        dedupes: whether the same `orderID` twice makes one ticket.
        numeric_order_ids: give `orderID`s of its own; the live service leaves them blank.
        failure_status: HTTP status of business failures; live 200, by the reference 400.
        step_seconds: time between two stages of an order.
        misbehave, seed: rates by behaviour, and the dice's seed (one is chosen, see `.seed`).
        ledger: a file for the ledger; an existing one is continued.
        on_accept: called with each new ticket after it is written down and before the answer.
        senders: how many callbacks are under way at once.
        callback_tries, callback_backoff_seconds, callback_timeout_seconds: how long each is tried.
    """

    def __init__(
        self,
        outlets: Iterable[Outlet] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        base_path: str = "",
        dedupes: bool = True,
        numeric_order_ids: bool = False,
        failure_status: int = 200,
        step_seconds: float = 2.0,
        misbehave: Mapping[str, float] | None = None,
        seed: int | None = None,
        ledger: Path | str | None = None,
        on_accept: Callable[[Ticket], None] | None = None,
        senders: int = 8,
        callback_tries: int = 8,
        callback_backoff_seconds: float = 0.5,
        callback_timeout_seconds: float = 10.0,
    ) -> None:
        self.outlets = {o.code: o for o in (sample_outlets() if outlets is None else outlets)}
        self.host = host
        self.port = port
        self.base_path = f"/{base_path.strip('/')}" if base_path.strip("/") else ""
        self.dedupes = dedupes
        self.numeric_order_ids = numeric_order_ids
        self.failure_status = failure_status
        self.step_seconds = step_seconds
        self.misbehaviour = Misbehaviour(misbehave, secrets.randbelow(1_000_000) if seed is None else seed)
        self.ledger = Ledger(ledger)
        self.on_accept = on_accept
        self._courier = Courier(
            self.ledger,
            senders=senders,
            tries=callback_tries,
            backoff_seconds=callback_backoff_seconds,
            timeout_seconds=callback_timeout_seconds,
        )
        self._kitchen = Kitchen(self.outlets, self._courier, self.ledger)
        self._dashboard = Dashboard(self.outlets, self._courier, self.ledger, callback_timeout_seconds)
        self._server: HttpServer | None = None

    # --- life ---

    def start(self) -> Self:
        """Listen and serve in threads; returns at once."""
        self._server = HttpServer((self.host, self.port), Routes(self))
        self.port = self._server.server_port
        self._courier.start()
        self._server.start()
        return self

    def stop(self) -> None:
        """Close every connection and forget callbacks that are still owed. `start` works again."""
        if self._server:
            self._server.stop()
            self._server = None
            self._courier.stop()

    def close(self) -> None:
        """Stop for good: the ledger's file is closed too. What it holds stays readable."""
        self.stop()
        self.ledger.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return f"{self.control_url.removesuffix('/_sim')}{self.base_path}"

    @property
    def control_url(self) -> str:
        """Where `/ledger`, `/orders/...` and `/behaviour` are."""
        return f"http://{self.host}:{self.port}/_sim"

    @property
    def terminal_url(self) -> str:
        """The page at which a person is the restaurant."""
        return f"{self.control_url.removesuffix('_sim')}"

    @property
    def seed(self) -> int:
        """The seed of the dice, to repeat a run."""
        return self.misbehaviour.seed

    # --- for tests and rigs ---

    def set_menu(self, code: str, document: dict[str, Any] | None) -> None:
        """Publish another menu of an outlet. KeyError when there is no such outlet."""
        self.outlets[code].set_menu(document)

    def misbehave(self, rates: Mapping[str, float], seed: int | None = None) -> None:
        """Replace the rates; `{}` makes it behave."""
        self.misbehaviour.set_rates(rates)
        if seed is not None:
            self.misbehaviour.seed = seed

    def misbehave_order(self, reference: str, behaviours: str) -> None:
        """Let one order be treated so: `"accept_then_reset*1"`, `"delay=2 cancel"`."""
        self.misbehaviour.set_orders({**self._set_for("orders"), reference: behaviours})

    def misbehave_call(self, call: str, behaviours: str) -> None:
        """Let the next requests of a call be treated so: `("mapped_restaurant_menus", "html*2")`."""
        self.misbehaviour.set_calls({**self._set_for("calls"), call: behaviours})

    def _set_for(self, kind: str) -> dict[str, str]:
        written: Any = self.misbehaviour.as_json()[kind]
        return written

    def tickets(self) -> list[Ticket]:
        """What the kitchen has."""
        return self.ledger.tickets()

    def wait_idle(self, timeout: float = 10.0) -> bool:
        """Wait until no callback is owed; False when that takes longer."""
        return self._courier.wait_idle(timeout)

    def tell_status(self, reference: str, status: str, reason: str = "") -> bool:
        """Send a callback by hand: a code, a word, or nonsense. False when nobody can be told.

        LookupError when the kitchen has no such order.
        """
        tickets = self.ledger.tickets_of(reference)
        if not tickets:
            raise LookupError(reference)
        ticket = tickets[-1]
        outlet = self.outlets[ticket.facts.outlet_code]
        callback = build_callback(ticket, outlet, status, dt.datetime.now(dt.UTC), reason=reason)
        if callback is None:
            return False
        self._courier.tell(ticket, callback)
        return True

    # --- what a person at the terminal does ---

    def act(self, number: int, act: str, typed: Typed | None = None, reason: str = "") -> bool:
        """Accept, reject, ready, dispatch, deliver or cancel the ticket of that number.

        False when nobody can be told. LookupError when there is no such ticket or act, `kitchen.NotNow` when
        the act makes no sense now.
        """
        ticket = next((one for one in self.ledger.tickets() if one.number == number), None)
        if ticket is None or ticket.facts.outlet_code not in self.outlets:
            raise LookupError(f"The kitchen has no ticket {number}.")
        return self._kitchen.act(ticket, act, typed, reason)

    def set_manual(self, code: str, manual: bool) -> None:
        """Let a person move an outlet's orders, or the clock again. KeyError when there is no such outlet."""
        self._kitchen.set_manual(self.outlets[code], manual, self.ledger.tickets(), self.step_seconds)

    def push_menu(self, code: str) -> bool:
        """Press Menu Trigger: send the whole menu to the dashboard's address; False when there is none.

        KeyError when there is no such outlet, ValueError when it has no menu.
        """
        return self._dashboard.push_menu(code)

    def switch_stock(
        self, code: str, ids: Iterable[str], in_stock: bool, *, addons: bool = False, until: str | None = None
    ) -> bool:
        """Switch items and variations (their own ids), or add-ons, and tell; False when nobody is told.

        `until`: "endofday", "YYYY-MM-DD HH:MM" as the restaurant's clock shows it, or None for ever.
        ValueError when it is none of these, KeyError when there is no such outlet.
        """
        return self._dashboard.switch_stock(code, ids, in_stock, addons=addons, until=until)

    def switch_store(self, code: str, is_open: bool, turn_on_time: str = "", reason: str = "") -> bool:
        """Open or close the store and tell; False when nobody is told. `turn_on_time`: with seconds."""
        return self._dashboard.switch_store(code, is_open, turn_on_time, reason)

    def ask_store_status(self, code: str) -> dict[str, Any]:
        """What the other side says of the store, asked now. `dashboard.NoAnswer` when it says nothing."""
        return self._dashboard.ask_store_status(code)

    # --- what PetPooja does ---

    def fetch_menu(self, request: Request, body: Any) -> Reply:
        """`mapped_restaurant_menus`: the credentials come as headers, and only here."""
        plan = self.misbehaviour.plan_for_call("mapped_restaurant_menus")
        outlet = self.outlets.get(text(body.get("restID")) if isinstance(body, dict) else "")
        given = {name: _header(request, name) for name in CREDENTIAL_NAMES}
        if not petpooja.may_call(given, outlet, self.outlets):
            return self._failure(petpooja.INVALID_CREDENTIALS, plan, "wrong credentials")
        if outlet is None:
            return self._failure(petpooja.INVALID_RESTAURANT, plan, "unknown restID")
        if outlet.menu is None:
            return self._failure(petpooja.MENU_NEVER_TRIGGERED, plan, "no menu was ever published")
        if not outlet.menu:
            return self._failure(petpooja.MENU_NOT_AVAILABLE, plan, "no menu")
        return _planned(Answer(200, outlet.menu_bytes), plan, f"menu of {outlet.code}")

    def save_order(self, request: Request, body: Any) -> Reply:
        """`save_order`: judge, write down, answer, and let the kitchen begin."""
        judgement = petpooja.judge_order(body, self.outlets, dt.datetime.now(dt.UTC))
        facts, decision, why = judgement.facts, judgement.decision, judgement.why
        plan = Plan()
        if decision is not Decision.REFUSED:
            plan = self.misbehaviour.plan_for_order(facts.reference, facts.note)
            if plan.verdict:
                decision, why = plan.verdict, "misbehaviour"
        decision, ticket = self.ledger.record_order(
            facts,
            decision,
            raw=request.body,
            body=body,
            why=why,
            behaviour=" ".join(plan.names),
            dedupes=self.dedupes,
            numeric_order_ids=self.numeric_order_ids,
        )
        remark = f"{facts.reference or 'no reference'} {decision.value}{f' ({why})' if why else ''}"
        if judgement.refusal:
            return self._failure(judgement.refusal, plan, remark)
        pos_order_id = ticket.pos_order_id if ticket else ""
        reply = _planned(Answer.json(petpooja.order_saved(facts, pos_order_id)), plan, remark)
        if decision is Decision.ACCEPTED and ticket:
            if self.on_accept:
                self.on_accept(ticket)
            self._begin(ticket, plan, reply)
        return reply

    def _begin(self, ticket: Ticket, plan: Plan, reply: Reply) -> None:
        if self.outlets[ticket.facts.outlet_code].manual:
            ticket.by_hand = True
            return
        journey = usual_journey(ticket.facts)
        for detour in plan.detours:
            journey = detour(journey)
        outlet = self.outlets[ticket.facts.outlet_code]

        def begin() -> None:
            # Someone may have taken it over while it was being answered.
            left = () if ticket.by_hand else journey
            first_try_over = self._courier.begin(ticket, outlet, left, self.step_seconds)
            if plan.callbacks_first:
                first_try_over.wait(10)

        self._courier.announce()
        if plan.kitchen_first or plan.callbacks_first:
            begin()
        else:
            reply.afterwards = begin

    def update_order_status(self, request: Request, body: Any) -> Reply:
        """`update_order_status`: cancelling. It knows neither outlet nor order, so made-up ones succeed."""
        plan = self.misbehaviour.plan_for_call("update_order_status")
        body = body if isinstance(body, dict) else {}
        code, reference = text(body.get("restID")), text(body.get("clientorderID"))
        if not petpooja.may_call(body, self.outlets.get(code), self.outlets):
            return self._failure(petpooja.INVALID_CREDENTIALS, plan, "wrong credentials")
        ticket = self.ledger.ticket(code, reference)
        too_late = ticket and ticket.stage and ticket.stage.is_after(Stage.PREPARING)
        if text(body.get("status")) != "-1" or too_late:
            return self._failure(petpooja.CANCEL_REFUSED, plan, f"{reference} not cancelled")
        if ticket and not ticket.cancelled and plan.verdict is None:
            self.ledger.record_cancel(ticket, text(body.get("cancelReason")))
        return _planned(Answer.json(petpooja.cancel_saved(body)), plan, f"{reference} cancelled")

    def rider_status_update(self, request: Request, body: Any) -> Reply:
        """`rider_status_update`: where the rider of an order is."""
        plan = self.misbehaviour.plan_for_call("rider_status_update")
        body = body if isinstance(body, dict) else {}
        reference, status = text(body.get("order_id")), text(body.get("status"))
        if not petpooja.may_call(body, self.outlets.get(text(body.get("outlet_id"))), self.outlets):
            return self._failure(petpooja.INVALID_CREDENTIALS, plan, "wrong credentials")
        tickets = self.ledger.tickets_of(reference)
        if status not in petpooja.RIDER_STATUSES or not tickets:
            return self._failure(petpooja.RIDER_REFUSED, plan, f"{reference}: unknown order or status")
        rider = part(body, "rider_data")
        self.ledger.record_rider(
            tickets[-1], status, text(rider.get("rider_name")), text(rider.get("rider_phone_number"))
        )
        return _planned(Answer.json(petpooja.RIDER_SAVED), plan, f"{reference} {status}")

    def _failure(self, document: petpooja.Document, plan: Plan, remark: str) -> Reply:
        return _planned(Answer.json(document, self.failure_status), plan, remark)


def _planned(honest: Answer, plan: Plan, remark: str) -> Reply:
    if plan.names:
        remark += f" [{' '.join(plan.names)}]"
        logger.debug("misbehaving: %s", remark)
    return Reply(plan.answer(honest), remark, plan.delay_seconds, plan.send)


def _header(request: Request, name: str) -> str:
    return request.headers.get(name.replace("_", "-"), "")
