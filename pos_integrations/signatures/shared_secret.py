"""The secret itself as the proof, in a header or at the end of the address: for a POS that cannot sign.

Keeps strangers out, and nobody who has seen one request: the body is not covered. An address is kept in more logs than
a header, so a header is better where there is a choice.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from pos_integrations.errors import NotAuthentic
from pos_integrations.messages import WebhookRequest
from pos_integrations.signatures.base import Proof, Scheme, first_fitting

# Some dashboards let one type the whole header, some put the word before it.
_AUTHORIZATION = re.compile(r"(?:bearer )?([\x21-\x7e]{1,200})", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"[A-Za-z0-9._~+=@!$&'()*,;:-]+")


class Bearer(Scheme):
    """`Authorization: Bearer <secret>`, or the secret alone in that header."""

    name = "bearer"

    def is_brought(self, request: WebhookRequest) -> bool:
        """Something stands in the header."""
        return bool(_in_header(request))

    def verify(self, request: WebhookRequest, secrets: Sequence[str]) -> Proof:
        """Whether the header holds one of them."""
        return _same(_in_header(request), secrets)


class UrlToken(Scheme):
    """The secret as the last part of the address."""

    name = "url_token"

    def is_brought(self, request: WebhookRequest) -> bool:
        """Something stands at the end of the address."""
        return bool(request.token)

    def verify(self, request: WebhookRequest, secrets: Sequence[str]) -> Proof:
        """Whether the address ends in one of them."""
        return _same(request.token, secrets)

    def problem_with(self, secret: str) -> str | None:
        """Besides the length: it must stand in an address as it is."""
        if problem := super().problem_with(secret):
            return problem
        return (
            None
            if _IN_ADDRESS.fullmatch(secret)
            else "It goes into an address: without / ? # % and the like; or leave it to rotate-secret."
        )


def _in_header(request: WebhookRequest) -> str:
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    return match[1] if match else ""


def _same(given: str, secrets: Sequence[str]) -> Proof:
    if not given:
        raise NotAuthentic
    # Digests, because they are equally long: comparing texts tells how long the secret is.
    digest = _digest(given)
    return Proof(
        first_fitting([hmac.compare_digest(digest, _digest(secret)) and bool(secret) for secret in secrets])
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


BEARER = Bearer()
URL_TOKEN = UrlToken()
