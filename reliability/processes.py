"""MariaDB and Redis of the rig's own: each a process group with its own folder and port, killed and hung at will."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import services

from benchmarks.stack import Process


def free_port() -> int:
    """A port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], seconds: float, what: str = "it") -> float:
    """How long it took until `ready`; TimeoutError when it did not become so."""
    started = time.monotonic()
    while not ready():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"{what} was not so after {seconds:g} s.")
        time.sleep(0.05)
    return time.monotonic() - started


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class MariaDb(Process):
    """A private server; `flags` are added to its command line at the next start."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.port, self.data = free_port(), folder / "mariadb"
        self._base = services.mariadb_command(self.data, self.port)
        super().__init__("mariadb", [*self._base, *flags], {**os.environ, "BENCH_FOLDER": str(folder)})
        self.wait()

    def restart(self, *flags: str) -> None:
        """Kill it and start it with these flags instead."""
        self.kill()
        self.command = [*self._base, *flags]
        self.start()
        self.wait()

    def move(self, data: Path) -> None:
        """Start it, which does not run just now, with another data folder."""
        self._base = [word.replace(str(self.data), str(data)) for word in self._base]
        self.command = [word.replace(str(self.data), str(data)) for word in self.command]
        self.data = data
        # Beside it, as at its first start.
        data.with_name(f"{data.name}-tmp").mkdir(exist_ok=True)
        self.start()
        self.wait()

    def wait(self) -> float:
        """Wait until it takes connections; how long that took."""
        return wait_until(lambda: answers(self.port), 60, "MariaDB")


class Redis(Process):
    """A private server, append-only as in production."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.port, data, self.password = free_port(), folder / "redis", ""
        data.mkdir()
        command = [*services.redis_command(data, self.port), "--appendonly", "yes", *flags]
        super().__init__("redis", command, {**os.environ, "BENCH_FOLDER": str(folder)})
        self.wait()

    def wait(self) -> float:
        """Wait until it takes connections; how long that took."""
        return wait_until(lambda: answers(self.port), 30, "Redis")

    def say(self, *words: str) -> str:
        """One command, one answer."""
        command = ["redis-cli", "-p", str(self.port), *words]
        env = {**os.environ, **({"REDISCLI_AUTH": self.password} if self.password else {})}
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10, env=env)
        return done.stdout + done.stderr


def owner(processes: Iterable[Process], port: int) -> Process | None:
    """Whose connection comes from that local port."""
    inode = next(
        (
            fields[9]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if (fields := line.split()) and int(fields[1].split(":")[1], 16) == port
        ),
        None,
    )
    for process in processes:
        for pid in process.pids():
            with suppress(OSError):
                for entry in os.scandir(f"/proc/{pid}/fd"):
                    if os.readlink(entry.path) == f"socket:[{inode}]":
                        return process
    return None


def memory_bytes(process: Process) -> int:
    """What the whole group holds in memory."""
    total = 0
    for pid in process.pids():
        with suppress(OSError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def hang(process: Process) -> None:
    """It stays there and does nothing."""
    process.signal(signal.SIGSTOP)


def go_on(process: Process) -> None:
    """It goes on where it hung."""
    process.signal(signal.SIGCONT)
