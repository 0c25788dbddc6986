"""`manage.py run` where it cannot: each time one line says which setting and what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import OperationalError

from ding.fresh_env import fresh_env
from ding.management.commands import run

ROOT = Path(__file__).resolve().parents[2]


def test_a_taken_port_is_told_by_its_variable_with_free_ones(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.PORT = taken.getsockname()[1]
        settings.SIMULATED_POS_PORT = 8001

        def start():
            with socket.socket() as another:
                another.bind(("127.0.0.1", settings.PORT))

        with pytest.raises(CommandError) as told:
            run._listening("PORT", start)
    assert str(told.value) == (
        f"PORT={settings.PORT} cannot be used: Address already in use. Try other ones:\n"
        f"  PORT={settings.PORT + 10} SIMULATED_POS_PORT=8011 make run"
    )


def test_a_database_that_is_not_there_is_told_in_a_sentence(monkeypatch):
    def call(connection):
        raise OperationalError(1049, "Unknown database 'ding'")

    monkeypatch.setattr(run, "MigrationExecutor", call)
    with pytest.raises(
        CommandError, match=r"DATABASE_URL cannot be used: Unknown database 'ding'\. Start or"
    ):
        run._migrate()


def test_a_broker_that_is_not_there_is_told_before_anything_starts(monkeypatch):
    monkeypatch.setattr(run, "_migrate", lambda: None)
    monkeypatch.setattr(run.health, "broker_answers", lambda: False)
    with pytest.raises(CommandError, match="The broker of CELERY_BROKER_URL does not answer"):
        run.Command()._run(None, {"step_seconds": 1})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "eighty", "PORT must be a whole number from 1 to 65535, not 'eighty'."),
        (
            "MENU_SHRINK_LIMIT_PERCENT",
            "300",
            "MENU_SHRINK_LIMIT_PERCENT must be a whole number from 1 to 100",
        ),
        ("POS_ALLOWED_NETWORKS", "home", "POS_ALLOWED_NETWORKS: 'home' does not appear to be"),
        ("SECRET_KEY", "", "SECRET_KEY is not set. `make .env` writes a .env file"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told_in_a_line(tmp_path, name, value, words):
    (tmp_path / ".env").write_text(fresh_env())
    environment = {
        "PATH": os.environ["PATH"],
        "DING_ENV_FILE": str(tmp_path / ".env"),
        "VAR_DIR": str(tmp_path),
        name: value,
    }
    command = [sys.executable, str(ROOT / "manage.py"), "check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ding cannot start: {words}")
    assert "Traceback" not in done.stderr
