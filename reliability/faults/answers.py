"""What a POS answers: nothing, half of it, nonsense, later, elsewhere; and whether ding draws the right end."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from reliability.checks import alerted, ids_of, judge, unclear_sends
from reliability.faults import fault
from reliability.figures import Figure, seconds, told
from reliability.processes import free_port, memory_bytes, wait_until
from reliability.rig import CALL_SECONDS

if TYPE_CHECKING:
    from reliability.load import Load
    from reliability.rig import Rig

ROUND = 240
UNCLEAR = ("silence", "reset", "half", "500", "html", "empty", "invalid_json", "wrong_type")


@fault(
    "F25",
    "taken, and then silence, a reset, half an answer, a 500, a web page",
    trials=1800,
    smoke=60,
    carried_by="the outcome is told apart by proof; unclear is sent again only where the POS dedupes",
)
def taken_and_unclear(rig: Rig, n: int) -> list[Figure]:
    """Each way in turn, at a POS that dedupes and at one that does not."""
    rates = {f"accept_then_{name}": 1 / len(UNCLEAR) for name in UNCLEAR}
    for pos in (rig.strict, rig.lenient):
        pos.misbehave(rates)
    # The kitchen speaks late: until then nothing but the answer tells whether it has the order.
    load = rig.load()
    with rig.pace(6.0):
        for left in range(n, 0, -ROUND):
            # In rounds: what is sent again goes out at a pace.
            load.orders += rig.load().many(orders=min(left, ROUND)).orders
            rig.quiet(120)
        figures = judge(rig, load, quiet=120)
    unclear = unclear_sends(ids_of(load.orders))
    return [Figure(f.name, f.found, unclear) if f.name in ("pos_dup", "blind_resend") else f for f in figures]


@fault(
    "F26",
    "not taken, and it looks the same",
    trials=160,
    carried_by="unclear goes to a person, or is sent again where the POS dedupes",
)
def not_taken_and_unclear(rig: Rig, n: int) -> list[Figure]:
    """Silence, resets and 500s of a POS that kept nothing."""
    for pos in (rig.strict, rig.lenient):
        pos.misbehave({"silence": 0.3, "500": 0.4, "reset": 0.3})
    with rig.configured(list(rig.outlets), push_deadline_minutes=1):
        load = rig.load().many(orders=n)
        figures = judge(rig, load, quiet=180)
    return [*figures, _nowhere(rig, ids_of(load.orders))]


def _nowhere(rig: Rig, references: set[str]) -> Figure:
    """Orders that are neither in a kitchen nor before a person, nor called rejected."""
    from pos_integrations.models import OrderPush, PushKind, PushState

    cooked = {t.reference for pos in (rig.strict, rig.lenient) for t in pos.tickets()}
    named = (PushState.UNKNOWN, PushState.REJECTED, PushState.EXPIRED)
    settled = set(
        OrderPush.objects.filter(
            kind=PushKind.ORDER, order__reference__in=references, state__in=named
        ).values_list("order__reference", flat=True)
    )
    return Figure("effect_missing", len(references - cooked - settled), len(references))


@fault(
    "F27",
    "provably not sent: refused, no such name, no route, TLS, wrong credentials",
    trials=3,
    carried_by="before the connection stood nothing was sent: tried again; our access: one problem, it waits",
)
def not_sent(rig: Rig, n: int) -> list[Figure]:
    """Each kind at one outlet for a while, then mended: every order arrives, none twice."""
    from pos_integrations.models import OrderPushAttempt

    closed = free_port()
    addresses = {
        "refused": f"http://127.0.0.1:{closed}",
        "no such name": "http://nobody.invalid",
        "no TLS there": f"https://127.0.0.1:{rig.pos_proxy.port}",
    }
    loads: list[Load] = []
    alarm: list[Figure] = []
    for name, address in addresses.items():
        with rig.endpoint("strict1", address):
            began = timezone.now()
            load = rig.load().many(orders=n, restaurant=rig.outlets["strict1"].restaurant)
            time.sleep(3)
            if name == "no TLS there":
                restaurant = rig.outlets["strict1"].restaurant
                alarm = alerted("access-refused", began, restaurant=restaurant)
        loads.append(load)
    merged = rig.load()
    merged.orders = [order for load in loads for order in load.orders]
    figures = judge(rig, merged, quiet=130)
    attempts = OrderPushAttempt.objects.filter(push__order__reference__in=ids_of(merged.orders))
    told_ = told("attempts", attempts.count())
    return [
        *figures,
        told_,
        *alarm,
        _nowhere(rig, ids_of(merged.orders)),
    ]


# As the POS writes it (date+4: an HTTP date 4 s from now), and the wait that it asks for, in seconds.
RETRY_AFTER = {
    "1": 1.0,
    "3": 3.0,
    "1.5": 1.5,
    "date+4": 3.0,
    "date-1000000": 0.0,
    "0": 0.0,
    "-5": 0.0,
    "soon": 0.0,
    "9" * 30: 60.0,
}


@fault(
    "F28",
    "429 and 503 with Retry-After in all shapes",
    trials=2,
    carried_by="not-before in the row, never past the order's deadline",
)
def retry_after(rig: Rig, n: int) -> list[Figure]:
    """Seconds, dates, the past, nonsense, longer than the world stands."""
    with rig.configured(["strict2"], push_deadline_minutes=1):
        return _retry_after(rig, n)


def _retry_after(rig: Rig, n: int) -> list[Figure]:
    orders = []
    for number, (written, wait) in enumerate(list(RETRY_AFTER.items()) * n):
        rig.strict.misbehave_call("save_order", f"{(429, 503)[number % 2]}={written}*1")
        order = rig.guests.place(rig.outlets["strict2"].restaurant)
        orders.append((order, wait))
        with suppress(TimeoutError):
            wait_until(lambda: rig.strict.ledger.entries(order.reference) != [], 10)  # noqa: B023
    load = rig.load()
    load.orders = [order for order, _ in orders]
    figures = judge(rig, load, quiet=140)
    early = sum(_too_early(order.reference, wait) for order, wait in orders)
    return [Figure("early_retry", early, len(orders)), *figures]


def _too_early(reference: str, wait: float) -> bool:
    from pos_integrations.models import OrderPushAttempt

    started = list(
        OrderPushAttempt.objects.filter(push__order__reference=reference, push__kind="order")
        .order_by("number")
        .values_list("started_at", flat=True)
    )
    return len(started) > 1 and (started[1] - started[0]).total_seconds() < wait


ODD_ANSWERS = ("html", "empty", "invalid_json", "wrong_type", "success_0", "refuse")


@fault(
    "F29",
    "HTML, nothing, invalid JSON, other types, success 0, a refusal: all under HTTP 200",
    trials=120,
    carried_by="only a clear yes is a yes, only a clear no is a no",
)
def odd_answers(rig: Rig, n: int) -> list[Figure]:
    """Each leaves the order in a state that has a name, with the reason."""
    from pos_integrations.models import OrderPush

    for pos in (rig.strict, rig.lenient):
        pos.misbehave({name: 1 / len(ODD_ANSWERS) for name in ODD_ANSWERS})
    load = rig.load().many(orders=n)
    figures = judge(rig, load, quiet=180)
    references = ids_of(load.orders)
    bad = OrderPush.objects.filter(order__reference__in=references, state="unknown", last_error="")
    return [Figure("unclassified", bad.count(), n), *figures, _nowhere(rig, references)]


@fault(
    "F30",
    "dripping, endless, 100 MB, a gzip bomb, a flood of headers",
    trials=4,
    carried_by="guarded door: a deadline for the whole call, a cap on decoded bytes",
)
def enormous_answers(rig: Rig, n: int) -> list[Figure]:
    """Each kind, taken and not taken; no call lasts longer than its deadline, no worker grows."""
    from pos_integrations.models import OrderPushAttempt

    kinds = ("drip", "endless", "huge=100", "gzip_bomb=300", "header_flood")
    before = {worker.name: memory_bytes(worker) for worker in rig.workers}
    load = rig.load()
    for kind in kinds:
        rig.strict.misbehave({f"accept_then_{kind}": 1.0})
        load.orders += rig.load().many(orders=n, restaurant=rig.outlets["strict0"].restaurant).orders
        rig.quiet(60)
    figures = judge(rig, load, quiet=60)
    grown = max(memory_bytes(worker) - before[worker.name] for worker in rig.workers) / 2**20
    slowest = (
        OrderPushAttempt.objects.filter(push__order__reference__in=ids_of(load.orders))
        .exclude(duration_ms=None)
        .order_by("-duration_ms")
        .values_list("duration_ms", flat=True)
        .first()
    )
    return [
        seconds("slowest_call", (slowest or 0) / 1000, CALL_SECONDS + 1),
        Figure("worker_growth", grown, None, 50, "MB"),
        *figures,
    ]


@fault(
    "F31", "redirects", trials=5, carried_by="guarded door: no redirect is followed; unclear, for it was read"
)
def redirects(rig: Rig, n: int) -> list[Figure]:
    """301, 302, 303, 307, 308: nobody comes to where they point."""
    codes = ("301", "302", "303", "307", "308")
    before = rig.strict.ledger.counts()["redirects_followed"]
    rig.strict.misbehave({f"accept_then_redirect={code}": 1 / len(codes) for code in codes})
    load = rig.load().many(orders=n * len(codes), restaurant=rig.outlets["strict0"].restaurant)
    figures = judge(rig, load, quiet=60)
    followed = rig.strict.ledger.counts()["redirects_followed"] - before
    return [Figure("redirects_followed", followed, len(load.orders)), *figures]


@fault(
    "F32",
    "the POS is down for two hours, then up (scaled 1:60)",
    trials=120,
    carried_by="per-restaurant breaker; deadline per order; the backlog is handed out at a pace",
)
def pos_down(rig: Rig, n: int) -> list[Figure]:
    """One restaurant's POS takes no connection for `n` seconds; orders of all restaurants go on."""
    outlet, rate_limit = rig.outlets["strict1"], 15.0
    settings = {"push_deadline_minutes": 1, "rest_after_failures": 5}
    rig.gate.target = rig.strict.port
    with (
        rig.endpoint("strict1", f"http://127.0.0.1:{rig.gate.port}"),
        rig.configured(["strict1"], **settings),
    ):
        rig.gate.go_down()
        refused = rig.gate.refused
        with rig.load(orders=1.5) as others, rig.load() as load:
            until = time.monotonic() + n
            while time.monotonic() < until:
                load.order(restaurant=outlet.restaurant)
                time.sleep(0.4)
            back = dt.datetime.now(dt.UTC)
            calls = rig.gate.refused - refused
            rig.gate.behave()
        figures = judge(rig, load, quiet=130)
    references = ids_of(load.orders)
    read = sorted(
        dt.datetime.fromisoformat(entry.at)
        for entry in rig.strict.ledger.entries()
        if entry.facts.reference in references
    )
    rate = max((sum(0 <= (b - a).total_seconds() < 1 for b in read) for a in read), default=0)
    neighbours = [o for o in others.orders if o.restaurant != outlet.restaurant]
    late = [figure for figure in judge(rig, _only(rig, neighbours), quiet=5) if figure.name != "quiet after"]
    return [
        told("first call after the return", (read[0] - back).total_seconds() if read else -1, "s"),
        Figure("calls_per_second_after", rate, None, rate_limit),
        Figure("calls_while_down", calls, None, 5 + n / 4),
        *figures,
        Figure("neighbours_unserved", sum(f.found for f in late if not f.is_good), len(neighbours)),
    ]


def _only(rig: Rig, orders: list[Any]) -> Any:
    load = rig.load()
    load.orders = orders
    return load


@fault(
    "F33",
    "success, and then no callback ever",
    trials=4,
    carried_by="`sent` is not `acknowledged`: the sweeper looks at silence and tells staff and guest once",
)
def silent_kitchen(rig: Rig, n: int) -> list[Figure]:
    """The wrong id in production does this at PetPooja."""
    from pos_integrations.models import OrderPush

    rig.strict.misbehave({"no_callbacks": 1.0})
    with rig.configured(["strict2"], silence_minutes=1):
        load = rig.load().many(orders=n, restaurant=rig.outlets["strict2"].restaurant)
        rig.quiet(30)
        references = ids_of(load.orders)
        pushes = OrderPush.objects.filter(order__reference__in=references, kind="order")
        with suppress(TimeoutError):
            wait_until(lambda: not pushes.filter(silent_since=None).exists(), 100)
    alarm = alerted("kitchen-silent", timezone.now(), restaurant=rig.outlets["strict2"].restaurant)
    took = [
        (push.silent_since - push.sent_at).total_seconds() if push.silent_since and push.sent_at else 999.0
        for push in pushes
    ]
    return [seconds("noticed_after", max(took), 120), *alarm, *judge(rig, load)]
