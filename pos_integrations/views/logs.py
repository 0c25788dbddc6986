"""The webhook ledger over REST."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from pos_integrations.models import WebhookLog
from pos_integrations.serializers import LogFilter, WebhookLogOutput


class WebhookLogView(ListAPIView):
    """What the POSes told us, the newest first, and what became of it."""

    scopes = {"GET": "integrations:read"}
    serializer_class = WebhookLogOutput
    queryset = WebhookLog.objects.all()

    @extend_schema(parameters=[LogFilter])
    def get(self, request: Request) -> Response:
        """Personal data in payloads is masked."""
        return self.list(request)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By the query's filters, and only what the caller sees."""
        given = LogFilter(data=self.request.query_params)
        given.is_valid(raise_exception=True)
        columns = {
            "type": "webhook_type",
            "status": "status",
            "restaurant": "restaurant",
            "since": "created_at__gte",
        }
        queryset = queryset.filter(**{columns[name]: value for name, value in given.validated_data.items()})
        caller: Any = self.request.auth
        seen = caller.restaurant_ids
        return queryset if seen is None else queryset.filter(restaurant__in=seen)
