"""Standard Webhooks: an id, a time and a signature over both and the body.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. Keeps out forgery,
tampering and, by the time and the id, repeats. Only symmetric signatures (`v1`); others in the header are skipped.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Sequence

from pos_integrations.errors import NotAuthentic
from pos_integrations.messages import WebhookRequest
from pos_integrations.signatures.base import Proof, Scheme, first_fitting

PREFIX = "whsec_"
WINDOW_SECONDS = 300
LEAST_KEY_BYTES, MOST_KEY_BYTES = 24, 64

# No dots: they separate what is signed.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STAMP = re.compile(r"[0-9]{1,12}")
_ENTRY = r"[A-Za-z0-9]{1,8},[A-Za-z0-9+/=]{1,200}"
_SIGNATURES = re.compile(rf"{_ENTRY}(?: {_ENTRY}){{0,7}}")
_HEADERS = {"webhook-id": _ID, "webhook-timestamp": _STAMP, "webhook-signature": _SIGNATURES}
_V1 = re.compile(r"v1,([A-Za-z0-9+/]{43}=)")


class StandardWebhooks(Scheme):
    """`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,<base64>` over `id.timestamp.body`."""

    name = "standard_webhooks"

    def is_brought(self, request: WebhookRequest) -> bool:
        """All three headers, each of the right form."""
        return all(form.fullmatch(request.headers.get(name, "")) for name, form in _HEADERS.items())

    def verify(self, request: WebhookRequest, secrets: Sequence[str]) -> Proof:
        """The time is judged by when the request came, five minutes both ways."""
        if not self.is_brought(request):
            raise NotAuthentic
        event_id, stamp, header = (request.headers[name] for name in _HEADERS)
        if abs(request.received_at.timestamp() - int(stamp)) > WINDOW_SECONDS:
            raise NotAuthentic
        given = [match[1].encode() for entry in header.split(" ") if (match := _V1.fullmatch(entry))]
        signed = b"%s.%s.%s" % (event_id.encode(), stamp.encode(), request.body)
        fits = []
        for secret in secrets:
            key = _key(secret)
            expected = base64.b64encode(hmac.digest(key or b"-", signed, "sha256"))
            # A list, not a generator: every signature is compared.
            matches = [hmac.compare_digest(expected, signature) for signature in given]
            fits.append(any(matches) and key is not None)
        return Proof(first_fitting(fits), event_id)

    def new_secret(self) -> str:
        """32 random bytes in the standard's own spelling."""
        return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()

    def problem_with(self, secret: str) -> str | None:
        """The standard's own rule."""
        if _key(secret) is not None:
            return None
        return (
            f"Standard Webhooks wants {PREFIX} and then base64 of {LEAST_KEY_BYTES} to {MOST_KEY_BYTES} random bytes; "
            "or leave it to rotate-secret."
        )


def _key(secret: str) -> bytes | None:
    if not secret.startswith(PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX).encode(), validate=True)
    except ValueError:
        return None
    return key if LEAST_KEY_BYTES <= len(key) <= MOST_KEY_BYTES else None


STANDARD_WEBHOOKS = StandardWebhooks()
