"""ding as it runs for real (web, worker, scheduler, Redis): where its secrets are looked for, and what it makes of messages
that are not its own (S06, S13, S16, S29, S38, S47)."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
import requests

from ding.fresh_env import fresh_env
from ding.tests.security.test_wire import BIN, ROOT, command_of, free_port
from pos_integrations.tests.factories import order_status, sign

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif("TEST_REDIS_URL" not in os.environ, reason="needs Redis: `make test` brings it"),
]
QUEUES = ("default", "orders", "webhooks", "menus", "notifications")


def secrets_of_the_installation():
    """In the environment, each a canary where it may be anything."""
    env = dict(line.split("=", 1) for line in fresh_env().splitlines() if line[:1].isupper())
    return env | {
        "SECRET_KEY": "CANARY-secret-key-0123456789abcdefghijklmnopqrstuv",
        "CALLBACK_KEY": "CANARY-callback-key-0123456789abcdef",
        "METRICS_TOKEN": "CANARY-metrics-token-0123456789",
        "MSG91_AUTH_KEY": "CANARY-msg91-0123456789",
        "TWILIO_AUTH_TOKEN": "CANARY-twilio-0123456789",
        "EMAIL_URL": "smtp://ding:CANARY-mail-0123456789@127.0.0.1:9",
        "ALERT_URLS": "json://ding:CANARY-alert-0123456789@127.0.0.1:9/",
        "ALERT_EMAIL": "duty@example.com",
    }


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("running"), free_port()
    broker = re.sub(r"/\d+$", "", os.environ["TEST_REDIS_URL"]) + "/11"
    queue = redis.Redis.from_url(broker)
    queue.flushdb()
    installed = secrets_of_the_installation()
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= installed | {
        "DING_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "ding.settings",
        "VAR_DIR": str(folder),
        "CELERY_BROKER_URL": broker,
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "DEBUG",
        "SMS_CHANNEL": "console",
        "POS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "POS_ALLOW_PLAIN_HTTP": "true",
        "FAILED_CALLS_PER_MINUTE": "100",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }

    def run(*command, **how):
        return subprocess.run([sys.executable, *command], cwd=ROOT, env=env, check=True, timeout=120, **how)

    run("manage.py", "migrate", "-v0")
    known = json.loads(run("-m", "ding.tests.security.running_world", stdout=subprocess.PIPE).stdout)
    celery = [str(BIN / "celery"), "-A", "ding"]
    commands = {
        "web": command_of("granian", port),
        "worker": [
            *celery,
            "worker",
            "-P",
            "threads",
            "-c",
            "4",
            "--without-mingle",
            "--without-gossip",
            "-l",
            "DEBUG",
        ],
        "beat": [
            *celery,
            "beat",
            "-l",
            "DEBUG",
            "-s",
            str(folder / "schedule"),
            "--pidfile",
            str(folder / "pid"),
        ],
    }
    processes = {}
    for name, command in commands.items():
        with (folder / f"{name}.log").open("wb") as log:
            processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
            )
    ding = SimpleNamespace(
        url=f"http://127.0.0.1:{port}", folder=folder, queue=queue, known=known, processes=processes
    )
    ding.canaries = known["canaries"] + [v for v in installed.values() if v.startswith("CANARY")]
    ding.canaries += re.findall(r"CANARY[\w-]+", installed["EMAIL_URL"] + installed["ALERT_URLS"])
    ding.canaries.append(installed["ENCRYPTION_KEYS"].split(":")[1])
    ding.http = requests.Session()
    ding.http.trust_env = False
    # A body that nobody read ends a connection, and the next request on it.
    ding.http.headers["Connection"] = "close"
    try:
        wait_until(lambda: ding.http.get(f"{ding.url}/readyz", timeout=5).status_code == 200, 60)
        yield ding
    finally:
        for process in processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        queue.flushdb()


def wait_until(done, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(requests.RequestException):
            if done():
                return
        time.sleep(0.2)
    pytest.fail("It did not come about.")


def hook(ding, path="/api/webhooks/petpooja/order-status", *, secret=None, headers=None, **values):
    raw = json.dumps(order_status("NO-SUCH-ORDER", **values)).encode()
    signed = {
        "x-petpooja-signature": sign(raw, secret or ding.known["hook"]),
        "Content-Type": "application/json",
    }
    return ding.http.post(ding.url + path, data=raw, headers=signed | (headers or {}), timeout=20)


def log_in(ding, name, password):
    session = requests.Session()
    session.trust_env = False
    page = session.get(f"{ding.url}/admin/login/", timeout=20)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    data = {"username": name, "password": password, "csrfmiddlewaretoken": token}
    return session, session.post(f"{ding.url}/admin/login/", data=data, timeout=20)


def everything_written(ding):
    for path in sorted(ding.folder.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


def test_no_secret_is_in_a_log_a_message_a_file_or_a_command_line(running):
    ding, said = running, []
    listening = threading.Event()

    def listen():
        with ding.queue.monitor() as monitor:
            listening.set()
            for command in monitor.listen():
                said.append(command["command"])
                if "THE-END" in command["command"]:
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert listening.wait(10)
    known, api = ding.known, {"Authorization": f"Bearer {ding.known['key']}"}
    own, hook_secret = f"/api/webhooks/petpooja/{known['public']}", known["hook"]
    for _ in range(3):
        assert hook(ding).status_code == 200
    for path in (
        f"{own}/stock/{hook_secret}",
        f"{own}/nothing/{hook_secret}",
        f"{own}/{hook_secret}",
        f"/{own}/stock/{hook_secret}",
        f"/api/webhook/petpooja/{known['public']}/stock/{hook_secret}",
        f"/API/webhooks/petpooja/stock/{hook_secret}",
        f"/api/webhooks/{hook_secret}",
        f"/hooks/{hook_secret}",
        f"/{hook_secret}",
        f"/admin/{hook_secret}/",
        f"/api/orders/{hook_secret}",
        f"/api/orders?key={hook_secret}",
        f"/media/menu/{hook_secret}",
    ):
        for headers in (
            {},
            {"Authorization": f"Bearer {hook_secret}"},
            {"User-Agent": '{"event": "forged"}'},
        ):
            for answer in (
                hook(ding, path, headers=headers),
                ding.http.get(ding.url + path, headers=headers, timeout=20),
            ):
                # The log-in says where one wanted to go.
                told = answer.text + str(answer.headers) if "/admin/" not in path else ""
                assert [canary for canary in ding.canaries if canary in told] == [], path
    placed = ding.http.post(f"{ding.url}/api/orders", json=known["body"], headers=api, timeout=20)
    assert placed.status_code == 201, placed.text
    rotated = ding.http.post(
        f"{ding.url}/api/pos-integration/{known['restaurant']}/petpooja/rotate-secret",
        json={},
        headers=api,
        timeout=20,
    )
    ding.canaries.append(rotated.json()["secret"])
    ding.http.post(
        f"{ding.url}/api/pos-integration/{known['restaurant']}/test", json={}, headers=api, timeout=40
    )
    ding.http.post(f"{ding.url}/api/menu-sync/{known['restaurant']}/sync", json={}, headers=api, timeout=40)
    assert log_in(ding, "anna", hook_secret)[1].status_code == 200
    session, answer = log_in(ding, "anna", "CANARY-password-0123456789")
    assert answer.url.endswith("/admin/"), answer.url
    history = session.get(f"{ding.url}/admin/ding/auditevent/", timeout=20).text
    assert "rotated the webhook secret" in history
    assert not [canary for canary in ding.canaries if canary in history]
    # The worker has pushed, failed, and owes mails and alerts.
    wait_until(lambda: "drain_webhooks" in " ".join(said) and "push_orders" in " ".join(said), 30)
    time.sleep(3)
    ding.queue.set("THE-END", 1)
    thread.join(10)
    assert len(said) > 20
    messages = "\n".join(said)
    assert [canary for canary in ding.canaries if canary in messages] == []
    tasks = 0
    for encoded in re.findall(r'"body": "([A-Za-z0-9+/=]+)"', messages.replace('\\"', '"')):
        message = json.loads(base64.b64decode(encoded))
        if isinstance(message, list):  # a task; others are what workers tell each other
            tasks += 1
            assert all(isinstance(one, int) for one in message[0]), message
            assert message[1] == {}
    assert tasks
    for process in ding.processes.values():
        line = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
        assert [canary for canary in ding.canaries if canary in line] == []
        assert Path(f"/proc/{process.pid}/environ").stat().st_mode & 0o077 == 0
    sizes = 0
    for path, content in everything_written(ding):
        found = [canary for canary in ding.canaries if canary.encode() in content]
        assert found == [], path
        sizes += len(content)
    assert sizes > 100_000


def test_every_line_of_the_web_process_is_one_json_object(running):
    hook(
        running, "/api/orders%0a%7b%22event%22%3a%22forged%22%7d%0d%0a", headers={"User-Agent": "\x1b[31m{}"}
    )
    lines = (running.folder / "web.log").read_text().splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(told) > 10
    # The server itself says when it starts, in its own words.
    assert all(line.startswith(("{", "[INFO]", "[WARN")) for line in lines if line.strip())
    assert not [one for one in told if one["event"] == "forged"]


def test_a_message_that_is_no_json_is_not_opened(running, tmp_path):
    """S38: whoever reaches Redis could else run anything."""

    class Opened:
        def __init__(self, path):
            self.path = path

        def __reduce__(self):
            return os.system, (f"touch {self.path}",)

    marks = []
    for number, (kind, encoding) in enumerate(
        (
            ("application/x-python-serialize", "binary"),
            ("application/x-yaml", "utf-8"),
            ("application/x-msgpack", "binary"),
            ("application/json", "utf-8"),
            ("text/plain", "utf-8"),
            ("x", "y"),
        )
    ):
        mark = tmp_path / f"opened-{number}"
        marks.append(mark)
        if "yaml" in kind:
            raw = f'!!python/object/apply:os.system ["touch {mark}"]'.encode()
        else:
            raw = pickle.dumps(([Opened(str(mark))], {}, {}))
        headers = {
            "lang": "py",
            "task": "pos_integrations.tasks.drain_webhooks",
            "id": f"id{number}",
            "argsrepr": "",
            "kwargsrepr": "",
        }
        for queue in QUEUES:
            message = {
                "body": base64.b64encode(raw).decode(),
                "content-encoding": encoding,
                "content-type": kind,
                "headers": headers,
                "properties": {
                    "correlation_id": f"id{number}",
                    "delivery_mode": 2,
                    "delivery_info": {"exchange": "", "routing_key": queue},
                    "priority": 0,
                    "body_encoding": "base64",
                    "delivery_tag": f"tag{number}{queue}",
                },
            }
            running.queue.lpush(queue, json.dumps(message))
    wait_until(lambda: not sum(running.queue.llen(queue) for queue in QUEUES), 30)
    time.sleep(1)
    assert [mark for mark in marks if mark.exists()] == []
    assert running.processes["worker"].poll() is None
    # And it goes on with what is its own.
    before = count_of(running, "status")
    assert hook(running, order_id="ANOTHER").status_code == 200
    wait_until(lambda: count_of(running, "status") != before, 40)


def count_of(ding, name):
    api = {"Authorization": f"Bearer {ding.known['key']}"}
    logs = ding.http.get(f"{ding.url}/api/webhooks/logs?limit=200", headers=api, timeout=20).json()["results"]
    return sum(row[name] != "received" for row in logs)


def test_a_forger_is_told_to_wait_and_who_has_the_secret_is_not(running):
    """S16: a thousand wrong ones from one address, with made-up addresses before it."""
    answers = {}
    for number in range(400):
        status = hook(
            running, secret="wrong" * 6, headers={"X-Forwarded-For": f"10.0.0.{number % 250}"}
        ).status_code
        answers[status] = answers.get(status, 0) + 1
    assert set(answers) == {401, 429}
    assert answers[401] <= 200  # of one minute, or of two
    assert hook(running).status_code == 200
    api = {"Authorization": f"Bearer {running.known['key']}"}
    assert running.http.get(f"{running.url}/api/orders", headers=api, timeout=20).status_code == 200


def test_without_redis_nothing_is_taken_that_was_refused_before(running):
    """S47: the worker's and the web's connections are cut while they try."""
    for _ in range(5):
        for client in running.queue.client_list():
            with contextlib.suppress(redis.RedisError):
                if client["addr"] != running.queue.client_info()["addr"]:
                    running.queue.client_kill(client["addr"])
        assert hook(running, secret="wrong" * 6).status_code in (401, 429)
        assert hook(running, restaurant_id="efgh5678").status_code in (401, 429)
        assert hook(running).status_code == 200
    assert running.processes["worker"].poll() is None
