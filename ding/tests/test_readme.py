"""The README's worked example, typed as it is written, against a real `manage.py run`; and its table of variables."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ding.fresh_env import fresh_env

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
START_SECONDS = 90
TYPING_SECONDS = 60
DONE = "@@@ block done"


# --- the table of variables -----------------------------------------------------------------------


def example_variables() -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_the_table_has_each_variable_once_with_its_default():
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| (.*?) \|", README, re.MULTILINE)
    defaults = dict(rows)
    assert [name for name, _ in rows] == list(example_variables())
    # Empty by default; the example shows how a value looks.
    shown = {name: value for name, value in example_variables().items() if name != "CSRF_TRUSTED_ORIGINS"}
    assert {name: f"`{value}`" for name, value in shown.items() if value} == {
        name: defaults[name] for name, value in shown.items() if value
    }


def test_the_environments_example_has_each_variable_that_the_settings_read():
    settings = (ROOT / "ding/settings.py").read_text()
    read = set(re.findall(r'(?:\benv\.\w+|\brequired|\bnumber)\(\s*"([A-Z0-9_]+)"', settings))
    assert read == set(example_variables())


# --- the worked example ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Running:
    """A `manage.py run` of our own, and the folder in which one types."""

    folder: Path
    port: int


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _bare_environment() -> dict[str, str]:
    """Without the settings of the tests, and without a proxy between us and loopback."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    for tool in ("bash", "curl", "openssl", "python3"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    (tmp_path / ".env").write_text(fresh_env())
    port = _free_port()
    environment = _bare_environment() | {
        "DING_ENV_FILE": str(tmp_path / ".env"),
        "VAR_DIR": str(tmp_path / "var"),
        "EMAIL_URL": f"filemail://{tmp_path}/var/mail",
        "PORT": str(port),
        "SIMULATED_POS_PORT": str(_free_port()),
    }
    command = [sys.executable, str(ROOT / "manage.py"), "run", "--no-order", "--step-seconds", "0.2"]
    output = tmp_path / "output"
    with output.open("w") as file:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=file, stderr=file)
    try:
        _wait(lambda: "Running." in output.read_text() or process.poll() is not None, START_SECONDS)
        assert "Running." in output.read_text(), output.read_text()
        yield Running(tmp_path, port)
        # Ctrl-C: all of it stops in order.
        process.send_signal(signal.SIGINT)
        assert process.wait(TYPING_SECONDS) == 0, output.read_text()
        assert output.read_text().endswith("Stopped.\n")
        assert "Traceback" not in output.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait(until, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        time.sleep(0.1)


def _blocks() -> list[str]:
    section = README.partition("\n## A worked example\n")[2].partition("\n## ")[0]
    return re.findall(r"^```bash\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


class Shell:
    """One bash that is typed into, block by block; it ends at the first command that fails."""

    def __init__(self, running: Running) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail"],
            cwd=running.folder,
            env=_bare_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._port = running.port
        self._timer = threading.Timer(TYPING_SECONDS, self._bash.kill)
        self._timer.start()

    def type(self, block: str) -> str:
        """What a block prints."""
        self._bash.stdin.write(block.replace("127.0.0.1:8000", f"127.0.0.1:{self._port}"))
        self._bash.stdin.write(f"\necho '{DONE}'\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line.strip() == DONE:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(
            f"bash ended with {self._bash.wait()} at\n{block}\nand printed\n{''.join(lines)}"
        )

    def close(self) -> None:
        self._bash.stdin.close()
        self._bash.stdout.read()
        self._bash.stdout.close()
        code = self._bash.wait()
        self._timer.cancel()
        self._timer.join()
        assert code == 0


def test_the_worked_example_works_as_written(running):
    take_keys, read_menu, place, follow, deliver, look_up, take_off, put_back = _blocks()
    shell = Shell(running)
    try:
        assert shell.type(take_keys) == ""

        menu = shell.type(read_menu)
        assert menu.splitlines() == [
            "1 Veg Loaded Pizza 100.00 available: True",
            "3 Garlic Bread None available: True",
            "   variation 1 3Pieces 140.00",
            "   variation 2 6Pieces 160.00",
            "2 Chocolate cake 310.00 available: True",
        ]
        assert menu in README

        reference = shell.type(place).strip()
        assert re.fullmatch(r"[0-9A-Z]{12}", reference)

        order = shell.type(follow)
        assert re.match(r"\w+ 453\.66 INR push: \w+\n", order)
        assert "new -> pending by guest" in order

        # The simulated kitchen comes first here; a reader may be faster, and then it is `applied`.
        deadline = time.monotonic() + TYPING_SECONDS
        while not (order := shell.type(follow)).startswith("delivered") and time.monotonic() < deadline:
            time.sleep(0.2)
        assert order.startswith("delivered 453.66 INR push: acknowledged\n")
        assert order.rstrip().endswith("-> delivered by pos")

        received = '{"success":true,"message":"Received."}\n'
        assert shell.type(deliver) == received
        # One second is enough on a machine that does nothing else. Asked again, all of it says the same.
        deadline = time.monotonic() + TYPING_SECONDS
        while "received" in (log := shell.type(look_up)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert re.fullmatch(r"\S+ order-status ignored duplicate\n", log)

        while "Bread available: True" in (off := shell.type(take_off)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert off.startswith(received)
        assert "Garlic Bread available: False\n" in off
        assert off in README

        assert shell.type(put_back) == received
        menu_again = menu
        deadline = time.monotonic() + TYPING_SECONDS
        while (menu_again := shell.type(read_menu)) != menu and time.monotonic() < deadline:
            time.sleep(0.1)
        assert menu_again == menu

        # The same key and body: the first order.
        assert shell.type(place).strip() == reference
    finally:
        shell.close()

    letters = [path.read_text() for path in (running.folder / "var/mail").iterdir()]
    assert any(f"your order {reference} is confirmed" in letter for letter in letters)
