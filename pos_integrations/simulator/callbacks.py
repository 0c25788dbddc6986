"""Callbacks as they go over the wire: PetPooja's own, and the signed scheme."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from dataclasses import dataclass

from pos_integrations.simulator.calling import Call
from pos_integrations.simulator.ledger import Ticket
from pos_integrations.simulator.order import Stage
from pos_integrations.simulator.outlet import CallbackKeys, Callbacks, Outlet

SIGNATURE_HEADER = "x-petpooja-signature"

# PetPooja has no code for "preparing". 5 comes before 4: the food is ready, then it leaves.
OWN_CODES = {
    Stage.CONFIRMED: "1",
    Stage.READY: "5",
    Stage.DISPATCHED: "4",
    Stage.DELIVERED: "10",
    Stage.CANCELLED: "-1",
    Stage.REJECTED: "-1",
}
_STAGES = {code: stage for stage, code in OWN_CODES.items()} | {
    "2": Stage.CONFIRMED,
    "3": Stage.CONFIRMED,
    "-1": Stage.CANCELLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback(Call):
    """The call that tells one status of one order."""

    status: str
    stage: Stage | None


def stage_of(status: str) -> Stage | None:
    """The stage that a code or a word names; None for what PetPooja has no name for."""
    return _STAGES.get(status) or (Stage(status) if status in Stage.__members__ else None)


def build_callback(
    ticket: Ticket, outlet: Outlet, status: str, happened_at: dt.datetime, *, reason: str = ""
) -> Callback | None:
    """The call that tells `status` in the outlet's manner.

    `status` may be a code or a word; one that is unknown goes out as it is. None: nobody to tell, or
    PetPooja's own codes have no word for it.
    """
    stage = stage_of(status)
    if outlet.callbacks is Callbacks.SIGNED:
        return _signed(ticket, outlet, stage.value if stage else status, stage, happened_at, reason)
    if outlet.callbacks is Callbacks.NONE or not ticket.facts.callback_url.startswith(
        ("http://", "https://")
    ):
        return None
    if stage and status == stage.value:
        status = OWN_CODES.get(stage, "")
    return _own(ticket, outlet, status, stage, reason) if status else None


def sign(secret: str, body: bytes) -> str:
    """The value of the signature header."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _own(ticket: Ticket, outlet: Outlet, status: str, stage: Stage | None, reason: str) -> Callback:
    typed = ticket.typed
    rider = (typed.rider_name, typed.rider_phone) if stage is Stage.DISPATCHED else ("", "")
    if stage is Stage.DISPATCHED and ticket.facts.own_delivery and not ticket.by_hand:
        rider = ("Test Rider", "9000000003")
    minutes = ticket.facts.prep_minutes if typed.prep_minutes is None else typed.prep_minutes
    minutes = 0 if status == "-1" else minutes
    document: dict[str, str | int] = {
        "restID": ticket.facts.outlet_code,
        "orderID": ticket.reference,
        "status": status,
        "cancel_reason": reason,
        "minimum_prep_time": minutes,
        "minimum_delivery_time": typed.delivery_minutes,
        "rider_name": rider[0],
        "rider_phone_number": rider[1],
        "is_modified": "Yes" if typed.modified else "No",
    }
    if outlet.callback_keys is CallbackKeys.PRODUCTION:
        document["minimum_prep_time"] = str(minutes)
        document["autoaccept"] = "0" if ticket.by_hand else "1"
        if not any(rider):
            del document["rider_name"], document["rider_phone_number"]
    # No header that proves who sends: the real service adds none, the URL is the only secret.
    return Callback(status=status, stage=stage, url=ticket.facts.callback_url, body=_json(document))


def _signed(
    ticket: Ticket, outlet: Outlet, status: str, stage: Stage | None, happened_at: dt.datetime, reason: str
) -> Callback:
    document = {
        "order_id": ticket.reference,
        "pos_order_id": ticket.pos_order_id,
        "status": status,
        "timestamp": happened_at.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "restaurant_id": outlet.code,
    }
    if reason:
        document["cancel_reason"] = reason
    body = _json(document)
    headers = {SIGNATURE_HEADER: sign(outlet.webhook_secret, body)}
    url = f"{outlet.webhook_url}/order-status"
    return Callback(status=status, stage=stage, url=url, body=body, headers=headers)


def _json(document: dict[str, str | int] | dict[str, str]) -> bytes:
    return json.dumps(document).encode()
