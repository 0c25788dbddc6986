"""Telling the POS how far a rider is who is not the restaurant's own."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ding.db import transactional
from ding.errors import Conflict, NotFound
from ding.nudge import nudge
from menus.snapshot import OrderType
from orders.models import Order
from orders.status import OrderStatus
from pos_integrations import outbound, tasks
from pos_integrations.messages import RiderStatus, RiderUpdate
from pos_integrations.models import OrderPush
from pos_integrations.serializers import RiderInput, RiderOutput


class RiderView(APIView):
    """The rider of one order."""

    scopes = {"POST": "orders:write"}

    @extend_schema(
        operation_id="orders_rider",
        summary="Tell the POS how far the rider is",
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH)],
        request=RiderInput,
        responses={202: RiderOutput},
    )
    def post(self, request: Request, name: str) -> Response:
        """202: stored, and told to the POS by a worker. The same again is harmless."""
        given = RiderInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        rider = RiderUpdate(RiderStatus(values["status"]), values["name"], values["phone"])
        push = _owe(_order(request, name), rider)
        return Response(RiderOutput({"status": rider.status, "push_state": push.state}).data, 202)


@transactional
def _owe(order: Order, rider: RiderUpdate) -> OrderPush:
    if order.order_type != OrderType.DELIVERY or order.status in (
        OrderStatus.CANCELLED,
        OrderStatus.REJECTED,
    ):
        raise Conflict(f"Riders are for open deliveries; this is a {order.status} {order.order_type} order.")
    Order.objects.filter(pk=order.pk).update(rider_name=rider.name, rider_phone=rider.phone)
    push = outbound.owe_rider_update(order.pk, rider)
    nudge(tasks.push_orders, push.pk)
    return push


def _order(request: Request, name: str) -> Order:
    caller: Any = request.auth
    by_id = name.isascii() and name.isdigit() and len(name) <= 18
    order = Order.objects.filter(Q(pk=int(name)) if by_id else Q(reference=name)).first()
    if order is None or not caller.sees(order.restaurant_id):
        raise NotFound("There is no such order, or not for you.")
    return order
