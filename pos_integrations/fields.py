"""Values that lie sealed in the database: authenticated encryption, bound to their row, with key rotation.

A sealed value is `sealed:v1:<key id>:<base64 of nonce and ciphertext>`. Its associated data is the row's
`sealing_context()`, so a value copied to another row does not open there. Rows written by plain SQL with
plain values work; `manage.py seal_secrets` seals them.
"""

from __future__ import annotations

import base64
import functools
import os
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

PREFIX = "sealed:v1:"


class Unreadable(Exception):
    """A sealed value that no key opens: the key is lost, or the value was changed or copied from elsewhere."""


class Secret:
    """A secret as loaded from the database: sealed, or plain as somebody's SQL wrote it. `repr` hides it."""

    __slots__ = ("_stored",)

    def __init__(self, stored: str) -> None:
        self._stored = stored

    @property
    def stored(self) -> str:
        """What the column holds."""
        return self._stored

    @property
    def is_sealed(self) -> bool:
        """Whether it is encrypted."""
        return self._stored.startswith(PREFIX)

    @property
    def key_id(self) -> str:
        """The id of the key that sealed it; empty for a plain value."""
        return self._stored.removeprefix(PREFIX).split(":")[0] if self.is_sealed else ""

    def open(self, context: str) -> str:
        """The secret in the clear.

        Raises:
            Unreadable: no key opens it in this context.
        """
        return _open(self._stored, context) if self.is_sealed else self._stored

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._stored == other._stored

    def __hash__(self) -> int:
        return hash(self._stored)


@functools.lru_cache(maxsize=4)
def _keys(setting: str) -> dict[str, AESGCM]:
    keys: dict[str, AESGCM] = {}
    for entry in setting.split(","):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not key_id.isalnum() or len(key) != 32:
            raise ImproperlyConfigured(
                "ENCRYPTION_KEYS must be a comma-separated list of id:base64 of 32 bytes; "
                "`manage.py rotate_encryption_key --new-key` prints one."
            )
        keys[key_id] = AESGCM(key)
    return keys


def active_key_id() -> str:
    """The id of the key that seals now: the first of ENCRYPTION_KEYS."""
    return next(iter(_keys(settings.ENCRYPTION_KEYS)))


def seal(plain: str, context: str) -> str:
    """`plain` encrypted with the active key, bound to `context`."""
    key_id = active_key_id()
    nonce = os.urandom(12)
    data = _keys(settings.ENCRYPTION_KEYS)[key_id].encrypt(nonce, plain.encode(), context.encode())
    return f"{PREFIX}{key_id}:{base64.b64encode(nonce + data).decode()}"


def _open(stored: str, context: str) -> str:
    key_id, _, encoded = stored.removeprefix(PREFIX).partition(":")
    key = _keys(settings.ENCRYPTION_KEYS).get(key_id)
    if key is None:
        raise Unreadable(f"It was sealed with the key {key_id[:20]!r}, which is not in ENCRYPTION_KEYS.")
    try:
        data = base64.b64decode(encoded, validate=True)
        return key.decrypt(data[:12], data[12:], context.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise Unreadable("The sealed value was changed, or copied from another row.") from error


class SealedTextField(models.TextField):
    """One secret. Assign text; loaded, it is a `Secret`. The model must have `sealing_context()`."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Seal what was assigned since it was loaded."""
        value = getattr(model_instance, self.attname)
        if isinstance(value, Secret) and not value.is_sealed:
            value = value.stored  # as somebody's SQL wrote it
        if isinstance(value, str) and value:
            value = Secret(seal(value, model_instance.sealing_context()))  # type: ignore[attr-defined]
            setattr(model_instance, self.attname, value)
        return value

    def get_prep_value(self, value: Any) -> Any:
        """What the column holds."""
        return value.stored if isinstance(value, Secret) else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        """Wrapped, so that no page or log shows it by accident."""
        return Secret(value) if value else value

    def to_python(self, value: Any) -> Any:
        """Fixtures hold the sealed text."""
        return Secret(value) if isinstance(value, str) and value.startswith(PREFIX) else value

    def value_to_string(self, obj: models.Model) -> str:
        """For `dumpdata`: sealed, never in the clear."""
        return _dump(self.value_from_object(obj))

    def get_lookup(self, lookup_name: str) -> Any:
        """A secret cannot be searched for: a lookup would be an oracle."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None


class SealedJSONField(models.JSONField):
    """JSON of which single leaves are secrets: a `Secret` leaf is sealed, everything else stays readable."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Seal the secret leaves that are still plain."""
        value = getattr(model_instance, self.attname)
        context = model_instance.sealing_context()  # type: ignore[attr-defined]
        value = map_secrets(value, lambda s: s if s.is_sealed else Secret(seal(s.stored, context)))
        setattr(model_instance, self.attname, value)
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Leaves as their sealed text."""
        return super().get_db_prep_value(map_secrets(value, lambda s: s.stored), connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Sealed leaves as `Secret`."""
        return _wrap(super().from_db_value(value, expression, connection))

    def to_python(self, value: Any) -> Any:
        """Fixtures hold the sealed text."""
        return _wrap(super().to_python(value))

    def get_lookup(self, lookup_name: str) -> Any:
        """A secret leaf cannot be searched for: a lookup would be an oracle."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def get_transform(self, name: str) -> Any:
        """Nor by its path."""
        return None

    def value_to_string(self, obj: models.Model) -> Any:
        """For `dumpdata`: sealed, never in the clear."""
        return map_secrets(self.value_from_object(obj), _dump)


def map_secrets(value: Any, change: Callable[[Secret], Any]) -> Any:
    """`value` with every `Secret` leaf replaced by what `change` makes of it."""
    if isinstance(value, Secret):
        return change(value)
    if isinstance(value, dict):
        return {key: map_secrets(member, change) for key, member in value.items()}
    if isinstance(value, list):
        return [map_secrets(member, change) for member in value]
    return value


def _wrap(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(PREFIX):
        return Secret(value)
    if isinstance(value, dict):
        return {key: _wrap(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_wrap(member) for member in value]
    return value


def _dump(value: Any) -> str:
    # A plain value, as somebody's SQL wrote it, has no business in a fixture file.
    return value.stored if isinstance(value, Secret) and value.is_sealed else ""
