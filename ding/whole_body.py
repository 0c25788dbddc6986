"""A request's body for those who answer without Django, which may have to read it again."""

from __future__ import annotations

import io
from typing import Any


def whole_body(environ: dict[str, Any], most: int) -> bytes | None:
    """All of it; None when it is larger than `most` bytes, or not as long as it says."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > most:
        return None
    body: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    return body if len(body) == int(length) else None
