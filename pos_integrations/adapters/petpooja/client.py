"""PetPooja's calls: addresses, credentials, and what their answers mean. One function per call.

The body decides, not the HTTP code: documented failures are 400, and the live service sends them with 200.
Where the body says nothing, the code does; and where neither is sure, nobody knows (`OutcomeUnknown`).
"""

from __future__ import annotations

import re
from typing import Any

from pos_integrations.adapters.petpooja.schema import incoming, outgoing
from pos_integrations.adapters.petpooja.values import one_line
from pos_integrations.errors import (
    ConfigurationError,
    OutcomeUnknown,
    PermanentError,
    PosError,
    TransientError,
)
from pos_integrations.http import MASK, Answer, PosHttp
from pos_integrations.messages import Account

# Fifty thousand items are some 60 MB.
MAX_MENU_BYTES = 64 * 1024 * 1024
MAX_WORDS = 500

CREDENTIALS = {"app_key": "app key", "app_secret": "app secret", "access_token": "access token"}

# Refusals that have no code of their own, by how their message begins, and what to do about them.
_MENU_ABSENT = ("unable to fetch object from s3 bucket", "menu is not available")
_RELAY = "invalid order relay payload"
_BAD_CREDENTIALS = "invalid client credentials"


def fetch_menu(account: Account, http: PosHttp) -> bytes:
    """The menu document as it came, to be read by `menu.read_menu`. Raises any `PosError`.

    PetPooja names push as the only supported way in production and hands out no production address for this
    call; on staging it works.

    Source: PetPooja online ordering API v2.1.0 reference, fetch menu (three auth headers, body `restID`).
    """
    keys = credentials(account)
    answer = http.post(
        _address(account, "mapped_restaurant_menus"),
        payload={"restID": account.external_id},
        headers={
            "app-key": keys["app_key"],
            "app-secret": keys["app_secret"],
            "access-token": keys["access_token"],
        },
        max_bytes=MAX_MENU_BYTES,
    )
    # A refusal names no items; what names them is a menu, whatever the HTTP code.
    if b'"items"' not in answer.body:
        _accepted(answer, account)
    return answer.body


def save_order(body: outgoing.SaveOrder, account: Account, http: PosHttp) -> incoming.Reply:
    """Bring an order to PetPooja. Raises any `PosError`.

    Success means that their server took it, not that the kitchen has it. `orderID` in the answer is
    blank in practice, on staging and in production.

    Source: PetPooja online ordering API v2.1.0 reference, save_order.
    """
    return _accepted(http.post(_address(account, "save_order"), payload=body, kept=True), account)


def update_order_status(body: outgoing.UpdateOrderStatus, account: Account, http: PosHttp) -> incoming.Reply:
    """Cancel an order; they know no other status from our side. Raises any `PosError`.

    Neither the restaurant nor the order is checked by them: success proves the credentials alone.

    Source: PetPooja online ordering API v2.1.0 reference, update_order_status.
    """
    return _accepted(http.post(_address(account, "update_order_status"), payload=body), account)


def rider_status_update(body: outgoing.RiderStatusUpdate, account: Account, http: PosHttp) -> None:
    """Tell how far a rider is who is not the restaurant's own. Raises any `PosError`.

    Source: PetPooja online ordering API v2.1.0 reference, rider status update: written as if they called us,
    with their own address in it.
    """
    answer = http.post(_address(account, "rider_status_update"), payload=body)
    _accepted(answer, account, incoming.RiderReply)


def credentials(account: Account) -> outgoing.Credentials:
    """The three members that go into a body.

    Raises:
        ConfigurationError: one is missing or cannot be one.
    """
    found = {name: str(account.config.get(name) or "").strip() for name in CREDENTIALS}
    if missing := [label for name, label in CREDENTIALS.items() if not found[name]]:
        raise ConfigurationError(f"PetPooja's {', '.join(missing)} is not configured.", code="credentials")
    # Anything else could not travel in a header.
    if odd := [label for name, label in CREDENTIALS.items() if not re.fullmatch(r"[!-~]+", found[name])]:
        raise ConfigurationError(
            f"PetPooja's {', '.join(odd)} holds a space or a character that none has.", code="credentials"
        )
    return {
        "app_key": found["app_key"],
        "app_secret": found["app_secret"],
        "access_token": found["access_token"],
    }


def refusal(reply: incoming.Reply, status: int = 200, *, secrets: tuple[str, ...] = ()) -> PosError:
    """The error for an answer whose body says no, in PetPooja's words."""
    words = _words(reply, secrets)
    message, code = reply.message.lower(), _masked(reply.errorCode, secrets)[:40]
    if isinstance(reply, incoming.RiderReply):
        code = code or _masked(reply.code, secrets)[:40]
    if status in (401, 403) or code.startswith("GN_") or message.startswith(_BAD_CREDENTIALS):
        return ConfigurationError(f"PetPooja refused the credentials: {words}", code=code)
    if code.startswith("MS_"):
        return ConfigurationError(f"PetPooja does not know this restaurant: {words}", code=code)
    if message.startswith(_MENU_ABSENT):
        return PermanentError(
            f"PetPooja has no menu for this restaurant: {words} "
            "Press Menu Trigger in the PetPooja dashboard, then try again.",
            code=code or "no_menu",
        )
    if message.startswith(_RELAY):
        return PermanentError(
            f"PetPooja did not take the order: {words} "
            "If this happens to every order, ask PetPooja to enable online orders for the restaurant.",
            code=code or "relay_payload",
        )
    if code.startswith(("SO_", "UOS_")):
        return PermanentError(words, code=code)
    if status >= 500:
        return OutcomeUnknown(f"PetPooja answered HTTP {status}: {words}", code=code)
    return PermanentError(words, code=code)


def _accepted(
    answer: Answer, account: Account, model: type[incoming.Reply] = incoming.Reply
) -> incoming.Reply:
    secrets = tuple(str(account.config.get(name) or "") for name in CREDENTIALS)
    try:
        reply = model.model_validate(answer.json())
    except OutcomeUnknown:
        reply = model()
    if reply.success:
        return reply
    if answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers):
        raise TransientError(
            f"PetPooja asks to wait (HTTP {answer.status}).",
            code=f"http_{answer.status}",
            retry_after=answer.retry_after,
        )
    if reply.success is None:
        raise _by_status(answer, _masked(one_line(reply.message), secrets))
    raise refusal(reply, answer.status, secrets=secrets)


def _by_status(answer: Answer, message: str) -> PosError:
    """The error for an answer whose body says neither yes nor no."""
    status, code = answer.status, f"http_{answer.status}"
    said = f"HTTP {status}" + (f": {message}" if message else "")
    if status in (401, 403):
        return ConfigurationError(
            f"PetPooja refused the connection ({said}). Check the credentials, the address (capital /V1 "
            "on staging, none in production) and that PetPooja has allowed this server's IP address.",
            code=code,
        )
    if status == 404 or 300 <= status < 400:
        return ConfigurationError(f"There is no such call at PetPooja's address ({said}).", code=code)
    if status in (400, 405, 413, 414, 415, 422):
        return PermanentError(f"PetPooja could not read what was sent ({said}).", code=code)
    return OutcomeUnknown(f"PetPooja gave no clear answer ({said}).", code=code)


def _address(account: Account, call: str) -> str:
    base = account.base_url.strip().rstrip("/")
    if not base:
        raise ConfigurationError("PetPooja's address is not configured.", code="address")
    return f"{base}/{call}"


def _words(reply: incoming.Reply, secrets: tuple[str, ...]) -> str:
    parts = [one_line(reply.message) or "No reason given."]
    parts += _complaints(reply.validation_errors)
    if reply.errorCode:
        parts.append(f"({reply.errorCode})")
    return _masked(one_line(" ".join(parts)), secrets)


def _complaints(errors: Any) -> list[str]:
    if isinstance(errors, str):
        return [errors] if errors.strip() else []
    if isinstance(errors, list):
        return [part for entry in errors for part in _complaints(entry)]
    if isinstance(errors, dict):
        return [f"{field}: {part}" for field, entry in errors.items() for part in _complaints(entry)]
    return []


def _masked(text: str, secrets: tuple[str, ...]) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text[:MAX_WORDS]
