"""Knowing a menu again: what came is what we have, so nothing need be read, compared or written.

One hash of the document, of what is stable in it, stands beside the integration. It is only believed while
nothing else could make a difference; what could is few and named in `known_again`. Once a day everything is
compared all the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from django.utils import timezone

from menus.models import LeftChange, Menu, MenuImage
from pos_integrations.adapters.base import PosAdapter
from pos_integrations.configuration import merged_values
from pos_integrations.models import MenuSyncHistory, RestaurantPosIntegration

BELIEVED = dt.timedelta(days=1)


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
    since = timezone.now() - BELIEVED
    mine = RestaurantPosIntegration.objects.filter(pk=integration.pk, menu_digest=digest.menu)
    pictures = mine.filter(menu_digest_at__gt=since).values_list("menu_pictures_digest", flat=True).first()
    if pictures is None or not _is_plain(integration.restaurant_id):
        return None
    if pictures != digest.pictures and _waits_for_pictures(integration.restaurant_id):
        return None
    made = MenuSyncHistory.objects.filter(
        restaurant=integration.restaurant_id, status__in=("success", "partial")
    )
    return made.order_by("-pk").first()


def remember(integration: RestaurantPosIntegration, digest: Digest) -> None:
    """This document is what our menu says now."""
    RestaurantPosIntegration.objects.filter(pk=integration.pk).update(
        menu_digest=digest.menu, menu_pictures_digest=digest.pictures, menu_digest_at=timezone.now()
    )


def forget(restaurant_id: int) -> None:
    """Our menu has become another one, whoever sent it; in the transaction that made it so."""
    held = RestaurantPosIntegration.objects.filter(restaurant=restaurant_id).exclude(menu_digest="")
    held.update(menu_digest="")


def _is_plain(restaurant_id: int) -> bool:
    """Whether nothing but the document says what our menu must be."""
    if LeftChange.objects.filter(restaurant=restaurant_id).exists():
        return False
    return Menu.objects.filter(pk=restaurant_id, version__gt=0).exists()


def _waits_for_pictures(restaurant_id: int) -> bool:
    """Of a picture that is not copied yet, the newest address is in the document alone."""
    return MenuImage.objects.filter(restaurant=restaurant_id, file="").exists()
