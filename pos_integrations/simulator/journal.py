"""Journal: lines of JSON on disk, each there for good before anyone is told.

Many threads write at once: the first to come syncs for all whose lines are waiting (group commit), so a
slow disk costs one wait, not one per order.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Appends to one file. A torn last line, left by a kill, is cut off when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _cut_torn_line(path)
        self._file = path.open("ab")
        self._lock = threading.Lock()  # guards the two below
        self._waiting: list[bytes] = []
        self._added = 0
        self._disk = threading.Lock()  # held by the thread that writes
        self._synced = 0

    def add(self, record: dict[str, Any]) -> int:
        """Queue a record; its number is what to `sync`. Lines keep the order of their adding."""
        line = (
            json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
        )
        with self._lock:
            self._waiting.append(line)
            self._added += 1
            return self._added

    def sync(self, number: int) -> None:
        """Return when that record is on the disk."""
        with self._disk:
            if self._synced >= number:
                return
            with self._lock:
                lines, self._waiting, last = self._waiting, [], self._added
            self._file.write(b"".join(lines))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._synced = last

    def close(self) -> None:
        """Write what is waiting, and close the file."""
        with self._lock:
            last = self._added
        self.sync(last)
        self._file.close()


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a journal that nobody needs to have open, without a torn last line."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
