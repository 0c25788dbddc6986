"""The menu to show, as bytes: made and compressed once per version, the same for every guest and process."""

from __future__ import annotations

import datetime as dt
import functools
import gzip
import hashlib
import json
import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from menus.images import source_key
from menus.models import (
    AddOnGroup,
    AddOnItem,
    Category,
    Discount,
    Item,
    Menu,
    MenuImage,
    RenderedMenu,
    Restaurant,
    Tax,
    Variation,
)

# Grows when the shape of the document changes, so that no client keeps an old one.
SHAPE = 4
# What a process holds in memory, compressed bodies and plain ones together.
MOST_KEPT_BYTES = 64 * 1024 * 1024
TRIES = 5
_COMPRESSED = "-gz"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A menu as JSON, also compressed, and its entity tag."""

    etag: str
    body: bytes
    compressed: bytes

    @property
    def size(self) -> int:
        """What it takes in memory."""
        return len(self.body) + len(self.compressed)


_lock = threading.Lock()
_kept: OrderedDict[str, Rendered] = OrderedDict()
# One for each restaurant that this process ever rendered: of many who ask at once one renders.
_rendering: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)


def etag_of(restaurant: Restaurant, version: int) -> str:
    """The entity tag of one version of one menu, under the restaurant's facts of today."""
    return make_etag(
        restaurant.pk,
        version,
        str(restaurant.created_at.astimezone(dt.UTC).replace(tzinfo=None)),
        restaurant.name,
        restaurant.currency,
        restaurant.timezone,
        restaurant.accepting_orders,
    )


@functools.lru_cache(maxsize=4096)
def make_etag(
    restaurant_id: int, version: int, created_at: str, name: str, currency: str, zone: str, accepting: bool
) -> str:
    """Of the facts themselves, not `updated_at`, which plain SQL leaves as it was."""
    facts = json.dumps([created_at, name, currency, zone, bool(accepting)])
    digest = hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()
    return f'"m{restaurant_id}-{version}-{digest}-{SHAPE}"'


def _facts(restaurant: Restaurant) -> dict[str, Any]:
    return {
        "id": restaurant.pk,
        "name": restaurant.name,
        "currency": restaurant.currency,
        "timezone": restaurant.timezone,
        "accepting_orders": restaurant.accepting_orders,
    }


def knows(if_none_match: str, etag: str) -> bool:
    """Whether somebody who sends this has the document of `etag` already, compressed or not."""
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in known or compressed_tag(etag) in known


def compressed_tag(etag: str) -> str:
    """The same document in other bytes has another tag."""
    return f'{etag[:-1]}{_COMPRESSED}"'


def wants_compressed(accept_encoding: str) -> bool:
    """Whether somebody who sends this takes gzip."""
    codings = (coding.partition(";") for coding in accept_encoding.lower().split(","))
    return any(
        name.strip() in ("gzip", "x-gzip")
        and options.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        for name, _, options in codings
    )


def kept_menu(etag: str) -> Rendered | None:
    """What this process has in memory."""
    with _lock:
        if etag in _kept:
            _kept.move_to_end(etag)
        return _kept.get(etag)


def rendered_menu(restaurant: Restaurant, version: int) -> Rendered:
    """The menu at `version` or newer, whole: never half of one and half of the next.

    Rendered and compressed by one process, once; the others find it in the database, and from then on in
    their memory.
    """
    etag = etag_of(restaurant, version)
    if kept := kept_menu(etag):
        return kept
    with _rendering[restaurant.pk]:
        if kept := kept_menu(etag):
            return kept
        found = _shared(restaurant, version, etag)
    with _lock:
        _kept[found.etag] = found
        while len(_kept) > 1 and sum(rendered.size for rendered in _kept.values()) > MOST_KEPT_BYTES:
            _kept.popitem(last=False)
    return found


def _shared(restaurant: Restaurant, version: int, etag: str) -> Rendered:
    """From the database, or put there. Where rows can be locked, processes that want the same take turns."""
    if stored := RenderedMenu.objects.filter(pk=restaurant.pk, etag=etag).first():
        body = bytes(stored.body)
        return Rendered(etag, gzip.decompress(body), body)
    if not connection.features.has_select_for_update:
        return _render_and_store(restaurant, version)
    RenderedMenu.objects.bulk_create([RenderedMenu(restaurant=restaurant)], ignore_conflicts=True)
    with transaction.atomic():
        stored = RenderedMenu.objects.select_for_update().get(pk=restaurant.pk)
        if stored.etag == etag:
            body = bytes(stored.body)
            return Rendered(etag, gzip.decompress(body), body)
        return _render_and_store(restaurant, version)


def _render_and_store(restaurant: Restaurant, version: int) -> Rendered:
    rendered = _render(restaurant, version)
    RenderedMenu.objects.update_or_create(
        restaurant=restaurant, defaults={"etag": rendered.etag, "body": rendered.compressed}
    )
    return rendered


def _render(restaurant: Restaurant, version: int) -> Rendered:
    for _ in range(TRIES):
        document = _document(restaurant)
        # Every change of any row changes the version in the same transaction: the same before and
        # after means that nothing changed in between.
        after = Menu.objects.values_list("version", flat=True).get(pk=restaurant.pk)
        if after == version:
            break
        version = after
    else:
        # It never stands still: hold it for the length of one reading.
        with transaction.atomic():
            version = Menu.objects.select_for_update().get(pk=restaurant.pk).version
            document = _document(restaurant)
    document["version"] = version
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    # The same bytes whenever it is made: no time in it.
    return Rendered(etag_of(restaurant, version), body, gzip.compress(body, 6, mtime=0))


def _document(restaurant: Restaurant) -> dict[str, Any]:
    def rows(model: Any) -> Any:
        return model.objects.filter(restaurant=restaurant, active=True).order_by("rank", "id")

    menu = Menu.objects.get(pk=restaurant.pk)
    addon_items: dict[int, list[dict[str, Any]]] = {}
    for addon in rows(AddOnItem):
        addon_items.setdefault(addon.group_id, []).append(
            {
                "id": addon.pk,
                "external_id": addon.external_id,
                "name": addon.name,
                "price": str(addon.price),
                "diet": addon.diet,
                "available": addon.in_stock,
            }
        )
    groups = {
        group.external_id: {
            "id": group.pk,
            "external_id": group.external_id,
            "name": group.name,
            "items": items,
        }
        for group in rows(AddOnGroup)
        if (items := addon_items.get(group.pk))
    }

    def offers(row: Item | Variation) -> list[dict[str, Any]]:
        return [
            {"group_id": group["id"], "minimum": offer["minimum"], "maximum": offer["maximum"]}
            for offer in row.addon_groups
            if (group := groups.get(offer["group_id"]))
        ]

    variations: dict[int, list[dict[str, Any]]] = {}
    for variation in rows(Variation):
        variations.setdefault(variation.item_id, []).append(
            {
                "id": variation.pk,
                "external_id": variation.external_id,
                "name": variation.name,
                "price": str(variation.price),
                "available": variation.in_stock,
                "addon_groups": offers(variation),
            }
        )
    # Sold in sizes of which none is on sale: the item's own price means nothing then. Sizes that have left
    # the menu have no hash any more and do not count.
    off = Variation.objects.filter(restaurant=restaurant, active=False).exclude(content_hash="")
    switched_off = set(off.values_list("item_id", flat=True)).difference(variations)
    categories = {category.pk: category for category in rows(Category)}
    shown = {category.external_id for category in categories.values()}
    # Our copy, or else the newest address of the original: that in the menu's row may have expired.
    images = {
        key: settings.MEDIA_URL + file if file else url
        for key, url, file in MenuImage.objects.filter(restaurant=restaurant).values_list(
            "source_key", "url", "file"
        )
    }

    def image_url(row: Item | Category) -> str:
        return images.get(source_key(row.image_url), row.image_url)

    taxes = {
        tax.external_id: {
            "id": tax.pk,
            "external_id": tax.external_id,
            "name": tax.name,
            "rate": f"{tax.rate.normalize():f}",
            "kind": tax.kind,
            "inclusive": tax.inclusive,
            "order_types": tax.order_types,
        }
        for tax in rows(Tax)
    }
    items = []
    for item in rows(Item):
        if item.pk in switched_off or (item.category_id is not None and item.category_id not in categories):
            continue
        own = variations.get(item.pk, [])
        items.append(
            {
                "id": item.pk,
                "external_id": item.external_id,
                "category_id": item.category_id,
                "name": item.name,
                "description": item.description,
                # With variations the item's own price means nothing.
                "price": None if own else str(item.price),
                "tax_inclusive": item.tax_inclusive,
                "taxes": [taxes[tax_id]["id"] for tax_id in item.tax_ids if tax_id in taxes],
                "order_types": item.order_types,
                "diet": item.diet,
                "image_url": image_url(item),
                "prep_minutes": item.prep_minutes,
                "available": item.in_stock and (not own or any(v["available"] for v in own)),
                "variations": own,
                "addon_groups": offers(item),
                "details": item.details,
            }
        )
    return {
        "restaurant": _facts(restaurant),
        "version": menu.version,
        "synced_at": menu.synced_at.isoformat() if menu.synced_at else None,
        "charges": menu.charges,
        # A coupon is for those who know its code.
        "discounts": [
            {**discount.rule, "id": discount.pk}
            for discount in rows(Discount)
            if not discount.rule.get("needs_coupon")
        ],
        "details": menu.details,
        "categories": [
            {
                "id": category.pk,
                "external_id": category.external_id,
                "name": category.name,
                # A parent that is switched off is not shown; what is under it stands by itself then.
                "parent_external_id": category.parent_external_id
                if category.parent_external_id in shown
                else "",
                "image_url": image_url(category),
                "opening": category.opening,
                "details": category.details,
            }
            for category in categories.values()
        ],
        "items": items,
        "addon_groups": list(groups.values()),
        "taxes": list(taxes.values()),
    }
