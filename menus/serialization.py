"""The parts of a menu that are kept as JSON: there and back without loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from menus.snapshot import Charges, DiscountSnapshot, GroupOffer, OpeningWindow

_charges = TypeAdapter(Charges)
_discount = TypeAdapter(DiscountSnapshot)
_offers = TypeAdapter(tuple[GroupOffer, ...])
_opening = TypeAdapter(tuple[OpeningWindow, ...])


def charges_as_json(charges: Charges) -> dict[str, Any]:
    """For `Menu.charges`."""
    value: dict[str, Any] = _charges.dump_python(charges, mode="json")
    return value


def charges_from_json(value: Mapping[str, Any]) -> Charges:
    """From `Menu.charges`; what is missing has its default."""
    return _charges.validate_python(value)


def discount_as_json(discount: DiscountSnapshot) -> dict[str, Any]:
    """For `Discount.rule`."""
    value: dict[str, Any] = _discount.dump_python(discount, mode="json")
    return value


def discount_from_json(value: Mapping[str, Any]) -> DiscountSnapshot:
    """From `Discount.rule`."""
    return _discount.validate_python(value)


def offers_as_json(offers: Iterable[GroupOffer]) -> list[dict[str, Any]]:
    """For `addon_groups` of items and variations."""
    return [{"group_id": o.group_id, "minimum": o.minimum, "maximum": o.maximum} for o in offers]


def offers_from_json(value: Any) -> tuple[GroupOffer, ...]:
    """From `addon_groups` of items and variations."""
    return _offers.validate_python(value)


def opening_as_json(opening: Iterable[OpeningWindow]) -> list[dict[str, Any]]:
    """For `Category.opening`."""
    value: list[dict[str, Any]] = _opening.dump_python(tuple(opening), mode="json")
    return value


def opening_from_json(value: Any) -> tuple[OpeningWindow, ...]:
    """From `Category.opening`."""
    return _opening.validate_python(value)
