"""What goes back over the socket: an answer, and the connection on which it can be sent well or badly."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole. `path` is without the query: that may hold a token."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def json(cls, document: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """An answer with a JSON body."""
        return cls(status, json.dumps(document, ensure_ascii=False).encode(), headers=headers)

    def head(self, *, length: int | None = None, close: bool = False) -> bytes:
        """The status line and the headers. `length`: announced instead of the body's."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [
            f"HTTP/1.1 {self.status} {phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body) if length is None else length}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        if close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


class Wire:
    """The connection of one client while it waits for its answer."""

    def __init__(self, connection: socket.socket, *, close: bool, stopping: threading.Event) -> None:
        self._connection = connection
        self._stopping = stopping
        self.close = close  # whether the connection ends with this answer

    def send(self, data: bytes) -> None:
        """Send all of `data`. OSError when the client has left."""
        self._connection.sendall(data)

    def send_whole(self, answer: Answer) -> None:
        """Answer as an honest server does."""
        self.send(answer.head(close=self.close) + answer.body)

    def pause(self, seconds: float) -> bool:
        """Wait; False when the server stops meanwhile."""
        return not self._stopping.wait(seconds)

    def wait_for_client_to_leave(self) -> None:
        """Say nothing until the client closes, or the server stops and so shuts the socket."""
        self.close = True
        while self._connection.recv(4096):
            pass

    def reset(self) -> None:
        """Cut the connection with RST instead of an orderly end."""
        self.close = True
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The file that the handler reads from would keep the descriptor open: take it away.
        os.close(self._connection.detach())


Send = Callable[[Wire, Answer], None]


@dataclass(slots=True)
class Reply:
    """What the server does about a request. `remark` goes to the log, `afterwards` runs in any case."""

    answer: Answer
    remark: str = ""
    delay_seconds: float = 0.0
    send: Send = Wire.send_whole
    afterwards: Callable[[], None] | None = None
