"""Pictures of menus → files of ours, before their signed addresses expire.

Through the guarded door, for an address comes from outside; and kept only if it is a picture, for it is
served from our own name. A picture that cannot be had leaves the menu with the POS's address.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from django.conf import settings

from menus.models import MenuImage
from menus.services import claim_images, store_images
from pos_integrations.errors import PosError
from pos_integrations.http import PosHttp

logger = logging.getLogger(__name__)

MAX_BYTES = 5 * 1024 * 1024
# All of a batch's calls end before the lease does, and before the task's time limit.
TIMEOUT_SECONDS = 10.0
AT_ONCE = 8

# First bytes, and those after eight. Never SVG, which is a document with scripts.
_KINDS = (
    (b"\xff\xd8\xff", b"", "jpg", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", b"", "png", "image/png"),
    (b"GIF87a", b"", "gif", "image/gif"),
    (b"GIF89a", b"", "gif", "image/gif"),
    (b"RIFF", b"WEBP", "webp", "image/webp"),
)


class NoPicture(Exception):
    """What came is not a picture that we keep."""


def copy_due(limit: int = 2 * AT_ONCE) -> int:
    """Copy up to `limit` pictures that are due; how many were tried."""
    images = claim_images(limit)
    if images:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(_copy, images))
        store_images(images)
    return len(images)


def _copy(image: MenuImage) -> None:
    """Fetch and keep one picture: sets its `file`, or its `last_error`. Touches no database."""
    try:
        content = _fetched(image.url)
        extension, image.content_type = _kind_of(content)
        image.file = _kept(image.restaurant_id, content, extension)
    except PosError as error:
        image.last_error = error.message[:500]
    except (NoPicture, OSError) as error:
        image.last_error = str(error)[:500]
    except Exception:  # a mistake of ours: one picture must not hold up the others
        logger.exception("Copying a picture broke.", extra={"image": image.pk})
        image.last_error = "Copying broke; the log says where."


def _fetched(url: str) -> bytes:
    http = PosHttp(
        timeout_seconds=TIMEOUT_SECONDS,
        allowed_networks=settings.POS_ALLOWED_NETWORKS,
        allow_plain_http=settings.POS_ALLOW_PLAIN_HTTP,
    )
    answer = http.get(url, max_bytes=MAX_BYTES)
    if answer.status != 200:
        raise NoPicture(f"The picture's address answers HTTP {answer.status}.")
    return answer.body


def _kind_of(content: bytes) -> tuple[str, str]:
    for start, at_eight, extension, content_type in _KINDS:
        if content.startswith(start) and content.startswith(at_eight, 8):
            return extension, content_type
    raise NoPicture("What came is not a JPEG, PNG, WebP or GIF.")


def _kept(restaurant_id: int, content: bytes, extension: str) -> str:
    """The path below MEDIA_ROOT of a file with `content`: there whole or not at all."""
    name = f"menu/{restaurant_id}/{hashlib.sha256(content).hexdigest()}.{extension}"
    path = Path(settings.MEDIA_ROOT) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            # The web server may be another user.
            os.chmod(temporary, 0o644)  # noqa: S103
            os.replace(temporary, path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    return name
