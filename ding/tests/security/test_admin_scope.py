"""Every page of the staff's site for staff of R1: nothing of R2 is seen, opened or changed (S01, S03, S07, S30).

Made from the site's registry: a new table without a sample in the world fails.
"""

from __future__ import annotations

import json
import re

from django.apps import apps
from django.contrib import admin
from django.urls import get_resolver

from ding.models import ApiKey
from ding.staff import Scoped
from ding.tests.security.world import links_of
from pos_integrations.models import RestaurantWebhookSecret

SITE = admin.site._registry
OF_A_RESTAURANT = {model: page for model, page in SITE.items() if page.restaurant_path}
# Tables of accounts: staff of a restaurant have no right to them at all.
ACCOUNTS = {"auth.user", "auth.group", "axes.accessattempt"}
# What a world need not have.
NO_SAMPLE = {"menus.leftchange"}
STAFF = ("R1 manager", "R1 operator", "R1 viewer", "no rights")


def rows_of(model, restaurant):
    path = SITE[model].restaurant_path
    return model._default_manager.filter(
        **{path if path == "pk" else f"{path}__in": restaurant.pk if path == "pk" else [restaurant.pk]}
    )


def place_of(model):
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def test_every_table_has_a_sample_of_both(world):
    missing = []
    for model in OF_A_RESTAURANT:
        if model._meta.label_lower in NO_SAMPLE:
            continue
        for place in (world.r1, world.r2):
            if model._meta.label_lower == "ding.apikey":
                continue
            if not rows_of(model, place.restaurant).exists():
                missing.append(model._meta.label)
    assert missing == []
    assert {m._meta.label_lower for m, page in SITE.items() if not page.restaurant_path} == ACCOUNTS | {
        "pos_integrations.posprovider"
    }


def test_lists_show_nothing_of_another_restaurant(world):
    for caller in STAFF:
        client = world.callers[caller]
        for model in SITE:
            answer = client.get(place_of(model))
            assert answer.status_code in ((403,) if caller == "no rights" else (200, 403)), model
            if model._meta.label_lower in ACCOUNTS:
                assert answer.status_code == 403
            if answer.status_code != 200:
                continue
            text = answer.content.decode()
            assert [name for name in world.r2.names if name in text] == [], model
            # Nor by asking for it; what was asked for may be told back.
            for query in ("q=two", f"restaurant__id__exact={world.r2.restaurant.pk}", "_popup=1", "all="):
                text = client.get(f"{place_of(model)}?{query}").content.decode()
                assert [name for name in world.r2.names if name in text] == [], (model, query)
            found = client.get(f"{place_of(model)}?q={world.r2.reference}")
            if found.status_code == 200 and SITE[model].search_fields:
                assert found.context["cl"].result_count == 0, model


def test_pages_of_another_restaurants_rows_are_not_there(world):
    for caller in STAFF:
        client = world.callers[caller]
        for model in OF_A_RESTAURANT:
            row = rows_of(model, world.r2.restaurant).first()
            if row is None:
                continue
            for end in ("change/", "delete/", "history/", "change/?_popup=1&_to_field=id"):
                for method in ("get", "post"):
                    answer = getattr(client, method)(f"{place_of(model)}{row.pk}/{end}")
                    assert answer.status_code in (302, 403, 404, 405), (model, end, method)
                    assert [name for name in world.r2.names if name in answer.content.decode()] == [], (
                        model,
                        end,
                    )


def own_addresses():
    """Addresses of the site's own pages that take an id: with <...>."""
    for model, page in SITE.items():
        for pattern in page.urls:
            route = str(pattern.pattern)
            if "<int:" in route:
                yield place_of(model) + route


def test_own_pages_and_actions_do_nothing_to_another_restaurant(world):
    before = snapshot(world.r2.restaurant)
    ids = {
        "order_id": world.r2.order_id,
        "restaurant_id": world.r2.restaurant.pk,
        "message_id": rows_of(apps.get_model("notifications", "Notification"), world.r2.restaurant)
        .first()
        .pk,
    }
    for caller in STAFF:
        client = world.callers[caller]
        seen = 0
        for route in own_addresses():
            path = re.sub(r"<int:(\w+)>", lambda found: str(ids.get(found[1], world.r2.order_id)), route)
            for method in ("get", "post"):
                answer = getattr(client, method)(path, {"reason": "x", "note": "x", "confirm": "yes"})
                assert answer.status_code in (302, 403, 404, 405), (path, method)
                assert [name for name in world.r2.names if name in answer.content.decode()] == [], path
            seen += 1
        assert seen >= 5
        for model, page in SITE.items():
            row = rows_of(model, world.r2.restaurant).first() if page.restaurant_path else None
            for action in (*(page.actions or ()), "delete_selected"):
                data = {
                    "action": action if isinstance(action, str) else action.__name__,
                    "confirmed": "yes",
                    "post": "yes",
                }
                data["_selected_action"] = [row.pk if row else 1]
                client.post(place_of(model), data)
    assert snapshot(world.r2.restaurant) == before


def test_nobody_makes_a_secret_that_speaks_for_another_restaurant(world):
    add = "/admin/pos_integrations/restaurantwebhooksecret/add/"
    client, before = world.callers["R1 manager"], RestaurantWebhookSecret.objects.count()
    assert "Restaurant two" not in client.get(add).content.decode()
    for secret in ("", "a-secret-of-my-own-0123456789"):
        answer = client.post(add, {"integration": world.r2.integration.pk, "secret": secret})
        assert "integration" in answer.context["adminform"].form.errors
    assert RestaurantWebhookSecret.objects.count() == before
    client.post(add, {"integration": world.r1.integration.pk, "secret": ""})
    assert RestaurantWebhookSecret.objects.count() == before + 1


def snapshot(restaurant):
    """All that belongs to a restaurant, as text; but for what time does by itself."""
    return {
        model._meta.label: json.dumps(list(rows_of(model, restaurant).order_by("pk").values()), default=str)
        for model in OF_A_RESTAURANT
        if model._meta.label_lower not in ("ding.auditevent",)
    }


def test_search_autocomplete_and_navigation_show_only_theirs(world):
    for caller in STAFF:
        client = world.callers[caller]
        pages = ["/admin/", "/admin/search/?s=two", f"/admin/search/?s={world.r2.reference}"]
        pages += [
            f"/admin/autocomplete/?app_label={a}&model_name={m}&field_name={f}&term="
            for a, m, f in (
                ("pos_integrations", "restaurantposintegration", "restaurant"),
                ("ding", "apikey", "restaurants"),
            )
        ]
        for page in pages:
            text = client.get(page).content.decode()
            assert [
                n for n in world.r2.names if n in text.replace(f'value="{world.r2.reference}"', "")
            ] == [], (caller, page)


ORACLES = (
    "restaurant__integrations__api_key__startswith=CANARY",
    "api_key__startswith=CANARY",
    "secret_key__startswith=CANARY",
    "restaurant_specific_config__app_secret__startswith=CANARY",
    "restaurant_specific_config__icontains=CANARY",
    "global_config__icontains=CANARY",
    "pos_provider__global_config__icontains=x",
    "user__password__startswith=a",
    "password__startswith=md5",
    "order__restaurant__integrations__restaurant_specific_config__contains=CANARY",
)


def test_no_query_tells_a_right_guess_of_a_secret_from_a_wrong_one(world):
    """S07: in every list, for staff and superusers alike, and in the API."""
    stored = ApiKey.objects.values_list("secret_sha256", flat=True)[0]
    oracles = (*ORACLES, f"secret_sha256__startswith={stored[:4]}")
    for caller in ("super", "R1 manager"):
        for model in SITE:
            for oracle in oracles:
                right = world.callers[caller].get(f"{place_of(model)}?{oracle}")
                wrong = world.callers[caller].get(f"{place_of(model)}?{oracle}-no-such-thing")
                assert right.status_code == wrong.status_code, (model, oracle)
                if right.status_code == 200:
                    assert right.context["cl"].result_count == wrong.context["cl"].result_count, (
                        model,
                        oracle,
                    )
    for path in ("/api/orders", "/api/webhooks/logs", f"/api/menu-sync/{world.r1.restaurant.pk}/history"):
        for query in (*oracles, "ordering=secret", "search=CANARY", "order_by=api_key"):
            answers = {world.callers["K1"].get(f"{path}?{query}{end}").status_code for end in ("", "-no")}
            assert len(answers) == 1


def test_a_get_changes_nothing(world):
    """S30: every page that a superuser can reach by following links."""
    client = world.callers["super"]
    before = {place.restaurant.pk: snapshot(place.restaurant) for place in (world.r1, world.r2)}
    todo, seen = ["/admin/"], set()
    while todo and len(seen) < 150:
        page = todo.pop()
        if page in seen or "logout" in page or page.startswith("/static"):
            continue
        seen.add(page)
        answer = client.get(page)
        assert answer.status_code < 500, page
        if answer.status_code == 200 and "html" in answer.headers.get("Content-Type", ""):
            todo += sorted(link for link in links_of(answer.content.decode()) if link.startswith("/admin/"))
    assert len(seen) > 40
    assert {
        pk: snapshot(restaurant)
        for pk, restaurant in ((p.restaurant.pk, p.restaurant) for p in (world.r1, world.r2))
    } == before


def test_no_form_is_taken_from_another_site(world):
    """S30: without its token nothing is; only webhooks need none."""
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(
        __import__("django.contrib.auth", fromlist=["get_user_model"])
        .get_user_model()
        .objects.get(username="super")
    )
    for model in SITE:
        for path in (place_of(model), f"{place_of(model)}add/"):
            assert client.post(path, {"action": "delete_selected"}).status_code == 403, path
    for path in ("/admin/login/", "/admin/logout/", "/admin/password_change/"):
        assert client.post(path, {}).status_code == 403
    key_free = f"/api/pos-integration/{world.r1.restaurant.pk}/petpooja/rotate-secret"
    assert client.post(key_free, "{}", content_type="application/json").status_code == 403
    assert RestaurantWebhookSecret.objects.filter(restaurant=world.r1.restaurant).count() == 2


def test_only_webhooks_and_keys_are_exempt_from_the_token():
    def walk(patterns):
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                yield from walk(pattern.url_patterns)
            else:
                yield pattern

    # Views of the API check it themselves for sessions; the rest may not be exempt.
    exempt = {
        str(p.pattern)
        for p in walk(get_resolver().url_patterns)
        if getattr(p.callback, "csrf_exempt", False) and not hasattr(p.callback, "cls")
    }
    assert exempt == set()


def test_every_page_is_scoped():
    assert all(isinstance(page, Scoped) for page in SITE.values())
