"""`manage.py simulate_pos`, as a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from pos_integrations.management.commands.simulate_pos import _by_outlet
from pos_integrations.simulator.tests.conftest import make_order

ROOT = Path(__file__).parents[3]
RUN = (
    "import sys; from pos_integrations.management.commands.simulate_pos import Command;"
    "Command().run_from_argv(['manage.py', 'simulate_pos', *sys.argv[1:]])"
)


def run(*options, **environment):
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *options],
        cwd=ROOT,
        env=inherited | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_until_it_is_told_to_end(tmp_path, number):
    ledger = tmp_path / "ledger.jsonl"
    with run(
        *("--port", "0", "--outlet", "abcd1234", "--outlet", "made0009", "--menu-items", "5", "--seed", "7"),
        *("--misbehave", "503=0.25", "--misbehave", "delay=3=0", "--ledger", str(ledger)),
        SIMULATED_POS_APP_KEY="my-own-key",
    ) as process:
        lines = [process.stdout.readline() for _ in range(9)]
        url = lines[0].split()[-1]
        order = {**make_order(code="made0009"), "app_key": "my-own-key"}
        statuses = {requests.post(f"{url}/save_order", json=order, timeout=5).status_code for _ in range(20)}
        process.send_signal(number)
        output, errors = process.communicate(timeout=5)
    assert [line.rstrip() for line in lines[1:]] == [
        "  outlets      abcd1234, made0009",
        "  credentials  as given",
        "  callbacks    own, 2 s between stages",
        "  misbehaves   503 0.25, delay=3 0, seed 7",
        f"  terminal     {url}/",
        f"  watch        {url}/_sim/ledger",
        f"  steer        POST {url}/_sim/behaviour",
        "Ctrl-C ends it.",
    ]
    assert statuses == {200, 503}
    assert output == "Stopped. 20 save_order calls, 1 kitchen tickets.\n"
    assert errors.count("POST /save_order") == 20
    assert "my-own-key" not in errors + output + ledger.read_text()
    assert process.returncode == 0


def test_the_dashboard_is_typed_per_outlet_or_for_the_only_one():
    typed = ["abcd1234=http://a/?k=v", "efgh5678=http://b/"]
    both = {"abcd1234": "http://a/?k=v", "efgh5678": "http://b/"}
    assert _by_outlet("dashboard-url", typed, ["abcd1234", "efgh5678"]) == both
    assert _by_outlet("dashboard-url", ["http://a/?k=v"], ["abcd1234"]) == {"abcd1234": "http://a/?k=v"}
    assert _by_outlet("dashboard-url", None, ["abcd1234"]) == {}
    with pytest.raises(ValueError, match="--dashboard-url: say CODE="):
        _by_outlet("dashboard-url", ["http://a/"], ["abcd1234", "efgh5678"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--misbehave", "explode=0.1"), "No behaviour 'explode'"),
        (("--misbehave", "500=often"), "say NAME=RATE, such as 500=0.05"),
        (("--callbacks", "signed"), "signed callbacks need a webhook_url"),
        (("--port", "99999"), "port must be 0-65535"),
    ],
)
def test_options_that_make_no_sense_are_told(options, message):
    with run(*options) as process:
        _, errors = process.communicate(timeout=10)
    assert message in errors
    assert "Traceback" not in errors
    assert process.returncode == 1


def test_a_port_that_is_taken_is_told(pos):
    with run("--port", str(pos.port)) as process:
        _, errors = process.communicate(timeout=10)
    assert f"Cannot listen at 127.0.0.1:{pos.port}" in errors
    assert process.returncode == 1
