"""The admin site: who may come in, and the way around in it."""

from __future__ import annotations

import math
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.sites import UnfoldAdminSite

from ding import second_factor
from ding.incidents.pages import open_for
from ding.staff import restaurants_of
from ding.throttle import log_ins


class StaffSite(UnfoldAdminSite):
    """Django's admin in unfold's dress; a session counts only after its second factor."""

    enable_nav_sidebar = True
    index_template = "admin/ding/today.html"
    index_title = "Today"

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff whose session has passed the second factor."""
        return super().has_permission(request) and second_factor.passed(request)

    def extra_urls(self) -> list[Any]:
        """Pages that come before one is let in."""
        return [
            path("second-factor/", partial(second_factor.ask, site=self), name="second_factor"),
            path(
                "second-factor/set-up/",
                partial(second_factor.set_up, site=self),
                name="second_factor_set_up",
            ),
        ]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Who has given the password and not yet the code is asked for that, not for the password again."""
        user = request.user
        if request.method == "GET" and user.is_active and user.is_staff and not second_factor.passed(request):
            query = urlencode({"next": request.GET.get("next") or reverse("admin:index")})
            return HttpResponseRedirect(f"{reverse('admin:second_factor')}?{query}")
        if request.method == "POST":
            # Whatever the names: axes counts each of them alone, and each try costs a slow hash.
            wait = log_ins.over(request.META.get("REMOTE_ADDR", ""), settings.LOG_INS_PER_MINUTE)
            if wait:
                return _wait_a_minute(request, wait)
        return super().login(request, extra_context)


def _wait_a_minute(request: HttpRequest, seconds: float) -> HttpResponse:
    response = TemplateResponse(request, settings.AXES_LOCKOUT_TEMPLATE, {"minute": True}, status=429)
    response["Retry-After"] = str(math.ceil(seconds))
    return response


def _open_incidents(request: HttpRequest) -> int:
    """How many need somebody of this member of staff's restaurants; asked once per request."""
    if (found := getattr(request, "open_incidents", None)) is None:
        may_look = request.user.has_perm("ding.view_incident")
        found = open_for(restaurants_of(request.user)) if may_look else 0
        request.open_incidents = found  # type: ignore[attr-defined]
    return int(found)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: what this member of staff may see, in the order of a working day."""

    def link(title: str, icon: str, model: str, page: str = "changelist", **more: Any) -> dict[str, Any]:
        app, name = model.split(".")
        return {
            "title": title,
            "icon": icon,
            "link": reverse(f"admin:{app}_{name}_{page}"),
            "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
            **more,
        }

    def group(title: str, *links: dict[str, Any], closed: bool = False) -> dict[str, Any]:
        items = [one for one in links if one["permission"](request)]
        return {"title": title, "separator": True, "collapsible": closed, "items": items}

    # Pages of its own that stand below the list of integrations.
    connecting = request.path.startswith(reverse("admin:pos_integrations_restaurantposintegration_connect"))
    elsewhere: dict[str, Any] = {"active": False} if connecting else {}
    today = {
        "title": "Today",
        "icon": "monitoring",
        "link": reverse("admin:index"),
        "permission": lambda request: True,
    }
    groups = [
        group(
            "Service",
            today,
            link(
                "Incidents",
                "warning",
                "ding.incident",
                badge=_open_incidents(request),
                badge_variant="danger",
            ),
            link("Orders", "receipt_long", "orders.order"),
            link("Webhooks", "move_to_inbox", "pos_integrations.webhooklog"),
            link("Messages to guests", "sms", "notifications.notification"),
        ),
        group(
            "Menus",
            link("Menus", "menu_book", "menus.menu"),
            link("Items", "lunch_dining", "menus.item"),
            link("Sync history", "sync", "pos_integrations.menusynchistory"),
        ),
        group(
            "Set-up",
            link(
                "Connect a restaurant",
                "add_business",
                "pos_integrations.restaurantposintegration",
                "connect",
                permission=lambda request: request.user.has_perm(
                    "pos_integrations.add_restaurantposintegration"
                ),
            ),
            link("Restaurants", "storefront", "menus.restaurant"),
            link("POS integrations", "hub", "pos_integrations.restaurantposintegration", **elsewhere),
            link("POS providers", "point_of_sale", "pos_integrations.posprovider"),
            link("Webhook secrets", "key", "pos_integrations.restaurantwebhooksecret"),
            link("API keys", "vpn_key", "ding.apikey"),
        ),
        group(
            "People",
            link("Staff", "person", "auth.user"),
            link("Roles", "group", "auth.group"),
            link("Audit trail", "history", "ding.auditevent"),
            link("Failed log-ins", "lock_person", "axes.accessattempt"),
        ),
        group(
            "Records",
            link("Pushes to POSes", "outbox", "pos_integrations.orderpush"),
            link("Calls to POSes", "call_made", "pos_integrations.orderpushattempt"),
            link("Categories", "category", "menus.category"),
            link("Variations", "straighten", "menus.variation"),
            link("Add-on groups", "add_box", "menus.addongroup"),
            link("Add-ons", "add", "menus.addonitem"),
            link("Taxes", "percent", "menus.tax"),
            link("Discounts", "sell", "menus.discount"),
            closed=True,
        ),
    ]
    return [one for one in groups if one["items"]]
