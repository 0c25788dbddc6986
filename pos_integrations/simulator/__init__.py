"""A simulated PetPooja: a real HTTP server that answers, calls back and misbehaves like the real one.

For the demo, tests and benchmarks. It stands alone: the standard library only, nothing of ding's.
"""

from pos_integrations.simulator.ledger import Entry, Ledger, Ticket
from pos_integrations.simulator.menus import SAMPLE_CODES, make_menu, sample_menu
from pos_integrations.simulator.order import Decision, OrderFacts, Stage
from pos_integrations.simulator.outlet import (
    DEMO_CREDENTIALS,
    DEMO_WEBHOOK_SECRET,
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
    "Callbacks",
    "Credentials",
    "Decision",
    "Entry",
    "Ledger",
    "OrderFacts",
    "Outlet",
    "SimulatedPos",
    "Stage",
    "Ticket",
    "make_menu",
    "sample_menu",
    "sample_outlet",
    "sample_outlets",
]
