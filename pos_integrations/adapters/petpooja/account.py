"""What PetPooja needs to know of a restaurant's account, and what in it cannot be right.

The two dearest mistakes are answered with success: orders for a numeric restaurant id, and a real
restaurant's orders sent to staging. No kitchen ever sees them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pos_integrations.adapters.base import ConfigField, FieldType
from pos_integrations.messages import Account, Finding

PRODUCTION, STAGING = "production", "staging"
ADVANCE_HOURS = 3
PRODUCTION_HOST = "pponlineordercb.petpooja.com"
STAGING_HOSTS = (
    "qle1yy2ydc.execute-api.ap-southeast-1.amazonaws.com",
    "47pfzh5sf2.execute-api.ap-southeast-1.amazonaws.com",
)
EXTERNAL_ID_HELP = (
    "The mapping code (menu sharing code): 8 to 10 lower-case letters and digits. Not the numeric restaurant "
    "id of the dashboard: orders sent with that are answered with success and never reach the kitchen."
)

ENDPOINT_HELP = (
    f"Production: https://{PRODUCTION_HOST}, nothing after it; PetPooja must have allowed this server's fixed IP "
    f"address. Staging: https://{STAGING_HOSTS[0]}/V1 (or {STAGING_HOSTS[1]}/V1): it takes every order, and no "
    "kitchen sees any."
)

_MAPPING_CODE = re.compile(r"[a-z0-9]{8,10}")
_NO_SPACES: dict[str, Any] = {
    "pattern": r"[!-~]+",
    "pattern_help": "Letters, digits and signs, without spaces.",
}

CONFIG_FIELDS = (
    ConfigField(
        "app_key",
        "App key",
        "From PetPooja, with the other two. Staging and production have different ones.",
        required=True,
        secret=True,
        **_NO_SPACES,
    ),
    ConfigField("app_secret", "App secret", "From PetPooja.", required=True, secret=True, **_NO_SPACES),
    ConfigField("access_token", "Access token", "From PetPooja.", required=True, secret=True, **_NO_SPACES),
    ConfigField(
        "environment",
        "Environment",
        "production for a restaurant that cooks. staging for trying out: PetPooja's staging takes every order "
        "and no kitchen sees any, so its address is refused unless this says so.",
        type=FieldType.CHOICE,
        choices=(PRODUCTION, STAGING),
        default=PRODUCTION,
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
        "advance_hours",
        "Orders for later days: hours ahead",
        "Such an order waits in ding and is sent so long before its time, on its day at the earliest: PetPooja "
        "refuses a date after today (SO_105). The kitchen should be open by then, to accept it.",
        type=FieldType.INTEGER,
        default=ADVANCE_HOURS,
        minimum=1,
        maximum=24,
    ),
    ConfigField(
        "sends_later_days",
        "Send orders for later days at once",
        "On only if PetPooja takes them for this restaurant: try it on staging.",
        type=FieldType.BOOLEAN,
        default=False,
    ),
    ConfigField(
        "marketplace",
        "Sold through a marketplace",
        "On: the platform owes the GST on what PetPooja calls services. A restaurant's own shop leaves it off.",
        type=FieldType.BOOLEAN,
        default=False,
    ),
)


def check(external_id: str, base_url: str, config: Mapping[str, Any]) -> dict[str, str]:
    """What cannot be right, by field; what is not set yet is not looked at."""
    found = {}
    if external_id.strip().isdigit():
        found["pos_restaurant_id"] = _code(external_id.strip()).message
    if base_url.strip():
        address = _address(base_url, config)
        if not address.ok:
            found["endpoint"] = address.message
    return found


def findings(account: Account) -> list[Finding]:
    """The same in words for the connection test, and what is well besides."""
    return [_code(account.external_id), _address(account.base_url, account.config)]


def is_production(base_url: str) -> bool:
    """Whether this is the address of PetPooja's production."""
    return PRODUCTION_HOST in base_url.lower()


def _code(code: str) -> Finding:
    check = "Mapping code"
    if code.isdigit():
        return Finding(
            check,
            False,
            f"{code} looks like the numeric restaurant id. Use the mapping code (menu sharing code), 8 to 10 "
            "lower-case letters and digits: orders sent with the numeric id never reach the kitchen.",
        )
    if _MAPPING_CODE.fullmatch(code):
        return Finding(check, True, f"{code} looks like a mapping code.")
    return Finding(
        check, False, "A mapping code has 8 to 10 lower-case letters and digits. Ask PetPooja for it."
    )


def _address(base_url: str, config: Mapping[str, Any]) -> Finding:
    check = "Address"
    environment = str(config.get("environment") or PRODUCTION).lower()
    try:
        parts = urlsplit(base_url.strip())
        host = (parts.hostname or "").lower().rstrip(".")
    except ValueError:
        return Finding(check, False, "The address cannot be read.")
    path = parts.path.rstrip("/")
    if parts.scheme not in ("https", "http") or not host:
        return Finding(check, False, "The address is missing or is none: it begins with https://.")
    if _is_local(host):
        return Finding(
            check, True, f"{host} is on this machine: a simulator, neither production nor staging."
        )
    if "apiary" in host:
        return Finding(check, False, "This is PetPooja's documentation: it answers with made-up data.")
    if host == PRODUCTION_HOST:
        if environment == STAGING:
            words = "This is PetPooja's production, where kitchens cook, and the environment says staging."
            return Finding(check, False, words)
        if path:
            return Finding(check, False, f"Production has nothing after {host}: take {path} away.")
        return Finding(
            check, True, "Production. Calls must come from the IP address that PetPooja has allowed."
        )
    if host in STAGING_HOSTS:
        if environment != STAGING:
            return Finding(
                check,
                False,
                "This is PetPooja's staging: it answers success to every order, and no kitchen sees any. "
                f"Use https://{PRODUCTION_HOST}, or set the environment to staging.",
            )
        if path != "/V1":
            return Finding(check, False, "Staging's address ends in /V1, with a capital V.")
        return Finding(check, True, "Staging: answers success to every order, and no kitchen sees any.")
    return Finding(check, True, f"{host} is none of PetPooja's known addresses; taken as it is.")


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
