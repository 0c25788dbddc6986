"""What a POS calls. Raw bytes are taken before any parser; after the 200 the row is committed."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ding.errors import DomainError
from ding.nudge import nudge
from ding.throttle import note_failure, refuse_if_over
from pos_integrations import inbound, tasks
from pos_integrations.errors import AnotherRestaurant, MalformedPayload, NotAuthentic
from pos_integrations.messages import WebhookRequest

logger = logging.getLogger(__name__)


class LengthRequired(DomainError):
    """A body whose length nobody declared would be read as empty."""

    status = 411
    code = "length_required"


class TooLarge(DomainError):
    """More than any webhook of this kind has."""

    status = 413
    code = "too_large"


class SpeaksForAnother(DomainError):
    """Authentic, but the body names a restaurant that is not the sender's."""

    status = 403
    code = "another_restaurant"


class Malformed(DomainError):
    """Authentic or not, it cannot be used."""

    status = 400
    code = "malformed"


class WebhookView(APIView):
    """Authenticate, store, answer. The POS's own means prove who calls."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    @extend_schema(request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT, auth=[])
    def post(
        self, request: Request, provider: str, topic: str, public_id: str | None = None, token: str = ""
    ) -> Response:
        """Take one webhook. 200 means: stored, and it will be worked off."""
        try:
            reply = inbound.receive(
                provider_name=provider,
                topic_name=topic,
                request=WebhookRequest(
                    topic,
                    _body(request._request, inbound.max_bytes(provider, topic, public_id)),
                    _headers(request),
                    token=token,
                ),
                public_id=public_id,
                remote_address=request.META.get("REMOTE_ADDR", ""),
            )
        except NotAuthentic:
            refuse_if_over(note_failure("webhook", request.META.get("REMOTE_ADDR", "")))
            # For whoever wonders why nothing arrives; the sender is told nothing.
            logger.warning(
                "A webhook was refused: its signature or token fits nobody.",
                extra={
                    "provider": provider,
                    "topic": topic,
                    "integration": public_id or "",
                    "remote_address": request.META.get("REMOTE_ADDR", ""),
                },
            )
            # Whatever the cause, the same words: a stranger learns nothing from them.
            message = "The signature or token is not valid."
            return Response({"error": {"code": "not_authentic", "message": message}}, 401)
        except AnotherRestaurant as error:
            logger.warning(
                "A webhook was refused: it is authentic, and speaks for another restaurant.",
                extra={"provider": provider, "topic": topic, "integration": public_id or ""},
            )
            raise SpeaksForAnother("The body names a restaurant that is not this address's.") from error
        except MalformedPayload as error:
            fields = {error.field: [{"rule": "malformed", "message": error.message}]} if error.field else None
            raise Malformed(error.message, fields=fields) from error
        if reply.status == 200:
            nudge(tasks.drain_webhooks)
        return Response(reply.body, reply.status)


def _body(request: HttpRequest, limit: int) -> bytes:
    length = request.META.get("CONTENT_LENGTH", "")
    if not length.isascii() or not length.isdigit():
        raise LengthRequired("Send the body with a Content-Length.")
    # Not so long that counting it is work.
    if len(length) > 12 or int(length) > limit:
        raise TooLarge(f"The body is larger than {limit} bytes.")
    return request.body


def _headers(request: Request) -> dict[str, str]:
    headers: Any = request.headers
    return {name.lower(): value for name, value in headers.items()}
