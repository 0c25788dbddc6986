"""Each request gets an id, and what it does a name in the audit trail; the staff's pages get their headers."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bound_contextvars

from ding import audit


class RequestId:
    """Sets `request.request_id` and the header `X-Request-ID`. A caller's own id is not trusted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Bind the id around the request."""
        request_id = uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        with bound_contextvars(request_id=request_id), audit.of_request(request):
            response = self._get_response(request)
        response["X-Request-ID"] = request_id
        return response


class StaffPages:
    """The admin's library evaluates expressions, so its pages may; and no cache keeps what staff see."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Only under /admin/."""
        response = self._get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_update = {"script-src": ["'unsafe-eval'"]}  # type: ignore[attr-defined]
            response.setdefault("Cache-Control", "no-store")
        return response
