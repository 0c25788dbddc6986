"""Webhooks → our apps: `receive` takes one in at the door, `drain` works the inbox off."""

from pos_integrations.inbound.door import max_bytes, receive
from pos_integrations.inbound.inbox import Drained, drain, retry_now

__all__ = ["Drained", "drain", "max_bytes", "receive", "retry_now"]
