"""Ledger: what the simulated POS was asked, what it decided, and whom it called.

Everything that happens is one record: applied to memory and, with a file, on the disk before anyone is
told. Opened on an existing file, the ledger goes on where it ended, so the POS still knows its orders.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pos_integrations.simulator.calling import Outcome
from pos_integrations.simulator.journal import Journal, read_journal
from pos_integrations.simulator.order import Decision, OrderFacts, Stage, Typed
from pos_integrations.simulator.outlet import CREDENTIAL_NAMES

# What is kept at hand for people who look; a file holds all of it.
RECENT = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """One save_order call. `sha256` is of the raw bytes: equal ones mean an identical resend."""

    at: str
    facts: OrderFacts
    decision: Decision
    why: str
    behaviour: str
    sha256: str
    body_json: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        """The body as it came, without its credentials."""
        return json.loads(self.body_json)

    def as_json(self) -> dict[str, Any]:
        """For people and checkers, without the body."""
        return {
            "at": self.at,
            "reference": self.facts.reference,
            "restID": self.facts.outlet_code,
            "decision": self.decision,
            "why": self.why,
            "behaviour": self.behaviour,
            "sha256": self.sha256,
        }


@dataclass(slots=True)
class Ticket:
    """One order that the kitchen has. `times_seen`: save_order calls for it, this one included.

    `remark`: what the POS left out of it. `by_hand`: a person moves it. `walk` counts who moved it before:
    calls that were planned for an earlier walk are void.
    """

    number: int
    at: str
    facts: OrderFacts
    pos_order_id: str
    stage: Stage | None = None
    cancelled: bool = False  # by the client; the kitchen's own cancelling is a stage
    times_seen: int = 1
    remark: str = ""
    reason: str = ""  # why it was rejected or cancelled
    typed: Typed = Typed()
    rider: dict[str, str] = field(default_factory=dict)
    last_try: dict[str, Any] = field(default_factory=dict)
    by_hand: bool = False
    walk: int = 0
    body_json: bytes = field(default=b"null", repr=False)

    @property
    def body(self) -> Any:
        """The order as it came, without its credentials."""
        return json.loads(self.body_json)

    @property
    def is_live(self) -> bool:
        """Whether the kitchen still has something to do for it."""
        return not self.cancelled and not (self.stage and self.stage.is_last)

    @property
    def reference(self) -> str:
        """The client's id of the order."""
        return self.facts.reference

    def as_json(self) -> dict[str, Any]:
        """For people and checkers."""
        return {
            "number": self.number,
            "at": self.at,
            "reference": self.reference,
            "restID": self.facts.outlet_code,
            "pos_order_id": self.pos_order_id,
            "stage": self.stage,
            "cancelled": self.cancelled,
            "times_seen": self.times_seen,
        }


class Ledger:
    """Thread-safe. `path` None keeps everything in memory only."""

    def __init__(self, path: Path | str | None = None) -> None:
        self._lock = threading.RLock()
        self._entries: list[Entry] = []
        self._tickets: list[Ticket] = []
        self._by_key: dict[tuple[str, str], list[Ticket]] = {}
        self._seen: Counter[tuple[str, str]] = Counter()
        self._tries: list[dict[str, Any]] = []
        self._counts: Counter[str] = Counter()
        self._dashboard: list[dict[str, Any]] = []
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self._happened = 0
        self._journal: Journal | None = None
        if path is not None:
            for record in read_journal(Path(path)):
                self._apply(record)
            self._journal = Journal(Path(path))

    # --- writing ---

    def record_order(
        self,
        facts: OrderFacts,
        decision: Decision,
        *,
        raw: bytes,
        body: Any,
        why: str = "",
        behaviour: str = "",
        dedupes: bool = True,
        numeric_order_ids: bool = False,
    ) -> tuple[Decision, Ticket | None]:
        """Write down one save_order, on the disk when this returns.

        An accepted order that the kitchen already has becomes a duplicate, if the POS dedupes. Returns the
        final decision, and the order's ticket when the kitchen has one.
        """
        with self._lock:
            known = self._by_key.get(facts.key)
            if decision is Decision.ACCEPTED and known and dedupes:
                decision, why = Decision.DUPLICATE, "the kitchen has it already"
            number = len(self._tickets) + 1
            self._apply(
                record := {
                    "kind": "order",
                    "at": _now(),
                    "reference": facts.reference,
                    "restID": facts.outlet_code,
                    "decision": decision.value,
                    "why": why,
                    "behaviour": behaviour,
                    "pos_order_id": str(number) if numeric_order_ids else "",
                    "sha256": hashlib.sha256(raw).hexdigest(),
                    "body": _without_credentials(body),
                }
            )
            tickets = self._by_key.get(facts.key)
            written = self._journal.add(record) if self._journal else 0
        if self._journal:
            self._journal.sync(written)
        return decision, tickets[-1] if tickets else None

    def record_cancel(self, ticket: Ticket, reason: str) -> None:
        """The client cancelled."""
        self._record(
            {
                "kind": "cancel",
                "at": _now(),
                "reference": ticket.reference,
                "number": ticket.number,
                "reason": reason,
            }
        )

    def record_stage(self, ticket: Ticket, stage: Stage) -> None:
        """The kitchen moved on; a stage that is not ahead changes nothing."""
        if stage.is_after(ticket.stage):
            self._record({"kind": "stage", "at": _now(), "number": ticket.number, "stage": stage.value})

    def record_act(self, ticket: Ticket, act: str, stage: Stage, typed: Typed, reason: str) -> None:
        """A person moved it on."""
        self._record(
            {
                "kind": "act",
                "at": _now(),
                "reference": ticket.reference,
                "number": ticket.number,
                "act": act,
                "stage": stage.value,
                "typed": asdict(typed),
                "reason": reason,
            }
        )

    def record_rider(self, ticket: Ticket, status: str, name: str, phone: str) -> None:
        """The client told where its rider is."""
        self._record(
            {
                "kind": "rider",
                "at": _now(),
                "reference": ticket.reference,
                "number": ticket.number,
                "rider": {"status": status, "name": name, "phone": phone},
            }
        )

    def record_try(self, ticket: Ticket, status: str, *, attempt: int, outcome: Outcome) -> None:
        """One try of one callback and how it ended."""
        self._record(
            {
                "kind": "callback",
                "at": _now(),
                "reference": ticket.reference,
                "number": ticket.number,
                "status": status,
                "attempt": attempt,
                "result": outcome.result,
                "http_status": outcome.http_status,
                "error": outcome.error,
            }
        )

    def record_dashboard(
        self, outlet_code: str, call: str, about: str, *, attempt: int, outcome: Outcome, note: str = ""
    ) -> None:
        """One try of one call that is configured in the dashboard. `note`: what the dashboard then shows."""
        self._record(
            {
                "kind": "dashboard",
                "at": _now(),
                "restID": outlet_code,
                "call": call,
                "about": about,
                "attempt": attempt,
                "result": outcome.result,
                "http_status": outcome.http_status,
                "error": outcome.error,
                "note": note,
            }
        )

    def count(self, name: str) -> None:
        """Count something that is no order: a redirect that was followed, for one."""
        with self._lock:
            self._counts[name] += 1

    def close(self) -> None:
        """Close the file; what is in memory stays readable."""
        if self._journal:
            self._journal.close()
            self._journal = None

    # --- reading ---

    def tickets(self) -> list[Ticket]:
        """What the kitchen has, oldest first: each accepted order once, if nothing went wrong."""
        with self._lock:
            return list(self._tickets)

    def tickets_of(self, reference: str) -> list[Ticket]:
        """The kitchen's tickets with that reference, at any outlet."""
        return [ticket for ticket in self.tickets() if ticket.reference == reference]

    def ticket(self, outlet_code: str, reference: str) -> Ticket | None:
        """The newest ticket of that order."""
        with self._lock:
            tickets = self._by_key.get((outlet_code, reference))
            return tickets[-1] if tickets else None

    def entries(self, reference: str | None = None) -> list[Entry]:
        """Every save_order call, or those of one order."""
        with self._lock:
            return [e for e in self._entries if reference is None or e.facts.reference == reference]

    def callbacks(self, reference: str | None = None) -> list[dict[str, Any]]:
        """Every try of every callback, or those of one order."""
        with self._lock:
            return [t for t in self._tries if reference is None or t["reference"] == reference]

    def dashboard_calls(self, outlet_code: str | None = None) -> list[dict[str, Any]]:
        """Every try of every call that is configured in the dashboard, or those of one outlet."""
        with self._lock:
            return [c for c in self._dashboard if outlet_code is None or c["restID"] == outlet_code]

    def recent(self) -> list[dict[str, Any]]:
        """The last things that happened, newest first, numbered, without the bodies of orders."""
        with self._lock:
            return list(reversed(self._recent))

    def counts(self) -> dict[str, int]:
        """How many of each decision, ticket, callback result; every name is there, if only with 0."""
        with self._lock:
            return {
                "requests": len(self._entries),
                **{decision.value: self._counts[decision.value] for decision in Decision},
                "tickets": len(self._tickets),
                "cancelled": self._counts["cancelled"],
                "callbacks_acknowledged": self._counts["callbacks_acknowledged"],
                "callbacks_refused": self._counts["callbacks_refused"],
                "callbacks_unclear": self._counts["callbacks_unclear"],
                "redirects_followed": self._counts["redirects_followed"],
            }

    # --- inside ---

    def _record(self, record: dict[str, Any]) -> None:
        with self._lock:
            self._apply(record)
            journal = self._journal
            written = journal.add(record) if journal else 0
        if journal:
            journal.sync(written)

    def _apply(self, record: dict[str, Any]) -> None:
        match record["kind"]:
            case "order":
                self._apply_order(record)
            case "cancel":
                ticket = self._tickets[record["number"] - 1]
                ticket.cancelled, ticket.reason = True, record["reason"]
                self._counts["cancelled"] += 1
            case "stage":
                self._tickets[record["number"] - 1].stage = Stage(record["stage"])
            case "act":
                ticket = self._tickets[record["number"] - 1]
                ticket.stage, ticket.reason = Stage(record["stage"]), record["reason"]
                ticket.typed, ticket.by_hand = Typed(**record["typed"]), True
                ticket.walk += 1
            case "rider":
                self._tickets[record["number"] - 1].rider = record["rider"]
            case "callback":
                self._tries.append(record)
                self._tickets[record["number"] - 1].last_try = record
                self._counts[f"callbacks_{record['result']}"] += 1
            case "dashboard":
                self._dashboard.append(record)
        self._happened += 1
        self._recent.append({"id": self._happened, **{k: v for k, v in record.items() if k != "body"}})

    def _apply_order(self, record: dict[str, Any]) -> None:
        facts, decision = OrderFacts.of(record["body"]), Decision(record["decision"])
        self._counts[decision.value] += 1
        self._seen[facts.key] += 1
        self._entries.append(
            Entry(
                at=record["at"],
                facts=facts,
                decision=decision,
                why=record["why"],
                behaviour=record["behaviour"],
                sha256=record["sha256"],
                body_json=json.dumps(record["body"], ensure_ascii=False).encode("utf-8", "replace"),
            )
        )
        if decision is Decision.ACCEPTED:
            ticket = Ticket(
                len(self._tickets) + 1,
                record["at"],
                facts,
                record["pos_order_id"],
                remark=record["why"],
                body_json=self._entries[-1].body_json,
            )
            self._tickets.append(ticket)
            self._by_key.setdefault(facts.key, []).append(ticket)
        for ticket in self._by_key.get(facts.key, ()):
            ticket.times_seen = self._seen[facts.key]


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


def _without_credentials(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if name not in CREDENTIAL_NAMES}
