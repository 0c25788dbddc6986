"""Outlet: one restaurant as the simulated POS knows it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pos_integrations.simulator.menu_card import ids_in
from pos_integrations.simulator.menus import SAMPLE_CODES, sample_menu
from pos_integrations.simulator.order import part, text
from pos_integrations.simulator.switches import Switches


class Callbacks(StrEnum):
    """How an outlet reports the life of an order.

    `OWN`: PetPooja's own call to the order's `callback_url`. `SIGNED`: signed calls to the outlet's
    webhook address. `NONE`: never.
    """

    OWN = "own"
    SIGNED = "signed"
    NONE = "none"


class CallbackKeys(StrEnum):
    """Which keys PetPooja's own callbacks have.

    `PRODUCTION`: those that arrive, `autoaccept` among them, rider keys only where a rider is told.
    `PUBLISHED`: those of the reference, with the minutes as a number.
    """

    PRODUCTION = "production"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The three values that PetPooja gives a partner."""

    app_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)

    def match(self, given: Mapping[str, Any]) -> bool:
        """Whether `given` holds the three values under their names in a body."""
        return all(
            hmac.compare_digest(str(given.get(name) or "").encode(), getattr(self, name).encode())
            for name in CREDENTIAL_NAMES
        )


CREDENTIAL_NAMES = ("app_key", "app_secret", "access_token")

# As long as real ones, and plainly none: fine to print, to commit and to use on loopback.
DEMO_CREDENTIALS = Credentials(
    app_key="demo-app-key-not-a-real-one".ljust(32, "0"),
    app_secret="demo-app-secret-not-a-real-one".ljust(40, "0"),
    access_token="demo-access-token-not-a-real-one".ljust(40, "0"),
)
DEMO_WEBHOOK_SECRET = "demo-webhook-secret-not-a-real-one".ljust(40, "0")


class Outlet:
    """A restaurant: its mapping code, who may order there, its menu, and how it reports.

    `menu` None: nobody ever pressed Menu Trigger; `{}`: the outlet has no menu. `webhook_url` is what
    `/order-status` is added to. `takes_advance_orders`: whether `advanced_order` "Y" may name a later
    day; the reference says that a later day is refused and is silent on this case. `manual`: a person at
    the terminal page moves the orders, nothing moves by itself.

    What the restaurant types into PetPooja's dashboard: `dashboard_url` is what `/menu`, `/stock`,
    `/store-status-get` and `/store-status-update` are added to, each followed by `/{dashboard_token}` when
    there is one; a query stays behind them. `dashboard_headers` go with these calls, never with callbacks.
    """

    def __init__(
        self,
        code: str,
        menu: dict[str, Any] | None = None,
        *,
        credentials: Credentials = DEMO_CREDENTIALS,
        callbacks: Callbacks | str = Callbacks.OWN,
        webhook_url: str = "",
        webhook_secret: str = DEMO_WEBHOOK_SECRET,
        takes_advance_orders: bool = False,
        manual: bool = False,
        callback_keys: CallbackKeys | str = CallbackKeys.PRODUCTION,
        dashboard_url: str = "",
        dashboard_token: str = "",
        dashboard_headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.credentials = credentials
        self.callbacks = Callbacks(callbacks)
        self.webhook_url = webhook_url.rstrip("/")
        self.webhook_secret = webhook_secret
        self.takes_advance_orders = takes_advance_orders
        self.manual = manual
        self.callback_keys = CallbackKeys(callback_keys)
        self.switches = Switches()
        self.set_dashboard(dashboard_url, dashboard_token, dashboard_headers)
        self.set_menu(menu)
        if self.callbacks is Callbacks.SIGNED and not self.webhook_url:
            raise ValueError(f"Outlet {code}: signed callbacks need a webhook_url.")

    def __repr__(self) -> str:
        return f"Outlet({self.code!r}, callbacks={self.callbacks.value!r})"

    @property
    def name(self) -> str:
        """What the menu calls the restaurant; its code when it does not."""
        restaurants = self.menu.get("restaurants") if isinstance(self.menu, dict) else None
        first = restaurants[0] if isinstance(restaurants, list) and restaurants else None
        return text(part(first, "details").get("restaurantname")) or self.code

    def set_dashboard(self, url: str, token: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Type other settings into the dashboard. ValueError when the address is none."""
        if url and not url.startswith(("http://", "https://")):
            raise ValueError(f"Outlet {self.code}: a dashboard_url begins with http:// or https://.")
        self.dashboard_url = url
        self.dashboard_token = token
        self.dashboard_headers = dict(headers or {})

    def set_menu(self, document: dict[str, Any] | None) -> None:
        """Publish another menu. It is serialized now, once, not at each fetch."""
        self.menu = document
        self.menu_bytes = json.dumps(document, ensure_ascii=False).encode() if document else b""
        self.item_ids = frozenset(ids_in(document))


def sample_outlet(code: str, **settings: Any) -> Outlet:
    """An outlet with the sample menu of that code; `settings` as for `Outlet`."""
    return Outlet(code, sample_menu(code), **settings)


def sample_outlets(**settings: Any) -> list[Outlet]:
    """Both sample outlets, alike but for their menus."""
    return [sample_outlet(code, **settings) for code in SAMPLE_CODES]
