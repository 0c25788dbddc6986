"""What ding does not start with outside DEBUG: secrets that are missing, weak, or stand in an example."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

# Words of examples and of people in a hurry.
_PLACEHOLDERS = re.compile(
    r"change.?me|replace.?me|your.?(secret|key|password)|django-insecure|example|placeholder|"
    r"^(secret|password|passwd|admin|root|ding|test|default|letmein|qwerty)+[0-9]*$",
    re.IGNORECASE,
)
SHORTEST = 16


def weakness(value: str) -> str:
    """What is wrong with a secret, in words; empty when nothing is."""
    if len(value) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if len(set(value)) < 6:
        return "has hardly any different characters"
    if _PLACEHOLDERS.search(value):
        return "is a placeholder"
    return ""


def keys_weakness(value: str) -> str:
    """The same for ENCRYPTION_KEYS: `id:base64 of 32 bytes`, comma-separated."""
    ids = []
    for entry in value.split(","):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not key_id.isalnum() or len(key) != 32:
            return "must be a comma-separated list of id:base64 of 32 bytes"
        if len(set(key)) < 8:
            return f"has a key {key_id} with hardly any different bytes"
        ids.append(key_id)
    return "has one key id twice" if len(set(ids)) < len(ids) else ""


def password_weakness(url: str) -> str:
    """The same for the password in an address such as DATABASE_URL; one without a password is not looked at."""
    password = unquote(urlsplit(url).password or "")
    if password and (len(password) < 8 or _PLACEHOLDERS.search(password)):
        return "has a password that is short or a placeholder"
    return ""


def hosts_weakness(hosts: Sequence[str]) -> str:
    """The same for ALLOWED_HOSTS."""
    return "lets every host name in" if {"*", ".", ""} & set(hosts) or not hosts else ""
