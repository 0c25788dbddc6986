"""Copied pictures, to whoever asks: they are on a public menu."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest
from django.views.decorators.http import require_safe

# The whole path: nothing that it matches leads elsewhere.
_PREFIX = re.escape(urlsplit(settings.MEDIA_URL).path.lstrip("/"))
MENU_IMAGE = rf"^{_PREFIX}(?P<name>menu/[0-9]+/[0-9a-f]{{64}}\.(?P<kind>jpg|png|webp|gif))$"
_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}


@require_safe
def menu_image(request: HttpRequest, name: str, kind: str) -> FileResponse:
    """A picture by the hash of its content, which therefore never changes."""
    try:
        file = (Path(settings.MEDIA_ROOT) / name).open("rb")
    except OSError as error:
        raise Http404 from error
    return FileResponse(
        file,
        content_type=_TYPES[kind],
        headers={
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
        },
    )
