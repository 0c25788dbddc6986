"""A mail server that behaves or not: takes messages, is down, slow, or silent after it has taken one."""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress

MODES = ("well", "down", "slow", "refuse", "take_then_silence")


class MailSink:
    """Listens on a free port of loopback; `taken` holds (to, subject) of each message that was whole."""

    def __init__(self) -> None:
        self.mode = "well"
        self.taken: list[tuple[str, str]] = []
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, name="mail-sink", daemon=True).start()

    def close(self) -> None:
        """Stop for good."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        mode = self.mode
        with connection, suppress(OSError):
            if mode == "down":
                return
            if mode == "slow":
                time.sleep(2)
            lines = connection.makefile("rb")
            self._say(connection, "220 rig")
            to = ""
            for line in lines:
                word = line[:4].upper()
                if word == b"RCPT":
                    to = line.decode("latin-1").partition("<")[2].partition(">")[0]
                    self._say(connection, "550 no such guest" if mode == "refuse" else "250 ok")
                elif word == b"DATA":
                    self._say(connection, "354 go on")
                    self._take(lines, to)
                    if mode == "take_then_silence":
                        time.sleep(30)
                        return
                    self._say(connection, "250 taken")
                elif word == b"QUIT":
                    self._say(connection, "221 bye")
                    return
                else:
                    self._say(connection, "250 ok")

    def _take(self, lines: object, to: str) -> None:
        whole = b""
        for line in lines:  # type: ignore[attr-defined]
            if line == b".\r\n":
                break
            whole += line
        else:
            return  # its sender died
        subject = re.search(rb"^Subject: (.*(?:\r\n[ \t].*)*)", whole, re.MULTILINE)
        self.taken.append((to, subject[1].decode("latin-1") if subject else ""))

    def _say(self, connection: socket.socket, words: str) -> None:
        connection.sendall(f"{words}\r\n".encode())
