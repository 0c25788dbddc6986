"""The admin's pages about access: API keys, staff and their roles, and who did what."""

from ding.admin import api_keys, audit_trail, users

__all__ = ["api_keys", "audit_trail", "users"]
