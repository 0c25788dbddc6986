"""Is the rig itself sane? With ding spoilt on purpose, the fault that must show it has to turn red."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliability.faults import FAULTS
from reliability.figures import Figure

if TYPE_CHECKING:
    from reliability.rig import Rig

# Each sabotage of `reliability.sabotage`, the fault that must find it, how often it is tried, and the figure.
SHOWN_BY = {
    "ack_before_commit": ("F03", 4, "acked_lost"),
    "ack_any_integrity_error": ("F39", 1, "acked_lost (refused)"),
    "resend_blindly": ("F25", 40, "pos_dup"),
}


def unnoticed(rig: Rig, sabotage: str) -> Figure:
    """Whether the rig was blind to it: 0 of 1 when it saw what was broken."""
    fault, trials, figure = SHOWN_BY[sabotage]
    with rig.spoilt(sabotage):
        found = FAULTS[fault].run(rig, trials)
    seen = any(not one.is_good for one in found if one.name == figure)
    return Figure(f"{sabotage}_unnoticed", int(not seen), 1)
