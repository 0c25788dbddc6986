"""Sync a menu now, look at what would change, and at what past syncs did."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BooleanField
from rest_framework.views import APIView

from ding.nudge import nudge
from pos_integrations import menu_sync, tasks
from pos_integrations.models import MenuSyncHistory
from pos_integrations.serializers import SyncHistoryOutput, SyncOutput
from pos_integrations.views.configuration import visible_integration


def _flag(request: Request, name: str) -> bool:
    """A query parameter such as `dry_run=1`; anything that is not clearly true or false is refused."""
    value = BooleanField().run_validation(request.query_params.get(name, "0"))
    return bool(value)


class SyncMenuView(APIView):
    """Fetch the menu from the POS and make it ours."""

    scopes = {"POST": "integrations:write"}

    @extend_schema(
        request=None,
        responses=SyncOutput,
        parameters=[
            OpenApiParameter(
                "dry_run", OpenApiTypes.BOOL, description="Say what would change, change nothing."
            ),
            OpenApiParameter("force", OpenApiTypes.BOOL, description="Apply a menu that was held."),
        ],
    )
    def post(self, request: Request, restaurant_id: int) -> Response:
        """409 when one is running or the menu is held; 502 with the POS's words when it gave none."""
        integration = visible_integration(self, request, restaurant_id)
        result = menu_sync.sync_menu(
            integration,
            trigger=menu_sync.Trigger.API,
            force=_flag(request, "force"),
            dry_run=_flag(request, "dry_run"),
        )
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
