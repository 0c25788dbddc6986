"""A simulated PetPooja: a real HTTP server that answers, calls back and misbehaves like the real one.

For the demo, tests and benchmarks. It stands alone: the standard library only, nothing of ding's.
"""

from pos_integrations.simulator.dashboard import NoAnswer
from pos_integrations.simulator.kitchen import NotNow
from pos_integrations.simulator.ledger import Entry, Ledger, Ticket
from pos_integrations.simulator.menus import SAMPLE_CODES, make_menu, sample_menu
from pos_integrations.simulator.order import Decision, OrderFacts, Stage, Typed
from pos_integrations.simulator.outlet import (
    DEMO_CREDENTIALS,
    DEMO_WEBHOOK_SECRET,
    CallbackKeys,
    Callbacks,
    Credentials,
    Outlet,
    sample_outlet,
    sample_outlets,
)
from pos_integrations.simulator.pos import SimulatedPos

__all__ = [
    "DEMO_CREDENTIALS",
    "DEMO_WEBHOOK_SECRET",
    "SAMPLE_CODES",
    "CallbackKeys",
    "Callbacks",
    "Credentials",
    "Decision",
    "Entry",
    "Ledger",
    "NoAnswer",
    "NotNow",
    "OrderFacts",
    "Outlet",
    "SimulatedPos",
    "Stage",
    "Ticket",
    "Typed",
    "make_menu",
    "sample_menu",
    "sample_outlet",
    "sample_outlets",
]
