"""Recipes of the runbook that are done while orders come in: passwords that change, another machine."""

from __future__ import annotations

import secrets
import subprocess
import time
from typing import TYPE_CHECKING

from reliability.checks import judge
from reliability.faults import fault
from reliability.faults.database import connect
from reliability.figures import Figure

if TYPE_CHECKING:
    from reliability.rig import Rig


@fault(
    "R1",
    "recipe: the passwords of database and Redis change",
    carried_by="two hold beside each other; processes restart one by one; nothing is in memory alone",
)
def passwords(rig: Rig, n: int) -> list[Figure]:
    """As docs/runbook.md says, under load; afterwards the old ones are refused."""
    rig.stock_up(1200)
    old, new = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    session = connect(rig)
    cursor = session.cursor()
    cursor.execute(f"CREATE USER ding2@'127.0.0.1' IDENTIFIED BY '{new}'")
    cursor.execute("GRANT ALL ON ding.* TO ding2@'127.0.0.1'")
    session.close()
    rig.redis.say("ACL", "SETUSER", "default", "resetpass", f">{old}")
    rig.redis.password = old
    before = [process.env for process in rig.processes]
    try:
        with rig.load(events=10, orders=1.5) as load:
            rig.redis.say("ACL", "SETUSER", "default", f">{new}")
            for process in rig.processes:
                database = process.env["DATABASE_URL"].replace("root@", f"ding2:{new}@")
                broker = process.env["CELERY_BROKER_URL"].replace("redis://", f"redis://:{new}@")
                rig.restart(process, DATABASE_URL=database, CELERY_BROKER_URL=broker)
                time.sleep(2)
            rig.wait_ready()
            rig.redis.password = new
            rig.redis.say("ACL", "SETUSER", "default", f"<{old}")
            time.sleep(3)
        figures = judge(rig, load)
        rig.redis.password = old
        told = rig.redis.say("PING")
    finally:
        rig.redis.password = new
        rig.redis.say("ACL", "SETUSER", "default", "nopass")
        rig.redis.password = ""
        for process, env in zip(rig.processes, before, strict=True):
            process.stop()
            process.env = env
            process.start()
    rig.wait_ready()
    return [Figure("old_password_holds", int("WRONGPASS" not in told and "NOAUTH" not in told), 1), *figures]


@fault(
    "R2",
    "recipe: move to another machine",
    trials=40,
    carried_by="all that is owed is in the database; senders try again while nobody answers",
)
def move(rig: Rig, n: int) -> list[Figure]:
    """Everything stops, the database is dumped and loaded elsewhere, everything starts there, under load."""
    from django.db import connections

    rig.stock_up(800)
    login = ["-h127.0.0.1", f"-P{rig.db.port}", "-uroot"]
    before = [process.env for process in rig.processes]
    with rig.load(events=10, orders=2) as load:
        time.sleep(3)
        for process in rig.processes:
            process.stop()
        subprocess.run(["mariadb", *login, "-e", "CREATE DATABASE elsewhere"], check=True)
        _copy(login, "ding", "elsewhere")
        for process in rig.processes:
            process.env = {**process.env, "DATABASE_URL": process.env["DATABASE_URL"][:-4] + "elsewhere"}
            process.start()
        rig.wait_ready()
        time.sleep(4)
    connections["default"].close()
    connections["default"].settings_dict["NAME"] = "elsewhere"
    figures = judge(rig, load)
    # And back, so that the other faults find what they know.
    connections["default"].close()
    for process in rig.processes:
        process.stop()
    _copy(login, "elsewhere", "ding")
    connections["default"].settings_dict["NAME"] = "ding"
    for process, env in zip(rig.processes, before, strict=True):
        process.env = env
        process.start()
    rig.mend()
    return figures


def _copy(login: list[str], there: str, here: str) -> None:
    dump = ["mariadb-dump", *login, "--single-transaction", there]
    content = subprocess.run(dump, capture_output=True, check=True).stdout
    subprocess.run(["mariadb", *login, here], input=content, check=True)
