"""Asking: what the control addresses share. JSON objects in, JSON out, and a plain word about a mistake."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from pos_integrations.simulator.wire import Answer, Reply, Request


class Mistake(Exception):
    """What the caller asked makes no sense; the text says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status

    def reply(self) -> Reply:
        """The answer that says so."""
        return Reply(Answer.json({"error": str(self)}, self.status))


class NothingHere(Mistake):
    """No such address."""

    def __init__(self) -> None:
        super().__init__("There is nothing here.", 404)


def ok(document: Any, status: int = 200) -> Reply:
    """An answer with JSON."""
    return Reply(Answer.json(document, status, (("Cache-Control", "no-store"),)))


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Mistake("The body must be JSON.") from error
    if not isinstance(document, dict):
        raise Mistake("The body must be a JSON object.")
    return document


def read_value(body: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """One value of a body. Mistake when it is of another kind, or missing without a default."""
    if name not in body and default is not None:
        return default
    value = body.get(name)
    if type(value) is not kind:
        raise Mistake(f"{name} must be a {kind.__name__}.")
    return value


def refuse_other_sites(request: Request) -> None:
    """Mistake when a page of another site sends the request: there are no passwords here.

    Browsers name the origin with every POST; other clients do not, and need no protection from it.
    """
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        raise Mistake("This is not for pages of other sites.", 403)
