"""The table of the last run in docs/reliability.md, between two markers."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
from pathlib import Path

from reliability.faults import FAULTS
from reliability.figures import Figure, Result, added_up

BEGIN, END = "<!-- the rig writes from here -->", "<!-- to here -->"
_ROW = "| {0} | {1} | {2} | {3} | {4} | {5} |"
_FIGURE = re.compile(r"(.+?) (-?[0-9.]+)(?:/([0-9]+))?(?: (s|MB))?(?: \(≤ ([0-9.e+]+)\))?")


def write(path: Path, result: Result, seed: int, *, add: bool = False) -> None:
    """Put the row of this fault in, or `add` its figures to those that stand there; other rows stay as they were."""
    if result.id not in FAULTS:
        return
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {
        line.split("|")[1].strip(): line
        for line in table.splitlines()
        if line.startswith(("| F", "| R", "| X"))
    }
    rows[result.id] = _row(result, seed, rows.get(result.id, "") if add else "")
    lines = [
        BEGIN,
        "",
        _ROW.format("fault", "what is done", "figures", "carried by", "run", "took"),
        "|---|---|---|---|---|---|",
        *(rows[id] for id in sorted(rows)),
        "",
        END,
    ]
    path.write_text(before + "\n".join(lines) + after)


def _row(result: Result, seed: int, before: str) -> str:
    fault = FAULTS[result.id]
    told, took = list(result.figures), result.duration
    when = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, seed {seed}, {_commit()}"
    broke_off = [f"**broke off**: {result.error.strip().splitlines()[-1]}"] if result.error else []
    if before:
        cells = [cell.strip() for cell in before.split(" | ")]
        figures = cells[2].split("<br>")
        broke_off += [line for line in figures if line.startswith("**broke off")]
        told = added_up([*(figure for line in figures if (figure := read(line))), *told])
        when = f"{cells[4]}; {when}"
        took += float(cells[5].split(" ")[0])
    figures = [*broke_off, *map(_told, told)]
    cells = [result.id, fault.title, "<br>".join(figures), fault.carried_by, when, f"{took:.0f} s"]
    return _ROW.format(*(cell.replace("|", "/").replace("\n", " ") for cell in cells))


def _told(figure: Figure) -> str:
    return str(figure) if figure.is_good else f"**missed: {figure}**"


def read(text: str) -> Figure | None:
    """A figure as it stands in the table; None when it is none."""
    match = _FIGURE.fullmatch(text.removeprefix("**missed: ").removesuffix("**"))
    if match is None:
        return None
    name, found, chances, unit, limit = match.groups()
    told = chances is None and limit is None
    return Figure(
        name, float(found), int(chances) if chances else None, float(limit or 0), unit or "", told=told
    )


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return found.stdout.strip() or os.environ.get("COMMIT", "")


ROOT = Path(__file__).resolve().parent.parent
