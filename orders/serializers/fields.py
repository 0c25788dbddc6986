"""Fields that take no surprises: each refuses what a client should not have sent, in words."""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

PAYMENT_TYPES = ("CASH", "COD", "CARD", "UPI", "WALLET", "ONLINE", "CREDIT", "OTHER")
MOST_LINES = 200
MOST_ADDONS = 50
MOST_ID = 2**63 - 1
# More than any rule allows, and still a number that every database takes.
MOST_COUNT = 2**31 - 1


class OnlyText(serializers.Field):
    """A field that takes JSON strings, not whatever could be printed as one.

    Where it may be left out, null says the same: many clients write each field that they know.
    """

    default_error_messages = {"text": "Not a valid string."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_null": "default" in kwargs, **kwargs})

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Null is what `empty` is."""
        return super().validate_empty_values(empty if data is None and not self.required else data)

    def run_validation(self, data: Any = empty) -> Any:
        """Refuse other types before anything tries to print them."""
        if data is not empty and data is not None and not isinstance(data, str):
            self.fail("text")
        return super().run_validation(data)


class Text(OnlyText, serializers.CharField):
    """Text without control characters; on one line, unless `lines`."""

    default_error_messages = {
        "control": "Remove control characters.",
        "one_line": "Write it on one line, without control characters.",
    }

    def __init__(self, *, lines: bool = False, **kwargs: Any) -> None:
        self._lines = lines
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The text, trimmed."""
        text = super().to_internal_value(data)
        if self._lines:
            text = text.replace("\r\n", "\n")
        allowed = "\n\t" if self._lines else ""
        if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in allowed for c in text):
            self.fail("control" if self._lines else "one_line")
        return text


class Email(OnlyText, serializers.EmailField):
    """An address, or nothing."""


class OnlyBoolean(serializers.BooleanField):
    """A field that takes JSON's true and false, not what could be read as one."""

    def run_validation(self, data: Any = empty) -> Any:
        """Refuse other types."""
        if data is not empty and not isinstance(data, bool):
            self.fail("invalid", input=data)
        return super().run_validation(data)


class Choice(OnlyText, serializers.ChoiceField):
    """One of some words; the error names them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error_messages["invalid_choice"] = f'"{{input}}" is none of {", ".join(self.choices)}.'


class Word(Choice):
    """One of some words, in any case."""

    def to_internal_value(self, data: Any) -> Any:
        """The word as we write it."""
        return super().to_internal_value(data.upper())


class Lower(Choice):
    """One of some words, exactly."""


class Amount(serializers.DecimalField):
    """Money, as a JSON number or string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, **kwargs)

    def run_validation(self, data: Any = empty) -> Decimal | None:
        """Refuse numbers that are too long to be printed, too."""
        try:
            return super().run_validation(data)
        except (ValueError, ArithmeticError):
            self.fail("invalid")


class Moment(serializers.DateTimeField):
    """A time that says its UTC offset."""

    default_error_messages = {"naive": "Add the UTC offset, as in 2026-01-15T19:30:00+05:30."}

    def enforce_timezone(self, value: dt.datetime) -> dt.datetime:
        """Refuse a time that could be anywhere; the rest in UTC."""
        if timezone.is_naive(value):
            self.fail("naive")
        return super().enforce_timezone(value)


@extend_schema_field({"type": "number", "format": "double"})
class Degrees(serializers.Field):
    """A coordinate, as a JSON number or string; kept as text with 6 places. Empty or null: not known."""

    default_error_messages = {"invalid": "A number between -{limit} and {limit} is needed."}

    def __init__(self, *, limit: int, **kwargs: Any) -> None:
        self._limit = limit
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        """The number as text."""
        if data == "":
            return ""
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            self.fail("invalid", limit=self._limit)
        try:
            number = float(data)
        except (ValueError, OverflowError):
            number = math.inf
        if not abs(number) <= self._limit:  # not a number is not in any range
            self.fail("invalid", limit=self._limit)
        return f"{number:.6f}"

    def to_representation(self, value: Any) -> str:
        """Text."""
        return str(value)


def id_field(**kwargs: Any) -> serializers.IntegerField:
    """The id of a row."""
    return serializers.IntegerField(min_value=1, max_value=MOST_ID, **kwargs)


def count_field(**kwargs: Any) -> serializers.IntegerField:
    """A number of things; which numbers make sense is a rule of the basket, not of the field."""
    return serializers.IntegerField(min_value=-MOST_COUNT, max_value=MOST_COUNT, **kwargs)


def phone_rule() -> RegexValidator:
    """A phone number as a telephone network takes it."""
    return RegexValidator(
        r"^\+?[0-9]{7,15}\Z", "Write 7 to 15 digits, with a + before a country code.", "phone"
    )


def pickup_code_rule() -> RegexValidator:
    """What a guest can read out at the counter."""
    return RegexValidator(r"^[0-9]{4,10}\Z", "Write 4 to 10 digits.", "pickup_code")
