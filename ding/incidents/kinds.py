"""The kinds of incident in plain words: what one means for guests, what to do, and the page that repairs it.

A kind's slug is for ever: it is the anchor of its section in docs/runbook.md and a label in the metrics.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of cause.

    `page`: name of the admin page behind the button, `query`: what is appended to it ({restaurant} is filled
    in), `row`: whose id the address takes ("target", "restaurant"), if any. `critical`: orders or
    guests are harmed now; else it is a warning. `event`: it tells of things that happened; nothing shows
    that a person dealt with them, so a person may say so.
    """

    slug: str
    title: str
    guests: str
    todo: str
    button: str
    page: str
    query: str = ""
    row: str = ""
    critical: bool = True
    event: bool = False


_ORDERS = "orders_order_changelist"
MENU_PAGE = "pos_integrations_menu"
_INTEGRATION = "pos_integrations_restaurantposintegration_change"
_INTEGRATIONS = "pos_integrations_restaurantposintegration_changelist"
_WEBHOOKS = "pos_integrations_webhooklog_changelist"

_ALL = (
    Kind(
        "order-refused",
        "Orders refused by the POS",
        "These guests have been told that their order was not accepted. Who paid online is owed the money.",
        "Read the POS's reason. When it names an item or a price, sync the menu. Call the guest, then send the"
        " order again, or read it to the restaurant and mark it as handled by phone.",
        "Show the refused orders",
        _ORDERS,
        "kitchen=refused&restaurant={restaurant}",
        event=True,
    ),
    Kind(
        "order-not-sent",
        "Orders that did not reach the kitchen in time",
        "These guests have been told that their order was not accepted. Who paid online is owed the money.",
        'Find out whether the POS answers: "Test connection" in the integration\'s page. Call the guest before'
        " you send an order again.",
        "Show the orders that were not sent",
        _ORDERS,
        "kitchen=given_up&restaurant={restaurant}",
        event=True,
    ),
    Kind(
        "order-unclear",
        "Orders that the kitchen may or may not have",
        "The guests wait, and nobody knows whether anybody cooks for them.",
        "Call the restaurant and ask for each of these orders. It has it: mark it as handled by phone. It has it"
        " not: send it again.",
        "Show the unclear orders",
        _ORDERS,
        "kitchen=unknown&restaurant={restaurant}",
    ),
    Kind(
        "cancellation-failed",
        "Cancellations that did not reach the kitchen",
        "The order is cancelled, and the kitchen may be cooking it all the same.",
        "Call the restaurant and cancel these orders by word; then mark them as handled by phone.",
        "Show these cancellations",
        _ORDERS,
        "kitchen=not_told&restaurant={restaurant}",
        event=True,
    ),
    Kind(
        "rider-not-told",
        "News of riders that did not reach the kitchen",
        "The kitchen may not know that somebody is there for the food, and lets it wait.",
        "Read the POS's reason. Tell the restaurant by word where the rider is. Whoever sends the riders may send"
        " the same news again.",
        "Show what was not told",
        "pos_integrations_orderpush_changelist",
        "kind__startswith=rider_&state__in=rejected,expired,unknown&restaurant={restaurant}",
        critical=False,
        event=True,
    ),
    Kind(
        "kitchen-silent",
        "A kitchen that does not confirm",
        "The POS took these orders, and the kitchen may never have seen them. The guests know that it takes a"
        " little longer.",
        "Call the restaurant and ask for these orders. If nobody has them, read them out and mark them as handled"
        " by phone, or cancel them so that the guests are told. Often the cause is a wrong restaurant id or a"
        ' staging address: "Test connection" in the integration\'s page tells.',
        "Show the silent orders",
        _ORDERS,
        "kitchen=silent&restaurant={restaurant}",
    ),
    Kind(
        "no-integration",
        "Orders with nowhere to go",
        "The restaurant takes orders, and no POS gets them.",
        "Set up or switch on the restaurant's POS integration, or stop it from accepting orders.",
        "Show the restaurant's integrations",
        _INTEGRATIONS,
        "restaurant={restaurant}",
    ),
    Kind(
        "access-refused",
        "A POS that refuses our access",
        "No new order reaches this kitchen. Waiting orders are turned down when their time is up.",
        "Compare the credentials, the restaurant id and the address with those that the POS gave; correct them,"
        ' then "Test connection". Waiting orders go out by themselves.',
        "Correct the integration",
        _INTEGRATION,
        row="target",
    ),
    Kind(
        "webhook-parked",
        "Reports of a POS that could not be worked off",
        "What the POS said of orders or of the menu has no effect: a guest may see an old status, or order what is"
        " sold out.",
        "Read each report's reason. An unknown item: sync the menu, then process it again. Another restaurant's"
        " order: check that restaurant's id at the POS.",
        "Show the parked webhooks",
        _WEBHOOKS,
        "status__exact=parked&restaurant={restaurant}",
        critical=False,
        event=True,
    ),
    Kind(
        "webhooks-refused",
        "Webhooks of a POS that are refused",
        "What the POS said has no effect: guests hear nothing, and sold-out items stay on the menu.",
        "Compare the webhook secret, the address and the signature mode that the POS uses with those in the"
        " integration's page; when in doubt make a new secret. Then sync the menu, and look at the open orders: a POS"
        " that does not repeat its calls will not say it again. Nothing to find: strangers may be guessing, and nothing"
        " of theirs was taken.",
        "Compare the integration",
        _INTEGRATION,
        row="target",
        critical=False,
    ),
    Kind(
        "secret-expiring",
        "A webhook secret that ends soon",
        "Nothing yet. After its end the POS's reports are refused, and orders seem to stand still.",
        "Rotate the secret and give the new one to the POS while the old one still holds.",
        "Rotate the secret",
        _INTEGRATION,
        row="target",
        critical=False,
    ),
    Kind(
        "secret-expired",
        "No valid webhook secret left",
        "Every report of this POS is refused: guests hear nothing, and sold-out items stay on the menu.",
        "Make a new secret and give it to the POS now.",
        "Make a new secret",
        _INTEGRATION,
        row="target",
    ),
    Kind(
        "sync-held",
        "A menu that was held",
        "Guests order from the menu as it was before.",
        "Look at what would change. If the restaurant means it, approve it; if not, correct the menu at the POS.",
        "Look at the held menu",
        MENU_PAGE,
        row="restaurant",
        critical=False,
    ),
    Kind(
        "sync-failing",
        "A menu that cannot be fetched",
        "Guests order from an old menu: prices and dishes may have changed.",
        'Read the error, then "Test connection" in the integration\'s page.',
        "Show the menu and its syncs",
        MENU_PAGE,
        row="restaurant",
        critical=False,
    ),
    Kind(
        "queue-stalled",
        "Work that nobody does",
        "What waits there does not happen: orders, reports, menus or messages stand still.",
        "See that a worker for this queue runs, and that it reaches database and broker; start it again.",
        "Show the integrations",
        _INTEGRATIONS,
    ),
    Kind(
        "scheduler-dead",
        "The scheduler's ticks do not arrive",
        "New orders still go out as long as the broker and the workers live. Nothing is tried again, nothing that"
        " was missed is found.",
        "See that beat, the worker of the queue `default` and the broker run; start again what does not.",
        "Show the integrations",
        _INTEGRATIONS,
    ),
    Kind(
        "clock-skewed",
        "A clock that is wrong",
        "Reports may count as too old or too new, and work may be done too early or too late.",
        "Set the machine's clock by NTP, then restart ding there.",
        "Show the integrations",
        _INTEGRATIONS,
    ),
    Kind(
        "notification-failed",
        "Messages to guests that failed",
        "These guests do not know how their order stands.",
        "Read the error. A wrong number is that guest's affair; refused credentials or an empty account are ours:"
        " mend them, then send the messages again.",
        "Show the failed messages",
        "notifications_notification_changelist",
        "status__exact=failed",
        critical=False,
        event=True,
    ),
    Kind(
        "alert-failed",
        "Alerts to staff that do not arrive",
        "Nothing yet; but of the next incident nobody would hear.",
        "Check EMAIL_URL, ALERT_EMAIL and ALERT_URLS, and whether the service behind them works.",
        "Show the incidents",
        "ding_incident_changelist",
        event=True,
    ),
    Kind(
        "webhooks-unsigned",
        "Webhooks that are taken unsigned",
        "Whoever knows the address can change the status of this restaurant's orders.",
        "Agree on a signature with the POS and choose it in the integration's page.",
        "Choose a signature",
        _INTEGRATION,
        row="target",
        critical=False,
    ),
    Kind(
        "secrets-open",
        "Secrets that lie open in the database",
        "Nothing for guests; but whoever reads the database, or a backup of it, can act as the restaurant.",
        "Run `manage.py seal_secrets`.",
        "Show the integrations",
        _INTEGRATIONS,
        critical=False,
    ),
)
KINDS = {kind.slug: kind for kind in _ALL}
