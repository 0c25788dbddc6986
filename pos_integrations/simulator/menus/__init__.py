"""The menus that the simulated POS publishes: two samples in files, and big ones made to order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pos_integrations.simulator.menus.generator import make_menu

__all__ = ["SAMPLE_CODES", "make_menu", "sample_menu"]

FOLDER = Path(__file__).parent

# The mapping codes of the samples. `abcd1234`: PetPooja's published example, prices before tax;
# `efgh5678`: an excerpt of a menu from production, prices with the tax inside.
SAMPLE_CODES = ("abcd1234", "efgh5678")


def sample_menu(code: str) -> dict[str, Any]:
    """A fresh copy of the sample menu of that mapping code."""
    if code not in SAMPLE_CODES:
        raise ValueError(f"There is no sample menu {code!r}; there are {', '.join(SAMPLE_CODES)}.")
    document: dict[str, Any] = json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))
    return document
