"""The REST API's manners: who calls, what they may, strict JSON in, one shape of errors out, pages."""

from __future__ import annotations

import logging
import math
import re
from typing import TYPE_CHECKING, Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from ding import second_factor
from ding.errors import DomainError, NotFound, error_body
from ding.keys import SCOPES, Caller, caller_of
from ding.staff import restaurants_of
from ding.throttle import note_failure, refuse_if_over
from pos_integrations import strict_json
from pos_integrations.errors import MalformedPayload

if TYPE_CHECKING:
    # At run time views load this module by the settings' names: a cycle.
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


# --- who calls ----------------------------------------------------------------------------------------


class Client:
    """The `request.user` behind an API key: somebody, but nobody with an account."""

    is_authenticated = True
    is_active = True
    is_staff = False
    is_anonymous = False

    def __init__(self, name: str) -> None:
        self.pk = self.username = name

    def __str__(self) -> str:
        return self.username


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer dk_…`. Sets `request.auth` to the `Caller`."""

    def authenticate(self, request: Request) -> tuple[Client, Caller] | None:
        """Who it is; None when the request brings no key."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        caller = caller_of(key.strip())
        if caller is None:
            refuse_if_over(note_failure("key", request.META.get("REMOTE_ADDR", "")))
            raise exceptions.AuthenticationFailed("This API key is not valid, or not any more.")
        # For the audit trail.
        request._request.api_client = caller.name  # type: ignore[attr-defined]
        return Client(caller.name), caller

    def authenticate_header(self, request: Request) -> str:
        """Makes the refusal a 401."""
        return 'Bearer realm="ding"'


class StaffSession(SessionAuthentication):
    """Staff logged in to the admin: superusers may do everything, others may read what their role shows them."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        """Who it is; None for nobody and for accounts that are not staff."""
        found = super().authenticate(request)
        if found is None or not found[0].is_staff:
            return None
        user = found[0]
        if not second_factor.passed(request._request):
            return None
        scopes = [scope for scope in SCOPES if user.is_superuser or _may_read(user, scope)]
        return user, Caller(f"staff:{user.get_username()}"[:64], frozenset(scopes), restaurants_of(user))


# What a role must let staff see before its data may be read over REST.
_SEEN_BY = {
    "menu:read": "menus.view_item",
    "orders:read": "orders.view_order",
    "integrations:read": "pos_integrations.view_restaurantposintegration",
}


def _may_read(user: Any, scope: str) -> bool:
    return scope in _SEEN_BY and bool(user.has_perm(_SEEN_BY[scope]))


class HasScope(BasePermission):
    """A view says in `scopes` which scope each method needs; a method without one is closed.

    An object of a restaurant that the caller does not see is not found, exactly like one that is not there.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller holds the scope."""
        caller: Any = request.auth
        method = (request.method or "").lower()
        if caller is not None and not (method in view.http_method_names and hasattr(view, method)):
            raise exceptions.MethodNotAllowed(request.method or "")
        needed = getattr(view, "scopes", {}).get(
            "GET" if request.method in ("HEAD", "OPTIONS") else request.method
        )
        if caller is None or needed is None:
            return False
        if needed not in caller.scopes:
            self.message = f"This needs the scope {needed}, which your key does not have."
            return False
        return True

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        """Whether the object's restaurant is the caller's business."""
        restaurant_id = getattr(obj, "restaurant_id", None) or obj.pk
        caller: Any = request.auth
        if not caller.sees(restaurant_id):
            raise NotFound
        return True


# Hundreds of lines in an order take less; ten megabytes of `{}` take hundreds in memory.
MOST_BYTES = 1024 * 1024


# --- in and out ---------------------------------------------------------------------------------------


class StrictJsonParser(BaseParser):
    """JSON as the standard has it, nothing more: one rule for our clients and for every POS."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The value in the body. Raises RequestDataTooBig."""
        request = parser_context["request"]
        length = request.META.get("CONTENT_LENGTH") or "0"
        if len(length) > 12 or int(length) > MOST_BYTES:
            raise RequestDataTooBig
        try:
            # `stream` itself would read on for as long as somebody sends.
            return strict_json.parse(request.body)
        except MalformedPayload as error:
            raise exceptions.ParseError(error.message) from error


class JsonWhateverIsAsked(DefaultContentNegotiation):
    """Where there is one kind of answer, no `Accept` and no `?format=` makes it a refusal: a POS sends what it likes."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        """The only one, or what fits best."""
        if len(renderers) == 1:
            return renderers[0], renderers[0].media_type
        return super().select_renderer(request, renderers, format_suffix)


class NewestFirst(CursorPagination):
    """Pages that stay right while rows are added; `next` and `previous` are whole addresses."""

    ordering = "-id"
    page_size_query_param = "limit"
    max_page_size = 200

    def get_page_size(self, request: Request) -> int | None:
        """What `limit` says; a page is never larger than `max_page_size`."""
        limit = request.query_params.get(self.page_size_query_param)
        if limit is None:
            return self.page_size
        if not re.fullmatch(r"[0-9]{1,9}", limit) or not int(limit):
            message = f"Write a number from 1 to {self.max_page_size}, or leave it out."
            raise exceptions.ValidationError({"limit": [exceptions.ErrorDetail(message, "limit")]})
        return min(int(limit), self.max_page_size)

    def decode_cursor(self, request: Request) -> Any:
        """Where a page begins: an id, whatever somebody wrote into the address."""
        try:
            cursor = super().decode_cursor(request)
            position = cursor.position if cursor else None
            good = position is None or bool(re.fullmatch(r"[0-9]{1,18}", str(position)))
        except exceptions.NotFound:
            cursor, good = None, False
        if not good:
            message = "Take `next` or `previous` of an answer as they are, or leave the cursor out."
            raise exceptions.ValidationError({"cursor": [exceptions.ErrorDetail(message, "cursor")]})
        return cursor


def handle_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every exception of an API view as the one shape; None lets a real bug through to the 500 handler."""
    request = context.get("request")
    missing = isinstance(error, Http404) or getattr(error, "status", None) == status.HTTP_404_NOT_FOUND
    caller = getattr(request, "auth", None)
    # Whoever asks for so much that is not there is guessing.
    if missing and caller and (seconds := note_failure("missing", caller.name)):
        error = exceptions.Throttled(wait=seconds)
    if isinstance(error, DomainError):
        return Response(error_body(request, error.code, error.message, error.fields), error.status)
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("The database does not answer.", exc_info=error)
        return _unavailable(request)
    if isinstance(error, RequestDataTooBig):
        return Response(
            error_body(request, "too_large", "The body is larger than 1 MiB."),
            status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
        )
    if isinstance(error, Http404):
        error = exceptions.NotFound(NotFound().message)
    if isinstance(error, exceptions.ValidationError):
        return Response(
            error_body(
                request, "invalid", "Some fields are not right; see fields.", dict(_fields(error.detail))
            ),
            status.HTTP_400_BAD_REQUEST,
        )
    if isinstance(error, exceptions.APIException):
        headers = {}
        if auth_header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = auth_header
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(math.ceil(wait))
        return Response(
            error_body(request, str(error.default_code), str(error.detail)),
            error.status_code,
            headers=headers,
        )
    return None


def _unavailable(request: Any) -> Response:
    return Response(
        error_body(request, "unavailable", "The database does not answer. Nothing was changed; try again."),
        status.HTTP_503_SERVICE_UNAVAILABLE,
        headers={"Retry-After": "2"},
    )


def _fields(detail: Any, path: str = "") -> list[tuple[str, list[dict[str, str]]]]:
    """DRF's nested detail as flat paths: `items[0].quantity` → its errors."""
    if isinstance(detail, dict):
        found = []
        for name, inner in detail.items():
            # An int key is a position in a list of objects.
            step = f"[{name}]" if isinstance(name, int) else (f".{name}" if path else str(name))
            found += _fields(inner, path + step)
        return found
    if isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        return [pair for i, inner in enumerate(detail) if inner for pair in _fields(inner, f"{path}[{i}]")]
    errors = detail if isinstance(detail, list) else [detail]
    return [
        (
            path or "body",
            [{"rule": str(getattr(e, "code", "invalid")), "message": str(e)} for e in errors if str(e)],
        )
    ]


# --- outside of any view -------------------------------------------------------------------------------


def _is_api(request: HttpRequest) -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404 for an address that does not exist."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    message = "There is nothing at this address; /api/docs/ lists what there is."
    return JsonResponse(error_body(request, "not_found", message), status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400 for a request that Django itself refuses."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return JsonResponse(error_body(request, "bad_request", "The request is not valid."), status=400)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """500: our bug. The log has the rest, under the request id."""
    if not _is_api(request):
        return defaults.server_error(request)
    message = "Something is wrong on our side; tell us the request_id."
    return JsonResponse(error_body(request, "internal", message), status=500)
