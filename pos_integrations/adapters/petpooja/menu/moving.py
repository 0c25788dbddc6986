"""What moves in PetPooja's menu document although the menu does not, and a hash of the rest.

Each answer carries the time of day, and each picture's address a signature that is made anew at each fetch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

_TIME = b'"serverdatetime"'
_TEXT = re.compile(rb'\s*:\s*"([^"]*)"')
# Only where the path itself names a picture: else the query says which one it is.
_PICTURE = re.compile(rb'image_url"\s*:\s*"[^"?]*\.(?:jpe?g|png|webp|gif)\Z', re.IGNORECASE)
LONGEST_ADDRESS = 2000
# Between a member's name and its text: a colon, and space.
BEFORE = 40


def _times(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where the times of day stand, from behind. By `rfind`: others walk through megabytes twice as long."""
    at = raw.rfind(_TIME)
    while at >= 0:
        end = at + len(_TIME)
        # A name inside a text would have its quotes escaped.
        if raw[at - 1 : at] != b"\\" and raw[end - 2 : end - 1] != b"\\" and (found := _TEXT.match(raw, end)):
            yield found.span(1)
        at = raw.rfind(_TIME, 0, at)


def _signatures(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where the queries of pictures' addresses stand: each from its question mark to the closing quote."""
    at = raw.find(b"?")
    while at >= 0:
        end = raw.find(b'"', at)
        if end < 0:
            return
        begin = raw.rfind(b'"', max(0, at - LONGEST_ADDRESS), at)
        if begin >= 0 and _PICTURE.search(raw, max(0, begin - BEFORE), at):
            yield at, end
        # Of one text only the first question mark counts.
        at = raw.find(b"?", end)


def digests(raw: bytes) -> tuple[str, str]:
    """The hash of `raw` without the time and the signatures, and the hash of the signatures.

    Piece by piece: a menu is large.
    """
    times, signatures = list(_times(raw)), list(_signatures(raw))
    # Twice as fast as others where the processor helps, and nearly all do.
    stable, signed = hashlib.sha256(), hashlib.sha256()
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
