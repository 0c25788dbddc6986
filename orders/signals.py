"""The only inversion: orders tell who wants to know, and know nobody.

The signals are sent with `send`, inside the transaction that makes them true: a receiver writes its own
rows and registers an on-commit nudge, nothing else. If it raises, the order is not saved either.
"""

from django.dispatch import Signal

# An order was placed. Arguments: `order` (Order, saved, its lines too).
# Not sent for a quote, nor for a repeated Idempotency-Key.
# Receivers: pos_integrations.receivers.owe_push
order_placed = Signal()

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
