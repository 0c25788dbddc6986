"""Every address: the admin, the REST API with its documentation, and what operators watch."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from ding import media, operations

handler400 = "ding.api.bad_request"
handler404 = "ding.api.not_found"
handler500 = "ding.api.server_error"

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("api/", include("menus.urls")),
    path("api/", include("orders.urls")),
    path("api/", include("pos_integrations.urls")),
    re_path(r"^api/schema/?$", require_safe(SpectacularAPIView.as_view()), name="schema"),
    re_path(
        r"^api/docs/?$", require_safe(SpectacularSwaggerSplitView.as_view(url_name="schema")), name="docs"
    ),
    re_path(media.MENU_IMAGE, media.menu_image),
    re_path(r"^healthz/?$", operations.healthz),
    re_path(r"^readyz/?$", operations.readyz),
    re_path(r"^metrics/?$", operations.metrics),
]
