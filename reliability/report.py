"""The table of the last run in docs/reliability.md, between two markers."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from reliability.faults import FAULTS
from reliability.figures import Figure, Result

BEGIN, END = "<!-- the rig writes from here -->", "<!-- to here -->"
_ROW = "| {0} | {1} | {2} | {3} | {4} | {5} |"


def write(path: Path, results: Sequence[Result], seed: int) -> None:
    """Put the rows of these faults in; rows of faults that were not run stay as they were."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {
        line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith(("| F", "| R"))
    }
    for result in results:
        if result.id in FAULTS:
            rows[result.id] = _row(result, seed)
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


def _row(result: Result, seed: int) -> str:
    fault = FAULTS[result.id]
    figures = "<br>".join(_told(figure) for figure in result.figures)
    if result.error:
        figures = f"**broke off**: {result.error.strip().splitlines()[-1]}<br>{figures}"
    when = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, seed {seed}, {_commit()}"
    cells = (result.id, fault.title, figures, fault.carried_by, when, f"{result.duration:.0f} s")
    return _ROW.format(*(cell.replace("|", "/").replace("\n", " ") for cell in cells))


def _told(figure: Figure) -> str:
    return str(figure) if figure.is_good else f"**missed: {figure}**"


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return found.stdout.strip() or os.environ.get("COMMIT", "")


ROOT = Path(__file__).resolve().parent.parent
