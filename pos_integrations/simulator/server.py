"""The HTTP server: sockets and threads. It reads a request whole, asks for a `Reply`, carries it out."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pos_integrations.simulator.wire import Answer, Reply, Request, Wire

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024


class HttpServer(ThreadingHTTPServer):
    """A thread per connection, all of them daemons, and a stop that leaves no socket open."""

    daemon_threads = True
    block_on_close = False
    # A burst of orders must not be refused at the door.
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], handle: Callable[[Request], Reply]) -> None:
        self.handle = handle
        self.stopping = threading.Event()
        self._open: set[Any] = set()
        self._changed = threading.Condition()
        super().__init__(address, _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 1}, name="simulated-pos", daemon=True
        )

    def server_bind(self) -> None:
        """Bind without the reverse DNS look-up of `HTTPServer`, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, cut those that are open, and wait for their threads."""
        self.stopping.set()
        # Wakes the thread that waits for connections, so that it need not look up often.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # its client was faster
            self._changed.wait_for(lambda: not self._open, timeout=5)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection before its thread starts, so that `stop` misses none."""
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection and forget it."""
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a fault of ours; a client that left is none."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            logger.error("simulated POS: a request failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpServer

    def do_POST(self) -> None:
        started = time.perf_counter()
        length = self.headers.get("Content-Length", "")
        if self.command == "POST" and not (length.isascii() and length.isdigit()):
            self.close_connection = True
            reply = Reply(Answer.json({"message": "Length Required"}, 411))
        elif int(length or 0) > MAX_BODY_BYTES:
            self.close_connection = True
            reply = Reply(Answer.json({"message": "Request Too Long"}, 413))
        else:
            body = self.rfile.read(int(length or 0))
            if len(body) < int(length or 0):
                self.close_connection = True
                return  # the client left in the middle of its request
            reply = self.server.handle(Request(self.command, self._address, self.headers, body))
        self._carry_out(reply, started)

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

    @property
    def _address(self) -> str:
        # Without the query, which may hold a token and has no meaning here.
        return self.path.partition("?")[0]

    def _carry_out(self, reply: Reply, started: float) -> None:
        wire = Wire(self.connection, close=self.close_connection, stopping=self.server.stopping)
        left = ""
        try:
            if not reply.delay_seconds or wire.pause(reply.delay_seconds):
                reply.send(wire, reply.answer)
        except OSError:
            wire.close, left = True, ", the client left"
        finally:
            self.close_connection = wire.close
            if reply.afterwards:
                reply.afterwards()
        logger.info(
            "%s %s %d %.1f ms%s%s",
            self.command,
            self._address,
            reply.answer.status,
            (time.perf_counter() - started) * 1000,
            f", {reply.remark}" if reply.remark else "",
            left,
        )

    def log_message(self, format: str, *args: Any) -> None:
        """What the standard library says of malformed requests; ours is the line above."""
        logger.debug("simulated POS: " + format, *args)  # noqa: G003 - its format, its arguments
