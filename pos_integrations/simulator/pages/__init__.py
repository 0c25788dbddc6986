"""Pages: the terminal's HTML, style and script, from files beside this one and from nowhere else."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from pos_integrations.simulator.wire import Answer

FOLDER = Path(__file__).parent
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS = (
    ("Content-Security-Policy", "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-cache"),
)
_OUTLET = re.compile(r"/outlets/[^/]+")
_FILE = re.compile(r"/pages/([a-z]+\.(?:css|js|svg))")


def page(path: str) -> Answer | None:
    """The answer to that address, None when it is no page."""
    if path == "/" or _OUTLET.fullmatch(path):
        return _file("terminal.html")
    file = _FILE.fullmatch(path)
    return _file(file[1]) if file else None


@functools.cache
def _file(name: str) -> Answer | None:
    file = FOLDER / name
    if not file.is_file():
        return None
    return Answer(200, file.read_bytes(), TYPES[file.suffix], HEADERS)
