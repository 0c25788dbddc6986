"""Python's garbage collector, put off while a great deal is made that stays.

It looks for circles among all objects each time that a quarter more of them are there: of a large menu, which
has no circles, a quarter of the work. What is dropped meanwhile is freed all the same, but for circles.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_later() -> Iterator[None]:
    """For a block of a second or so, in all threads. Blocks may overlap: the first one to have begun ends it."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
