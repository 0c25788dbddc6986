"""What a signature scheme is: it knows one proof when it sees it, and what its secrets look like."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pos_integrations.errors import NotAuthentic
from pos_integrations.messages import WebhookRequest

SHORTEST_SECRET = 24  # characters

_TEXT = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Proof:
    """A request is authentic. `secret`: the index of the one that fits. `event_id`: the sender's own id of it."""

    secret: int
    event_id: str = ""


class Scheme:
    """Base class of all schemes. `name` is what is configured, stored and shown.

    The secrets of most are texts: the key is the UTF-8 bytes of the text as shown, nothing is decoded.
    """

    name: ClassVar[str]

    def is_brought(self, request: WebhookRequest) -> bool:
        """Whether the request has a proof of this form at all, right or wrong."""
        raise NotImplementedError

    def verify(self, request: WebhookRequest, secrets: Sequence[str]) -> Proof:
        """The proof; every secret is tried, found or not, so that the clock tells nothing.

        Raises:
            NotAuthentic: none of them fits.
        """
        raise NotImplementedError

    def new_secret(self) -> str:
        """A fresh one, of 256 bits."""
        return secrets.token_urlsafe(32)

    def problem_with(self, secret: str) -> str | None:
        """What is wrong with a secret that somebody brings, in words; None when it is fine."""
        if _TEXT.fullmatch(secret) and len(secret) >= SHORTEST_SECRET:
            return None
        return f"Give at least {SHORTEST_SECRET} visible ASCII characters without blanks; or leave it to rotate-secret."


def first_fitting(fits: Iterable[bool]) -> int:
    """The index of the first secret that fits.

    Raises:
        NotAuthentic: none does.
    """
    every = list(fits)
    if not any(every):
        raise NotAuthentic
    return every.index(True)
