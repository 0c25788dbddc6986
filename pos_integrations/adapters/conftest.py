"""The network of the adapters' tests: `responses` plays the POS. It answers `requests`, so the calls go through that."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from pos_integrations.guarded import Target


class Line:
    """Stands for a `guarded.Connection`, up to what `PosHttp` makes of its answer."""

    def __init__(self, target: Target) -> None:
        self._site = f"{target.scheme}://{target.host}"

    def send(self, method: str, path: str, headers: dict[str, str], body: Any, deadline: float) -> Any:
        answer = requests.request(
            method, self._site + path, headers=headers, data=body, allow_redirects=False, timeout=5
        )
        read = io.BytesIO(answer.content).read
        return SimpleNamespace(status=answer.status_code, headers=answer.headers, read=read, length=0)

    def release(self, response: Any) -> None:
        pass

    broke = close = lambda self: None


@pytest.fixture(autouse=True)
def played_network(monkeypatch):
    monkeypatch.setattr("pos_integrations.http.connection_to", lambda target, *rest: Line(target))
