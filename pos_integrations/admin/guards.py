"""What the admins of the POS side share: records that only show, and secrets that are shown once."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.timesince import timesince

from ding import read_only
from pos_integrations.configuration import NewSecret
from pos_integrations.models import RestaurantPosIntegration


class ReadOnly(read_only.ReadOnly):
    """A record: it is looked at, and at most acted upon."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change may look."""
        return super().has_view_permission(request, obj) or self.has_act_permission(request)  # type: ignore[misc]

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Acting needs more than looking."""
        opts = self.opts  # type: ignore[attr-defined]
        return request.user.has_perm(f"{opts.app_label}.change_{opts.model_name}")


def age(since: Any) -> str:
    """How long ago, in words."""
    return timesince(since) if since else ""


def show_once(
    request: HttpRequest, admin: Any, shown: list[tuple[RestaurantPosIntegration, NewSecret]]
) -> HttpResponse:
    """A page with new webhook secrets. Not a message: messages lie in a cookie or in the session's row."""
    context = {
        **admin.admin_site.each_context(request),
        "title": "New webhook secret" if len(shown) == 1 else "New webhook secrets",
        "opts": admin.opts,
        "shown": shown,
    }
    response = TemplateResponse(request, "admin/pos_integrations/new_secrets.html", context)
    response["Cache-Control"] = "no-store"
    return response


def chosen(queryset: QuerySet[Any], *related: str) -> list[Any]:
    """The rows that an action was asked for, with their relations."""
    return list(queryset.select_related(*related).order_by("pk"))
