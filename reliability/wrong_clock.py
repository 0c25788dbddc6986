"""Clocks that are wrong and jump, for one process at a time; needs a C compiler, as MariaDB's driver does."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class WrongClock:
    """What a process is started with (`env`) to live at another time: `set` makes its clock jump."""

    def __init__(self, folder: Path) -> None:
        library, self._shift = folder / "wrong_clock.so", folder / "clock"
        compiler = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(compiler, check=True)
        self._shift.write_bytes(struct.pack("l", 0))
        self.env = {"LD_PRELOAD": str(library), "RIG_CLOCK": str(self._shift)}

    def set(self, seconds: int) -> None:
        """So many seconds ahead of the machine's clock, from now on."""
        with self._shift.open("r+b") as file:
            file.write(struct.pack("l", seconds))
