"""Pictures that no menu names any more: file and row go."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path

from django.conf import settings

from menus.images import source_key
from menus.models import Category, Item, MenuImage


def drop_unused_images(before: dt.datetime) -> int:
    """Delete copies that were made before, and that no category and no dish of their restaurant shows."""
    count = 0
    restaurants = (
        MenuImage.objects.filter(updated_at__lt=before).values_list("restaurant", flat=True).distinct()
    )
    for restaurant_id in list(restaurants):
        named = {
            source_key(url)
            for model in (Category, Item)
            for url in model.objects.filter(restaurant_id=restaurant_id)
            .exclude(image_url="")
            .values_list("image_url", flat=True)
        }
        old = MenuImage.objects.filter(restaurant_id=restaurant_id, updated_at__lt=before)
        unused = [image for image in old if image.source_key not in named]
        files = {image.file for image in unused if image.file}
        count += MenuImage.objects.filter(pk__in=[image.pk for image in unused]).delete()[0]
        # The same picture may stand under two addresses.
        kept = set(
            MenuImage.objects.filter(restaurant_id=restaurant_id, file__in=files).values_list(
                "file", flat=True
            )
        )
        for name in files - kept:
            with contextlib.suppress(FileNotFoundError):
                (Path(settings.MEDIA_ROOT) / name).unlink()
    return count
