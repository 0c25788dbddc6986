"""Everything in one process, nothing installed but Python: web, worker, scheduler.

The broker lives in this process's memory, so only these threads hear nudges; whatever another process
puts into the database is found by the sweepers. With CELERY_BROKER_URL and DATABASE_URL set, the same
threads serve a real Redis and a real MariaDB.
"""

from __future__ import annotations

import threading
from typing import Any

from celery.beat import EmbeddedService
from celery.concurrency import get_implementation
from waitress.server import create_server

from ding.celery import app
from ding.wsgi import application

WEB_THREADS = 8
WORKER_THREADS = 8
# A task that waits for a POS longer than this is cut off; its lease ends and a sweeper finds the row.
STOP_SECONDS = 10


class Embedded:
    """Start and stop all of it; a context manager."""

    def __init__(self, host: str, port: int) -> None:
        self._closing = False
        # Opening the socket first: a taken port must be known before anything else runs.
        self._web: Any = create_server(
            application, host=host, port=port, threads=WEB_THREADS, connection_limit=1000, channel_timeout=30
        )
        self._worker: Any = app.WorkController(
            pool_cls=get_implementation("threads"),
            concurrency=WORKER_THREADS,
            loglevel="WARNING",
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self._beat: Any = EmbeddedService(app, thread=True, scheduler_cls="celery.beat:Scheduler")

    def __enter__(self) -> Embedded:
        """Start the threads."""
        for name, run in (("web", self._serve), ("worker", self._worker.start)):
            threading.Thread(target=run, name=name, daemon=True).start()
        self._beat.start()
        return self

    def _serve(self) -> None:
        try:
            self._web.run()
        except OSError:
            # Closing takes the sockets away under the server's own wait for them.
            if not self._closing:
                raise

    def __exit__(self, *exc_info: object) -> None:
        """Stop taking requests, then stop working; what is unfinished is in the database."""
        self._closing = True
        # Requests that are being answered first: their threads need the sockets.
        self._web.task_dispatcher.shutdown(timeout=5)
        self._web.close()
        # Not `stop`, which waits: for ever, where the broker does not answer.
        self._beat.service.stop()
        stopping = threading.Thread(
            target=self._worker.stop, kwargs={"in_sighandler": False}, name="stopping", daemon=True
        )
        stopping.start()
        stopping.join(STOP_SECONDS)
