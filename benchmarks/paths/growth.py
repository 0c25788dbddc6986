"""The same paths with empty tables and with large ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks.measure import Figure
from benchmarks.paths import orders, webhooks

if TYPE_CHECKING:
    from benchmarks.bench import Bench

COPIES = 1_000_000


def run(bench: Bench) -> Iterator[Figure]:
    """A million orders, five million status rows, five million webhook logs."""
    before = _measured(bench)
    size = bench.size(COPIES, 1_000)
    bench.fill(size)
    kept, bench.empty_tables = bench.empty_tables, lambda: None  # type: ignore[method-assign]
    try:
        after = _measured(bench)
    finally:
        bench.empty_tables = kept  # type: ignore[method-assign]
    for name, rate in after.items():
        floor = before[name]
        yield Figure(
            "growth",
            f"{name}, {size:,} orders, {5 * size:,} status rows and webhook logs",
            rate,
            "per s",
            "with empty tables",
            floor,
            "≥ 0.67",
            rate * 1.5 >= floor,
        )
    bench.empty_tables()


def _measured(bench: Bench) -> dict[str, float]:
    found: dict[str, float] = {}
    found["webhook in"] = webhooks.rate_of_taking_in(bench)
    found["webhook applied"] = webhooks.rate_of_applying(bench)
    for figure in orders.placing(bench, 5):
        found["order placed"] = figure.value
    found["order read"] = orders.rate_of_reading(bench)
    return found
