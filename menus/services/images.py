"""Pictures of menus: which there are, which are owed a copy, and what became of copying."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from ding.db import transactional, upsert
from menus.images import source_key
from menus.models import Menu, MenuImage
from menus.services.locking import lock_menus

MOST_TRIES = 6


def note_images(restaurant_id: int, urls: Iterable[str], now: dt.datetime) -> bool:
    """Owe a copy of each picture that has none, from its newest address; whether that is news.

    In the transaction of the menu that names them: two statements at most.
    """
    wanted = {source_key(url): url for url in urls if url}
    known = {
        key: (url, file)
        for key, url, file in MenuImage.objects.filter(restaurant_id=restaurant_id).values_list(
            "source_key", "url", "file"
        )
    }
    # What was copied is shown from the copy: its newest address is of no interest.
    rows = [
        (restaurant_id, key, url, 0, now, "", now, now)
        for key, url in wanted.items()
        if key not in known or (known[key][0] != url and not known[key][1])
    ]
    columns = ("restaurant_id", "source_key", "url", "attempts", "next_attempt_at", "last_error")
    upsert(
        MenuImage,
        (*columns, "created_at", "updated_at"),
        rows,
        key=("restaurant_id", "source_key"),
        keep=("created_at",),
    )
    return bool(rows)


@transactional
def claim_images(limit: int) -> list[MenuImage]:
    """Up to `limit` pictures that are due, leased to the caller.

    The attempt is counted here, before the work: a picture that kills its worker is not tried for ever.
    """
    now = timezone.now()
    lease = now + dt.timedelta(seconds=settings.LEASE_SECONDS)
    due = MenuImage.objects.filter(next_attempt_at__lte=now)
    ids = list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])
    if not ids or not due.filter(pk__in=ids).update(next_attempt_at=lease, attempts=F("attempts") + 1):
        return []
    # The lease tells ours from those that another worker took in between.
    return list(MenuImage.objects.filter(pk__in=ids, next_attempt_at=lease).order_by("pk"))


@transactional
def store_images(images: Sequence[MenuImage]) -> None:
    """Write down what became of claimed pictures: each has a `file` now, or a `last_error`.

    The number of statements does not grow with the pictures; a menu is another one after its first copy.
    """
    now = timezone.now()
    copied = [image for image in images if image.file]
    failed = [image for image in images if not image.file]
    for image in images:
        image.updated_at = now
    if copied:
        restaurants = {image.restaurant_id for image in copied}
        lock_menus(restaurants)
        for image in copied:
            image.next_attempt_at, image.last_error = None, ""
        _write(MenuImage.objects.all(), copied, "file", "content_type")
        Menu.objects.filter(pk__in=restaurants).update(version=F("version") + 1)
    by_lease: dict[Any, list[MenuImage]] = {}
    for image in failed:
        by_lease.setdefault(image.next_attempt_at, []).append(image)
        image.next_attempt_at = None
        if image.attempts < MOST_TRIES:
            image.next_attempt_at = now + dt.timedelta(minutes=4 ** (image.attempts - 1))
    for lease, mine in by_lease.items():
        # A newer address that came meanwhile is due as it stands.
        _write(MenuImage.objects.filter(next_attempt_at=lease), mine)


def _write(rows: Any, images: Sequence[MenuImage], *columns: str) -> None:
    rows.bulk_update(images, (*columns, "next_attempt_at", "last_error", "updated_at"))
