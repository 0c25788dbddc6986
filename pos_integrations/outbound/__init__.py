"""Orders → POS, the outbox: what is owed, how it is sent, what the sweepers find."""

from pos_integrations.outbound.at_once import deliver_each
from pos_integrations.outbound.owing import (
    active_integration,
    owe_cancellations,
    owe_pushes,
    owe_rider_update,
)
from pos_integrations.outbound.repairing import (
    MayCookTwice,
    Repair,
    handling,
    hold_open_orders,
    mark_handled,
    owed_by,
    push_again,
    pushing_again,
)
from pos_integrations.outbound.sending import deliver
from pos_integrations.outbound.sweeping import due_pushes, expire_overdue, note_silence, release_stuck

__all__ = [
    "MayCookTwice",
    "Repair",
    "active_integration",
    "deliver",
    "deliver_each",
    "due_pushes",
    "expire_overdue",
    "handling",
    "hold_open_orders",
    "mark_handled",
    "note_silence",
    "owe_cancellations",
    "owe_pushes",
    "owe_rider_update",
    "owed_by",
    "push_again",
    "pushing_again",
    "release_stuck",
]
