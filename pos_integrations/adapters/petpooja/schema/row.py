"""What all that comes in has in common."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Row(BaseModel):
    """One object of theirs; what we do not know is ignored.

    `kind`, `id_field`: how a report names it. `essential`: without these, beside the required ones, it is of
    no use; any other field that cannot be read is taken as absent.
    """

    model_config = ConfigDict(extra="ignore")
    kind: ClassVar[str] = ""
    id_field: ClassVar[str] = ""
    essential: ClassVar[frozenset[str]] = frozenset()
