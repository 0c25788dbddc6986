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
from reliability.wrong_clock import WrongClock

if TYPE_CHECKING:
    from reliability.rig import Rig

# Of each process: how its clock jumps, one after the other, in seconds beside the machine's.
JUMPS = {"web": (600, -600), "worker": (600, -600, -3600), "beat": (600, -3600)}


@fault(
    "F42",
    "clocks that are wrong, and jump",
    trials=8,
    carried_by="leases, due times and stamps by the database's clock, which all processes share",
)
def wrong_clocks(rig: Rig, n: int) -> list[Figure]:
    """Ten minutes ahead, and behind, an hour back: one web server, one worker, the scheduler, `n` seconds each."""
    found: list[Figure] = []
    victims = {"web": rig.webs[0], "worker": rig.workers[0], "beat": rig.beat}
    for name, process in victims.items():
        clock = WrongClock(rig.folder)
        rig.strict.misbehave({"delay=2": 0.5})
        with rig.changed([process], **clock.env):
            for number, shift in enumerate(JUMPS[name]):
                since = timezone.now()
                found += _jump(rig, clock, shift, n, f"{process.name} {shift:+} s")
                if name == "worker" and not number:
                    found += alerted("clock-skewed", since, cause="clock of worker")
    return found


def _jump(rig: Rig, clock: WrongClock, shift: int, seconds: int, what: str) -> list[Figure]:
    rig.stock_up(400)
    with rig.load(events=10, orders=2) as load:
        time.sleep(1)
        clock.set(shift)
        time.sleep(seconds)
    figures = judge(rig, load, ack=None, quiet=45)
    unclear = sum(figure.found for figure in figures if figure.name == "for a person")
    return [
        *(
            Figure(f"{figure.name} ({what})", figure.found, figure.chances)
            for figure in figures
            if not figure.told and (figure.name in ("acked_lost", "pos_dup") or not figure.is_good)
        ),
        Figure(f"made_unclear ({what})", unclear, len(load.orders)),
    ]


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
    """It ends by itself under traffic: 401 from that moment on, no effect, and good again with a new one."""
    from ding.db import database_now
    from orders.models import Order
    from pos_integrations.configuration import rotate_secret
    from pos_integrations.models import RestaurantPosIntegration, RestaurantWebhookSecret

    rig.stock_up(60, "strict2")
    outlet = rig.outlets["strict2"]
    ends = database_now() + dt.timedelta(seconds=2)
    RestaurantWebhookSecret.objects.filter(restaurant_id=outlet.restaurant).update(expires_at=ends)
    accepted, refused, late = [], 0, []
    while (began := database_now()) < ends + dt.timedelta(seconds=3):
        _, reference = rig.next_order("strict2")
        status = rig.sender.try_once(rig.status_event("strict2", reference, "CONFIRMED"))
        if began >= ends:
            late.append(reference)
            if status != 401:
                accepted.append(reference)
                rig.say(f"asked {began - ends} after the end, answered {status}")
        elif database_now() < ends:
            refused += status != 200
        time.sleep(0.1)
    alarm = alerted("secret-expired", ends, restaurant=outlet.restaurant)
    touched = Order.objects.filter(reference__in=late).exclude(status="pending").count()
    integration = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").get(
        pk=outlet.integration
    )
    outlet.secret = rotate_secret(integration).secret
    _, reference = rig.next_order("strict2")
    load = rig.load()
    with load:
        load.send(rig.status_event("strict2", reference, "CONFIRMED"))
    return [
        Figure("accepted_after_its_end", len(accepted) + touched, len(late)),
        Figure("refused_before_its_end", refused, None),
        *alarm,
        *judge(rig, load),
    ]
