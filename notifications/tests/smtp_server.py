"""A mail server on loopback that can misbehave at every step of the conversation."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading


class SmtpServer(socketserver.ThreadingTCPServer):
    """`answers`: command → what to say instead of the usual; "hang up" and "hang" are acts, not words.

    Commands are EHLO, AUTH, MAIL, RCPT, DATA, QUIT, and "." for the end of the letter; "" is the greeting.
    `letters` are the letters taken, whole.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, answers=None):
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.answers = answers or {}
        self.letters: list[bytes] = []
        self.released = threading.Event()


class _Conversation(socketserver.StreamRequestHandler):
    USUAL = {
        "": "220 ready",
        "EHLO": "250-here\r\n250 AUTH PLAIN LOGIN",
        "AUTH": "235 welcome",
        "MAIL": "250 ok",
        "RCPT": "250 ok",
        "DATA": "354 go on",
        ".": "250 taken",
        "RSET": "250 ok",
        "QUIT": "221 bye",
    }

    def handle(self):
        with contextlib.suppress(OSError):
            if self.say("") is None:
                return
            while line := self.rfile.readline():
                command = line.split()[0].decode().upper()
                answer = self.say(command)
                if answer is None or command == "QUIT":
                    return
                if command == "DATA" and answer.startswith("354"):
                    letter = b""
                    while (part := self.rfile.readline()) != b".\r\n":
                        if not part:
                            return
                        letter += part
                    answer = self.say(".", letter)
                    if answer is None:
                        return

    def say(self, command, letter=None):
        """The answer given; None when the conversation is over."""
        answer = self.server.answers.get(command, self.USUAL[command])
        if letter is not None and answer.startswith(("2", "hang")):
            self.server.letters.append(letter)
        if answer == "hang":
            self.server.released.wait(10)
            return None
        if answer == "hang up":
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return None
        self.wfile.write(f"{answer}\r\n".encode())
        return answer


@contextlib.contextmanager
def running(answers=None):
    with SmtpServer(answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
