"""The embedded default: how soon it is up, what it takes, and what it does when nobody asks."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import stack
from benchmarks.measure import Figure, Processes

if TYPE_CHECKING:
    from benchmarks.bench import Bench

ROOT = Path(__file__).resolve().parent.parent.parent


def run(bench: Bench) -> Iterator[Figure]:
    """`manage.py run` on SQLite, set up before."""
    from benchmarks.bench import free_port

    with tempfile.TemporaryDirectory(prefix="ding-idle-") as folder:
        port, pos_port = free_port(), free_port()
        env = {**bench.env, "PORT": str(port), "SIMULATED_POS_PORT": str(pos_port), "VAR_DIR": folder}
        env |= {"DATABASE_URL": f"sqlite:///{folder}/ding.sqlite3", "CELERY_BROKER_URL": "memory://localhost"}
        env |= {"PUBLIC_URL": f"http://127.0.0.1:{port}", "BENCH_FOLDER": folder}
        command = [sys.executable, "manage.py", "run", "--no-order"]
        subprocess.run(
            [sys.executable, "manage.py", "migrate"], cwd=ROOT, env=env, check=True, capture_output=True
        )
        # Once for the demo's restaurant, then as it is from then on.
        for measured in (False, True):
            started = time.perf_counter()
            process = stack.Process("run", command, env)
            try:
                _up(port, started + 60)
                up = time.perf_counter() - started
                if not measured:
                    time.sleep(3)
                    continue
                time.sleep(bench.size(10, 2))
                used = Processes({"run": process.session})
                before = used.cpu_seconds()
                seconds = bench.size(30, 3)
                time.sleep(seconds)
                busy = (used.cpu_seconds() - before) / seconds * 100
                memory = used.peak_megabytes()["run"]
            finally:
                process.stop()
        yield Figure("start-up", "embedded default, after set-up", up, "s", goal="< 3", met=up < 3)
        yield Figure("memory", "embedded default", memory, "MB", goal="< 150", met=memory < 150)
        yield Figure("idle", "embedded default", busy, "% of a core", goal="< 1", met=busy < 1)


def _up(port: int, until: float) -> None:
    while True:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
            return
        if time.perf_counter() > until:
            raise TimeoutError("manage.py run does not answer.")
        time.sleep(0.02)
