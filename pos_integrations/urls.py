"""Addresses of the POS side, under /api/: each with and without its last slash, no redirect."""

from __future__ import annotations

from django.urls import re_path

from pos_integrations.views.configuration import (
    IntegrationView,
    PosConfigView,
    RotateSecretView,
    TestIntegrationView,
)
from pos_integrations.views.health import IntegrationStatusView, SystemHealthView
from pos_integrations.views.logs import WebhookLogView
from pos_integrations.views.menu_sync import SyncHistoryView, SyncMenuView
from pos_integrations.views.rider import RiderView
from pos_integrations.views.webhooks import WebhookView

RESTAURANT = r"(?P<restaurant_id>[0-9]{1,18})"
NAME = r"[a-z0-9_-]{1,50}"

urlpatterns = [
    re_path(rf"^menu-sync/{RESTAURANT}/sync/?$", SyncMenuView.as_view()),
    re_path(rf"^menu-sync/{RESTAURANT}/history/?$", SyncHistoryView.as_view()),
    re_path(rf"^pos-config/{RESTAURANT}/(?P<provider_name>{NAME})/?$", PosConfigView.as_view()),
    re_path(r"^pos-integration/health/?$", SystemHealthView.as_view()),
    re_path(rf"^pos-integration/{RESTAURANT}/?$", IntegrationView.as_view()),
    re_path(rf"^pos-integration/{RESTAURANT}/test/?$", TestIntegrationView.as_view()),
    re_path(rf"^pos-integration/{RESTAURANT}/status/?$", IntegrationStatusView.as_view()),
    re_path(rf"^pos-integration/{RESTAURANT}/health/?$", IntegrationStatusView.as_view()),
    re_path(
        rf"^pos-integration/{RESTAURANT}/(?P<provider_name>{NAME})/rotate-secret/?$",
        RotateSecretView.as_view(),
    ),
    re_path(r"^orders/(?P<name>[0-9A-Za-z]{1,20})/rider/?$", RiderView.as_view()),
    re_path(r"^webhooks/logs/?$", WebhookLogView.as_view()),
    re_path(rf"^webhooks/(?P<provider>{NAME})/(?P<topic>{NAME})/?$", WebhookView.as_view()),
    re_path(
        rf"^webhooks/(?P<provider>{NAME})/(?P<public_id>[0-9a-f]{{32}})/(?P<topic>{NAME})"
        r"(?:/(?P<token>[^/\s]{1,200}))?/?$",
        WebhookView.as_view(),
    ),
]
