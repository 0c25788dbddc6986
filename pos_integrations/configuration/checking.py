"""What is wrong with a configured value, if anything: the declaration of its field is the rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from pos_integrations.adapters.base import ConfigField, FieldType, Level, PosAdapter
from pos_integrations.configuration.core_fields import fields_of
from pos_integrations.fields import PREFIX, Secret


def check_values(
    adapter: PosAdapter, values: Mapping[str, Any], level: Level
) -> dict[str, list[dict[str, Any]]]:
    """What is wrong with configured `values`, by field; empty when all is well. None means "not set here"."""
    known = {field.name: field for field in fields_of(adapter)}
    errors: dict[str, list[dict[str, Any]]] = {}
    for name, value in values.items():
        field = known.get(name)
        problem: tuple[str, str] | None
        if field is None:
            problem = ("unknown_field", f"There is no such field; there are {', '.join(sorted(known))}.")
        elif field.level not in (level, Level.BOTH):
            problem = ("wrong_level", f"{field.label} is set for the {field.level.value}.")
        elif value is None or isinstance(value, Secret):
            continue
        else:
            problem = problem_with(field, value)
        if problem:
            errors[name] = [{"rule": problem[0], "message": problem[1]}]
    return errors


def problem_with(field: ConfigField, value: Any) -> tuple[str, str] | None:
    """The rule that `value` breaks and a message, None when it is fine."""
    if field.type is FieldType.INTEGER:
        if not isinstance(value, int) or isinstance(value, bool):
            return "integer", f"{field.label} must be a whole number."
        if field.minimum is not None and value < field.minimum:
            return "minimum", f"{field.label} must be at least {field.minimum}."
        if field.maximum is not None and value > field.maximum:
            return "maximum", f"{field.label} must be at most {field.maximum}."
        return None
    if field.type is FieldType.BOOLEAN:
        return None if isinstance(value, bool) else ("boolean", f"{field.label} must be true or false.")
    if field.type is FieldType.CHOICE:
        words = ", ".join(field.choices)
        return None if value in field.choices else ("choice", f"{field.label} must be one of {words}.")
    if not isinstance(value, str):
        return "text", f"{field.label} must be text."
    if len(value) > 500 or any(ord(character) < 32 for character in value):
        return "text", f"{field.label} must be one line of at most 500 characters."
    if value.startswith(PREFIX):
        return "sealed", f"{field.label} must be given in the clear; it is sealed when it is saved."
    if field.type is FieldType.URL:
        return check_url(value, field.label)
    if value and field.pattern and not re.fullmatch(field.pattern, value):
        return "pattern", f"{field.label}: {field.pattern_help}"
    return None


def check_url(value: str, label: str) -> tuple[str, str] | None:
    """What is wrong with the address of a POS, if anything."""
    schemes = ("https", "http") if settings.POS_ALLOW_PLAIN_HTTP else ("https",)
    if value and not re.fullmatch(rf"({'|'.join(schemes)})://[A-Za-z0-9.\-\[\]:]+(/[^\s?#@]*)?", value):
        return "url", f"{label} must be an address like https://host/path, without user, query or fragment."
    return None
