"""Webhooks → our apps: `receive` takes one in at the door, `drain` works the inbox off."""

from pos_integrations.inbound.door import max_bytes, receive
from pos_integrations.inbound.inbox import Drained, drain, process_again, retry_now, worth_again
from pos_integrations.inbound.previewing import Difference, Preview, would_change
from pos_integrations.inbound.quickly import Taken, learn, receive_again, reply_when_taken
from pos_integrations.inbound.refusals import write_down
from pos_integrations.inbound.words import VERDICTS, verdict_words

__all__ = [
    "VERDICTS",
    "Difference",
    "Drained",
    "Preview",
    "Taken",
    "drain",
    "learn",
    "max_bytes",
    "process_again",
    "receive",
    "receive_again",
    "reply_when_taken",
    "retry_now",
    "verdict_words",
    "worth_again",
    "would_change",
    "write_down",
]
