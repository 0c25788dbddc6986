"""The admin's pages that concern all of ding: incidents, API keys, staff and their roles, and who did what."""

from ding.admin import api_keys, audit_trail, incidents, users

__all__ = ["api_keys", "audit_trail", "incidents", "users"]
