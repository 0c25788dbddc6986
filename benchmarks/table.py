"""The figures as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Figure

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _ratio(figure: Figure) -> str:
    if figure.ratio is None:
        return ""
    if figure.ratio < 0.1:
        return f"{figure.ratio:.2g}"
    return f"{figure.ratio:.2f}" if figure.ratio < 10 else f"{figure.ratio:.0f}"


def line(figure: Figure) -> str:
    """One figure on one line, while the run goes on."""
    floor = (
        f", floor {_number(figure.floor)} ({figure.floor_name}), ratio {_ratio(figure)}"
        if figure.floor
        else ""
    )
    met = "" if figure.met is None else (" ok" if figure.met else " MISSED")
    goal = f" [{figure.goal}]{met}" if figure.goal else ""
    return f"{figure.path} {figure.case}: {_number(figure.value)} {figure.unit}{floor}{goal} {figure.note}"


def as_markdown(figures: Sequence[Figure], facts: Mapping[str, str]) -> str:
    """The table, and what it ran on."""
    head = (
        "| path | case | ding | unit | floor | of what | ratio | goal | p50 / p95 / p99 ms | CPU s per 1,000 "
        "| peak MB |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
    )
    rows = []
    for f in figures:
        times = " / ".join(_number(value) for value in (f.p50, f.p95, f.p99)) if f.p50 is not None else ""
        memory = ", ".join(f"{name} {size}" for name, size in f.memory.items())
        met = "" if f.met is None else (" ✓" if f.met else " ✗")
        case = f"{f.case} ({f.note})" if f.note else f.case
        cells = (f.path, case, _number(f.value), f.unit, _number(f.floor), f.floor_name, _ratio(f))
        rows.append(
            f"| {' | '.join(cells)} | {f.goal}{met} | {times} | {_number(f.cpu_per_1000)} | {memory} |\n"
        )
    told = ", ".join(f"{name}: {value}" for name, value in facts.items())
    return f"{told}\n\n{head}{''.join(rows)}"


def write_into(page: Path, figures: Sequence[Figure], facts: Mapping[str, str]) -> None:
    """Replace what stands between the markers of the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{as_markdown(figures, facts)}{END}{after}")
