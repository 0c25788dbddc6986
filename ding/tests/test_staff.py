"""Staff: roles, the restaurants they are bound to, the second factor, lock-out, and the trail of what they did."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import RequestFactory
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from ding import audit
from ding.api import server_error
from ding.audit import AuditEvent
from ding.keys import create_api_key
from ding.models import ApiKey
from ding.roles import INTEGRATION_MANAGER, OPERATOR, VIEWER
from ding.staff import Scoped, restaurants_of
from menus.tests.factories import make_restaurant
from pos_integrations.tests.configured import make_integration

pytestmark = pytest.mark.django_db

CODE_PAGE = "/admin/second-factor/"
SET_UP = "/admin/second-factor/set-up/"


@pytest.fixture
def staff(client):
    """Log somebody of a role in, bound to restaurants or not."""

    def make(role, *restaurants, name="anna"):
        user = User.objects.create_user(name, password="a long enough password", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        user.restaurants.set(restaurants)
        client.force_login(user)
        return client

    return make


@pytest.fixture
def both():
    return make_restaurant(name="Mine"), make_restaurant(name="Theirs")


# --- roles and restaurants ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (VIEWER, ["orders.view_order", "menus.view_item"], ["orders.change_order", "ding.view_apikey"]),
        (
            OPERATOR,
            ["orders.change_order", "menus.change_item"],
            ["menus.change_restaurant", "ding.add_apikey"],
        ),
        (
            INTEGRATION_MANAGER,
            ["pos_integrations.change_restaurantposintegration", "ding.add_apikey", "menus.add_restaurant"],
            ["orders.change_order", "auth.change_user", "pos_integrations.delete_posprovider"],
        ),
    ],
)
def test_the_roles_come_with_their_rights(role, may, may_not):
    user = User.objects.create_user("anna", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    assert [right for right in may if not user.has_perm(right)] == []
    assert [right for right in may_not if user.has_perm(right)] == []


def test_every_admin_is_scoped():
    assert [a for a in admin.site._registry.values() if not isinstance(a, Scoped)] == []


def test_bound_staff_see_only_their_restaurants_in_lists_pages_filters_and_autocompletes(staff, both):
    mine, theirs = both
    client = staff(INTEGRATION_MANAGER, mine)
    text = client.get("/admin/menus/restaurant/").content.decode()
    assert "Mine" in text
    assert "Theirs" not in text
    assert client.get(f"/admin/menus/restaurant/{mine.pk}/change/").status_code == 200
    for page in ("change", "history", "delete"):
        assert client.get(f"/admin/menus/restaurant/{theirs.pk}/{page}/").status_code in (302, 403)
    found = client.get(
        "/admin/autocomplete/",
        {
            "app_label": "pos_integrations",
            "model_name": "restaurantposintegration",
            "field_name": "restaurant",
        },
    )
    assert [row["text"] for row in found.json()["results"]] == ["Mine"]
    assert "Theirs" not in client.get("/admin/orders/order/").content.decode()


EMPTY = {
    model: f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    for model, one in admin.site._registry.items()
    if model._meta.label not in ("auth.User", "auth.Group", "ding.AuditEvent")
}


@pytest.mark.parametrize("model", EMPTY, ids=lambda model: model._meta.label)
def test_a_list_without_rows_says_why_and_what_to_do(admin_client, model):
    text = html.unescape(admin_client.get(EMPTY[model]).content.decode())
    assert admin.site._registry[model].when_empty in text
    assert len(admin.site._registry[model].when_empty) > 20
    assert "Create a new item" not in text
    text = admin_client.get(EMPTY[model], {"q": "zzz", "pk__lt": 0}).content.decode()
    assert "Try fewer of them" in text


@pytest.mark.parametrize("page", ["change", "delete", "history"])
@pytest.mark.parametrize("model", EMPTY, ids=lambda model: model._meta.label)
def test_a_number_that_no_column_holds_is_nobody_s_id(admin_client, model, page):
    assert admin_client.get(f"{EMPTY[model]}{'9' * 30}/{page}/").status_code in (302, 403, 404)


def test_staff_are_told_in_words_what_they_may_not_see(staff, both):
    mine, theirs = both
    client = staff(VIEWER, mine)
    answer = client.get(f"/admin/menus/menu/{theirs.pk}/change/")
    assert answer.status_code == 404
    assert "a restaurant that is not yours" in answer.content.decode()
    answer = client.get("/admin/auth/user/")
    assert answer.status_code == 403
    assert "Your role does not allow it." in answer.content.decode()
    answer = server_error(RequestFactory().get("/admin/"))
    assert answer.status_code == 500
    assert 'href="/admin/"' in answer.content.decode()


def test_the_sidebar_marks_one_page(staff):
    client = staff(INTEGRATION_MANAGER)
    for address, title in (
        ("/admin/pos_integrations/restaurantposintegration/connect/", "Connect a restaurant"),
        ("/admin/pos_integrations/restaurantposintegration/", "POS integrations"),
    ):
        groups = client.get(address).context["sidebar_navigation"]
        assert [one["title"] for group in groups for one in group["items"] if one["active"]] == [title]


def test_bound_staff_cannot_connect_or_change_what_is_not_theirs(staff, both):
    mine, theirs = both
    integration = make_integration(theirs)
    client = staff(INTEGRATION_MANAGER, mine)
    add = "/admin/pos_integrations/restaurantposintegration/add/"
    answer = client.post(add, {"restaurant": theirs.pk, "pos_restaurant_id": "abc", "active": "on"})
    assert answer.status_code == 200
    assert "restaurant" in answer.context["adminform"].form.errors
    provider = reverse("admin:pos_integrations_posprovider_change", args=[integration.pos_provider_id])
    assert client.get(provider).status_code == 200
    assert client.post(provider, {"display_name": "Mine now"}).status_code == 403
    act = {"action": "rotate_secret", "_selected_action": [integration.pk]}
    client.post("/admin/pos_integrations/restaurantposintegration/", act)
    assert not AuditEvent.objects.filter(actor="staff:anna").exclude(action="logged in").exists()


def test_bound_staff_see_and_make_keys_for_their_restaurants_only(staff, both):
    mine, theirs = both
    create_api_key(client="mine", scopes=["menu:read"], restaurants=[mine])
    create_api_key(client="shared", scopes=["menu:read"], restaurants=[mine, theirs])
    create_api_key(client="everywhere", scopes=["menu:read"], all_restaurants=True)
    client = staff(INTEGRATION_MANAGER, mine)
    assert [key.client for key in client.get("/admin/ding/apikey/").context["cl"].result_list] == ["mine"]
    add = "/admin/ding/apikey/add/"
    client.post(add, {"client": "new", "scopes": ["menu:read"], "all_restaurants": "on"})
    client.post(add, {"client": "new", "scopes": ["menu:read"], "restaurants": [theirs.pk]})
    assert not ApiKey.objects.filter(client="new").exists()
    client.post(add, {"client": "new", "scopes": ["menu:read"], "restaurants": [mine.pk]})
    assert list(ApiKey.objects.get(client="new").restaurants.all()) == [mine]


def test_bound_staff_read_only_their_restaurants_over_rest(staff, both):
    mine, theirs = both
    client = staff(VIEWER, mine)
    unknown = client.get("/api/restaurants/999999/menu").json()["error"]
    hidden = client.get(f"/api/restaurants/{theirs.pk}/menu").json()["error"]
    assert {**hidden, "request_id": ""} == {**unknown, "request_id": ""}
    assert restaurants_of(User.objects.get(username="anna")) == {mine.pk}


def test_only_administrators_manage_staff(staff, both):
    client = staff(INTEGRATION_MANAGER)
    for page in (
        "/admin/auth/user/",
        "/admin/auth/user/add/",
        "/admin/auth/group/",
        "/admin/axes/accessattempt/",
    ):
        assert client.get(page).status_code == 403


def test_an_administrator_binds_staff_to_a_restaurant(admin_client, both):
    mine, _ = both
    user = User.objects.create_user("anna", is_staff=True)
    data = {
        "username": "anna",
        "is_active": "on",
        "is_staff": "on",
        "restaurants": [mine.pk],
        "groups": [Group.objects.get(name=OPERATOR).pk],
    }
    assert admin_client.post(f"/admin/auth/user/{user.pk}/change/", data).status_code == 302
    assert list(user.restaurants.all()) == [mine]
    changes = AuditEvent.objects.about(user).get().changes
    assert changes["Restaurants"] == ["none", "Mine"]
    assert "Mine" in admin_client.get("/admin/auth/user/").content.decode()


# --- the second factor ----------------------------------------------------------------------------------


def code_of(device):
    return f"{TOTP(device.bin_key).token():06d}"


@pytest.fixture
def anna():
    user = User.objects.create_user("anna", password="a long enough password", is_staff=True)
    user.groups.add(Group.objects.get(name=VIEWER))
    return user


def log_in(client, **data):
    return client.post(
        "/admin/login/?next=/admin/orders/order/",
        {"username": "anna", "password": "a long enough password", **data},
    )


def test_who_has_no_second_factor_comes_in_by_password(client, anna):
    assert log_in(client).status_code == 302
    assert client.get("/admin/orders/order/").status_code == 200


def test_a_second_factor_is_set_up_and_asked_for_at_the_next_log_in(client, anna):
    log_in(client)
    page = client.get(SET_UP)
    device = TOTPDevice.objects.get(user=anna)
    key = re.search(r'id="totp-key">([^<]+)<', page.content.decode())[1]
    assert key.replace(" ", "")
    assert client.post(SET_UP, {"code": "000000"}).context["form"].errors
    assert not TOTPDevice.objects.get().confirmed
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    done = client.post(SET_UP, {"code": code_of(device)})
    assert TOTPDevice.objects.get().confirmed
    assert len(done.context["codes"]) == StaticToken.objects.count() == 10
    client.post("/admin/logout/")

    log_in(client)
    asked = client.get("/admin/orders/order/", follow=True)
    assert asked.request["PATH_INFO"] == CODE_PAGE
    assert client.get("/api/orders").status_code == 401
    assert client.post(f"{CODE_PAGE}?next=/admin/orders/order/", {"code": "123456"}).context["form"].errors
    StaticDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    recovery = StaticToken.objects.first().token
    inside = client.post(CODE_PAGE, {"code": recovery.upper(), "next": "/admin/orders/order/"})
    assert inside["Location"] == "/admin/orders/order/"
    assert client.get("/admin/orders/order/").status_code == 200
    assert client.get("/api/orders").status_code == 200
    assert StaticToken.objects.count() == 9


def test_the_code_page_leads_to_no_other_host(client, anna):
    TOTPDevice.objects.create(user=anna, confirmed=True)
    client.force_login(anna)
    answer = client.post(CODE_PAGE, {"code": code_of(TOTPDevice.objects.get()), "next": "//evil.example/"})
    assert answer["Location"] == "/admin/"


def test_an_installation_can_require_it(client, anna, settings):
    settings.STAFF_SECOND_FACTOR = True
    log_in(client)
    assert client.get("/admin/", follow=True).request["PATH_INFO"] == SET_UP
    assert client.get("/admin/orders/order/").status_code == 302


def test_an_administrator_takes_a_lost_one_away(admin_client, anna):
    TOTPDevice.objects.create(user=anna, confirmed=True)
    act = {"action": "take_second_factor_away", "_selected_action": [anna.pk]}
    admin_client.post("/admin/auth/user/", act)
    assert not TOTPDevice.objects.exists()
    assert AuditEvent.objects.about(anna).get().action == "took the second factor away"


def test_after_ten_wrong_passwords_the_right_one_is_refused_too(client, anna):
    answers = [log_in(client, password="wrong").status_code for _ in range(11)]
    assert answers[0] == 200
    assert answers[-1] == 429
    assert log_in(client).status_code == 429
    assert log_in(client, REMOTE_ADDR="10.0.0.9").status_code == 429  # a form field is no address
    elsewhere = client.post(
        "/admin/login/", {"username": "anna", "password": "a long enough password"}, REMOTE_ADDR="10.0.0.9"
    )
    assert elsewhere.status_code == 302


def test_a_new_password_lets_in_who_was_locked_out(client, admin_client, anna):
    assert [log_in(client, password="wrong").status_code for _ in range(11)][-1] == 429
    new = "another quite long password"
    page = f"/admin/auth/user/{anna.pk}/password/"
    for passwords, status in ((("x", "y"), 200), ((new, new), 302)):
        assert log_in(client, password=new).status_code == 429
        values = {"usable_password": "true", "password1": passwords[0], "password2": passwords[1]}
        assert admin_client.post(page, values).status_code == status
    assert log_in(client, password=new).status_code == 302


# --- the trail, the headers -----------------------------------------------------------------------------


def test_a_change_is_recorded_with_who_when_and_the_difference(staff, both):
    mine, _ = both
    client = staff(INTEGRATION_MANAGER)
    data = {"name": "New name", "timezone": "Asia/Kolkata", "currency": "INR", "accepting_orders": "on"}
    assert client.post(f"/admin/menus/restaurant/{mine.pk}/change/", data).status_code == 302
    event = AuditEvent.objects.about(mine).get()
    assert (event.actor, event.action, event.restaurant_id) == ("staff:anna", "changed", mine.pk)
    assert event.changes["Name"] == ["Mine", "New name"]
    assert event.remote_address == "127.0.0.1"
    history = client.get(f"/admin/menus/restaurant/{mine.pk}/history/").content.decode()
    assert "New name" in history
    assert "staff:anna" in history


def test_a_secret_is_recorded_without_its_value(staff):
    integration = make_integration(make_restaurant(name="Third"))
    client = staff(INTEGRATION_MANAGER)
    address = reverse("admin:pos_integrations_restaurantposintegration_change", args=[integration.pk])
    form = client.get(address).context["adminform"].form
    name = next(name for name in form.fields if "secret" in name and not name.endswith("_clear"))
    data = {n: form[n].value() for n in form.fields if form[n].value() is not None} | {
        name: "canary-secret-value"
    }
    answer = client.post(address, data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    event, *_ = AuditEvent.objects.about(integration)
    assert event.actor == "staff:anna"
    assert list(event.changes.values()) == [["set", "replaced"]]
    assert "canary" not in repr(list(AuditEvent.objects.values()))


def test_differences_never_tell_a_secret():
    found = audit.differences(
        {"key": "old", "name": "a"}, {"key": "new", "name": "b", "more": 1}, secret={"key"}
    )
    assert found == {"key": ["set", "replaced"], "name": ["a", "b"], "more": ["not set", "1"]}


def test_what_a_client_changes_over_rest_is_recorded_too(client):
    integration = make_integration(make_restaurant(name="Third"))
    key = create_api_key(client="back-office", scopes=["integrations:write"], all_restaurants=True)
    answer = client.post(
        f"/api/pos-integration/{integration.restaurant_id}",
        {
            "provider_name": "petpooja",
            "pos_restaurant_id": "other567",
            "api_key": "canary-key-of-another-kind",
        },
        "application/json",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 200
    event, *_ = AuditEvent.objects.about(integration)
    assert event.actor == "key:back-office"
    assert event.changes == {"pos_restaurant_id": ["abcd1234", "other567"], "api_key": ["set", "replaced"]}


def test_nobody_edits_the_trail(admin_client):
    event = audit.record("did something")
    assert event.actor == "ding"
    assert admin_client.get(f"/admin/ding/auditevent/{event.pk}/change/").status_code == 200
    assert admin_client.post(f"/admin/ding/auditevent/{event.pk}/change/", {"actor": "me"}).status_code == 403
    assert admin_client.post(f"/admin/ding/auditevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403


def test_pages_load_nothing_from_elsewhere(client, admin_client):
    strict = client.get("/api/docs/")["Content-Security-Policy"]
    assert "script-src 'self';" in f"{strict};"
    page = admin_client.get("/admin/")
    assert "script-src 'self' 'unsafe-eval'" in page["Content-Security-Policy"]
    assert "unsafe-inline" not in page["Content-Security-Policy"].split("script-src")[1].split(";")[0]
    assert page["Cache-Control"] in ("no-store", "max-age=0, no-cache, no-store, must-revalidate, private")
