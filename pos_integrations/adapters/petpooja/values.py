"""One value of PetPooja's in every spelling it comes in.

PetPooja writes numbers as text, flags as "1" and "0", lists as "1,2,3", and leaves a fact out as "", null
or a missing key, not always the same way for the same field. The types below take every spelling seen
and give one. What none of them takes is a `ValueError` in words, for the caller to report.

Source: PetPooja online ordering API v2.1.0 reference; its type column disagrees with its own examples.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, TypeVar

from pydantic import PlainValidator

from menus.snapshot import AmountKind, ChargeBase, DiscountScope, PackingMode

MAX_DIGITS = 40
MAX_ID = 64
MAX_NAME = 255
MAX_URL = 2000
MAX_TEXT = 5000
MAX_MONEY = Decimal("99999999.99")
MAX_RATE = Decimal("99999")
MAX_RANK = 2**31 - 1

# How many of a field's texts are remembered, and how long one may be.
REMEMBERED = 2048
LONGEST_REMEMBERED = 100

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{0,15})?|[+-]?\.\d{1,15}", re.ASCII)
# As people write thousands, in India too: 1,299.00 and 1,29,900.
_GROUPED = re.compile(r"\d{1,3}(,\d{2,3})*,\d{3}(\.\d{0,15})?", re.ASCII)
# What a rank nearly always is, and cannot be too large.
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_MINUTES = re.compile(r"(\d{1,4})(\.0+)?\s*(m|mins?|minutes?)?\.?", re.ASCII | re.IGNORECASE)
# No database and no UTF-8 writer takes half a character; a NUL or a bell is never meant.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# Only with its semicolon: "Fish &copy" is no copyright.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.ASCII | re.IGNORECASE)


def is_blank(value: Any) -> bool:
    """Whether PetPooja says nothing: null or empty text."""
    return value is None or (isinstance(value, str) and not value.strip())


def clean(text: str) -> str:
    """`text` without what no database takes, and without space around it."""
    return (text if text.isprintable() else _UNWANTED.sub("", text)).strip()


def one_line(text: str) -> str:
    """`text` with every run of white space as one space."""
    return " ".join(clean(text).split())


def unescaped(text: str) -> str:
    """`text` with HTML's way of writing signs undone, once: `Mac &amp; Cheese` → `Mac & Cheese`.

    Their dashboard is a web page, and some of what is typed there comes out as it was stored for it.
    """
    return clean(_ENTITY.sub(lambda found: html.unescape(found[0]), text)) if "&" in text else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("is not text")
    number = _number(value)
    return str(int(number)) if number == number.to_integral_value() else format(number, "f")


def texts(value: Any) -> tuple[str, ...]:
    """A list of theirs, in any of its spellings, as texts; each once, none empty.

    Raises:
        ValueError: something in it is not text.
    """
    if value == []:
        return ()
    if isinstance(value, str):
        value = value.split(",")
    elif isinstance(value, dict):
        value = list(value.values())
    elif value is None:
        value = ()
    elif not isinstance(value, list):
        value = (value,)
    found = (_text(part) for part in value)
    return tuple(dict.fromkeys(part for part in found if part))


def read_id(value: Any) -> str:
    """An id that must be there.

    Raises:
        ValueError: it is not, or it is too long or of another kind.
    """
    text = _text(value)
    if not text:
        raise ValueError("is missing")
    return _short(text, MAX_ID)


def _optional_id(value: Any) -> str:
    return _short(_text(value), MAX_ID)


def _ids(value: Any) -> tuple[str, ...]:
    return tuple(_short(text, MAX_ID) for text in texts(value))


def _name(value: Any) -> str:
    text = _optional_name(value)
    if not text:
        raise ValueError("is missing")
    return text


def _optional_name(value: Any) -> str:
    if type(value) is str and value.isprintable() and "&" not in value:
        # What `one_line` makes of such a text.
        return _short(" ".join(value.split()), MAX_NAME)
    return _short(one_line(unescaped(_text(value))), MAX_NAME)


def _long_text(value: Any) -> str:
    return _short(unescaped(_text(value)), MAX_TEXT)


def _url(value: Any) -> str:
    text = _text(value)
    if text and not text.lower().startswith(("https://", "http://")):
        raise ValueError("is not a web address")
    return _short(text, MAX_URL)


def _short(text: str, longest: int) -> str:
    if len(text) > longest:
        raise ValueError(f"is longer than {longest} characters")
    return text


def _number(value: Any) -> Decimal:
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            if not _GROUPED.fullmatch(value):
                raise ValueError("is not a number")
            value = value.replace(",", "")
    elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("is not a number")
    number = Decimal(str(value))
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError("is not a usable number")
    return number


def _money(value: Any) -> Decimal | None:
    if is_blank(value):
        return None
    number = _number(value)
    if number < 0:
        raise ValueError("is negative")
    if number > MAX_MONEY:
        raise ValueError("is too large")
    # Always two places, so that "100" and "100.00" are the same price to whoever compares.
    return number.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _price(value: Any) -> Decimal:
    money = _money(value)
    if money is None:
        raise ValueError("is missing")
    return money


def _rate(value: Any) -> Decimal:
    if is_blank(value):
        raise ValueError("is missing")
    number = _number(value.strip().removesuffix("%") if isinstance(value, str) else value)
    if number < 0:
        raise ValueError("is negative")
    if number > MAX_RATE:
        raise ValueError("is too large")
    return number.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _whole(value: Any) -> int | None:
    if type(value) is str and _DIGITS.fullmatch(value):
        return int(value)
    if is_blank(value):
        return None
    number = _number(value)
    if number != number.to_integral_value():
        raise ValueError("is not a whole number")
    if abs(number) > MAX_RANK:
        raise ValueError("is too large")
    return int(number)


def _minutes(value: Any) -> int | None:
    if is_blank(value):
        return None
    found = _MINUTES.fullmatch(_text(value))
    if not found:
        raise ValueError("is not a number of minutes")
    return int(found[1]) or None


def _hoped_minutes(value: Any) -> int | None:
    try:
        return _minutes(value)
    except ValueError:
        return None


_YES = ("1", "true", "yes", "y", "on")
_NO = ("0", "false", "no", "n", "off")


def _flag(default: bool) -> Callable[[Any], bool]:
    def read(value: Any) -> bool:
        if is_blank(value):
            return default
        if isinstance(value, bool):
            return value
        text = _text(value).lower()
        if text in _YES:
            return True
        if text in _NO:
            return False
        raise ValueError("is neither yes nor no")

    return read


def _in_stock(value: Any) -> bool:
    # Real menus say "2" for every item on sale; only an explicit no is one.
    return value is not False and hoped_text(value).lower() not in _NO


def hoped_text(value: Any) -> str:
    """`value` as text, "" when it cannot be."""
    try:
        return _text(value)
    except ValueError:
        return ""


def word(value: Any) -> str:
    """`true` → "true"; `"In Stock"`, `"in_stock"` → "instock"; "" for what is no text."""
    text = str(value).lower() if isinstance(value, bool) else hoped_text(value).lower()
    return text.replace(" ", "").replace("_", "").replace("-", "")


def _rider_flag(value: Any) -> bool | None:
    # Here, and nowhere else, success is told by a word.
    return {"success": True, "failed": False}.get(word(value), _hoped_flag(value))


def _hoped_flag(value: Any) -> bool | None:
    try:
        return None if is_blank(value) else _flag(False)(value)
    except ValueError:
        return None


def rows(value: Any) -> list[Any]:
    """A list of theirs.

    Raises:
        ValueError: it is none.
    """
    if is_blank(value) or value is False:
        return []
    if isinstance(value, dict):
        # PHP writes a list with gaps as an object: {"0": …, "2": …}, or one row without its list.
        is_list = all(key.isdigit() or isinstance(row, dict) for key, row in value.items())
        return list(value.values()) if is_list else [value]
    if not isinstance(value, list):
        raise ValueError("is not a list")
    return value


def _object(value: Any) -> dict[str, Any]:
    # PHP writes an empty object as an empty list.
    if is_blank(value) or value == []:
        return {}
    if not isinstance(value, dict):
        raise ValueError("is not an object")
    return value


def _spice_level(value: Any) -> str:
    # All that is of use in an item's `item_info`.
    return hoped_text(_object(value).get("spice_level")).replace("not-applicable", "")


def _coded(meanings: dict[str, Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        code = _text(value).lower()
        if code not in meanings:
            raise ValueError("is not a code that we know")
        return meanings[code]

    return read


class Remembered(dict[str, T]):
    """A reader that knows of a text that it has read what came out.

    A menu's prices, flags and lists of taxes are the same few texts ten thousand times; and what is the same is
    then in memory once. Texts alone are kept: to a dictionary `True`, 1 and 1.0 are one.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, read: Callable[[Any], T]) -> None:
        super().__init__()
        self.read = read

    def __call__(self, value: Any) -> T:
        """Read `value`, or know it again."""
        return self[value] if type(value) is str else self.read(value)

    def __missing__(self, text: str) -> T:
        value = self.read(text)
        if len(text) <= LONGEST_REMEMBERED:
            if len(self) >= REMEMBERED:
                self.clear()
            self[text] = value
        return value


def why(error: Any) -> str:
    """What pydantic found wrong with a field, as the words above or "is missing"."""
    cause = (error.get("ctx") or {}).get("error")
    return str(cause) if cause else "is missing"


Text = Annotated[str, PlainValidator(_long_text)]
Texts = Annotated[tuple[str, ...], PlainValidator(Remembered(texts))]
Id = Annotated[str, PlainValidator(read_id)]
OptionalId = Annotated[str, PlainValidator(Remembered(_optional_id))]
Ids = Annotated[tuple[str, ...], PlainValidator(Remembered(_ids))]
Name = Annotated[str, PlainValidator(_name)]
OptionalName = Annotated[str, PlainValidator(Remembered(_optional_name))]
Url = Annotated[str, PlainValidator(_url)]
Money = Annotated[Decimal | None, PlainValidator(Remembered(_money))]
Price = Annotated[Decimal, PlainValidator(Remembered(_price))]
Rate = Annotated[Decimal, PlainValidator(Remembered(_rate))]
Whole = Annotated[int | None, PlainValidator(_whole)]
Minutes = Annotated[int | None, PlainValidator(Remembered(_minutes))]
HopedFlag = Annotated[bool | None, PlainValidator(_hoped_flag)]
RiderFlag = Annotated[bool | None, PlainValidator(_rider_flag)]
HopedText = Annotated[str, PlainValidator(hoped_text)]
HopedMinutes = Annotated[int | None, PlainValidator(_hoped_minutes)]
On = Annotated[bool, PlainValidator(Remembered(_flag(True)))]
Off = Annotated[bool, PlainValidator(Remembered(_flag(False)))]
InStock = Annotated[bool, PlainValidator(Remembered(_in_stock))]
SpiceLevel = Annotated[str, PlainValidator(_spice_level)]
Object = Annotated[dict[str, Any], PlainValidator(_object)]

# Their codes. Note that a tax and a service charge count "core" and "total" the other way round.
PercentOrFixed = Annotated[
    AmountKind,
    PlainValidator(_coded({"": AmountKind.PERCENT, "1": AmountKind.PERCENT, "2": AmountKind.FIXED})),
]
FixedOrPercent = Annotated[
    AmountKind, PlainValidator(_coded({"": AmountKind.FIXED, "1": AmountKind.FIXED, "2": AmountKind.PERCENT}))
]
NamedKind = Annotated[
    AmountKind,
    PlainValidator(
        _coded({"": AmountKind.FIXED, "fixed": AmountKind.FIXED, "percentage": AmountKind.PERCENT})
    ),
]
TotalOrCore = Annotated[
    ChargeBase,
    PlainValidator(_coded({"": ChargeBase.CORE, "1": ChargeBase.TOTAL, "2": ChargeBase.CORE})),
]
CoreOrTotal = Annotated[
    ChargeBase,
    PlainValidator(_coded({"": ChargeBase.CORE, "1": ChargeBase.CORE, "2": ChargeBase.TOTAL})),
]
Backward = Annotated[bool, PlainValidator(_coded({"": False, "1": False, "2": True}))]
Packing = Annotated[
    PackingMode,
    PlainValidator(_coded({"": PackingMode.NONE, **{mode.value: mode for mode in PackingMode}})),
]
Scope = Annotated[
    DiscountScope,
    PlainValidator(_coded({scope.value: scope for scope in DiscountScope})),
]
