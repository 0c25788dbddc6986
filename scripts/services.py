"""MariaDB and Redis for tests and benchmarks: those that answer, else private ones of this machine's programs."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_SECONDS = 30


class Missing(Exception):
    """There is none, and none can be started; the message says what to install."""


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _is_open_redis(port: int) -> bool:
    """Whether a Redis is there, and asks for no password."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as client:
        client.sendall(b"PING\r\n")
        return client.recv(100).startswith(b"+PONG")
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise Missing(f"{command[0]} does not start: {(folder / 'log').read_text()[-500:]}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def mariadb(*, private: bool = False) -> Iterator[str]:
    """The address of a MariaDB in which root may make databases without a password, without a database name.

    Raises:
        Missing
    """
    client = shutil.which("mariadb")
    ready = [str(client), "-h127.0.0.1", "-P3306", "-uroot", "-e", "SELECT 1"]
    if not private and client and subprocess.run(ready, capture_output=True, check=False).returncode == 0:
        yield "mysql://root@127.0.0.1:3306"
        return
    with tempfile.TemporaryDirectory(prefix="ding-mariadb-") as name:
        folder, port = Path(name), _free_port()
        with _running(mariadb_command(folder / "data", port), port, folder):
            yield f"mysql://root@127.0.0.1:{port}"


def mariadb_command(data: Path, port: int) -> list[str]:
    """What starts a MariaDB of one's own in the folder `data`, which is made.

    Raises:
        Missing
    """
    server, install = shutil.which("mariadbd", path="/usr/sbin:/usr/bin"), shutil.which("mariadb-install-db")
    if not server or not install:
        raise Missing("no MariaDB answers at 127.0.0.1:3306; apt-get install mariadb-server")
    where = ["--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}"]
    made = subprocess.run(
        [install, *where, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise Missing(f"{install} makes no database: {(made.stderr or made.stdout).strip()[-500:]}")
    # Its own: a server that starts clears its folder of temporary tables, other servers' too.
    temporary = data.with_name(f"{data.name}-tmp")
    temporary.mkdir(exist_ok=True)
    where = [*where, f"--tmpdir={temporary}", f"--socket={data / 's'}"]
    return [server, *where, f"--port={port}", "--bind-address=127.0.0.1"]


@contextlib.contextmanager
def redis(*, private: bool = False) -> Iterator[str]:
    """The address of a Redis, without a database number.

    Raises:
        Missing
    """
    if not private and _is_open_redis(6379):
        yield "redis://127.0.0.1:6379"
        return
    with tempfile.TemporaryDirectory(prefix="ding-redis-") as name:
        port = _free_port()
        with _running(redis_command(Path(name), port), port, Path(name)):
            yield f"redis://127.0.0.1:{port}"


def redis_command(folder: Path, port: int) -> list[str]:
    """What starts a Redis of one's own.

    Raises:
        Missing
    """
    server = shutil.which("redis-server")
    if not server:
        raise Missing("no Redis answers at 127.0.0.1:6379; apt-get install redis-server")
    return [server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
