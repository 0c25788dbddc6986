"""The seam: what every POS adapter is and may do.

An adapter is a package `adapters/<slug>/` without state, database, settings or clock. It speaks one
provider's language and nothing of it leaks out: orders and menus cross as snapshots, webhooks as events.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from menus.snapshot import MenuSnapshot
from orders.snapshot import OrderSnapshot
from pos_integrations.errors import UnsupportedOperation
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
from pos_integrations.signatures import Scheme


class Dedupes(StrEnum):
    """Whether our reference protects against a second kitchen ticket when an order is sent again."""

    YES = "yes"
    NO = "no"
    UNPROVEN = "unproven"


class Level(StrEnum):
    """Where a configuration field may be set."""

    PROVIDER = "provider"
    RESTAURANT = "restaurant"
    BOTH = "both"


class FieldType(StrEnum):
    """What a configuration field holds."""

    TEXT = "text"
    URL = "url"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One configuration field of an adapter: forms, API validation and errors come from it.

    `minimum`, `maximum`: of an integer. `pattern`: a regular expression for the whole of a text, and
    `pattern_help` says in words what it wants. `choices`: the texts that a choice may be.
    """

    name: str
    label: str
    help: str
    type: FieldType = FieldType.TEXT
    required: bool = False
    secret: bool = False
    level: Level = Level.BOTH
    default: Any = None
    minimum: int | None = None
    maximum: int | None = None
    pattern: str = ""
    pattern_help: str = ""
    choices: tuple[str, ...] = ()


class TopicKind(StrEnum):
    """An event is stored and worked off later; a query is answered at once."""

    EVENT = "event"
    QUERY = "query"


class TopicAuth(StrEnum):
    """How this POS proves a request at a topic, as long as the integration does not choose another mode for all.

    A signature: the first of the adapter's `signature_schemes`. A shared secret: a fixed one of the integration at the
    end of the address, for a POS that cannot sign. An order token is in the address of that order's callback, whatever
    the integration's mode.
    """

    SIGNATURE = "signature"
    SHARED_SECRET = "shared_secret"  # noqa: S105 - the name of a scheme, no secret
    ORDER_TOKEN = "order_token"  # noqa: S105 - the name of a scheme, no secret


@dataclass(frozen=True, slots=True)
class Topic:
    """One webhook address of a POS: its name in the path, its kind, its proof, the largest body it takes.

    `heavy`: its work takes seconds, so it is worked off alone and not with a batch.
    """

    name: str
    auth: TopicAuth
    kind: TopicKind = TopicKind.EVENT
    max_bytes: int = 256 * 1024
    heavy: bool = False


class PosAdapter:
    """Base class of all adapters. What a POS cannot do raises `UnsupportedOperation`."""

    slug: ClassVar[str]
    label: ClassVar[str]
    # The configuration fields, and which of them the plain `api_key` column stands for.
    config_fields: ClassVar[tuple[ConfigField, ...]] = ()
    api_key_field: ClassVar[str] = "api_key"
    external_id_help: ClassVar[str] = "The POS's id of the restaurant."
    # Where it is reached, in words for the form.
    endpoint_help: ClassVar[str] = ""
    # What the POS promises.
    dedupes_by_reference: ClassVar[Dedupes] = Dedupes.NO
    can_query: ClassVar[bool] = False
    success_means_accepted: ClassVar[bool] = False
    # Its webhook addresses; the first with `ORDER_TOKEN` is where status callbacks of an order go.
    topics: ClassVar[tuple[Topic, ...]] = ()
    # Schemes of its own, besides those that every POS may use; the first proves its `SIGNATURE` topics.
    signature_schemes: ClassVar[tuple[Scheme, ...]] = ()

    # --- we call the POS ---

    def save_order(
        self, order: OrderSnapshot, account: Account, http: PosHttp, *, callback_url: str
    ) -> PushResult:
        """Bring an order to the POS.

        The call itself is `http.post(..., kept=True)`: its bytes are written down before they leave, and a
        permitted resend sends the same ones. Raises any `PosError`.
        """
        raise UnsupportedOperation(f"{self.label} takes no orders.")

    def not_before(
        self, scheduled_for: dt.datetime, now: dt.datetime, account: Account
    ) -> dt.datetime | None:
        """When at the earliest this POS takes an order for `scheduled_for` (both aware); None: at once."""
        return None

    def cancel_order(self, order: OrderSnapshot, reason: str, account: Account, http: PosHttp) -> None:
        """Tell the POS that an order is cancelled. Raises any `PosError`."""
        raise UnsupportedOperation(f"{self.label} cannot be told of a cancellation.")

    def update_rider(self, order: OrderSnapshot, rider: RiderUpdate, account: Account, http: PosHttp) -> None:
        """Tell the POS how far the rider is. Raises any `PosError`."""
        raise UnsupportedOperation(f"{self.label} cannot be told of a rider.")

    def fetch_menu(self, account: Account, http: PosHttp) -> MenuSnapshot:
        """The whole menu as it is now. Raises any `PosError`."""
        return self.read_menu_document(self.fetch_menu_document(account, http), account)

    def fetch_menu_document(self, account: Account, http: PosHttp) -> bytes:
        """The whole menu as it is now, as it came. Raises any `PosError`."""
        raise UnsupportedOperation(f"{self.label} gives no menu.")

    def read_menu_document(self, raw: bytes, account: Account) -> MenuSnapshot:
        """What `fetch_menu_document` gave, read. Raises any `PosError`."""
        raise UnsupportedOperation(f"{self.label} gives no menu.")

    def menu_digests(self, raw: bytes) -> tuple[str, str]:
        """Hashes of a menu's document: of what is stable in it, and of what in its pictures' addresses is not.

        What moves although the menu does not (the time of day, signatures) must be left out of the first, or
        no menu is ever known again.
        """
        return hashlib.blake2b(raw, digest_size=32).hexdigest(), ""

    def check_configuration(
        self, external_id: str, base_url: str, config: Mapping[str, Any]
    ) -> dict[str, str]:
        """What in a configuration cannot be right, in words, by field; empty when all is well.

        Without any call: for the form, the API and the connection test. `external_id`, `base_url` and
        `config` are the merged ones (empty: not set, which is not looked at here). The fields are named
        `pos_restaurant_id`, `endpoint`, and by their names the adapter's own. It only says what follows from
        the values together, or from what this POS is known to be; single values are checked by the core.
        """
        return {}

    def check_account(self, account: Account, http: PosHttp) -> list[Finding]:
        """Call the POS and say what works and what does not, in words. Raises nothing."""
        raise NotImplementedError

    # --- the POS calls us ---

    def topic(self, name: str) -> Topic | None:
        """The topic of that name, if this POS has one."""
        return self._topics_by_name.get(name)

    @functools.cached_property
    def _topics_by_name(self) -> dict[str, Topic]:
        return {topic.name: topic for topic in self.topics}

    def account_ref(self, request: WebhookRequest) -> str:
        """The POS's id of the restaurant that the body names.

        Raises:
            MalformedPayload: it names none; or something else is wrong of which this POS wants to hear at once.
        """
        raise NotImplementedError

    def parse(self, request: WebhookRequest, account: Account) -> list[Event]:
        """The events in an authentic request; none of a query.

        Raises:
            MalformedPayload, UnsupportedEvent
        """
        raise NotImplementedError

    def order_reference(self, request: WebhookRequest) -> str:
        """Our reference of the order that a body at an `ORDER_TOKEN` topic speaks of.

        Raises:
            MalformedPayload: it names none.
        """
        raise NotImplementedError

    def reply(
        self, topic: Topic, outcome: Outcome, message: str = "", facts: Mapping[str, Any] | None = None
    ) -> Reply:
        """What this POS expects to hear at `topic`.

        `facts`: what a query asked for. `open`: whether the restaurant takes orders.
        """
        raise NotImplementedError
