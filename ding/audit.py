"""The audit trail: who did what to which thing, when, and what was different afterwards. Rows are only added.

Configuration changes and the actions of staff are written here; what happens to an order by itself has records
of its own. A secret's value never comes in: `differences` is told which names are secret.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.http import HttpRequest

from ding.db import ExactCharField, UtcNow

NOBODY = "ding"  # the system itself: a schedule, a worker

_request: contextvars.ContextVar[HttpRequest | None] = contextvars.ContextVar("audit_request", default=None)
_actor: contextvars.ContextVar[str] = contextvars.ContextVar("audit_actor", default="")


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Named reads."""

    def about(self, obj: models.Model) -> AuditEventQuerySet:
        """What was done to one thing."""
        return self.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))


class AuditEvent(models.Model):
    """One act. `actor`: `staff:anna`, `key:web-shop`, `command:rotate_secret`, or `ding` itself.

    `changes`: field → [old, new] as people read them. `object_label` stays readable when the thing is gone.
    """

    actor = models.CharField(max_length=150)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=60)
    object_type = ExactCharField(max_length=80, blank=True, default="")
    object_id = ExactCharField(max_length=64, blank=True, default="")
    object_label = models.CharField(max_length=200, blank=True, default="")
    restaurant = models.ForeignKey(
        "menus.Restaurant", models.SET_NULL, null=True, related_name="+", db_index=False
    )
    changes = models.JSONField(default=dict)
    note = models.CharField(max_length=500, blank=True, default="")
    remote_address = models.CharField(max_length=45, blank=True, default="")
    request_id = models.CharField(max_length=32, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        app_label = "ding"
        db_table = "AuditEvents"
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("object_type", "object_id", "id"), name="ix_audit_object"),
            models.Index(fields=("restaurant", "id"), name="ix_audit_restaurant"),
            models.Index(fields=("created_at",), name="ix_audit_created"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_label}".strip()


@contextlib.contextmanager
def of_request(request: HttpRequest) -> Iterator[None]:
    """What is recorded inside was done by whoever sent this request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


@contextlib.contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """What is recorded inside was done by `actor`: for commands."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def record(
    action: str,
    obj: models.Model | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    note: str = "",
    user: Any = None,
) -> AuditEvent:
    """Write down that somebody did `action` (`rotated the webhook secret`) to `obj`.

    Who it was comes from the request or the command around the call; `user` overrules that, where the request's
    own user is not yet, or no more, the one who acts.
    """
    request = _request.get()
    if user is None and request is not None:
        found = getattr(request, "user", None)
        # An API key's client is no account.
        user = found if isinstance(found, AbstractBaseUser) and found.pk else None
    return AuditEvent.objects.create(
        actor=_who(request, user)[:150],
        user_id=user.pk if user is not None else None,
        action=action[:60],
        object_type=obj._meta.label_lower if obj is not None else "",
        object_id=str(obj.pk)[:64] if obj is not None else "",
        object_label=str(obj)[:200] if obj is not None else "",
        restaurant_id=_restaurant_of(obj),
        changes=dict(changes or {}),
        note=note[:500],
        remote_address=(request.META.get("REMOTE_ADDR") or "")[:45] if request is not None else "",
        request_id=getattr(request, "request_id", ""),
    )


def _who(request: HttpRequest | None, user: Any) -> str:
    if actor := _actor.get():
        return actor
    if user is not None:
        return f"staff:{user.get_username()}"
    # An API key has no account; the authentication leaves its client's name here.
    if request is not None and (client := getattr(request, "api_client", "")):
        return f"key:{client}"
    return NOBODY


def _restaurant_of(obj: models.Model | None) -> int | None:
    if obj is None:
        return None
    if obj._meta.label_lower == "menus.restaurant":
        return int(obj.pk)
    return getattr(obj, "restaurant_id", None)


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, secret: Collection[str] = ()
) -> dict[str, list[str]]:
    """Field → [old, new] in words, for what differs. Of a secret only that it was set, replaced or taken away."""
    found = {}
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name in secret:
            found[name] = [
                "set" if old else "not set",
                ("replaced" if old else "set") if new else "taken away",
            ]
        else:
            found[name] = [in_words(old), in_words(new)]
    return found


def in_words(value: Any) -> str:
    """A value as people read it."""
    if value in (None, ""):
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, models.QuerySet | list | tuple | set | frozenset):
        return ", ".join(sorted(str(one) for one in value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {one}" for key, one in value.items()) or "none"
    return str(value)
