"""PetPooja, tied together. What each part does is in its own file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from menus.snapshot import MenuSnapshot
from orders.snapshot import OrderSnapshot
from pos_integrations.adapters.base import Dedupes, PosAdapter, Topic
from pos_integrations.adapters.petpooja import account as accounts
from pos_integrations.adapters.petpooja import client, signed, webhooks
from pos_integrations.adapters.petpooja.menu import digests, read_menu
from pos_integrations.adapters.petpooja.orders import cancel_body, probe_body, save_order_body
from pos_integrations.adapters.petpooja.riders import rider_body
from pos_integrations.adapters.petpooja.values import MAX_ID
from pos_integrations.errors import (
    ConfigurationError,
    MalformedPayload,
    OutcomeUnknown,
    PermanentError,
    PosError,
)
from pos_integrations.http import PosHttp
from pos_integrations.messages import (
    Account,
    Event,
    Finding,
    Outcome,
    PushResult,
    Reply,
    RiderUpdate,
    WebhookRequest,
)


class PetPoojaAdapter(PosAdapter):
    """PetPooja's online ordering API v2.1.0."""

    slug = "petpooja"
    label = "PetPooja"
    config_fields = accounts.CONFIG_FIELDS
    api_key_field = "app_key"
    external_id_help = accounts.EXTERNAL_ID_HELP
    endpoint_help = accounts.ENDPOINT_HELP
    # Staging took a second save of one order without a second ticket; production was never tried.
    dedupes_by_reference = Dedupes.UNPROVEN
    can_query = False
    # Five kinds of wrong orders were answered with success; only a callback proves arrival.
    success_means_accepted = False
    topics = webhooks.TOPICS
    signature_schemes = (signed.PETPOOJA_HMAC,)

    def save_order(
        self, order: OrderSnapshot, account: Account, http: PosHttp, *, callback_url: str
    ) -> PushResult:
        """Save an order at PetPooja. Its id for it is blank in practice."""
        answer = client.save_order(save_order_body(order, account, callback_url), account, http)
        return PushResult(pos_order_id=answer.orderID[:MAX_ID])

    def not_before(
        self, scheduled_for: dt.datetime, now: dt.datetime, account: Account
    ) -> dt.datetime | None:
        """On its day, for later dates are refused with `SO_105`; and when the kitchen is there to confirm it."""
        today, day = (moment.astimezone(account.timezone).date() for moment in (now, scheduled_for))
        if day <= today or account.config.get("sends_later_days"):
            return None
        begins = dt.datetime.combine(day, dt.time(), account.timezone).astimezone(dt.UTC)
        hours = account.config.get("advance_hours") or accounts.ADVANCE_HOURS
        return max(begins, scheduled_for - dt.timedelta(hours=int(hours)))

    def cancel_order(self, order: OrderSnapshot, reason: str, account: Account, http: PosHttp) -> None:
        """Cancel by our reference; refused once the restaurant has moved the order on."""
        client.update_order_status(cancel_body(order, reason, account), account, http)

    def update_rider(self, order: OrderSnapshot, rider: RiderUpdate, account: Account, http: PosHttp) -> None:
        """Tell how far somebody else's rider is. PetPooja has no call for where he is."""
        client.rider_status_update(rider_body(order, rider, account), account, http)

    def fetch_menu_document(self, account: Account, http: PosHttp) -> bytes:
        """The whole menu."""
        return client.fetch_menu(account, http)

    def read_menu_document(self, raw: bytes, account: Account) -> MenuSnapshot:
        """The whole menu, read."""
        try:
            return read_menu(
                raw, external_id=account.external_id, marketplace=bool(account.config.get("marketplace"))
            )
        except MalformedPayload as error:
            raise OutcomeUnknown(
                f"PetPooja sent no usable menu: {error.message}", code="unreadable_answer"
            ) from error

    def menu_digests(self, raw: bytes) -> tuple[str, str]:
        """Without the time of day; the pictures' signatures apart."""
        return digests(raw)

    def check_configuration(
        self, external_id: str, base_url: str, config: Mapping[str, Any]
    ) -> dict[str, str]:
        """A numeric restaurant id, and an address that is not of the configured environment."""
        return accounts.check(external_id, base_url, config)

    def check_account(self, account: Account, http: PosHttp) -> list[Finding]:
        """Looks at the mapping code and the address, then fetches the menu.

        Production may have no address for that; then the credentials are tried by themselves.
        """
        found = accounts.findings(account)
        try:
            return [*found, self._menu(account, http)]
        except PosError as error:
            if accounts.is_production(account.base_url):
                return [*found, *self._without_menu(error, account, http)]
            check = "Credentials and menu" if isinstance(error, ConfigurationError) else "Menu"
            return [*found, Finding(check, False, error.message)]

    def _without_menu(self, error: PosError, account: Account, http: PosHttp) -> list[Finding]:
        tried = self._credentials(account, http)
        # PetPooja's own words about the menu are about the menu; a bare HTTP code only says that nobody is there.
        usual = tried.ok and error.code.startswith("http_")
        words = (
            "PetPooja gives no address for fetching menus in production: it pushes them. Press Menu Trigger in its "
            f"dashboard. ({error.message})"
        )
        return [tried, Finding("Menu", usual, words if usual else error.message)]

    def _credentials(self, account: Account, http: PosHttp) -> Finding:
        check = "Credentials"
        try:
            client.update_order_status(probe_body(account), account, http)
        except PermanentError as error:
            # Refused for the order's sake: the credentials had been looked at before.
            if not error.code.startswith("UOS_"):
                return Finding(check, False, error.message)
        except PosError as error:
            return Finding(check, False, error.message)
        return Finding(
            check,
            True,
            "PetPooja takes them, and this server's address: it answered the cancellation of a made-up order.",
        )

    def _menu(self, account: Account, http: PosHttp) -> Finding:
        menu = self.fetch_menu(account, http)
        counts = f"{len(menu.items)} items in {len(menu.categories)} categories"
        left = f", {len(menu.problems)} things in it need a look" if menu.problems else ""
        return Finding("Credentials and menu", True, f"PetPooja sent the menu: {counts}{left}.")

    def account_ref(self, request: WebhookRequest) -> str:
        """The mapping code in the body."""
        return webhooks.account_ref(request)

    def parse(self, request: WebhookRequest, account: Account) -> list[Event]:
        """One event per request; none of a question."""
        return webhooks.parse(request, account)

    def order_reference(self, request: WebhookRequest) -> str:
        """The callback's `orderID`."""
        return webhooks.order_reference(request)

    def reply(
        self, topic: Topic, outcome: Outcome, message: str = "", facts: Mapping[str, Any] | None = None
    ) -> Reply:
        """Each of PetPooja's own calls in its own words. The question for the store wants the fact `open`."""
        return webhooks.reply(topic, outcome, message, facts)
