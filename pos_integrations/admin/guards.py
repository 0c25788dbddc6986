"""What all admins of the POS side share: no question about a secret, and records that only show."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.timesince import timesince

from ding import read_only
from pos_integrations.configuration import NewSecret
from pos_integrations.models import RestaurantPosIntegration

SECRET_COLUMNS = frozenset({"api_key", "secret_key", "global_config", "restaurant_specific_config"})


class Guarded:
    """An admin whose query string cannot ask about secrets: comparing is reading, one letter at a time.

    The columns themselves allow no lookup either; this one answers 400 before the database is asked.
    """

    show_full_result_count = False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Never a secret column, under whatever relation."""
        if not SECRET_COLUMNS.isdisjoint(lookup.split("__")):
            return False
        return super().lookup_allowed(lookup, value, request)  # type: ignore[misc]


class ReadOnly(Guarded, read_only.ReadOnly):
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
