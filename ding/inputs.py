"""What clients may send: a field that nobody knows is refused, for it is a typo or a wish that goes unheard."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from rest_framework import serializers

MOST_NAMED = 20
MOST_CHARACTERS = 60


class Input(serializers.Serializer):
    """A body of which every field is known, at every level where this class stands."""

    # Names that somebody else reads from the same place.
    read_elsewhere: ClassVar[frozenset[str]] = frozenset()

    def to_internal_value(self, data: Any) -> Any:
        """The values; all errors together, those of unknown fields too."""
        unknown = self._unknown(data) if isinstance(data, Mapping) else {}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**_as_dict(error.detail), **unknown}) from error
        if unknown:
            raise serializers.ValidationError(unknown)
        return values

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, list[serializers.ErrorDetail]]:
        known = self.fields.keys() | self.read_elsewhere
        names = [name for name in data if name not in known]
        return {name[:MOST_CHARACTERS]: [self._explained(name)] for name in names[:MOST_NAMED]}

    def _explained(self, name: str) -> serializers.ErrorDetail:
        near = get_close_matches(name[:MOST_CHARACTERS], self.fields, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(self.fields)}."
        return serializers.ErrorDetail(f"There is no such field. {hint}", "unknown_field")


class Query(Input):
    """The parameters of an address; those of paging are read by the pages themselves."""

    read_elsewhere = frozenset({"cursor", "limit"})


def _as_dict(detail: Any) -> dict[str, Any]:
    return dict(detail) if isinstance(detail, dict) else {"non_field_errors": detail}
