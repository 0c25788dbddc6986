"""PetPooja, tied together. What each part does is in its own file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from menus.snapshot import MenuSnapshot
from orders.snapshot import OrderSnapshot
from pos_integrations.adapters.base import ConfigField, Dedupes, FieldType, PosAdapter, Topic
from pos_integrations.adapters.petpooja import client, webhooks
from pos_integrations.adapters.petpooja.menu import read_menu
from pos_integrations.adapters.petpooja.orders import cancel_body, save_order_body
from pos_integrations.adapters.petpooja.values import MAX_ID
from pos_integrations.errors import ConfigurationError, MalformedPayload, OutcomeUnknown, PosError
from pos_integrations.http import PosHttp
from pos_integrations.messages import Account, Event, Finding, Outcome, PushResult, Reply, WebhookRequest

PRODUCTION_HOST = "pponlineordercb.petpooja.com"
STAGING_HOSTS = (
    "qle1yy2ydc.execute-api.ap-southeast-1.amazonaws.com",
    "47pfzh5sf2.execute-api.ap-southeast-1.amazonaws.com",
)
_MAPPING_CODE = re.compile(r"[a-z0-9]{8,10}")
_NO_SPACES: dict[str, Any] = {
    "pattern": r"[!-~]+",
    "pattern_help": "Letters, digits and signs, without spaces.",
}


class PetPoojaAdapter(PosAdapter):
    """PetPooja's online ordering API v2.1.0."""

    slug = "petpooja"
    label = "PetPooja"
    config_fields = (
        ConfigField(
            "app_key",
            "App key",
            "From PetPooja, with the other two. Staging and production have different ones.",
            required=True,
            secret=True,
            **_NO_SPACES,
        ),
        ConfigField("app_secret", "App secret", "From PetPooja.", required=True, secret=True, **_NO_SPACES),
        ConfigField(
            "access_token", "Access token", "From PetPooja.", required=True, secret=True, **_NO_SPACES
        ),
        ConfigField(
            "self_delivery",
            "The restaurant delivers itself",
            "On: its own rider brings the food, and the delivery charge belongs to it. Off: someone else's rider.",
            type=FieldType.BOOLEAN,
            default=False,
        ),
        ConfigField(
            "prep_minutes",
            "Preparation time in minutes",
            "Told to the kitchen with each order that has none of its own.",
            type=FieldType.INTEGER,
            minimum=1,
            maximum=240,
        ),
        ConfigField(
            "marketplace",
            "Sold through a marketplace",
            "On: the platform owes the GST on what PetPooja calls services. A restaurant's own shop leaves it off.",
            type=FieldType.BOOLEAN,
            default=False,
        ),
    )
    api_key_field = "app_key"
    external_id_help = (
        "The mapping code (menu sharing code): 8 to 10 lower-case letters and digits. Not the numeric restaurant "
        "id of the dashboard: orders sent with that are answered with success and never reach the kitchen."
    )
    # Staging took a second save of one order without a second ticket; production was never tried.
    dedupes_by_reference = Dedupes.UNPROVEN
    can_query = False
    # Five kinds of wrong orders were answered with success; only a callback proves arrival.
    success_means_accepted = False
    topics = webhooks.TOPICS

    def save_order(
        self, order: OrderSnapshot, account: Account, http: PosHttp, *, callback_url: str
    ) -> PushResult:
        """Save an order at PetPooja. Its id for it is blank in practice."""
        answer = client.save_order(save_order_body(order, account, callback_url), account, http)
        return PushResult(pos_order_id=answer.orderID[:MAX_ID])

    def cancel_order(self, order: OrderSnapshot, reason: str, account: Account, http: PosHttp) -> None:
        """Cancel by our reference; refused once the restaurant has moved the order on."""
        client.update_order_status(cancel_body(order, reason, account), account, http)

    def fetch_menu(self, account: Account, http: PosHttp) -> MenuSnapshot:
        """The whole menu."""
        raw = client.fetch_menu(account, http)
        try:
            return read_menu(
                raw, external_id=account.external_id, marketplace=bool(account.config.get("marketplace"))
            )
        except MalformedPayload as error:
            raise OutcomeUnknown(
                f"PetPooja sent no usable menu: {error.message}", code="unreadable_answer"
            ) from error

    def check_account(self, account: Account, http: PosHttp) -> list[Finding]:
        """Looks at the mapping code and the address, then fetches the menu."""
        return [_mapping_code(account), _address(account), self._menu(account, http)]

    def _menu(self, account: Account, http: PosHttp) -> Finding:
        try:
            menu = self.fetch_menu(account, http)
        except ConfigurationError as error:
            return Finding("Credentials and menu", False, f"{error.message} {_hint(account)}".strip())
        except PosError as error:
            return Finding("Menu", False, f"{error.message} {_hint(account)}".strip())
        counts = f"{len(menu.items)} items in {len(menu.categories)} categories"
        left = f", {len(menu.problems)} things in it need a look" if menu.problems else ""
        return Finding("Credentials and menu", True, f"PetPooja sent the menu: {counts}{left}.")

    def account_ref(self, request: WebhookRequest) -> str:
        """The mapping code in the body."""
        return webhooks.account_ref(request)

    def verify(self, request: WebhookRequest, secrets: Sequence[str]) -> int:
        """HMAC-SHA256 over the raw body."""
        return webhooks.verify(request, secrets)

    def parse(self, request: WebhookRequest, account: Account) -> list[Event]:
        """One event per request."""
        return webhooks.parse(request, account)

    def order_reference(self, request: WebhookRequest) -> str:
        """The callback's `orderID`."""
        return webhooks.order_reference(request)

    def reply(
        self, topic: Topic, outcome: Outcome, message: str = "", facts: Mapping[str, Any] | None = None
    ) -> Reply:
        """An empty 200 to PetPooja's own callback, words to the signed topics. No topic asks for facts."""
        return webhooks.reply(topic, outcome, message)


def _mapping_code(account: Account) -> Finding:
    code, check = account.external_id, "Mapping code"
    if _MAPPING_CODE.fullmatch(code) and not code.isdigit():
        return Finding(check, True, f"{code} looks like a mapping code.")
    if code.isdigit():
        return Finding(
            check,
            False,
            f"{code} looks like the numeric restaurant id. Use the mapping code (menu sharing code), 8 to 10 "
            "lower-case letters and digits: orders sent with the numeric id never reach the kitchen.",
        )
    return Finding(
        check, False, "A mapping code has 8 to 10 lower-case letters and digits. Ask PetPooja for it."
    )


def _address(account: Account) -> Finding:
    check = "Address"
    try:
        parts = urlsplit(account.base_url.strip())
        host = (parts.hostname or "").lower()
    except ValueError:
        return Finding(check, False, "The address cannot be read.")
    path = parts.path.rstrip("/")
    if parts.scheme not in ("https", "http") or not host:
        return Finding(check, False, "The address is missing or is none: it begins with https://.")
    if "apiary" in host:
        return Finding(check, False, "This is PetPooja's documentation: it answers with made-up data.")
    if host == PRODUCTION_HOST:
        if path:
            return Finding(check, False, f"Production has nothing after {host}: take {path} away.")
        return Finding(
            check, True, "Production. Calls must come from the IP address that PetPooja has allowed."
        )
    if host in STAGING_HOSTS:
        if path != "/V1":
            return Finding(check, False, "Staging's address ends in /V1, with a capital V.")
        return Finding(check, True, "Staging: answers success to every order, and no kitchen sees any.")
    return Finding(check, True, f"{host} is none of PetPooja's known addresses; taken as it is.")


def _hint(account: Account) -> str:
    if PRODUCTION_HOST in account.base_url.lower():
        return "PetPooja gives no address for fetching menus in production, so this alone does not mean that orders fail."
    return ""
