"""The only inversion: orders tell who wants to know, and know nobody.

The signals are sent with `send`, inside the transaction that makes them true: a receiver writes its own
rows and registers an on-commit nudge, nothing else. If it raises, the order is not saved either.
"""

from django.dispatch import Signal

# Orders were placed. Arguments: `orders` (list of Order, saved, their lines too).
# Many at once, for orders of the same moment are written together. Not sent for a quote, nor for a repeated
# Idempotency-Key.
# Receivers: pos_integrations.receivers.owe_pushes
orders_placed = Signal()

# Statuses of orders changed. Arguments: `changes` (list of OrderStatusHistory, saved, each with `.order`,
# their own ids unknown).
# Many at once, for webhooks are worked off in batches. Not sent for the first status of a new order, nor for
# a report that changed nothing.
# Receivers: pos_integrations.receivers.owe_cancellations, notifications.receivers.owe_messages
order_status_changed = Signal()

# Orders that were sent to the kitchen are still without its word. Arguments: `orders` (list of Order).
# Sent once per order, by `orders.services.statuses.note_unconfirmed`.
# Receivers: notifications.receivers.owe_unconfirmed
orders_unconfirmed = Signal()
