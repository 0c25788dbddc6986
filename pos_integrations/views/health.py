"""How integrations are doing, for clients that watch them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pos_integrations import health
from pos_integrations.models import RestaurantPosIntegration
from pos_integrations.views.configuration import visible_integration


class IntegrationStatusView(APIView):
    """State of one restaurant's integration."""

    scopes = {"GET": "integrations:read"}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, restaurant_id: int) -> Response:
        """`status, pos_type, last_sync, webhook_status, recent_errors`."""
        integration = visible_integration(self, request, restaurant_id)
        return Response(health.integrations_health([integration])[0])


class SystemHealthView(APIView):
    """All integrations that the caller sees, and what they stand on."""

    scopes = {"GET": "integrations:read"}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Database, broker, each queue's oldest due row, each integration."""
        caller: Any = request.auth
        seen = caller.restaurant_ids
        integrations = RestaurantPosIntegration.objects.select_related("pos_provider").order_by("pk")
        if seen is not None:
            integrations = integrations.filter(restaurant__in=seen)
        return Response(health.system_health(list(integrations[:1000])))
