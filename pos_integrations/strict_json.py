"""Bytes from a stranger → JSON values, or one named error.

Python's `json` takes more than JSON (NaN, duplicate keys, UTF-16, lone surrogates) and raises four kinds
of exceptions; MariaDB's JSON check refuses some of what it takes. Here there is one rule and one error.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from pos_integrations.errors import MalformedPayload

MAX_DEPTH = 20
MAX_NUMBER_LENGTH = 40

# One that does not end reaches to the end: else each of a million quotes would be tried as a beginning.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def parse(raw: bytes) -> Any:
    """The value in `raw`.

    Raises:
        MalformedPayload: not UTF-8, not JSON, nested deeper than `MAX_DEPTH`, a key twice in one
            object, NaN or infinity, a number longer than `MAX_NUMBER_LENGTH`, or half a character.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedPayload("The body is not UTF-8 text.") from error
    if _depth(text) > MAX_DEPTH:
        raise MalformedPayload(f"The body is nested deeper than {MAX_DEPTH} levels.")
    try:
        value = _decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload(f"The body is not valid JSON: {error}") from error
    # An escaped lone surrogate passes the decoder; no database and no UTF-8 writer takes it.
    if "\\u" in text and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise MalformedPayload("The body holds half of a Unicode character (a lone surrogate).")
    return value


def parse_object(raw: bytes) -> dict[str, Any]:
    """Like `parse`, for a body that must be a JSON object."""
    value = parse(raw)
    if not isinstance(value, dict):
        raise MalformedPayload("The body must be a JSON object.")
    return value


def _depth(text: str) -> int:
    # Counted before parsing: the parser itself recurses.
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return 0
    deepest = depth = 0
    for character in re.sub(r"[^][{}]+", "", _STRING.sub("", text)):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        else:
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"the key {name[:40]!r} is there twice")
        result[name] = value
    return result


def _parse_int(digits: str) -> int:
    _check_length(digits)
    return int(digits)


def _parse_float(digits: str) -> float:
    _check_length(digits)
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _check_length(digits: str) -> None:
    if len(digits) > MAX_NUMBER_LENGTH:
        raise ValueError(f"a number has more than {MAX_NUMBER_LENGTH} characters")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Made once: `json.loads` makes one for each text.
_decode = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_parse_int, parse_float=_parse_float, object_pairs_hook=_object
).decode
