"""What moves in PetPooja's menu document although the menu does not, and a hash of the rest.

Each answer carries the time of day, and each picture's address a signature that is made anew at each fetch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

_TIME, _IMAGE = b'"serverdatetime"', b'image_url"'
_TEXT = re.compile(rb'\s*:\s*"([^"]*)"')
# Only where the path itself names a picture: else the query says which one it is.
_SIGNED = re.compile(rb'\s*:\s*"[^"?]*\.(?:jpe?g|png|webp|gif)(\?[^"]*)"', re.IGNORECASE)


def _spans(raw: bytes, name: bytes, value: re.Pattern[bytes]) -> Iterator[tuple[int, int]]:
    """Where the moving part of each member of that name stands. `find`, for a pattern would walk megabytes."""
    at = raw.find(name)
    while at >= 0:
        end = at + len(name)
        # A name inside a text would have its quotes escaped.
        if raw[at - 1 : at] != b"\\" and raw[end - 2 : end - 1] != b"\\" and (found := value.match(raw, end)):
            yield found.span(1)
        at = raw.find(name, end)


def digests(raw: bytes) -> tuple[str, str]:
    """The hash of `raw` without the time and the signatures, and the hash of the signatures.

    Piece by piece: a menu is large.
    """
    times, signatures = list(_spans(raw, _TIME, _TEXT)), list(_spans(raw, _IMAGE, _SIGNED))
    stable, signed = hashlib.blake2b(digest_size=32), hashlib.blake2b(digest_size=32)
    view, at = memoryview(raw), 0
    for begin, end in sorted(times + signatures):
        stable.update(view[at:begin])
        # So that what stands before and after cannot be told apart differently.
        stable.update(b"\0")
        at = end
    stable.update(view[at:])
    for begin, end in signatures:
        signed.update(view[begin:end])
        signed.update(b"\0")
    return stable.hexdigest(), signed.hexdigest()
