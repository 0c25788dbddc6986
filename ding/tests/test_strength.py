"""Outside DEBUG ding does not start with secrets that anybody could guess."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ding.fresh_env import fresh_env
from ding.strength import hosts_weakness, keys_weakness, password_weakness, weakness

ROOT = Path(__file__).resolve().parents[2]
GOOD = dict(line.split("=", 1) for line in fresh_env().splitlines() if line and not line.startswith("#"))


def start(command="check", *arguments, **env):
    """Run manage.py with nothing in its environment but this."""
    clean = {"PATH": os.environ["PATH"], "DING_ENV_FILE": os.devnull, "VAR_DIR": "/tmp/ding-strength-var"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", command, *arguments],
        cwd=ROOT,
        env=clean | {name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SECRETS = {name: GOOD[name] for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "CALLBACK_KEY")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", None),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "x" * 60),
        ("SECRET_KEY", "django-insecure-" + "abcdefghij" * 5),
        ("SECRET_KEY", "please-change-me-0123456789-0123456789"),
        ("ENCRYPTION_KEYS", None),
        ("ENCRYPTION_KEYS", "k1:tooshort"),
        ("ENCRYPTION_KEYS", "k1:" + base64.b64encode(b"\0" * 32).decode()),
        ("CALLBACK_KEY", None),
        ("CALLBACK_KEY", "secret"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "ding.example.com,*"),
        ("METRICS_TOKEN", "metrics"),
        ("DATABASE_URL", "mysql://ding:password@db:3306/ding"),
        ("CELERY_BROKER_URL", "redis://:password@redis:6379/0"),
    ],
)
def test_it_does_not_start_with(name, value):
    done = start(**SECRETS | {name: value})
    assert done.returncode == 1
    assert f"{name} " in done.stderr
    assert not value or len(value) < 8 or value not in done.stderr  # the value itself is not told


def test_in_debug_it_may_be_weak_and_never_missing():
    assert start(**SECRETS | {"DEBUG": "true", "SECRET_KEY": "weak"}).returncode == 0
    assert start(**SECRETS | {"DEBUG": "true", "SECRET_KEY": None}).returncode == 1


def test_what_the_example_file_says_is_not_enough():
    lines = (ROOT / ".env.example").read_text().splitlines()
    shown = dict(re.findall(r"(?m)^#?([A-Z][A-Z0-9_]+)=(.*)$", "\n".join(lines)))
    assert start(**{name: value for name, value in shown.items() if name != "DING_ENV_FILE"}).returncode == 1


def test_a_real_installation_gets_no_warning_at_all():
    done = start(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        **SECRETS,
        BEHIND_TLS="true",
        ALLOWED_HOSTS="ding.example.com",
        PUBLIC_URL="https://ding.example.com",
        STAFF_SECOND_FACTOR="true",
        METRICS_TOKEN="a-long-random-0123456789-token-x",
        CELERY_BROKER_URL="redis://:long-and-random-5f2c@redis:6379/0",
    )
    assert (done.returncode, "no issues" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("env", "warning"),
    [
        ({"BEHIND_TLS": "false"}, "security.W"),
        ({"DEBUG": "true"}, "security.W018"),
        ({"POS_ALLOW_PLAIN_HTTP": "true"}, "ding.W002"),
        ({"PUBLIC_URL": "http://ding.example.com"}, "ding.W003"),
        ({"CELERY_BROKER_URL": "redis://redis:6379/0"}, "ding.W004"),
        ({"RETENTION_WEBHOOK_DAYS": "7"}, "ding.W006"),
        ({"STAFF_SECOND_FACTOR": "false"}, "ding.W007"),
    ],
)
def test_what_does_not_fit_a_real_installation_is_warned_of(env, warning):
    real = {
        "BEHIND_TLS": "true",
        "ALLOWED_HOSTS": "ding.example.com",
        "PUBLIC_URL": "https://ding.example.com",
        "STAFF_SECOND_FACTOR": "true",
        "CELERY_BROKER_URL": "redis://:long-and-random-5f2c@redis:6379/0",
    }
    done = start("check", "--deploy", **SECRETS | real | env)
    assert warning in done.stdout + done.stderr


def test_fresh_secrets_are_strong():
    assert {name: weakness(GOOD[name]) for name in ("SECRET_KEY", "CALLBACK_KEY")} == {
        "SECRET_KEY": "",
        "CALLBACK_KEY": "",
    }
    assert keys_weakness(GOOD["ENCRYPTION_KEYS"]) == ""


def test_what_is_looked_at():
    assert weakness("0123456789abcdef" * 2) == ""
    key = base64.b64encode(bytes(range(32))).decode()
    assert keys_weakness(f"a:{key}") == ""
    assert keys_weakness(f"a:{key},a:{key}")
    assert password_weakness("mysql://ding@db/ding") == ""
    assert password_weakness("mysql://ding:p%61ssword@db/ding")
    assert hosts_weakness(["ding.example.com", ".example.com"]) == ""
    assert hosts_weakness([])
