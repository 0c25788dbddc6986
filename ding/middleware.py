"""Each request gets an id, and what it does a name in the audit trail; the staff's pages get their headers."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from structlog.contextvars import bound_contextvars

from ding import audit, breaker
from ding.errors import error_body


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


class DatabaseBreaker:
    """Refuses the API's requests while the database hangs: its callers try again by themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Only the API; a 503 that was waited for shuts the breaker."""
        if not request.path.startswith("/api/"):
            return self._get_response(request)
        if breaker.is_shut() and not breaker.is_back():
            message = "The database does not answer. Nothing was changed; try again."
            body = error_body(request, "unavailable", message)
            return JsonResponse(body, status=503, headers={"Retry-After": "2"})
        began = breaker.moment()
        response = self._get_response(request)
        if response.status_code == 503:
            breaker.note_failure(began)
        return response


class Headers:
    """What every answer carries besides Django's own; and without TLS no program is listened to.

    An answer to a program needs nothing from anywhere. The pages of the documentation load their own files.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Before and after."""
        for_programs = request.path.startswith(("/api/", "/metrics", "/healthz", "/readyz"))
        may_be_asked_inside = request.path.startswith(("/healthz", "/readyz"))
        if for_programs and not may_be_asked_inside and settings.BEHIND_TLS and not request.is_secure():
            message = "Use https://. What was sent in the clear is known to others now: change its secrets."
            response: HttpResponse = JsonResponse(error_body(request, "https_required", message), status=403)
        else:
            response = self._get_response(request)
        response.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        )
        if for_programs and not request.path.startswith("/api/docs"):
            response._csp_replace = dict(_NOTHING)  # type: ignore[attr-defined]
        if for_programs and not response.has_header("ETag"):
            response.setdefault("Cache-Control", "no-store")
        return response


# Every directive that is set for pages, and no more.
_NOTHING = {name: ["'none'"] for name in settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]}


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
