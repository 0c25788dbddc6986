"""ding under faults: `python -m reliability [--smoke] [--only F01,F05=50] [--seed 1] [--sabotage NAME]`.

Prints one line per fault and figure, and ends with 1 when a figure is not what it must be. After the faults
ding is spoilt on purpose, and the rig must see it.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

from reliability import report
from reliability.checks import secrets_seen
from reliability.faults import FAULTS, Fault
from reliability.figures import Result, added_up, told
from reliability.rig import Rig
from reliability.sanity import SHOWN_BY, unnoticed

# What a release claims.
TOTALS = (
    "kills", "secret_seen", "unclear_sends", "acked_lost", "acked_not_worked_off", "effect_missing", "effect_dup", "valid_refused",
    "input_5xx", "orders_lost", "orders_twice", "pos_dup", "blind_resend", "late_push", "orders_open_past_deadline",
    "callbacks_lost", "lost_after_flush", "torn_menu", "wipe_applied", "forged_accepted", "cross_tenant_effect",
    "worker_death_by_input",
)  # fmt: skip


def main() -> int:
    """Run what was asked for; the exit code."""
    # Whoever ends the rig ends what it started too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = _options()
    seed = options.seed if options.seed is not None else random.randrange(100_000)
    chosen = _chosen(options)
    print(f"seed {seed}", flush=True)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="ding-rig-") as name:
        folder = Path(options.folder or name)
        with Rig(folder, seed) as rig:
            spoil = rig.spoilt(options.sabotage) if options.sabotage else nullcontext()
            with spoil:
                for fault, trials in chosen:
                    results.append(_try(rig, fault, trials))
                    if options.report and not options.sabotage:
                        report.write(Path(options.report), results[-1], seed, add=options.add)
            results.append(_try(rig, _LOGS, 1))
            if not options.only:
                results += [_try(rig, fault, 1) for fault in _sanity()]
    print("all faults together", flush=True)
    for figure in added_up(figure for result in results for figure in result.figures):
        if figure.name in TOTALS:
            print(f"      {figure}", flush=True)
    bad = [result.id for result in results if not result.is_good]
    print(f"{len(results) - len(bad)} of {len(results)} faults were borne.", flush=True)
    if bad:
        print(f"MISSED: {', '.join(bad)}", flush=True)
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="reliability", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="the short run")
    parser.add_argument("--only", default="", help="F01,F05 or F03=200 for another number of trials")
    parser.add_argument("--seed", type=int, help="chosen and printed when not given")
    parser.add_argument("--sabotage", choices=SHOWN_BY, help="spoil ding on purpose: the rig must turn red")
    parser.add_argument("--report", help="the page whose table is brought up to date")
    parser.add_argument(
        "--add", action="store_true", help="add to its rows: for a fault that is tried in pieces"
    )
    parser.add_argument("--folder", help="where logs and ledgers are left; a temporary one by default")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> list[tuple[Fault, int]]:
    asked = dict(part.partition("=")[::2] for part in options.only.split(",") if part)
    if unknown := asked.keys() - FAULTS.keys():
        sys.exit(f"There is no fault {', '.join(sorted(unknown))}.")
    chosen = []
    for name, fault in sorted(FAULTS.items()):
        if asked and name not in asked:
            continue
        trials = fault.smoke if options.smoke else fault.trials
        trials = int(asked.get(name) or trials or fault.trials)
        if asked or not options.smoke or fault.smoke:
            chosen.append((fault, trials))
    return chosen


_LOGS = Fault("logs", "are secrets in them?", lambda rig, n: secrets_seen(rig), 1, 1, "")


def _sanity() -> list[Fault]:
    def noticing(sabotage: str) -> Fault:
        return Fault(
            "rig",
            f"is the rig blind to {sabotage}?",
            lambda rig, n: [unnoticed(rig, sabotage)],
            1,
            1,
            "",
        )

    return [noticing(sabotage) for sabotage in SHOWN_BY]


def _try(rig: Rig, fault: Fault, trials: int) -> Result:
    print(f"{fault.id}  {fault.title}", flush=True)
    result = Result(fault.id, fault.title, [])
    started = time.monotonic()
    rig.fell.clear()
    try:
        result.figures = fault.run(rig, trials)
    except Exception:
        result.error = traceback.format_exc()
        print(result.error, flush=True)
    finally:
        result.duration = time.monotonic() - started
        rig.mend()
    if rig.fell:
        result.figures.append(told("fell over and started again", sum(rig.fell.values())))
    for figure in result.figures:
        print(f"      {'ok  ' if figure.is_good else 'MISS'} {figure}", flush=True)
    print(f"      {result.duration:.0f} s", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
