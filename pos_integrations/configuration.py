"""Provider defaults + restaurant overrides → one `Account`; and the only writer of both, sealing as it goes.

What a POS needs is declared by its adapter; what ding itself needs per integration is declared here. Forms,
the API's validation and the error messages all come from these declarations.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from ding.db import transactional
from ding.errors import Conflict, DomainError, NotFound
from menus.models import Restaurant
from pos_integrations.adapters.base import ConfigField, FieldType, Level, PosAdapter, TopicAuth
from pos_integrations.adapters.registry import adapter_for
from pos_integrations.errors import ConfigurationError
from pos_integrations.fields import PREFIX, Secret, Unreadable
from pos_integrations.http import MASK, PosHttp
from pos_integrations.messages import Account, RestaurantFacts
from pos_integrations.models import PosProvider, RestaurantPosIntegration, RestaurantWebhookSecret

# What ding itself needs to know of an integration, whatever the POS.
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

SECRET_LENGTH = 24  # the shortest webhook secret that is taken
OVERLAP = dt.timedelta(hours=24)
MOST_ACTIVE_SECRETS = 3


class InvalidConfiguration(DomainError):
    """Some fields are not right; nothing was saved."""

    status = 400
    code = "invalid_configuration"


# --- reading ------------------------------------------------------------------------------------------


def adapter_of(provider: PosProvider) -> PosAdapter:
    """The adapter that speaks this provider's language.

    Raises:
        ConfigurationError: there is none of that name.
    """
    adapter = adapter_for(provider.provider_name)
    if adapter is None:
        raise ConfigurationError(f"There is no adapter named {provider.provider_name!r}.")
    return adapter


def fields_of(adapter: PosAdapter) -> tuple[ConfigField, ...]:
    """All that can be configured for an integration at this POS."""
    return adapter.config_fields + CORE_FIELDS


def key_field_of(adapter: PosAdapter) -> ConfigField:
    """The field that the plain `api_key` column stands for."""
    named = (field for field in adapter.config_fields if field.name == adapter.api_key_field)
    return next(named, ConfigField(adapter.api_key_field, "API key", "", secret=True))


def account_for(integration: RestaurantPosIntegration) -> Account:
    """The merged configuration, secrets in the clear: for calling the POS, never for showing.

    Raises:
        ConfigurationError: a secret cannot be read, or a required field is missing.
    """
    adapter = adapter_of(integration.pos_provider)
    try:
        config = {
            found.field.name: _typed(found.field, found.opened())
            for found in _merged(adapter, _layers(integration, adapter))
        }
    except Unreadable as error:
        raise ConfigurationError(f"A secret of {integration} cannot be read. {error}") from error
    missing = [
        field.label for field in adapter.config_fields if field.required and config[field.name] in (None, "")
    ]
    if missing:
        raise ConfigurationError(f"Not configured: {', '.join(missing)}.")
    restaurant = integration.restaurant
    try:
        timezone_ = ZoneInfo(restaurant.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"There is no timezone {restaurant.timezone!r}.") from error
    return Account(
        external_id=integration.pos_restaurant_id,
        base_url=integration.endpoint or integration.pos_provider.base_api_url,
        config=config,
        secrets=tuple(str(config[f.name]) for f in fields_of(adapter) if f.secret and config[f.name]),
        timezone=timezone_,
        currency=restaurant.currency,
        restaurant=RestaurantFacts(restaurant.name, restaurant.address, restaurant.phone),
    )


def http_for(account: Account, **options: Any) -> PosHttp:
    """The guarded door for calls in the name of `account`."""
    return PosHttp(
        secrets=account.secrets,
        timeout_seconds=account.config["call_timeout_seconds"],
        allowed_networks=settings.POS_ALLOWED_NETWORKS,
        allow_plain_http=settings.POS_ALLOW_PLAIN_HTTP,
        **options,
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """One configured value as people may see it: a secret masked, and where it comes from."""

    name: str
    label: str
    value: Any
    source: str
    secret: bool


def describe(integration: RestaurantPosIntegration) -> list[Setting]:
    """The merged configuration for people."""
    adapter = adapter_of(integration.pos_provider)
    return [
        Setting(found.field.name, found.field.label, found.shown(), found.source, found.field.secret)
        for found in _merged(adapter, _layers(integration, adapter))
    ]


def inherited(provider: PosProvider) -> dict[str, Any]:
    """What a restaurant gets where it sets nothing itself, by field; secrets masked."""
    layers = _layers(RestaurantPosIntegration(pos_provider=provider), adapter_of(provider))
    return {found.field.name: found.shown() for found in _merged(adapter_of(provider), layers)}


def masked(value: Any, context: str) -> str | None:
    """`•••` and the last four characters, where there are enough others to hide them."""
    if value in (None, ""):
        return None
    try:
        plain = value.open(context) if isinstance(value, Secret) else str(value)
    except Unreadable:
        return f"{MASK} (cannot be read)"
    return MASK + (plain[-4:] if len(plain) >= 16 else "")


def integration_of(restaurant_id: int, provider_name: str | None = None) -> RestaurantPosIntegration:
    """A restaurant's integration: that at `provider_name`, or the active one.

    Raises:
        NotFound
    """
    found = RestaurantPosIntegration.objects.select_related("restaurant", "pos_provider").filter(
        restaurant_id=restaurant_id
    )
    if provider_name is not None:
        found = found.filter(pos_provider__provider_name=provider_name)
    integration = found.order_by("-active", "pk").first()
    if integration is None:
        raise NotFound(
            "This restaurant has no such POS integration. POST /api/pos-integration/{id} creates one."
        )
    return integration


@dataclass(frozen=True, slots=True)
class _Layer:
    """Values that are set in one place, and what their secrets are bound to there."""

    source: str
    values: Mapping[str, Any]
    context: str


@dataclass(frozen=True, slots=True)
class _Found:
    """The value of a field that won, still sealed if it is a secret."""

    field: ConfigField
    value: Any
    source: str
    context: str

    def opened(self) -> Any:
        return self.value.open(self.context) if isinstance(self.value, Secret) else self.value

    def shown(self) -> Any:
        # A sealed value in a field that is no secret is nothing to show either.
        hidden = self.field.secret or isinstance(self.value, Secret)
        return masked(self.value, self.context) if hidden else self.value


def _layers(integration: RestaurantPosIntegration, adapter: PosAdapter) -> list[_Layer]:
    """Where values are set, later wins."""
    provider, key = integration.pos_provider, integration.api_key
    mine = integration.sealing_context()
    return [
        _Layer("provider", provider.global_config or {}, provider.sealing_context()),
        _Layer("restaurant", integration.restaurant_specific_config or {}, mine),
        _Layer("restaurant", {adapter.api_key_field: key} if key else {}, mine),
    ]


def _merged(adapter: PosAdapter, layers: Sequence[_Layer]) -> list[_Found]:
    result = []
    for field in fields_of(adapter):
        found = _Found(field, field.default, "default", "")
        for layer in layers:
            if layer.values.get(field.name) not in (None, ""):
                found = _Found(field, layer.values[field.name], layer.source, layer.context)
        result.append(found)
    return result


def _typed(field: ConfigField, value: Any) -> Any:
    """A value as its field's type, also when somebody's SQL wrote it as text.

    Raises:
        ConfigurationError
    """
    if value is None:
        return None
    problem = None
    if field.type is FieldType.INTEGER:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or isinstance(value, bool):
            problem = "must be a whole number"
        elif out_of_range := _problem(field, number):
            raise ConfigurationError(out_of_range[1])
        else:
            return number
    elif field.type is FieldType.BOOLEAN:
        words = {"true": True, "1": True, "false": False, "0": False}
        key = str(value).lower()
        if isinstance(value, str | int) and key in words:
            return words[key]
        problem = "must be true or false"
    elif isinstance(value, str | int):
        return str(value)
    else:
        problem = "must be text"
    raise ConfigurationError(f"{field.label} {problem}.")


# --- checking -----------------------------------------------------------------------------------------


def check_values(
    adapter: PosAdapter, values: Mapping[str, Any], level: Level
) -> dict[str, list[dict[str, Any]]]:
    """What is wrong with configured `values`, by field; empty when all is well. None means "not set here"."""
    known = {field.name: field for field in fields_of(adapter)}
    errors: dict[str, list[dict[str, Any]]] = {}
    for name, value in values.items():
        field = known.get(name)
        problem: tuple[str, str] | None
        if field is None:
            problem = ("unknown_field", f"There is no such field; there are {', '.join(sorted(known))}.")
        elif field.level not in (level, Level.BOTH):
            problem = ("wrong_level", f"{field.label} is set for the {field.level.value}.")
        elif value is None or isinstance(value, Secret):
            continue
        else:
            problem = _problem(field, value)
        if problem:
            errors[name] = [{"rule": problem[0], "message": problem[1]}]
    return errors


def _problem(field: ConfigField, value: Any) -> tuple[str, str] | None:
    if field.type is FieldType.INTEGER:
        if not isinstance(value, int) or isinstance(value, bool):
            return "integer", f"{field.label} must be a whole number."
        if field.minimum is not None and value < field.minimum:
            return "minimum", f"{field.label} must be at least {field.minimum}."
        if field.maximum is not None and value > field.maximum:
            return "maximum", f"{field.label} must be at most {field.maximum}."
        return None
    if field.type is FieldType.BOOLEAN:
        return None if isinstance(value, bool) else ("boolean", f"{field.label} must be true or false.")
    if not isinstance(value, str):
        return "text", f"{field.label} must be text."
    if len(value) > 500 or any(ord(character) < 32 for character in value):
        return "text", f"{field.label} must be one line of at most 500 characters."
    if value.startswith(PREFIX):
        return "sealed", f"{field.label} must be given in the clear; it is sealed when it is saved."
    if field.type is FieldType.URL:
        return check_url(value, field.label)
    if value and field.pattern and not re.fullmatch(field.pattern, value):
        return "pattern", f"{field.label}: {field.pattern_help}"
    return None


def check_url(value: str, label: str) -> tuple[str, str] | None:
    """What is wrong with the address of a POS, if anything."""
    schemes = ("https", "http") if settings.POS_ALLOW_PLAIN_HTTP else ("https",)
    if value and not re.fullmatch(rf"({'|'.join(schemes)})://[A-Za-z0-9.\-\[\]:]+(/[^\s?#@]*)?", value):
        return "url", f"{label} must be an address like https://host/path, without user, query or fragment."
    return None


# --- writing ------------------------------------------------------------------------------------------


def changed_config(
    adapter: PosAdapter, config: Mapping[str, Any] | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """`config` with `given` (already checked) in it, None taking a value away; secrets are sealed when saved."""
    secret_names = {field.name for field in fields_of(adapter) if field.secret}
    return {
        name: Secret(value) if name in secret_names and isinstance(value, str) else value
        for name, value in {**(config or {}), **given}.items()
        if value not in (None, "")
    }


@transactional
def save_integration(
    *,
    restaurant: Restaurant,
    provider_name: str,
    pos_restaurant_id: str | None = None,
    endpoint: str | None = None,
    api_key: str | None = None,
    restaurant_config: Mapping[str, Any] | None = None,
    webhook_secret: str | None = None,
    active: bool | None = None,
    dry_run: bool = False,
) -> tuple[RestaurantPosIntegration, bool]:
    """Create or update a restaurant's integration; True when created. What is None stays as it is.

    In `restaurant_config` a value of None takes the override away. A new `webhook_secret` joins the old ones,
    which end after the overlap. `dry_run`: only look for what is wrong; nothing is saved.

    Raises:
        InvalidConfiguration: names each field and its rule (an unknown provider too); nothing was saved.
        Conflict: somebody else was faster; nothing was saved.
    """
    provider = PosProvider.objects.filter(provider_name=provider_name).first()
    adapter = adapter_for(provider_name)
    if provider is None or adapter is None:
        raise InvalidConfiguration(
            "There is no such provider.",
            fields={
                "provider_name": [
                    {
                        "rule": "unknown_provider",
                        "message": "Use the name of a provider that is set up in the admin.",
                        "expected": list(PosProvider.objects.values_list("provider_name", flat=True)),
                        "given": provider_name,
                    }
                ]
            },
        )
    integration = (
        RestaurantPosIntegration.objects.select_for_update()
        .filter(restaurant=restaurant, pos_provider=provider)
        .first()
    )
    created = integration is None
    if integration is None:
        integration = RestaurantPosIntegration(
            restaurant=restaurant, pos_provider=provider, pos_type=provider_name
        )
    given = restaurant_config or {}
    errors = {
        f"restaurant_config.{name}": e for name, e in check_values(adapter, given, Level.RESTAURANT).items()
    }
    external_id = integration.pos_restaurant_id if pos_restaurant_id is None else pos_restaurant_id
    errors |= _check_columns(adapter, integration, external_id, endpoint, api_key)
    if webhook_secret is not None and (problem := check_secret(webhook_secret, integration)):
        errors["webhook_secret"] = [problem]
    if errors:
        raise InvalidConfiguration("Some fields are not right; nothing was saved.", fields=errors)

    if dry_run:
        return integration, created

    config = changed_config(adapter, integration.restaurant_specific_config, given)
    integration.restaurant_specific_config = config
    integration.pos_restaurant_id = external_id
    if endpoint is not None:
        integration.endpoint = endpoint
    if api_key is not None:
        integration.api_key = api_key
    if active is not None:
        integration.active = active
    integration.problem = ""
    try:
        with transaction.atomic():
            integration.save()
    except IntegrityError as error:
        message = "Somebody else saved this integration at the same moment. Look at it and try again."
        raise Conflict(message) from error
    if webhook_secret is not None:
        add_webhook_secret(integration, webhook_secret)
    return integration, created


def _check_columns(
    adapter: PosAdapter,
    integration: RestaurantPosIntegration,
    external_id: str,
    endpoint: str | None,
    api_key: str | None,
) -> dict[str, list[dict[str, Any]]]:
    errors: dict[str, list[dict[str, Any]]] = {}
    if not re.fullmatch(r"[\x21-\x7e]{1,64}", external_id or ""):
        message = f"{adapter.external_id_help} Required, 1 to 64 visible characters."
        errors["pos_restaurant_id"] = [{"rule": "required", "message": message}]
    else:
        taken = RestaurantPosIntegration.objects.filter(
            pos_provider=integration.pos_provider, pos_restaurant_id=external_id
        )
        if taken.exclude(pk=integration.pk).exists():
            message = (
                "Another restaurant is connected with this id already. Check which of the two it belongs to."
            )
            errors["pos_restaurant_id"] = [{"rule": "taken", "message": message, "given": external_id}]
    if endpoint and (problem := check_url(endpoint, "endpoint")):
        errors["endpoint"] = [{"rule": problem[0], "message": problem[1], "given": endpoint}]
    if api_key and (problem := _problem(key_field_of(adapter), api_key)):
        errors["api_key"] = [{"rule": problem[0], "message": problem[1]}]
    return errors


def check_secret(secret: str, integration: RestaurantPosIntegration) -> dict[str, Any] | None:
    """What is wrong with a webhook secret that somebody brings, if anything: its rule and a message."""
    if not re.fullmatch(r"[\x21-\x7e]+", secret) or len(secret) < SECRET_LENGTH or secret.startswith(PREFIX):
        message = f"Give at least {SECRET_LENGTH} visible ASCII characters without blanks; or leave it to rotate-secret."
        return {"rule": "secret", "message": message}
    same = RestaurantWebhookSecret.objects.filter(fingerprint=_fingerprint(secret))
    if same.exclude(
        restaurant_id=integration.restaurant_id, pos_provider_id=integration.pos_provider_id
    ).exists():
        return {"rule": "reused", "message": "Another restaurant has this secret. Each needs one of its own."}
    return None


# --- webhook secrets and tokens -------------------------------------------------------------------------


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret in the clear, for this once, the id of its row, and until when the old ones are still good."""

    secret: str
    old_valid_until: dt.datetime | None
    id: int


@transactional
def rotate_secret(integration: RestaurantPosIntegration, *, overlap: dt.timedelta = OVERLAP) -> NewSecret:
    """A new webhook secret beside the old ones, which end after `overlap`."""
    return add_webhook_secret(integration, secrets.token_urlsafe(32), overlap=overlap)


@transactional
def add_webhook_secret(
    integration: RestaurantPosIntegration, secret: str, *, overlap: dt.timedelta = OVERLAP
) -> NewSecret:
    """Make `secret` valid from now on. At most `MOST_ACTIVE_SECRETS` stay valid: the oldest end at once.

    One that is valid already stays as it is; one that was about to end begins anew.
    """
    now = timezone.now()
    until = now + overlap
    mine = RestaurantWebhookSecret.objects.select_for_update().filter(
        restaurant=integration.restaurant, pos_provider=integration.pos_provider
    )
    valid = list(mine.valid(now).order_by("-pk"))
    same = [row for row in valid if _opened(row) == secret]
    if lasting := next((row for row in same if row.expires_at is None), None):
        return NewSecret(secret, None, lasting.pk)
    valid = [row for row in valid if row not in same]
    kept = [row.pk for row in valid[: MOST_ACTIVE_SECRETS - 1]]
    ending = mine.filter(pk__in=kept).filter(Q(expires_at=None) | Q(expires_at__gt=until))
    ending.update(expires_at=until, updated_at=now)
    mine.filter(is_active=True).exclude(pk__in=kept).update(is_active=False, updated_at=now)
    row = RestaurantWebhookSecret.objects.create(
        restaurant=integration.restaurant,
        pos_provider=integration.pos_provider,
        secret_key=secret,
        fingerprint=_fingerprint(secret),
    )
    return NewSecret(secret, until if kept else None, row.pk)


def end_secrets(rows: QuerySet[RestaurantWebhookSecret]) -> int:
    """From now on these webhook secrets sign nothing any more; how many did until now."""
    return rows.filter(is_active=True).update(is_active=False, updated_at=timezone.now())


def valid_secrets(integration: RestaurantPosIntegration) -> list[tuple[int, str]]:
    """(row id, secret) of each secret that may sign now. One that cannot be read is not valid."""
    rows = RestaurantWebhookSecret.objects.valid(timezone.now()).filter(
        restaurant_id=integration.restaurant_id, pos_provider_id=integration.pos_provider_id
    )
    return [(row.pk, secret) for row in rows if (secret := _opened(row))]


def _opened(row: RestaurantWebhookSecret) -> str:
    try:
        secret: Any = row.secret_key
        return secret.open(row.sealing_context()) if secret else ""
    except Unreadable:
        return ""


def callback_token(integration: RestaurantPosIntegration, reference: str) -> str:
    """What the last part of an order's callback address must be: it opens this one order.

    128 bits; made, not stored, so a resend of the order is identical and a wrong one costs no look-up.
    """
    message = f"{integration.public_id}|{reference}".encode()
    return hmac.new(settings.CALLBACK_KEY.encode(), message, hashlib.sha256).hexdigest()[:32]


def callback_url(integration: RestaurantPosIntegration, reference: str) -> str:
    """Where the POS reports the status of one order; empty when it has no such callbacks."""
    adapter = adapter_of(integration.pos_provider)
    topic = next((topic for topic in adapter.topics if topic.auth is TopicAuth.ORDER_TOKEN), None)
    if topic is None:
        return ""
    token = callback_token(integration, reference)
    return f"{webhook_url(integration, topic.name)}/{token}"


def webhook_url(integration: RestaurantPosIntegration, topic: str) -> str:
    """The address of one topic of this integration, for the POS's dashboard."""
    provider = integration.pos_provider
    base = (provider.webhook_base_url or settings.PUBLIC_URL).rstrip("/")
    return f"{base}/api/webhooks/{provider.provider_name}/{integration.public_id}/{topic}"
