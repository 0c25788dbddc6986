"""A process with a clock of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from reliability.wrong_clock import WrongClock

ASK = (
    "import datetime, sys, time\n"
    "for line in sys.stdin:\n"
    "    began = time.monotonic(); time.sleep(0.01)\n"
    "    slept = time.monotonic() - began < 5\n"
    "    print(time.time(), datetime.datetime.now().timestamp(), slept, flush=True)\n"
)


def test_its_time_of_day_jumps_and_its_sleeps_do_not(tmp_path):
    clock = WrongClock(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", ASK],
        env=os.environ | clock.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        for shift in (0, 600, -3600):
            clock.set(shift)
            child.stdin.write("\n")
            child.stdin.flush()
            first, second, slept = child.stdout.readline().split()
            for told in (first, second):
                assert abs(float(told) - time.time() - shift) < 60
            assert slept == "True"
        child.stdin.close()
