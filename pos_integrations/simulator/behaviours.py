"""Behaviours: the ways in which a POS treats an order badly, as one table of name → function.

A behaviour edits a `Plan`. To add one, write its function and give it a line in a table. Those in
`SPOILERS` spoil the answer and exist twice: `500` keeps nothing, `accept_then_500` keeps the order first.
"""

from __future__ import annotations

import datetime as dt
import functools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import format_datetime

from pos_integrations.simulator.journey import (
    Detour,
    cancelled_after,
    never_told,
    told_backwards,
    told_early,
    told_twice,
)
from pos_integrations.simulator.order import Decision
from pos_integrations.simulator.petpooja import INVALID_RELAY_PAYLOAD, order_invalid
from pos_integrations.simulator.wire import Answer, Send, Wire

MIB = 1024 * 1024
SINK_PATH = "/_sim/sink"


@dataclass(slots=True)
class Plan:
    """How one call is treated.

    `verdict`: decided so instead of by the rules. `spoil`: turns the honest answer into the one that is
    sent, `send`: how it goes over the wire. `callbacks_first`: the first callback is over before the
    answer; `kitchen_first`: callbacks do not wait for an answer that takes long or never ends.
    """

    names: list[str] = field(default_factory=list)
    verdict: Decision | None = None
    spoil: Callable[[Answer], Answer] | None = None
    send: Send = Wire.send_whole
    delay_seconds: float = 0.0
    kitchen_first: bool = False
    callbacks_first: bool = False
    detours: list[Detour] = field(default_factory=list)

    def answer(self, honest: Answer) -> Answer:
        """What is sent in place of the honest answer."""
        if self.verdict is Decision.IGNORED:
            honest = Answer.json({"message": "Internal server error"}, 500)
        return self.spoil(honest) if self.spoil else honest


# A value is whatever stood after the name's "="; empty when nothing did.
Behaviour = Callable[[Plan, str], None]


def number(value: str, default: float) -> float:
    """The value as a number that is not negative, or the default when it is none."""
    try:
        return abs(float(value))
    except ValueError:
        return default


# --- Answers that are spoilt ---------------------------------------------------------------------


def silence(plan: Plan, value: str) -> None:
    """Never answers; ends when the client leaves."""
    plan.kitchen_first = True
    plan.send = lambda wire, answer: wire.wait_for_client_to_leave()


def reset(plan: Plan, value: str) -> None:
    """Cuts the connection instead of answering."""
    plan.send = lambda wire, answer: wire.reset()


def half(plan: Plan, value: str) -> None:
    """Announces the whole answer, sends half of it, and hangs up."""

    def send(wire: Wire, answer: Answer) -> None:
        wire.close = True
        wire.send(answer.head(close=True) + answer.body[: len(answer.body) // 2])

    plan.send = send


def drip(plan: Plan, value: str) -> None:
    """Sends a byte each second (the value: seconds per byte)."""
    seconds = number(value, 1.0)

    def send(wire: Wire, answer: Answer) -> None:
        wire.close = True
        wire.send(answer.head(close=True))
        for byte in answer.body:
            if not wire.pause(seconds):
                return
            wire.send(bytes([byte]))

    plan.kitchen_first = True
    plan.send = send


def endless(plan: Plan, value: str) -> None:
    """Sends blanks for ever, without a length."""

    def send(wire: Wire, answer: Answer) -> None:
        wire.close = True
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        while wire.pause(0.0):
            wire.send(b" " * 65_536)

    plan.kitchen_first = True
    plan.send = send


def huge(plan: Plan, value: str) -> None:
    """Sends the answer with 100 MiB of padding (the value: MiB)."""
    size = int(number(value, 100) * MIB)

    def send(wire: Wire, answer: Answer) -> None:
        before, after = _padded(answer.body)
        wire.send(answer.head(length=len(before) + size + len(after), close=wire.close) + before)
        for chunk in _zeros(size):
            wire.send(chunk)
        wire.send(after)

    plan.send = send


def gzip_bomb(plan: Plan, value: str) -> None:
    """Sends a small answer that unpacks to 300 MiB (the value: MiB)."""
    size = int(number(value, 300) * MIB)

    def spoil(answer: Answer) -> Answer:
        return replace(
            answer, body=_bomb(*_padded(answer.body), size), headers=(("Content-Encoding", "gzip"),)
        )

    plan.spoil = spoil


def header_flood(plan: Plan, value: str) -> None:
    """Sends the answer under 10,000 headers (the value: how many)."""
    count = int(number(value, 10_000))
    plan.spoil = lambda answer: replace(
        answer, headers=tuple((f"X-Flood-{n}", "0" * 64) for n in range(count))
    )


def redirect(plan: Plan, value: str) -> None:
    """Points elsewhere, to a sink that counts who came (the value: which 3xx, 307 by default)."""
    status = int(number(value, 307))
    plan.spoil = lambda answer: Answer(status, headers=(("Location", SINK_PATH),))


def html(plan: Plan, value: str) -> None:
    """Answers 200 with a web page, as a proxy does."""
    page = b"<!DOCTYPE html><html><body><h1>We will be back soon</h1></body></html>"
    plan.spoil = lambda answer: Answer(200, page, "text/html; charset=utf-8")


def invalid_json(plan: Plan, value: str) -> None:
    """Answers 200 with JSON that stops in the middle."""
    plan.spoil = lambda answer: Answer(200, b'{"success":"1","message":"Your order is sa')


def empty(plan: Plan, value: str) -> None:
    """Answers 200 with nothing."""
    plan.spoil = lambda answer: Answer(200)


def wrong_type(plan: Plan, value: str) -> None:
    """Answers 200 with JSON of another shape."""
    plan.spoil = lambda answer: Answer(200, b'[{"success":["1"]}]')


def server_error(plan: Plan, value: str) -> None:
    """Answers as the gateway does when something behind it fell over."""
    plan.spoil = lambda answer: Answer.json({"message": "Internal server error"}, 500)


def unavailable(plan: Plan, value: str) -> None:
    """Answers 503, with Retry-After when a value is given, written as for 429."""
    headers = (("Retry-After", _retry_after(value)),) if value else ()
    plan.spoil = lambda answer: Answer.json({"message": "Service Unavailable"}, 503, headers)


def too_many(plan: Plan, value: str) -> None:
    """Answers 429 with Retry-After, the value as it stands, 1 by default; date+4: the date in 4 seconds."""
    headers = (("Retry-After", _retry_after(value or "1")),)
    plan.spoil = lambda answer: Answer.json({"message": "Too Many Requests"}, 429, headers)


def _retry_after(value: str) -> str:
    if not value.startswith("date"):
        return value
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(value.removeprefix("date") or 0))
    return format_datetime(moment, usegmt=True)


SPOILERS: dict[str, Behaviour] = {
    "silence": silence,
    "reset": reset,
    "half": half,
    "drip": drip,
    "endless": endless,
    "huge": huge,
    "gzip_bomb": gzip_bomb,
    "header_flood": header_flood,
    "redirect": redirect,
    "html": html,
    "invalid_json": invalid_json,
    "empty": empty,
    "wrong_type": wrong_type,
    "500": server_error,
    "503": unavailable,
    "429": too_many,
}


# --- Honest answers, other than expected ---------------------------------------------------------


def delay(plan: Plan, value: str) -> None:
    """Keeps the order and answers late (the value: seconds, 1 by default)."""
    plan.delay_seconds += number(value, 1.0)


def refuse(plan: Plan, value: str) -> None:
    """Refuses the order block."""
    plan.verdict = Decision.REFUSED
    plan.spoil = lambda answer: Answer.json(order_invalid("orderID", "Refused by the simulated POS."))


def success_0(plan: Plan, value: str) -> None:
    """Says "success 0" without any code, as for an outlet whose relay is off."""
    plan.verdict = Decision.REFUSED
    plan.spoil = lambda answer: Answer.json(INVALID_RELAY_PAYLOAD)


def drop(plan: Plan, value: str) -> None:
    """Answers success; the kitchen never sees it."""
    plan.verdict = Decision.DROPPED


# --- Callbacks -----------------------------------------------------------------------------------


def duplicate_callbacks(plan: Plan, value: str) -> None:
    """Each callback comes twice, in parallel."""
    plan.detours.append(told_twice)


def reordered_callbacks(plan: Plan, value: str) -> None:
    """The callbacks come in reverse."""
    plan.detours.append(told_backwards)


def no_callbacks(plan: Plan, value: str) -> None:
    """Success, and then nothing is ever heard again."""
    plan.detours.append(never_told)


def callback_before_answer(plan: Plan, value: str) -> None:
    """The first callback is over before save_order is answered."""
    plan.callbacks_first = True
    plan.detours.append(told_early)


def cancel(plan: Plan, value: str) -> None:
    """The kitchen cancels after its first stage (the value: after how many; 0 rejects)."""
    plan.detours.append(cancelled_after(int(number(value, 1))))


def reject(plan: Plan, value: str) -> None:
    """The kitchen rejects the order at once."""
    plan.detours.append(cancelled_after(0))


def _keeping_nothing(spoiler: Behaviour) -> Behaviour:
    def behaviour(plan: Plan, value: str) -> None:
        plan.verdict = Decision.IGNORED
        spoiler(plan, value)

    return behaviour


BEHAVIOURS: dict[str, Behaviour] = {
    "delay": delay,
    "refuse": refuse,
    "success_0": success_0,
    "drop": drop,
    "duplicate_callbacks": duplicate_callbacks,
    "reordered_callbacks": reordered_callbacks,
    "no_callbacks": no_callbacks,
    "callback_before_answer": callback_before_answer,
    "cancel": cancel,
    "reject": reject,
    **{name: _keeping_nothing(spoiler) for name, spoiler in SPOILERS.items()},
    **{f"accept_then_{name}": spoiler for name, spoiler in SPOILERS.items()},
}


def _padded(body: bytes) -> tuple[bytes, bytes]:
    """What stands before and after the padding, so that a JSON object stays one."""
    return (body[:-1] + b', "padding": "', b'"}') if body.endswith(b"}") else (body, b"")


def _zeros(size: int) -> Iterator[bytes]:
    chunk = b"0" * min(size, MIB)
    for _ in range(size // len(chunk) if chunk else 0):
        yield chunk
    yield chunk[: size % len(chunk)] if chunk else b""


@functools.lru_cache(maxsize=4)
def _bomb(before: bytes, after: bytes, size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)  # 31: with the frame of gzip
    packed = [packer.compress(before), *(packer.compress(chunk) for chunk in _zeros(size))]
    return b"".join([*packed, packer.compress(after), packer.flush()])
