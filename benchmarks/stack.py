"""ding as it runs for real, on this machine, for a while: web, workers and scheduler, each a process group.

Everything is started on loopback with secrets of its own and ended by process group id.
"""

from __future__ import annotations

import base64
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def environment(database_url: str, broker_url: str, port: int, folder: Path) -> dict[str, str]:
    """Settings for a run: fresh secrets, nobody is written to, quick leases."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "ding.settings",
        "DING_ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ENCRYPTION_KEYS": f"run:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "CALLBACK_KEY": secrets.token_urlsafe(32),
        # One client makes all the load here, and forges as fast as it can.
        "FAILED_CALLS_PER_MINUTE": "0",
        "API_CALLS_PER_MINUTE": "0",
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker_url,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "POS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "POS_ALLOW_PLAIN_HTTP": "true",
        "EMAIL_URL": "dummymail://",
        "SMS_CHANNEL": "console",
        "LOG_LEVEL": "ERROR",
        "MENU_SYNC_MINUTES": "0",
        # Longer than the calls of this run (3 s), short enough to see what a dead worker leaves behind.
        "LEASE_SECONDS": "6",
        "BENCH_FOLDER": str(folder),
    }


class Process:
    """One process group that can be killed and started again."""

    def __init__(self, name: str, command: list[str], env: dict[str, str]) -> None:
        self.name, self.command, self.env = name, command, env
        self._process: subprocess.Popen[bytes] | None = None
        # Whether it is meant to run: one that ended all the same fell over by itself.
        self.wanted = False
        self.start()

    def start(self) -> None:
        """Start it in a group of its own; its output goes to a file of its name."""
        log = (Path(self.env["BENCH_FOLDER"]) / f"{self.name}.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        self.wanted = True

    @property
    def is_running(self) -> bool:
        """Whether its first process lives."""
        return self._process is not None and self._process.poll() is None

    def pids(self) -> list[int]:
        """Every process of the group that lives."""
        if self._process is None:
            return []
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
                if int(group) == self._process.pid and state != "Z":
                    found.append(int(stat.parent.name))
        return found

    @property
    def session(self) -> int:
        """The id of the session that it and its children are in."""
        return self._process.pid if self._process else 0

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Kill -9 the whole group, at once."""
        self.wanted = False
        self.signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        self.wanted = False
        self.signal(signal.SIGTERM)
        if self._process:
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


def web(
    env: dict[str, str],
    workers: int = 2,
    *,
    threads: int = 16,
    app: str = "ding.wsgi:application",
    name: str = "web",
) -> Process:
    """Granian over WSGI, as docker-compose.yml runs it."""
    command = [str(BIN / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", env["PORT"]]
    command += ["--workers", str(workers), "--blocking-threads", str(threads), "--no-ws", app]
    # As in docker-compose.yml.
    return Process(name, command, {**env, "DATABASE_READ_SECONDS": "3"})


def worker(env: dict[str, str], name: str, *, threads: int = 16, queues: str = "") -> Process:
    """A Celery worker for all queues, or for some, that holds at most so many calls to POS systems."""
    command = [str(BIN / "celery"), "-A", "ding", "worker", "-n", f"{name}@%h", "-l", "ERROR"]
    command += ["-Q", queues] if queues else []
    command += [
        "-P",
        "threads",
        "-c",
        str(threads),
        "--without-mingle",
        "--without-gossip",
        "--without-heartbeat",
    ]
    return Process(name, command, {**env, "CALLS_AT_ONCE": str(threads)})


def beat(env: dict[str, str]) -> Process:
    """The scheduler."""
    folder = env["BENCH_FOLDER"]
    command = [
        str(BIN / "celery"),
        "-A",
        "ding",
        "beat",
        "-l",
        "ERROR",
        "-s",
        f"{folder}/schedule",
        "--pidfile=",
    ]
    return Process("beat", command, env)


def wait_ready(port: int, seconds: float = 30, path: str = "/readyz") -> None:
    """Return when the web answers and its database too.

    Raises:
        TimeoutError
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
            return
        time.sleep(0.1)
    raise TimeoutError("The web server does not answer.")
