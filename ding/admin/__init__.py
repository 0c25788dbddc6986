"""The admin's pages that concern all of ding: orders, incidents, API keys, staff and roles, and who did what."""

from ding.admin import api_keys, audit_trail, incidents, users
from ding.cockpit import orders

__all__ = ["api_keys", "audit_trail", "incidents", "orders", "users"]
