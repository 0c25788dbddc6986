"""The page of a restaurant's menu at its POS: sync and watch it, look at what would change, decide, see the past."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from ding import audit
from ding.nudge import nudge
from menus import browsing
from menus.menu_page import may_work, zone_of
from menus.models import LeftChange, Restaurant
from menus.services import Choice, leave_changes, take_changes
from menus.services.leaving import UNITS
from pos_integrations import menu_requests, tasks
from pos_integrations.admin.sync_words import for_staff, sync_in_words
from pos_integrations.menu_models import OPEN, MenuRequestKind
from pos_integrations.menu_review import change_of, changes_in, drop_review, rows_in
from pos_integrations.models import MenuRequest, MenuReview, MenuSyncHistory, RestaurantPosIntegration

PER_PAGE = 40
PAST = 10
WHAT = {"": "All", "added": "New", "changed": "Changed", "gone": "Gone", "left": "Left as they are"}
_KINDS = {
    "menu": "Charges",
    "categories": "Heading",
    "items": "Dish",
    "addon_groups": "Add-ons",
    "taxes": "Tax",
    "discounts": "Discount",
}
# How much of the way a step is; the longest of them is the POS's answer.
_PARTS = {"asking": 0.3, "comparing": 0.7, "done": 1.0}


def urls(admin: Any) -> list[Any]:
    """Its addresses, for the integrations' admin."""
    wrap = admin.admin_site.admin_view

    def page(request: HttpRequest, restaurant_id: int) -> HttpResponse:
        return show(request, admin, restaurant_id)

    def watched(request: HttpRequest, restaurant_id: int) -> HttpResponse:
        return progress(request, admin, restaurant_id)

    return [
        path("menu/<int:restaurant_id>/", wrap(page), name="pos_integrations_menu"),
        path("menu/<int:restaurant_id>/progress/", wrap(watched), name="pos_integrations_menu_progress"),
    ]


def show(request: HttpRequest, admin: Any, restaurant_id: int) -> HttpResponse:
    """The page; a POST does what its button says and comes back."""
    if not request.user.has_perm("menus.view_menu"):
        raise PermissionDenied
    restaurants: QuerySet[Restaurant] = admin.admin_site._registry[Restaurant].get_queryset(request)
    restaurant = restaurants.filter(pk=restaurant_id).first()
    if restaurant is None:
        raise Http404
    integration = integration_of(request, admin, restaurant_id)
    if request.method == "POST":
        return act(request, integration, reverse("admin:pos_integrations_menu", args=[restaurant_id]))
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Menu of {restaurant}",
        "restaurant": restaurant,
        "zone": zone_of(restaurant),
        "facts": browsing.facts(restaurant),
        "tab": "sync",
        "integration": integration,
        "may_connect": request.user.has_perm("pos_integrations.add_restaurantposintegration"),
        **(work(request, integration) if integration else {}),
        "past": history(restaurant),
    }
    return TemplateResponse(request, "admin/pos_integrations/menu_page.html", context)


def integration_of(request: HttpRequest, admin: Any, restaurant_id: int) -> RestaurantPosIntegration | None:
    """The restaurant's integration: the active one, if there are several."""
    rows: QuerySet[RestaurantPosIntegration] = admin.get_queryset(request)
    return rows.filter(restaurant__id=restaurant_id).order_by("-active", "-pk").first()


# --- what it does -----------------------------------------------------------------------------------------


def act(request: HttpRequest, integration: RestaurantPosIntegration | None, back: str) -> HttpResponse:
    """Do what the button says; then back to where it was pressed."""
    if not may_work(request):
        raise PermissionDenied
    data = request.POST
    wanted = data.get("back", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        back = wanted
    if integration is None:
        messages.error(request, "This restaurant is connected to no POS. Connect it first.")
        return HttpResponseRedirect(back)
    do = data.get("do", "")
    if do in MenuRequestKind.values:
        seen = data.get("seen", "")[:32] if do == MenuRequestKind.APPROVE else ""
        wish = menu_requests.ask(integration, MenuRequestKind(do), by=request.user.get_username(), seen=seen)
        audit.record(f"asked: {wish.get_kind_display()}".lower(), integration)
        nudge(tasks.run_menu_request, wish.pk)
    elif do == "discard":
        drop_review(integration)
        audit.record("discarded a menu's preview", integration)
        messages.success(request, "Discarded. Nothing was changed.")
    else:
        _decide(request, integration)
    return HttpResponseRedirect(back)


def _decide(request: HttpRequest, integration: RestaurantPosIntegration) -> None:
    """Leave changes, or let them be taken: one by its own button, or those that are ticked."""
    data = request.POST
    leave = data.get("leave", "")
    take = data.get("take", "")
    named = (
        [leave or take]
        if leave not in ("", "ticked") or take not in ("", "ticked")
        else data.getlist("choice")
    )
    review = MenuReview.objects.filter(integration=integration).first()
    known = {(c.kind, c.external_id): c for c in changes_in(review)} if review else {}
    choices = []
    for one in named:
        kind, _, external_id = one.partition(":")
        change = known.get((kind, external_id))
        # Only what was looked at can be left; what was left may be taken although it is on no preview.
        if external_id and kind in UNITS and (change or not leave):
            name = change.name if change else external_id
            choices.append(Choice(kind, external_id, name, change.digest if change else ""))
    if not choices:
        messages.warning(request, "Tick the changes that you mean, then press the button again.")
        return
    restaurant_id, by = integration.restaurant_id, request.user.get_username()
    names = ", ".join(choice.name for choice in choices[:20])
    if leave:
        count = leave_changes(restaurant_id=restaurant_id, choices=choices, by=by)
        audit.record("left changes of the menu", integration, note=names)
        messages.success(request, f"{count} left as they are, also at every later sync: {names}.")
    else:
        count = take_changes(restaurant_id=restaurant_id, choices=choices)
        audit.record("takes changes of the menu again", integration, note=names)
        messages.success(request, f"{count} will follow the POS again with the next sync: {names}.")


def progress(request: HttpRequest, admin: Any, restaurant_id: int) -> HttpResponse:
    """How far the newest wish is, for the page that watches it."""
    integration = integration_of(request, admin, restaurant_id)
    if integration is None or not request.user.has_perm("menus.view_menu"):
        raise Http404
    wish = MenuRequest.objects.filter(integration=integration).order_by("-pk").first()
    return JsonResponse(_progress(wish))


def _progress(wish: MenuRequest | None) -> dict[str, Any]:
    if wish is None or wish.state not in OPEN:
        return {"open": False, "step": "", "seconds": 0, "part": 1}
    words = wish.step or "waiting for a worker"
    return {
        "open": True,
        "step": words[:1].upper() + words[1:],
        "seconds": int((timezone.now() - wish.created_at).total_seconds()),
        "part": _PARTS.get(words.split()[0], 0.1),
    }


# --- what it shows ----------------------------------------------------------------------------------------


def work(request: HttpRequest, integration: RestaurantPosIntegration) -> dict[str, Any]:
    """All that the page shows of the POS's menu: a handful of statements whatever its size."""
    wish = MenuRequest.objects.filter(integration=integration).order_by("-pk").first()
    review = MenuReview.objects.filter(integration=integration).first()
    left = {
        (row.kind, row.external_id): row
        for row in LeftChange.objects.filter(restaurant=integration.restaurant_id).order_by("-pk")
    }
    query = request.GET.copy()
    query.pop("page", None)
    context: dict[str, Any] = {
        "now": timezone.now(),
        "wish": wish,
        "running": _progress(wish) if wish and wish.state in OPEN else None,
        "told": wish if wish and wish.state not in OPEN else None,
        "message": for_staff(wish.message) if wish else "",
        "review": review,
        "reason": for_staff(review.reason) if review else "",
        "left_rows": [
            (row, f"{row.kind}:{row.external_id}", _KINDS.get(row.kind, row.kind)) for row in left.values()
        ],
        "may_work": may_work(request),
        "here": request.get_full_path(),
        "rest_of_query": query.urlencode(),
    }
    if review is not None:
        context |= _reviewed(request, review, left)
    return context


def _reviewed(
    request: HttpRequest, review: MenuReview, left: dict[tuple[str, str], LeftChange]
) -> dict[str, Any]:
    # A preview may be of 20,000 dishes, and one page is shown.
    rows = rows_in(review)
    only, words = request.GET.get("what", ""), request.GET.get("q", "").strip()[:100]
    counted = Counter(row["what"] for row in rows)
    counted["left"] = sum((row["kind"], row["external_id"]) in left for row in rows) if left else 0
    counted[""] = len(rows)

    def wanted(row: dict[str, Any]) -> bool:
        is_left = (row["kind"], row["external_id"]) in left
        right_kind = not only or row["what"] == only or (only == "left" and is_left)
        return right_kind and words.lower() in row["name"].lower()

    number = request.GET.get("page", "1")
    page = Paginator([row for row in rows if wanted(row)], PER_PAGE).get_page(
        int(number[:6]) if number.isascii() and number.isdigit() else 1
    )
    return {
        "changes": page,
        "shown_changes": [
            {
                "change": change,
                "key": f"{change.kind}:{change.external_id}",
                "kind": _KINDS.get(change.kind, change.kind),
                "left": (row := left.get((change.kind, change.external_id))),
                "again": bool(row and row.seen and row.seen != change.digest),
                "fixed": change.kind == "menu",
            }
            for change in map(change_of, page)
        ],
        "what": only,
        "words": words,
        "filters": [(key, label, counted[key]) for key, label in WHAT.items() if counted[key] or key == only],
        "to_apply": counted[""] - counted["left"],
        "counted": counted,
    }


def history(restaurant: Restaurant) -> list[tuple[MenuSyncHistory, dict[str, Any]]]:
    """The newest syncs, in words."""
    rows = MenuSyncHistory.objects.filter(restaurant=restaurant).order_by("-pk")[:PAST]
    return [(row, sync_in_words(row)) for row in rows]
