"""Knowing a menu again: what came is what we have, so nothing need be read, compared or written.

One hash of the document, of what is stable in it, stands beside the integration. It is only believed while
nothing else could make a difference; what could is few and named in `known_again`. Once a day everything is
compared all the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.utils import timezone

from ding.plans import Plan
from menus.models import LeftChange, Menu, MenuImage
from pos_integrations.adapters.base import PosAdapter
from pos_integrations.configuration import merged_values
from pos_integrations.models import MenuReview, MenuSyncHistory, RestaurantPosIntegration

BELIEVED = dt.timedelta(days=1)

# Nothing but the document says what our menu must be, and nothing waits to be looked at.
_plain = (
    Exists(Menu.objects.filter(restaurant=OuterRef("restaurant"), version__gt=0)),
    ~Exists(LeftChange.objects.filter(restaurant=OuterRef("restaurant"))),
    ~Exists(MenuReview.objects.filter(integration=OuterRef("pk"))),
)
_knowing = Plan(
    lambda pk, digest: (
        RestaurantPosIntegration.objects.filter(*_plain, pk=pk, menu_digest=digest)
        .only("menu_pictures_digest", "menu_digest_at")
        .order_by()
    )
)
_made = Plan(
    lambda restaurant_id: MenuSyncHistory.objects.filter(
        restaurant=restaurant_id, status__in=("success", "partial")
    ).order_by("-pk")[:1]
)


@dataclass(frozen=True, slots=True)
class Digest:
    """Of a menu's document: what it says and how it is read; and the signatures of its pictures."""

    menu: str
    pictures: str


def digest_of_document(integration: RestaurantPosIntegration, adapter: PosAdapter, raw: bytes) -> Digest:
    """The hashes of a menu's document, and of what it is read with."""
    read_with = repr((integration.pos_restaurant_id, sorted(merged_values(integration).items())))
    stable, pictures = adapter.menu_digests(raw)
    return Digest(hashlib.blake2b(f"{stable} {read_with}".encode(), digest_size=32).hexdigest(), pictures)


def known_again(integration: RestaurantPosIntegration, digest: Digest) -> MenuSyncHistory | None:
    """The newest sync that made our menu what this document says; None when that is not certain."""
    for mine in _knowing(integration.pk, digest.menu):
        if mine.menu_digest_at is None or mine.menu_digest_at <= timezone.now() - BELIEVED:
            return None
        if mine.menu_pictures_digest != digest.pictures and _waits_for_pictures(integration.restaurant_id):
            return None
        return next(iter(_made(integration.restaurant_id)), None)
    return None


def remember(integration: RestaurantPosIntegration, digest: Digest) -> None:
    """This document is what our menu says now."""
    RestaurantPosIntegration.objects.filter(pk=integration.pk).update(
        menu_digest=digest.menu, menu_pictures_digest=digest.pictures, menu_digest_at=timezone.now()
    )


def forget(restaurant_id: int) -> None:
    """Our menu has become another one, whoever sent it; in the transaction that made it so."""
    held = RestaurantPosIntegration.objects.filter(restaurant=restaurant_id).exclude(menu_digest="")
    held.update(menu_digest="")


def _waits_for_pictures(restaurant_id: int) -> bool:
    """Of a picture that is not copied yet, the newest address is in the document alone."""
    return MenuImage.objects.filter(restaurant=restaurant_id, file="").exists()
