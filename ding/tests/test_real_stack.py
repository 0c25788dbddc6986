"""ding as it runs for real: granian, Celery workers on Redis, MariaDB, a POS that misbehaves, workers killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.broker
@pytest.mark.skipif(
    "TEST_REDIS_URL" not in os.environ or not os.environ.get("TEST_DATABASE_URL", "").startswith("mysql"),
    reason="needs MariaDB and Redis: `make test` brings them",
)
def test_every_order_is_in_the_kitchen_once_though_workers_are_killed():
    """Small and short; `benchmarks/round_trip.py` without arguments is the whole of it."""
    command = [
        sys.executable,
        "benchmarks/round_trip.py",
        "--orders",
        "120",
        "--kill-every",
        "1.5",
        "--seconds",
        "90",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok   pos_dup 0" in done.stdout
