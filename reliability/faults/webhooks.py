"""Webhooks: twice, out of order, too early, forged, hostile, too large, too many."""

from __future__ import annotations

import itertools
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reliability import hostile
from reliability.checks import ACK_FAULT, ack_seconds, judge, refusals, webhooks
from reliability.faults import fault
from reliability.figures import Figure, quantile, seconds, told
from reliability.load import STATUSES
from reliability.sender import SIGNATURE_HEADER, Event, now_text, signed

if TYPE_CHECKING:
    from reliability.rig import Rig

WORDS = (*STATUSES, "CANCELLED", "REJECTED")


def send_all(rig: Rig, events: Sequence[Event], threads: int = 16) -> None:
    """All of them, in parallel, each until it has a 2xx or a 4xx."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rig.sender.deliver, events))


def send_in_order(rig: Rig, stories: Sequence[Sequence[Event]], threads: int = 12) -> None:
    """Each story in its order, the stories beside each other."""

    def tell(story: Sequence[Event]) -> None:
        for event in story:
            rig.sender.deliver(event)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(tell, stories))


@fault(
    "F34",
    "duplicates: exact, in parallel, signed again",
    trials=200,
    smoke=20,
    carried_by="effects that hold twice: the status moves by the table, under the row's lock",
)
def duplicates(rig: Rig, n: int) -> list[Figure]:
    """Each event 50 times at once, half of them with the same bytes."""
    rig.stock_up(n)
    events: list[Event] = []
    for _ in range(n):
        code, reference = rig.next_order()
        first = rig.status_event(code, reference, "CONFIRMED")
        events += [first] * 25
        events += [rig.status_event(code, reference, "CONFIRMED") for _ in range(25)]
    send_all(rig, events)
    rig.quiet()
    return [told("sent", len(events)), *webhooks(events), *refusals(events)]


@fault(
    "F35",
    "out of order, backwards, skipped, unknown statuses",
    trials=60,
    carried_by="one table of allowed moves; each report is kept in the inbox",
)
def out_of_order(rig: Rig, n: int) -> list[Figure]:
    """All ordered pairs of the seven statuses, `n` shuffles of six, and words that are no status."""
    stories = list(itertools.permutations(WORDS, 2))
    stories += [tuple(rig.dice.sample(WORDS, 6)) for _ in range(n)]  # type: ignore[misc]
    stories += [("DELIVERED", word) for word in WORDS] + [("COOKING", "READY")]
    rig.stock_up(len(stories))
    sent = []
    for story in stories:
        code, reference = rig.next_order()
        sent.append([rig.status_event(code, reference, word, ahead=i / 1000) for i, word in enumerate(story)])
    send_in_order(rig, sent)
    rig.quiet()
    events = [event for story in sent for event in story]
    references = {event.about["reference"] for event in events}
    kept = [figure for figure in webhooks(events) if figure.name not in ("effect_missing",)]
    return [Figure("illegal_transition", _illegal(references), len(references)), *kept, *refusals(events)]


def _illegal(references: set[str]) -> int:
    """Orders whose history has a move that the table does not allow, or a gap."""
    from orders.models import OrderStatusHistory
    from orders.status import can_move

    wrong: set[str] = set()
    stands: dict[str, str] = {}
    history = OrderStatusHistory.objects.filter(order__reference__in=references).order_by("pk")
    for reference, old, new in history.values_list("order__reference", "old_status", "new_status"):
        if stands.get(reference, "pending") != old or not can_move(old, new):
            wrong.add(reference)
        stands[reference] = new
    return len(wrong)


@fault(
    "F36",
    "a report comes before our own commit, or before the answer",
    trials=60,
    carried_by="a report on an unknown order is kept and tried again; a callback acknowledges the push",
)
def before_the_answer(rig: Rig, n: int) -> list[Figure]:
    """The kitchen calls back before it answers; and webhooks for orders that are written a little later."""
    from orders.models import Order

    rig.strict.misbehave({"callback_before_answer": 1.0})
    load = rig.load().many(orders=n)
    rig.stock_up(5)
    code, known = rig.next_order()
    early = []
    for _ in range(5):
        reference = f"E{secrets.token_hex(8).upper()}"
        early.append(rig.status_event(code, reference, "CONFIRMED"))
    send_all(rig, early)
    time.sleep(2)
    pattern = Order.objects.get(reference=known)
    for event in early:
        pattern.pk, pattern.reference, pattern._state.adding = None, event.about["reference"], True
        pattern.save()
    figures = judge(rig, load)
    return [*figures, *webhooks(early)]


@fault(
    "F37",
    "an unknown order, an unknown restaurant, another restaurant's order",
    trials=40,
    carried_by="the restaurant of the secret, not of the body, is the one that is touched",
)
def strangers(rig: Rig, n: int) -> list[Figure]:
    """Each restaurant tells of the others' orders; strangers tell of anything."""
    from orders.models import Order
    from pos_integrations.models import WebhookLog, WebhookStatus

    rig.stock_up(n)
    before = WebhookLog.objects.count()
    foreign, unknown = [], []
    for _ in range(n):
        code, reference = rig.next_order()
        other = rig.dice.choice([one for one in rig.outlets if one != code])
        foreign.append(rig.status_event(other, reference, "CANCELLED"))
    for index in range(n):
        event = rig.status_event("strict0", "NOSUCH", "CONFIRMED")
        body = event.body.replace(b"strict0", f"nobody{index}".encode())
        unknown.append(Event(event.id, event.topic, body, signed(body, "x" * 32)))
    send_all(rig, foreign + unknown)
    rig.quiet(30)
    touched = Order.objects.filter(
        reference__in=[event.about["reference"] for event in foreign], status="cancelled"
    ).count()
    answered = {event.status for event in unknown}
    parked = WebhookLog.objects.filter(status=WebhookStatus.PARKED, verdict="foreign_order").count()
    rows = WebhookLog.objects.count() - before
    return [
        Figure("cross_tenant_effect", touched, n),
        Figure("rows_from_strangers", max(0, rows - n), n),
        Figure("strangers_not_401", len(answered - {401}), len(answered)),
        Figure("foreign_not_visible", max(0, n - parked), n),
    ]


@fault(
    "F38",
    "bad, missing, malformed signatures; replays",
    trials=6,
    smoke=2,
    carried_by="one strict check of the whole header, every secret compared; no row before it",
)
def bad_signatures(rig: Rig, n: int) -> list[Figure]:
    """Each family of forgeries on `n` bodies at each topic; and honest ones between them, and replayed."""
    from orders.models import Order
    from pos_integrations.models import WebhookLog

    rig.stock_up(n * 3)
    before = WebhookLog.objects.count()
    statuses: list[int | None] = []
    accepted, alive = 0, _pids(rig)
    references, honest = [], []
    for round_ in range(n):
        code, reference = rig.next_order()
        other = next(one for one in rig.outlets if one != code)
        references.append(reference)
        event = rig.status_event(code, reference, "CANCELLED")
        secret, others = rig.outlets[code].secret, rig.outlets[other].secret
        cases = list(hostile.forged(event.body, secret, others, rig.dice))
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda case: _post(rig, event, case), cases))  # noqa: B023
        statuses += found
        for case, status in zip(cases, found, strict=True):
            if status != 401:
                rig.say(f"{case} was answered {status}")
        accepted += sum(status is not None and 200 <= status < 300 for status in found)
        code, reference = rig.next_order()
        good = rig.status_event(code, reference, STATUSES[round_ % 5])
        honest += [good, good]
    rows = WebhookLog.objects.count() - before
    send_in_order(rig, [honest])
    rig.quiet()
    touched = Order.objects.filter(reference__in=references, status="cancelled").count()
    return [
        Figure("forged_accepted", accepted + touched, len(statuses)),
        Figure("rows_from_forged", rows, len(statuses)),
        Figure("not_401", sum(status != 401 for status in statuses), len(statuses)),
        Figure("worker_death_by_input", len(alive - _pids(rig)), len(alive)),
        *refusals(honest),
        *webhooks(honest),
    ]


def _post(rig: Rig, event: Event, headers: dict[str, str]) -> int | None:
    sent = {"Content-Type": "application/json", **headers}
    raw = {name: value.encode("latin-1", "replace") for name, value in sent.items()}
    return rig.sender.post(event.path, event.body, raw)  # type: ignore[arg-type]


def _pids(rig: Rig) -> set[int]:
    return {pid for process in rig.processes for pid in process.pids()}


@fault(
    "F39",
    "poison bodies, each rightly signed; and bodies that the database refuses",
    trials=1,
    smoke=1,
    carried_by="strict JSON with one error; raw text in the inbox; a row that fails is parked with its reason",
)
def poison_bodies(rig: Rig, n: int) -> list[Figure]:
    """Hundreds of hostile bodies: refused with a 4xx, or kept and in the end put aside where people see it."""
    rig.stock_up(20)
    alive = _pids(rig)
    code, reference = rig.next_order()
    events = []
    for topic, odd, raw in hostile.bodies(code, reference, now_text()):
        headers = signed(raw, rig.outlets[code].secret)
        events.append(Event(rig.number(), topic, raw, headers, {"odd": odd}))
    send_all(rig, events)
    _let_go_of_unknown_orders()
    rig.quiet(60)
    answers = [status for event in events for status in event.statuses if status is not None]
    broken = [event for event in events if any(s is None or s >= 500 for s in event.statuses)]
    for event in broken[:5]:
        rig.say(f"{event.topic} {event.about['odd']}: {event.statuses}")
    return [
        Figure("acked_lost", _kept_nowhere(events), sum(bool(event.acknowledged) for event in events)),
        Figure("input_5xx", len(broken), len(answers)),
        Figure("worker_death_by_input", len(alive - _pids(rig)), len(alive)),
        Figure("left_undone", sum(rig.open_rows().values()), len(events)),
        seconds("answer_p99", quantile([t for e in events for t in e.seconds], 0.99), ACK_FAULT),
        *_refused_by_the_database(rig),
    ]


def _kept_nowhere(events: Sequence[Event]) -> int:
    """Acknowledged bodies that are in no row, byte for byte."""
    from pos_integrations.models import WebhookLog

    kept = set(WebhookLog.objects.order_by("-pk").values_list("payload", flat=True)[: len(events) * 3])
    return sum(bool(event.acknowledged) and event.body.decode() not in kept for event in events)


def _let_go_of_unknown_orders() -> None:
    """Reports on orders that never come are kept trying for a quarter of an hour: not while we wait."""
    from pos_integrations.models import WebhookLog, WebhookStatus

    time.sleep(2)
    WebhookLog.objects.filter(status=WebhookStatus.FAILED).update(status=WebhookStatus.PARKED)


def _refused_by_the_database(rig: Rig) -> list[Figure]:
    """For a while the table refuses certain rows; the sender must not hear that they are stored."""
    from django.db import connection

    events, mark = [], f"refused-{rig.number()}"
    for _ in range(5):
        code, reference = rig.next_order()
        events.append(rig.status_event(code, reference, "CONFIRMED", reason=mark))
    rule = f"ADD CONSTRAINT rig_refuses CHECK (LOCATE('{mark}', payload) = 0)"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE WebhookLogs {rule}")
    try:
        for event in events:
            rig.sender.try_once(event)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE WebhookLogs DROP CONSTRAINT rig_refuses")
    send_all(rig, [event for event in events if not event.acknowledged])
    rig.quiet(60)
    return [
        Figure(f"{figure.name} (refused)", figure.found, figure.chances)
        for figure in webhooks(events)
        if figure.name in ("acked_lost", "effect_missing")
    ]


# --- too large, too slow, too many ----------------------------------------------------------------------


def neighbour_p99(rig: Rig, code: str, during: Callable[[], Any]) -> tuple[float, list[Event]]:
    """The p99 of one quiet restaurant's acknowledgements while something happens elsewhere."""
    rig.stock_up(1000, code)
    events: list[Event] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.05):
            _, reference = rig.next_order(code)
            events.append(rig.sender.deliver(rig.status_event(code, reference, "CONFIRMED")))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        during()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return quantile(ack_seconds(events), 0.99), events


@fault(
    "F40",
    "huge, chunked, short, slow bodies; lying lengths; smuggling shapes",
    trials=12,
    carried_by="a length is required and capped before the body is read; the server reads bodies before a thread does",
)
def odd_bodies(rig: Rig, n: int) -> list[Figure]:
    """Raw sockets with every odd shape, and slow ones that hold on; a neighbour's answers meanwhile."""
    calm, _ = neighbour_p99(rig, "strict0", lambda: time.sleep(5))
    answers: dict[str, list[int]] = {}

    def annoy() -> None:
        for name, raw in _shapes().items():
            answers[name] = [raw_answer(rig.ports[k % 2], raw) for k in range(2)]
        slow = [threading.Thread(target=_drip, args=(rig.ports[k % 2], 8)) for k in range(n)]
        for thread in slow:
            thread.start()
        for thread in slow:
            thread.join()

    annoyed, events = neighbour_p99(rig, "strict0", annoy)
    rig.quiet()
    wrong = sum(status >= 500 or status == 200 for statuses in answers.values() for status in statuses)
    for name, statuses in answers.items():
        if any(status >= 500 or status == 200 for status in statuses):
            rig.say(f"{name}: {statuses}")
    return [
        Figure("odd_shapes_accepted_or_5xx", wrong, 2 * len(answers)),
        told("neighbour_p99_calm", calm, "s"),
        seconds("neighbour_p99", annoyed, max(2 * calm, 0.5)),
        *webhooks(events),
        *refusals(events),
    ]


def _shapes() -> dict[str, bytes]:
    head = b"POST /api/webhooks/petpooja/order-status HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    body = b'{"restaurant_id": "strict0"}'
    size = b"%d" % len(body)
    return {
        "no length": head + b"\r\n" + body,
        "chunked": head + b"Transfer-Encoding: chunked\r\n\r\n1c\r\n" + body + b"\r\n0\r\n\r\n",
        "both": head
        + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n1c\r\n"
        + body
        + b"\r\n0\r\n\r\n",
        "two lengths": head + b"Content-Length: 5\r\nContent-Length: " + size + b"\r\n\r\n" + body,
        "negative": head + b"Content-Length: -1\r\n\r\n" + body,
        "words": head + b"Content-Length: many\r\n\r\n" + body,
        "plus": head + b"Content-Length: +" + size + b"\r\n\r\n" + body,
        "a gigabyte": head + b"Content-Length: 1073741824\r\n\r\n" + body,
        "too large": head + b"Content-Length: 300000\r\n\r\n" + b" " * 300_000,
        "twenty digits": head + b"Content-Length: 99999999999999999999\r\n\r\n" + body,
        "xchunked": head + b"Transfer-Encoding: xchunked\r\nContent-Length: " + size + b"\r\n\r\n" + body,
        "no host": head.replace(b"Host: localhost\r\n", b"")
        + b"Content-Length: "
        + size
        + b"\r\n\r\n"
        + body,
        "long header": head + b"X-A: " + b"a" * 200_000 + b"\r\nContent-Length: 0\r\n\r\n",
        "short": head + b"Content-Length: 5000\r\n\r\n" + body,
        "get": head.replace(b"POST", b"GET") + b"\r\n",
        "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
    }


def raw_answer(port: int, raw: bytes, patience: float = 3.0) -> int:
    """The status that these bytes get; 0: the connection was closed or nothing came."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        with suppress(OSError):
            connection.sendall(raw)
            if b"5000" in raw:
                connection.shutdown(socket.SHUT_WR)
        words = connection.recv(200).split(b" ")
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    return 0


def _drip(port: int, seconds_: float) -> None:
    """Announce a body and send a byte of it now and then."""
    head = (
        b"POST /api/webhooks/petpooja/order-status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n"
    )
    until = time.monotonic() + seconds_
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(head)
        while time.monotonic() < until:
            connection.sendall(b"{")
            time.sleep(0.5)


@fault(
    "F41",
    "a storm from one restaurant, then one of bad signatures",
    trials=20,
    carried_by="one insert per webhook, batches of hundreds behind it; bad ones make no row",
)
def storm(rig: Rig, n: int) -> list[Figure]:
    """Ten times the usual from one restaurant for `n` seconds; a neighbour's answers and effects meanwhile."""
    from pos_integrations.models import WebhookLog

    calm, _ = neighbour_p99(rig, "strict0", lambda: time.sleep(5))
    sent: list[Event] = []

    def flood() -> None:
        until = time.monotonic() + n

        def run(number: int) -> None:
            while time.monotonic() < until:
                due = time.monotonic() + 0.05
                _, reference = rig.next_order("strict1")
                sent.append(rig.sender.deliver(rig.status_event("strict1", reference, "CONFIRMED")))
                time.sleep(max(0.0, due - time.monotonic()))

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(run, range(10)))

    # Twenty a second of each thread.
    rig.stock_up(n * 200 + 100, "strict1")
    stormy, events = neighbour_p99(rig, "strict0", flood)
    waited = _effect_delay(events)
    before = WebhookLog.objects.count()
    bad = itertools.count()

    def bad_flood() -> None:
        until = time.monotonic() + n / 2

        def run(number: int) -> None:
            event = rig.status_event("strict1", "NOSUCH", "CONFIRMED")
            while time.monotonic() < until:
                next(bad)
                rig.sender.post(
                    event.path, event.body, {**event.headers, SIGNATURE_HEADER: "sha256=" + "0" * 64}
                )

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(run, range(8)))

    bad_p99, more = neighbour_p99(rig, "strict0", bad_flood)
    rows = WebhookLog.objects.count() - before - len(more)
    limit = max(2 * calm, 0.5)
    rig.quiet()
    return [
        told("storm events", len(sent)),
        told("bad ones", next(bad)),
        told("neighbour_p99_calm", calm, "s"),
        seconds("neighbour_p99 (storm)", stormy, limit),
        seconds("neighbour_p99 (bad)", bad_p99, limit),
        seconds("neighbour_effect_p99", waited, 5),
        Figure("rows_from_bad", max(0, rows - 400), next(bad)),
        *webhooks([*events, *more, *sent]),
        *refusals([*events, *more, *sent]),
    ]


def _effect_delay(events: Sequence[Event]) -> float:
    """From the row to its effect, p99, of a neighbour's events."""
    from pos_integrations.models import WebhookLog

    ids = {event.id for event in events}
    took = [
        (done - came).total_seconds()
        for done, came, payload in WebhookLog.objects.exclude(processed_at=None)
        .order_by("-pk")
        .values_list("processed_at", "created_at", "payload")[:20_000]
        if done and payload.rpartition('"event_id": "')[2].partition('"')[0] in ids
    ]
    return quantile(took, 0.99)
