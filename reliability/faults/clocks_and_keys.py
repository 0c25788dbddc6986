"""Clocks that are wrong, and keys that change, are lost, or end."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from django.utils import timezone

from benchmarks.stack import ROOT
from reliability.checks import alerted, judge
from reliability.faults import fault
from reliability.figures import Figure, told
from reliability.rig import fresh_encryption_key
from reliability.sender import make_event

if TYPE_CHECKING:
    from benchmarks.stack import Process
    from reliability.rig import Rig

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def wrong_clock(shift: str) -> dict[str, str]:
    """The environment in which a process lives at another time."""
    return {"LD_PRELOAD": FAKETIME, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@fault(
    "F42",
    "clocks that are wrong, and jump",
    trials=8,
    carried_by="leases, due times and stamps by the database's clock, which all processes share",
)
def wrong_clocks(rig: Rig, n: int) -> list[Figure]:
    """Ten minutes ahead and behind, on one web server, one worker, the scheduler; an hour back."""
    found: list[Figure] = []
    victims: list[tuple[Process, str]] = [
        (rig.webs[0], "+600"),
        (rig.webs[0], "-600"),
        (rig.workers[0], "+600"),
        (rig.workers[0], "-600"),
        (rig.workers[0], "-3600"),
        (rig.beat, "+600"),
    ]
    for process, shift in victims:
        rig.stock_up(400)
        rig.strict.misbehave({"delay=2": 0.5})
        with rig.changed([process], **wrong_clock(shift)):
            with rig.load(events=10, orders=2) as load:
                time.sleep(n)
            figures = judge(rig, load, ack=None, quiet=45)
        unclear = sum(figure.found for figure in figures if figure.name == "for a person")
        found += [
            Figure(f"{figure.name} ({process.name} {shift} s)", figure.found, figure.chances)
            for figure in figures
            if not figure.told and (figure.name in ("acked_lost", "pos_dup") or not figure.is_good)
        ]
        found.append(Figure(f"made_unclear ({process.name} {shift} s)", unclear, len(load.orders)))
    return found


@fault(
    "F43",
    "webhook secrets change under traffic",
    trials=10,
    carried_by="several secrets are valid at once; each ends by itself",
)
def rotated_secrets(rig: Rig, n: int) -> list[Figure]:
    """A new one beside the old, the sender changes over, the old one ends; `n` times at 20 events/s."""
    from pos_integrations.configuration import rotate_secret
    from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret

    rig.stock_up(1500)
    outlet, old_accepted, tried = rig.outlets["strict0"], 0, 0
    with rig.load(events=20) as load:
        for _ in range(n):
            time.sleep(0.5)
            integration = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").get(
                pk=outlet.integration
            )
            old = outlet.secret
            outlet.secret = rotate_secret(integration, overlap=dt.timedelta(seconds=60)).secret
            time.sleep(1.5)
            RestaurantWebhookSecret.objects.filter(
                restaurant_id=outlet.restaurant, expires_at__isnull=False
            ).update(expires_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1))
            time.sleep(0.5)
            _, reference = rig.next_order("strict0")
            body = {"order_id": reference, "status": "CANCELLED", "restaurant_id": "strict0"}
            forged = make_event(rig.number(), "order-status", body, old)
            tried += 1
            old_accepted += rig.sender.try_once(forged) != 401
    return [Figure("forged_accepted", old_accepted, tried), *judge(rig, load)]


@fault(
    "F44",
    "the encryption key is lost, wrong, rotated",
    trials=1,
    carried_by="sealed values name their key and are bound to their row; no key, no start; unreadable is loud",
)
def encryption_keys(rig: Rig, n: int) -> list[Figure]:
    """Start without a key; with another one; with a new and the old one, and seal again under load."""
    from django.core.management import call_command

    started = _starts({"ENCRYPTION_KEYS": ""})
    wrong = fresh_encryption_key("other")
    forged, unsigned = 0, 0
    with rig.changed(rig.webs, ENCRYPTION_KEYS=wrong):
        rig.stock_up(20)
        for _ in range(5):
            code, reference = rig.next_order()
            event = rig.status_event(code, reference, "CONFIRMED")
            unsigned += rig.sender.try_once(event) == 200
            empty = make_event(rig.number(), "order-status", {"restaurant_id": code}, "")
            forged += rig.sender.try_once(empty) == 200
    old = os.environ["ENCRYPTION_KEYS"]
    new = f"{fresh_encryption_key('next')},{old}"
    rig.stock_up(600)
    with rig.load(events=10, orders=1) as load:
        for process in rig.processes:
            rig.restart(process, ENCRYPTION_KEYS=new)
            time.sleep(1)
        rig.wait_ready()
        call = [sys.executable, "manage.py", "rotate_encryption_key"]
        env = {**rig.env, "ENCRYPTION_KEYS": new}
        done = subprocess.run(call, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        alone = new.split(",")[0]
        for process in rig.processes:
            rig.restart(process, ENCRYPTION_KEYS=alone)
            time.sleep(1)
        rig.wait_ready()
        time.sleep(2)
    from django.conf import settings

    rig.env["ENCRYPTION_KEYS"] = rig.web_env["ENCRYPTION_KEYS"] = os.environ["ENCRYPTION_KEYS"] = alone
    settings.ENCRYPTION_KEYS = alone
    call_command("check", verbosity=0)
    return [
        Figure("started_without_key", int(started), 1),
        Figure("silent_fail_open", forged + unsigned, 10),
        Figure("rotation_failed", int(done.returncode != 0), 1),
        told("sealed anew", 1),
        *judge(rig, load),
    ]


def _starts(env: dict[str, str]) -> bool:
    """Whether ding starts with that environment."""
    call = [sys.executable, "manage.py", "check"]
    return (
        subprocess.run(call, cwd=ROOT, env={**os.environ, **env}, capture_output=True, check=False).returncode
        == 0
    )


@fault(
    "F45",
    "the last webhook secret ends",
    trials=1,
    carried_by="an expired secret signs nothing; staff are warned before and told after",
)
def last_secret_ends(rig: Rig, n: int) -> list[Figure]:
    """It ends under traffic: 401 from then on, no effect, and good again with a new one."""
    from orders.models import Order
    from pos_integrations.configuration import rotate_secret
    from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret

    rig.stock_up(60)
    outlet = rig.outlets["strict2"]
    mine = RestaurantWebhookSecret.objects.filter(restaurant_id=outlet.restaurant)
    ended = timezone.now()
    mine.update(expires_at=ended - dt.timedelta(seconds=1))
    refused, effects = 0, []
    for _ in range(10):
        _, reference = rig.next_order("strict2")
        refused += rig.sender.try_once(rig.status_event("strict2", reference, "CONFIRMED")) == 401
        effects.append(reference)
    alarm = alerted("secret-expired", ended, restaurant=outlet.restaurant)
    integration = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").get(
        pk=outlet.integration
    )
    outlet.secret = rotate_secret(integration).secret
    _, reference = rig.next_order("strict2")
    load = rig.load()
    with load:
        load.send(rig.status_event("strict2", reference, "CONFIRMED"))
    touched = Order.objects.filter(reference__in=effects).exclude(status="pending").count()
    return [
        Figure("accepted_after_its_end", 10 - refused + touched, 10),
        *alarm,
        *judge(rig, load),
    ]
