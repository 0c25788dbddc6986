"""A JSON object read a piece of its text at a time, its long lists row by row.

A menu's text takes up to four times its bytes, and its values seven times: whole, neither is ever there.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

PIECE = 256 * 1024

_SPACE = re.compile(r"[ \t\n\r]*")


def members(
    raw: bytes, decoder: json.JSONDecoder, rows: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any] | None:
    """The members of the object in `raw`; None when it holds another value.

    `rows`: by member, what is made of each row of that list as soon as it is read, in the row's place.

    Raises:
        ValueError, RecursionError: it is not JSON.
    """
    text = _Text(raw, decoder)
    if not text.took("{"):
        text.value()
        return None
    found: dict[str, Any] = {}
    more = not text.took("}")
    while more:
        name = text.value() if text.sees('"') else text.wrong("a name in double quotes")
        text.expect(":")
        make = rows.get(name)
        found[name] = [make(row) for row in text.elements()] if make and text.sees("[") else text.value()
        more = text.took(",")
        if not more:
            text.expect("}")
    if not text.sees(""):
        text.wrong("the end")
    return found


class _Text:
    """The text of `raw`, decoded as far as it is needed; `at`: how far it is read."""

    def __init__(self, raw: bytes, decoder: json.JSONDecoder) -> None:
        self.raw, self.decoded = memoryview(raw), 0
        self.scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self.text, self.at = "", 0

    def sees(self, sign: str) -> bool:
        """Whether `sign` is next, white space aside; "" is the end."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text):
                return bool(sign) and self.text[self.at] == sign
            if not self._more():
                return not sign

    def took(self, sign: str) -> bool:
        """As `sees`, and goes on behind it."""
        seen = self.sees(sign)
        self.at += seen
        return seen

    def expect(self, sign: str) -> None:
        """Go on behind `sign`, which must be there."""
        if not self.took(sign):
            self.wrong(repr(sign))

    def value(self) -> Any:
        """The next value."""
        while True:
            self.sees("")
            try:
                value, end = self.scan(self.text, self.at)
            except (ValueError, StopIteration):
                # Wrong, or cut off by the end of the piece.
                if not self._more():
                    self.wrong("a value")
                continue
            # Of a number the rest may be in the next piece: of 1.5e+3 up to "e+" was seen and not taken.
            if end + 2 < len(self.text) or not self._more():
                self.at = end
                return value

    def elements(self) -> Iterator[Any]:
        """The elements of the list that is next."""
        self.expect("[")
        more = not self.took("]")
        while more:
            yield self.value()
            more = self.took(",")
            if not more:
                self.expect("]")

    def wrong(self, wanted: str) -> Any:
        """Raise: what is next is not what is `wanted`."""
        found = self.text[self.at : self.at + 20] or "the end"
        raise ValueError(f"{wanted} was expected where there is {found!r}")

    def _more(self) -> bool:
        """Decode a further piece; False at the end. Twice as much as is waiting, so nothing is read often."""
        size = max(PIECE, 2 * (len(self.text) - self.at))
        piece = self.raw[self.decoded : self.decoded + size]
        if not piece:
            return False
        self.decoded += len(piece)
        # What was read is dropped.
        self.text = self.text[self.at :] + self.decoder.decode(piece, final=self.decoded == len(self.raw))
        self.at = 0
        return True
