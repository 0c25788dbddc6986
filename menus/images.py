"""Whose picture an address shows, whatever it is signed with today.

A POS may sign its pictures' addresses for a day and anew at each fetch; the signature is in the query.
"""

from __future__ import annotations

import hashlib

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif")


def source_of(url: str) -> str:
    """The address without its signature.

    Only where the path itself names a picture: in `image.php?id=7` the query says which one.
    """
    address = url.partition("#")[0]
    path = address.partition("?")[0]
    return path if path.lower().endswith(_PICTURES) else address


def source_key(url: str) -> str:
    """`source_of(url)` as a key of fixed length."""
    return hashlib.sha256(source_of(url).encode("utf-8", "surrogatepass")).hexdigest()
