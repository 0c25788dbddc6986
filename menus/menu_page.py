"""The page of one menu for staff: browse it as a guest would, switch things off and on until a time."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from ding import audit
from ding.errors import DomainError
from menus import browsing
from menus.models import Restaurant
from menus.services import SWITCHED, end_switches, switch_stock

# What a POST calls a whole heading; else it names a key of SWITCHED.
HEADING = "heading"
SOON = {"1h": dt.timedelta(hours=1), "2h": dt.timedelta(hours=2), "4h": dt.timedelta(hours=4)}


def may_work(request: HttpRequest) -> bool:
    """Whether this member of staff may switch, sync and approve."""
    return bool(request.user.has_perm("menus.change_menu"))


def show(request: HttpRequest, admin: Any, restaurant: Restaurant) -> HttpResponse:
    """The menu, a page at a time."""
    heading = request.GET.get("heading", "")
    words, only = request.GET.get("q", "").strip()[:100], request.GET.get("only", "")
    number = request.GET.get("page", "1")
    page = browsing.browse(
        restaurant,
        heading=heading,
        words=words,
        only=only if only in browsing.ONLY else "",
        page=int(number[:6]) if number.isascii() and number.isdigit() else 1,
    )
    chosen = next((one for one in page.headings if one.key == heading), None)
    now = timezone.localtime(timezone.now(), zone_of(restaurant))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Menu of {restaurant}",
        "restaurant": restaurant,
        "zone": zone_of(restaurant),
        "facts": browsing.facts(restaurant),
        "menu_page": page,
        "heading": heading,
        "chosen_heading": chosen if not words and not only else None,
        "words": words,
        "only": only,
        "filters": browsing.ONLY.items(),
        "rest_of_query": query.urlencode(),
        "may_work": may_work(request),
        "here": request.get_full_path(),
        "tab": "menu",
        "soonest": (now + dt.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M"),
    }
    return TemplateResponse(request, "admin/menus/menu_page.html", context)


def switch(request: HttpRequest, restaurant: Restaurant) -> HttpResponse:
    """Switch things off or on, or hand them back to the POS; then back to where it was asked."""
    if not may_work(request):
        raise PermissionDenied
    if request.method != "POST":
        raise Http404
    data = request.POST
    kind, to = data.get("kind", ""), data.get("to", "")
    heading = browsing.heading_of(restaurant, data.get("id", "")) if kind == HEADING else None
    if heading is not None:
        kind, ids = "item", heading.ids
    else:
        ids = [int(one) for one in data.getlist("id") if one.isascii() and one.isdigit() and len(one) < 19]
    if kind not in SWITCHED or to not in ("on", "off", "pos") or not ids:
        messages.error(request, "Nothing was switched: choose what to switch, then try again.")
        return _back(request, restaurant)
    try:
        if to == "pos":
            count = end_switches(restaurant_id=restaurant.pk, kind=kind, ids=ids)
            what, until = "follows the POS again", None
        else:
            until = _until(data.get("until", ""), data.get("at", ""), zone_of(restaurant))
            count = switch_stock(
                restaurant_id=restaurant.pk, kind=kind, ids=ids, available=to == "on", until=until
            )
            what = f"switched {to} {_in_words(until, restaurant)}"
    except (DomainError, ValueError) as error:
        messages.error(request, getattr(error, "message", str(error)))
        return _back(request, restaurant)
    if heading is not None:
        names = heading.name
    else:
        rows = SWITCHED[kind]._default_manager.filter(restaurant=restaurant, pk__in=ids)[:20]
        names = ", ".join(row.name for row in rows)
    if count:
        several = count > 1 or heading is not None
        audit.record(what[:60], restaurant, note=f"{names} ({count})" if several else names)
        dishes = f" ({count} dish{'es' * (count > 1)})" if heading is not None else ""
        messages.success(request, f"{names}{dishes}: {what}.")
    elif to == "pos":
        messages.warning(request, "Nothing was switched: it follows the POS already.")
    else:
        messages.warning(request, "Nothing was switched: it is not on this menu any more.")
    return _back(request, restaurant)


def zone_of(restaurant: Restaurant) -> dt.tzinfo:
    """The restaurant's clock; UTC if its name means nothing."""
    try:
        return zoneinfo.ZoneInfo(restaurant.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return dt.UTC


def _until(choice: str, at: str, zone: dt.tzinfo) -> dt.datetime | None:
    now = timezone.now()
    if choice in SOON:
        return now + SOON[choice]
    if choice == "day":
        # The day of a kitchen ends in the small hours.
        local = now.astimezone(zone)
        day = local.date() if local.hour < 4 else local.date() + dt.timedelta(days=1)
        return dt.datetime.combine(day, dt.time(4), zone)
    if choice == "at":
        try:
            return dt.datetime.fromisoformat(at).replace(tzinfo=zone)
        except ValueError:
            raise ValueError("Give the day and the time until which it holds.") from None
    return None


def _in_words(until: dt.datetime | None, restaurant: Restaurant) -> str:
    if until is None:
        return "until somebody switches it back"
    return f"until {until.astimezone(zone_of(restaurant)):%a %d %b, %H:%M}"


def _back(request: HttpRequest, restaurant: Restaurant) -> HttpResponse:
    wanted = request.POST.get("back", "")
    if not url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        wanted = reverse("admin:menus_menu_change", args=[restaurant.pk])
    return HttpResponseRedirect(wanted)
