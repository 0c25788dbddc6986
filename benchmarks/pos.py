"""A POS that is never the bottleneck: one asyncio process that waits as long as it is told and says yes.

    python benchmarks/pos.py PORT FOLDER

`FOLDER/delay` holds the seconds per call, `FOLDER/hang` the restaurant codes that are never answered, and
`FOLDER/menu-CODE.json` what is sent as a menu. `GET /` tells how many calls came and were held at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()
state = {"now": 0, "most": 0, "orders": 0}
taken: list[str] = []
SAVED = json.dumps({"success": "1", "message": "Your order is saved.", "orderID": ""}).encode()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, call after call until the client closes it."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            words = head.split(b" ", 2)
            length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
            keeps = b"connection: keep-alive" in lines
            body = await reader.readexactly(length) if length else b""
            answer = await _answer(words[0], words[1], body)
            if answer is None:
                return
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: %s\r\n"
                b"Content-Length: %d\r\n\r\n" % (b"keep-alive" if keeps else b"close", len(answer))
            )
            writer.write(answer)
            await writer.drain()
            if not keeps:
                return
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _answer(method: bytes, path: bytes, body: bytes) -> bytes | None:
    if method == b"GET":
        answer = json.dumps(
            {**state, "taken": len(set(taken)), "twice": len(taken) - len(set(taken))}
        ).encode()
        if path == b"/reset":
            state.update(now=0, most=0, orders=0)
            taken.clear()
        return answer
    sent = json.loads(body)
    if path.endswith(b"/mapped_restaurant_menus"):
        return (FOLDER / f"menu-{sent['restID']}.json").read_bytes()
    if path.endswith(b"/save_order"):
        info = sent["orderinfo"]["OrderInfo"]
        code = info["Restaurant"]["details"]["restID"]
        state["now"] += 1
        state["most"] = max(state["most"], state["now"])
        try:
            hanging = (FOLDER / "hang").read_text().split() if (FOLDER / "hang").exists() else []
            await asyncio.sleep(60 if code in hanging else float((FOLDER / "delay").read_text()))
        finally:
            state["now"] -= 1
        if code in hanging:
            return None
        state["orders"] += 1
        taken.append(info["Order"]["details"]["orderID"])
    return SAVED


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024, limit=1 << 22)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
