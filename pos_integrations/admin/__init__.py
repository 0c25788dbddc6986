"""The operator's cockpit of the POS side: what is configured, what is owed, what came in."""

from pos_integrations.admin import integrations, ledger, providers, records, webhook_secrets

__all__ = ["integrations", "ledger", "providers", "records", "webhook_secrets"]
