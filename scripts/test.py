"""`make test`: the tests on SQLite, then on MariaDB, with a real worker on Redis where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import services

ROOT = Path(__file__).resolve().parent.parent
PYTHON = str(ROOT / ".venv/bin/python")
APT_LINE = "apt-get install -y --no-install-recommends build-essential pkg-config libmariadb-dev"


def run_tests(title: str, *options: str, **env: str) -> bool:
    """Whether pytest passes, on all cores."""
    print(f"\n=== Tests on {title} ===", flush=True)
    command = [PYTHON, "-m", "pytest", "-q", "-n", "logical", "--maxprocesses", "4", "--dist", "worksteal"]
    done = subprocess.run([*command, *options], cwd=ROOT, env=os.environ | env, check=False)
    return done.returncode == 0


def has_mysqlclient() -> bool:
    """Whether the driver is there, or can be built."""
    if subprocess.run([PYTHON, "-c", "import MySQLdb"], check=False, capture_output=True).returncode == 0:
        return True
    install = [PYTHON, "-m", "pip", "install", "-q", "--require-hashes", "-r", "requirements.txt"]
    return subprocess.run(install, cwd=ROOT, check=False, capture_output=True).returncode == 0


def main() -> int:
    """Run what can be run; say what was left out and why."""
    skipped, passed, env = [], True, {}
    with ExitStack() as stack:
        try:
            env["TEST_REDIS_URL"] = stack.enter_context(services.redis())
        except services.Missing as why:
            skipped.append(f"a real worker on Redis: {why}")
        passed &= run_tests("SQLite", **env)
        try:
            url = stack.enter_context(services.mariadb())
        except services.Missing as why:
            skipped.append(f"MariaDB: {why}")
        else:
            if has_mysqlclient():
                # What a page looks like does not depend on the database; what stands in it is tested on both.
                title = "MariaDB, but for those in a browser"
                options = ("-m", "not browser")
                passed &= run_tests(title, *options, TEST_DATABASE_URL=f"{url}/ding", **env)
            else:
                skipped.append(f"MariaDB: its driver cannot be built; {APT_LINE}")
    for what in skipped:
        print(f"SKIPPED {what}", flush=True)
    print("All tests passed." if passed else "Some tests failed.", flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
