"""The REST doors to orders: each reads its input, calls one service, writes the answer."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from ding.errors import NotFound
from orders.models import ChangeSource, Order
from orders.order_request import OrderRequest
from orders.serializers import CancelInput, OrderAnswer, OrderFilter, OrderInput, QuoteAnswer
from orders.services.placing import place_order, quote_order
from orders.services.statuses import cancel_order

# What `ding.short_orders` met when it tried to place this request's order, for the view to tell.
MET = "ding.order_met"

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_NAME = OpenApiParameter(
    "name", OpenApiTypes.STR, OpenApiParameter.PATH, description="The order's id or reference."
)


class OrdersView(APIView):
    """All orders."""

    scopes = {"GET": "orders:read", "POST": "orders:write"}
    pagination_class: Any = api_settings.DEFAULT_PAGINATION_CLASS

    @extend_schema(
        operation_id="orders_place",
        summary="Place an order",
        request=OrderInput,
        responses={201: OrderAnswer},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="1 to 255 visible ASCII characters. The same key and body give the first answer again, "
                "with the header Idempotent-Replayed; the same key with another body is refused with 422.",
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Price the order from the menu and place it."""
        if (met := request.META.get(MET)) is not None:
            raise met
        answer, created = place_order(
            request=_order_request(request),
            client=_caller(request).name,
            idempotency_key=_idempotency_key(request),
            source=_source(request),
        )
        return Response(answer, status=201, headers=None if created else {"Idempotent-Replayed": "true"})

    @extend_schema(
        operation_id="orders_list",
        summary="List orders, newest first",
        parameters=[OrderFilter],
        responses=OrderAnswer(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the orders that the caller may see."""
        wanted = OrderFilter(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        if "restaurant" in wanted.validated_data:
            _check_sees(request, wanted.validated_data["restaurant"])
        columns = {
            "restaurant": "restaurant_id",
            "status": "status",
            "since": "created_at__gte",
            "until": "created_at__lt",
            "phone": "customer_phone",
        }
        orders = Order.objects.filter(_seen_by(request)).filter(
            **{columns[name]: value for name, value in wanted.validated_data.items()}
        )
        pages = self.pagination_class()
        page = pages.paginate_queryset(orders.for_answer(), request, view=self)
        return pages.get_paginated_response(OrderAnswer(page, many=True).data)


class QuoteView(APIView):
    """The price of an order that is not placed."""

    scopes = {"POST": "orders:write"}

    @extend_schema(
        operation_id="orders_quote",
        summary="Price an order without placing it",
        request=OrderInput,
        responses={200: QuoteAnswer},
    )
    def post(self, request: Request) -> Response:
        """Apply the rules and prices of placing; write nothing."""
        wanted = _order_request(request)
        quote, currency = quote_order(request=wanted)
        return Response(QuoteAnswer.of(wanted, quote, currency).data)


class OrderView(APIView):
    """One order."""

    scopes = {"GET": "orders:read"}

    @extend_schema(
        operation_id="orders_get", summary="Read one order", parameters=[_NAME], responses=OrderAnswer
    )
    def get(self, request: Request, name: str) -> Response:
        """Read one order by id or reference."""
        return Response(OrderAnswer(_order(request, name)).data)


class CancelView(APIView):
    """The cancellation of one order."""

    scopes = {"POST": "orders:write"}

    @extend_schema(
        operation_id="orders_cancel",
        summary="Cancel an order",
        parameters=[_NAME],
        request=CancelInput,
        responses={200: OrderAnswer},
    )
    def post(self, request: Request, name: str) -> Response:
        """Cancel an open order; the POS is told when it has it. Again is harmless."""
        wanted = CancelInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        order = _order(request, name)
        cancel_order(
            order.pk,
            reason=wanted.validated_data["reason"],
            source=_source(request),
            changed_by=_caller(request).name,
        )
        return Response(OrderAnswer(_order(request, name)).data)


def _order_request(request: Request) -> OrderRequest:
    wanted = OrderInput.read(request.data)
    _check_sees(request, wanted.restaurant_id)
    return wanted


def _caller(request: Request) -> Any:
    """Who calls: `name`, `restaurant_ids` (None: all), `sees(restaurant_id)`."""
    return request.auth


def _check_sees(request: Request, restaurant_id: int) -> None:
    if not _caller(request).sees(restaurant_id):
        raise NotFound("There is no such restaurant, or not for you.")


def _seen_by(request: Request) -> Q:
    restaurants = _caller(request).restaurant_ids
    return Q() if restaurants is None else Q(restaurant__in=restaurants)


def _order(request: Request, name: str) -> Order:
    # At most 18 digits: more would not fit the column.
    by_id = name.isascii() and name.isdigit() and len(name) <= 18
    named = Q(pk=int(name)) if by_id else Q(reference=name)
    order = Order.objects.filter(named, _seen_by(request)).for_answer().first()
    if order is None:
        raise NotFound("There is no such order, or not for you.")
    return order


def _source(request: Request) -> ChangeSource:
    """Staff act in the admin's session, everybody else through an ordering channel."""
    return ChangeSource.STAFF if getattr(request.user, "is_staff", False) else ChangeSource.GUEST


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not is_idempotency_key(key):
        error = ErrorDetail("Send 1 to 255 visible ASCII characters, or leave the header out.", "invalid")
        raise ValidationError({"Idempotency-Key": [error]})
    return key or ""


def is_idempotency_key(key: str) -> bool:
    """Whether a client may send that as one."""
    return bool(_IDEMPOTENCY_KEY.fullmatch(key))
