"""Sync a menu now, look at what would change, and at what past syncs did."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ding.nudge import nudge
from pos_integrations import menu_sync, tasks
from pos_integrations.models import MenuSyncHistory
from pos_integrations.serializers import SyncHistoryOutput, SyncOptions, SyncOutput
from pos_integrations.views.configuration import visible_integration


class SyncMenuView(APIView):
    """Fetch the menu from the POS and make it ours."""

    costly = True
    scopes = {"POST": "integrations:write"}

    @extend_schema(request=None, responses=SyncOutput, parameters=[SyncOptions])
    def post(self, request: Request, restaurant_id: int) -> Response:
        """409 when one is running or the menu is held; 502 with the POS's words when it gave none."""
        integration = visible_integration(self, request, restaurant_id)
        options = SyncOptions(data=request.query_params.dict())
        options.is_valid(raise_exception=True)
        result = menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.API, **options.validated_data)
        nudge(tasks.copy_images)
        return Response(SyncOutput(result).data)


class SyncHistoryView(ListAPIView):
    """Past syncs, the newest first."""

    scopes = {"GET": "integrations:read"}
    serializer_class = SyncHistoryOutput
    queryset = MenuSyncHistory.objects.all()

    def list(self, request: Request, restaurant_id: int) -> Response:
        """Of one restaurant."""
        integration = visible_integration(self, request, restaurant_id)
        page = self.paginate_queryset(self.get_queryset().filter(restaurant=integration.restaurant_id))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
