"""What ding itself needs to know of an integration, whatever the POS."""

from __future__ import annotations

from pos_integrations.adapters.base import ConfigField, FieldType, PosAdapter
from pos_integrations.signatures import COMMON_SCHEMES

# Each call proves itself as this POS does it by nature.
NATIVE = "native"

CORE_FIELDS = (
    ConfigField(
        "push_retries",
        "Retries",
        "How often an order that was provably not taken is sent again.",
        FieldType.INTEGER,
        default=3,
        minimum=0,
        maximum=10,
    ),
    ConfigField(
        "push_retry_seconds",
        "First retry after (seconds)",
        "Each further one waits four times longer.",
        FieldType.INTEGER,
        default=10,
        minimum=1,
        maximum=600,
    ),
    ConfigField(
        "push_deadline_minutes",
        "Deadline (minutes)",
        "After it an order is not sent to the kitchen any more; the guest is told.",
        FieldType.INTEGER,
        default=15,
        minimum=1,
        maximum=240,
    ),
    ConfigField(
        "call_timeout_seconds",
        "Time for one call (seconds)",
        "A call to the POS is cut off after this.",
        FieldType.INTEGER,
        default=20,
        minimum=1,
        maximum=30,
    ),
    ConfigField(
        "resend_unclear",
        "Send unclear orders again",
        "Only when it is proven that this POS makes no second ticket of an order with the same reference.",
        FieldType.BOOLEAN,
        default=False,
    ),
    ConfigField(
        "rest_after_failures",
        "Leave the POS alone after (failed calls)",
        "After so many orders in a row without an answer only one order at a time tries, every ten seconds; the "
        "others wait, until their deadline.",
        FieldType.INTEGER,
        default=5,
        minimum=1,
        maximum=10_000,
    ),
    ConfigField(
        "silence_minutes",
        "Kitchen silent after (minutes)",
        "An order that was sent and not confirmed by the kitchen by then is shown as such, staff and guest are told.",
        FieldType.INTEGER,
        default=5,
        minimum=1,
        maximum=240,
    ),
    ConfigField(
        "cancel_when_silent",
        "Cancel silent orders",
        "An order that the kitchen has not confirmed by the deadline is cancelled at the POS and the guest is told.",
        FieldType.BOOLEAN,
        default=False,
    ),
    ConfigField(
        "shrink_limit_percent",
        "Hold a shrinking menu (percent)",
        "A menu that would take away more than this share of the live items waits for a person.",
        FieldType.INTEGER,
        minimum=1,
        maximum=100,
    ),
    ConfigField(
        "menu_sync_minutes",
        "Sync the menu every (minutes)",
        "0: only when asked.",
        FieldType.INTEGER,
        minimum=0,
        maximum=10_080,
    ),
)


SIGNATURE_MODE = "signature_mode"
CORE_NAMES = frozenset({SIGNATURE_MODE, *(field.name for field in CORE_FIELDS)})


def fields_of(adapter: PosAdapter) -> tuple[ConfigField, ...]:
    """All that can be configured for an integration at this POS."""
    return (*adapter.config_fields, _signature_mode(adapter), *CORE_FIELDS)


def _signature_mode(adapter: PosAdapter) -> ConfigField:
    """One mode for all calls of an integration: a second one beside it would be a way around the first."""
    schemes = (scheme.name for scheme in (*adapter.signature_schemes, *COMMON_SCHEMES))
    return ConfigField(
        SIGNATURE_MODE,
        "Webhook signature mode",
        f"How calls of this POS prove themselves; no other proof is taken then. {NATIVE}: each call as the POS does it by "
        "nature (see the webhook addresses below). standard_webhooks is the safest for whoever can sign. bearer: the "
        "webhook secret in the Authorization header. url_token: the secret at the end of the address. A new mode may "
        "need a new webhook secret. Callbacks of a single order always carry that order's own token.",
        FieldType.CHOICE,
        default=NATIVE,
        choices=(NATIVE, *schemes),
    )


def key_field_of(adapter: PosAdapter) -> ConfigField:
    """The field that the plain `api_key` column stands for."""
    named = (field for field in adapter.config_fields if field.name == adapter.api_key_field)
    return next(named, ConfigField(adapter.api_key_field, "API key", "", secret=True))
