"""Configuring integrations.

What a POS needs is declared by its adapter; what ding itself needs per integration is declared here. Forms,
the API's validation and the error messages all come from these declarations.
"""

from pos_integrations.configuration.account import (
    account_for,
    adapter_of,
    describe,
    http_for,
    inherited,
    integration_of,
    masked,
    merged_values,
)
from pos_integrations.configuration.addresses import (
    callback_token,
    callback_url,
    webhook_modes,
    webhook_url,
    webhook_urls,
)
from pos_integrations.configuration.checking import check_url, check_values
from pos_integrations.configuration.core_fields import CORE_NAMES, fields_of, key_field_of
from pos_integrations.configuration.modes import (
    ORDER_TOKEN,
    UNSIGNED,
    accept_unsigned,
    chosen_mode,
    mode_at,
    require_proof,
    scheme_named,
    schemes_of,
)
from pos_integrations.configuration.recipients import Recipient, note_used, recipient_at, recipient_named
from pos_integrations.configuration.saving import (
    InvalidConfiguration,
    changed_config,
    moving_problem,
    save_integration,
)
from pos_integrations.configuration.webhook_secrets import (
    NewSecret,
    add_webhook_secret,
    check_secret,
    end_secrets,
    rotate_secret,
    secret_problem,
    valid_secrets,
)

__all__ = [
    "CORE_NAMES",
    "ORDER_TOKEN",
    "UNSIGNED",
    "InvalidConfiguration",
    "NewSecret",
    "Recipient",
    "accept_unsigned",
    "account_for",
    "adapter_of",
    "add_webhook_secret",
    "callback_token",
    "callback_url",
    "changed_config",
    "check_secret",
    "check_url",
    "check_values",
    "chosen_mode",
    "describe",
    "end_secrets",
    "fields_of",
    "http_for",
    "inherited",
    "integration_of",
    "key_field_of",
    "masked",
    "merged_values",
    "mode_at",
    "moving_problem",
    "note_used",
    "recipient_at",
    "recipient_named",
    "require_proof",
    "rotate_secret",
    "save_integration",
    "scheme_named",
    "schemes_of",
    "secret_problem",
    "valid_secrets",
    "webhook_modes",
    "webhook_url",
    "webhook_urls",
]
