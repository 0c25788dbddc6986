"""The flow's pages: where to go on, and one page for each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path

from ding import audit
from ding.staff import form_differences, restaurants_of
from menus import browsing
from menus.menu_page import zone_of
from menus.models import Restaurant
from pos_integrations.admin.onboarding import connecting
from pos_integrations.admin.onboarding.forms import FactsForm
from pos_integrations.admin.onboarding.steps import TITLES, URL_NAME, next_step, step_url, steps_of
from pos_integrations.models import PosProvider, RestaurantPosIntegration

PER_PAGE = 30


def urls(admin: Any) -> list[Any]:
    """Its addresses, for the integrations' admin."""

    def wrapped(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        def guarded(request: HttpRequest, **arguments: Any) -> HttpResponse:
            if not request.user.has_perm("pos_integrations.add_restaurantposintegration"):
                raise PermissionDenied
            return view(request, admin, **arguments)

        found: Callable[..., HttpResponse] = admin.admin_site.admin_view(guarded)
        return found

    return [
        path("connect/", wrapped(start), name=URL_NAME),
        path("connect/new/", wrapped(new_restaurant), name=f"{URL_NAME}_new"),
        path("connect/<int:restaurant_id>/", wrapped(resume), name=f"{URL_NAME}_resume"),
        path("connect/<int:restaurant_id>/<slug:step>/", wrapped(show), name=f"{URL_NAME}_step"),
    ]


def restaurants(request: HttpRequest, admin: Any) -> QuerySet[Restaurant]:
    """Those of this member of staff."""
    rows: QuerySet[Restaurant] = admin.admin_site._registry[Restaurant].get_queryset(request)
    return rows


def start(request: HttpRequest, admin: Any) -> HttpResponse:
    """What is not live yet, to go on with; or a new one."""
    mine = RestaurantPosIntegration.objects.filter(restaurant=OuterRef("pk"))
    live = mine.filter(active=True, pos_provider__is_active=True)
    words = request.GET.get("q", "").strip()[:100]
    waiting = restaurants(request, admin).filter(~Exists(live) | Q(accepting_orders=False))
    if words:
        waiting = waiting.filter(name__icontains=words)
    number = request.GET.get("page", "1")
    page = Paginator(waiting.order_by("-pk"), PER_PAGE).get_page(
        int(number[:6]) if number.isascii() and number.isdigit() else 1
    )
    begun: dict[int, RestaurantPosIntegration] = {}
    rows = RestaurantPosIntegration.objects.select_related("pos_provider").filter(restaurant__in=list(page))
    for integration in rows.order_by("active", "pk"):
        begun[integration.restaurant_id] = integration
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        **admin.admin_site.each_context(request),
        "title": "Connect a restaurant",
        "waiting": [(restaurant, begun.get(restaurant.pk)) for restaurant in page],
        "page": page,
        "words": words,
        "rest_of_query": query.urlencode(),
    }
    return TemplateResponse(request, "admin/pos_integrations/onboarding/start.html", context)


def new_restaurant(request: HttpRequest, admin: Any) -> HttpResponse:
    """The first step of a restaurant that is not there yet. It takes no orders until it goes live."""
    if not request.user.has_perm("menus.add_restaurant"):
        raise PermissionDenied
    form = FactsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.instance.accepting_orders = False
        restaurant = form.save()
        if restaurants_of(request.user) is not None:
            # Bound to some restaurants, they would lose the new one from sight.
            restaurant.staff.add(request.user.pk)
        audit.record("added", restaurant, changes=form_differences(form))
        return HttpResponseRedirect(step_url(restaurant, "pos"))
    steps = [
        {"title": title, "number": number, "current": number == 1, "done": False, "url": ""}
        for number, title in enumerate(TITLES.values(), 1)
    ]
    context = {
        **admin.admin_site.each_context(request),
        "title": "Connect a restaurant",
        "steps": steps,
        "number": 1,
        "form": form,
        "step": "restaurant",
    }
    return TemplateResponse(request, "admin/pos_integrations/onboarding/restaurant.html", context)


def _found(request: HttpRequest, admin: Any, restaurant_id: int) -> tuple[Restaurant, Any]:
    restaurant = restaurants(request, admin).filter(pk=restaurant_id).first()
    if restaurant is None:
        raise Http404
    rows: QuerySet[RestaurantPosIntegration] = admin.get_queryset(request)
    return restaurant, rows.filter(restaurant=restaurant).order_by("-active", "-pk")


def resume(request: HttpRequest, admin: Any, restaurant_id: int) -> HttpResponse:
    """On to the first step that is not done."""
    restaurant, integrations = _found(request, admin, restaurant_id)
    return HttpResponseRedirect(step_url(restaurant, next_step(restaurant, integrations.first())))


def show(request: HttpRequest, admin: Any, restaurant_id: int, step: str) -> HttpResponse:
    """One step of one restaurant."""
    if step not in TITLES:
        raise Http404
    restaurant, integrations = _found(request, admin, restaurant_id)
    wanted = request.GET.get("pos", "")
    provider = None
    if wanted.isascii() and wanted.isdigit():
        provider = PosProvider.objects.filter(pk=wanted[:18]).first()
        integrations = integrations.filter(pos_provider=provider)
    integration: RestaurantPosIntegration | None = integrations.first()
    if integration is not None:
        provider = integration.pos_provider
    at = connecting.Place(request, restaurant, integration, provider, step)
    if at.needs_more():
        messages.info(request, "That step comes later: first this one.")
        return HttpResponseRedirect(step_url(restaurant, "account" if provider else "pos", provider))
    answer = connecting.PAGES[step](at)
    if isinstance(answer, HttpResponse):
        return answer
    steps = steps_of(restaurant, integration, provider, step)
    number = next(one.number for one in steps if one.current)
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Connect {restaurant}",
        "restaurant": restaurant,
        "zone": zone_of(restaurant),
        "facts": browsing.facts(restaurant),
        "integration": integration,
        "provider": provider,
        "steps": steps,
        "step": step,
        "number": number,
        "next_url": steps[number].url if number < len(steps) else "",
        "back_url": steps[number - 2].url if number > 1 else "",
        "here": request.get_full_path(),
        **answer,
    }
    response = TemplateResponse(request, f"admin/pos_integrations/onboarding/{step}.html", context)
    response["Cache-Control"] = "no-store"
    return response
