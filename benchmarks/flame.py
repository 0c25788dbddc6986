"""Where the time of placing orders goes, as a flame graph: docs/flame-orders.svg.

    python benchmarks/flame.py [SECONDS]

Starts what the benchmark starts, places orders through ding's own WSGI application in this process, and looks at its
stack whenever it has used some milliseconds of the processor: what waits is not seen. The wider a bar, the more often it
was seen; above it stands what called it.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import ExitStack
from html import escape
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from benchmarks import world
from benchmarks.bench import Bench

WIDTH, ROW = 1200, 17
COLOURS = {"ding": "#e8590c", "django": "#74b816", "rest_framework": "#66a80f", "MySQLdb": "#1c7ed6"}
PLACES = ("ding", "orders", "menus", "pos_integrations", "notifications")


class Node:
    """One function in one position, with all that it called."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind, self.seen = name, kind, 0
        self.below: dict[str, Node] = {}


def main() -> None:
    """Sample and draw."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with ExitStack() as everything:
        bench = Bench(argparse.Namespace(short=True), everything)
        from django.test import RequestFactory

        from ding.wsgi import application

        place = bench.places[0]
        body = json.dumps(world.order_body(place, world.basket(place, 5)))
        numbers = iter(range(10**9))

        def order() -> None:
            headers = {"HTTP_AUTHORIZATION": f"Bearer {bench.key}", "HTTP_HOST": "127.0.0.1"}
            headers["HTTP_IDEMPOTENCY_KEY"] = f"flame-{next(numbers)}"
            request = RequestFactory().post("/api/orders", body, content_type="application/json", **headers)
            b"".join(application(request.environ, lambda *args: None))  # type: ignore[arg-type, return-value]

        for _ in range(10):
            order()
        root = Node("placing an order of 5 lines", "")
        signal.signal(signal.SIGPROF, lambda number, frame: _look(root, frame))
        signal.setitimer(signal.ITIMER_PROF, 0.004, 0.004)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            order()
        signal.setitimer(signal.ITIMER_PROF, 0)
    page = ROOT / "docs/flame-orders.svg"
    page.write_text(_drawn(root))
    print(f"{root.seen} looks, {page}")


def _look(root: Node, frame: FrameType | None) -> None:
    frames: list[FrameType] = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    names = [_name(frame) for frame in reversed(frames)]
    start = next((i for i, (name, _) in enumerate(names) if name == "short_way.__call__"), None)
    if start is None:
        return
    node = root
    node.seen += 1
    for name, kind in names[start:]:
        node = node.below.setdefault(name, Node(name, kind))
        node.seen += 1


def _name(frame: FrameType) -> tuple[str, str]:
    path = Path(frame.f_code.co_filename)
    kind = next((part for part in COLOURS if part in path.parts), "")
    if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PLACES:
        kind = "ding"
    return f"{path.stem}.{frame.f_code.co_name}", kind


def _drawn(root: Node) -> str:
    bars: list[str] = []
    deepest = [0]

    def draw(node: Node, x: float, depth: int) -> None:
        width = node.seen / root.seen * WIDTH
        if width < 1.5:
            return
        deepest[0] = max(deepest[0], depth)
        share = f"{escape(node.name)}: {node.seen / root.seen:.1%}"
        room = int(width / 6.2)
        words = escape(node.name[:room]) if room > 3 else ""
        bars.append(
            f'<g><title>{share}</title><rect x="{x:.1f}" y="{depth * ROW}" width="{width:.1f}" height="{ROW - 1}" '
            f'rx="2" fill="{COLOURS.get(node.kind, "#ced4da")}"/>'
            f'<text x="{x + 3:.1f}" y="{depth * ROW + 12}">{words}</text></g>'
        )
        for child in sorted(node.below.values(), key=lambda child: -child.seen):
            draw(child, x, depth + 1)
            x += child.seen / root.seen * WIDTH

    draw(root, 0.0, 0)
    height = (deepest[0] + 1) * ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" '
        f'font-size="10">\n<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n'
        + "\n".join(bars)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    main()
