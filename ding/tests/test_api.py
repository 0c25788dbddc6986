"""The API's manners, on views that do nothing else. The real views' own tests are with them."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.test import Client as Browser
from django.urls import get_resolver, path, re_path
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from ding import urls as real
from ding.errors import Conflict, DomainError
from ding.keys import create_api_key
from menus.models import Restaurant

handler400, handler404, handler500 = real.handler400, real.handler404, real.handler500
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class Line(serializers.Serializer):
    quantity = serializers.IntegerField(min_value=1)


class Body(serializers.Serializer):
    name = serializers.CharField(max_length=5)
    lines = Line(many=True, required=False)

    def validate(self, data):
        if data["name"] == "evil":
            raise serializers.ValidationError("No evil names.", "evil")
        return data


class Echo(APIView):
    scopes = {"GET": "orders:read", "POST": "orders:write"}

    def get(self, request):
        return Response({"caller": request.auth.name, "user": str(request.user)})

    def post(self, request):
        return Response({"got": request.data})


class Validate(APIView):
    scopes = {"POST": "orders:write"}

    def post(self, request):
        Body(data=request.data).is_valid(raise_exception=True)
        return Response({})


class Unscoped(APIView):
    def get(self, request):
        return Response({})


class OfRestaurant(APIView):
    scopes = {"GET": "orders:read"}

    def get(self, request, pk):
        restaurant = Restaurant.objects.filter(pk=pk).first()
        if restaurant is None:
            raise Http404
        self.check_object_permissions(request, restaurant)
        return Response({"name": restaurant.name})


RAISED = {
    "domain": DomainError("Not like this.", fields={"a": [{"rule": "r", "message": "m", "given": 1}]}),
    "conflict": Conflict("Somebody else is at it."),
    "missing": Http404("whatever"),
    "database": OperationalError(2002, "Can't connect to server on 'db.internal'"),
    "throttled": exceptions.Throttled(wait=1.2),
    "bug": ZeroDivisionError("secret detail"),
    "suspicious": SuspiciousOperation("secret detail"),
}


class Raise(APIView):
    scopes = {"GET": "orders:read"}

    def get(self, request, what):
        raise RAISED[what]


urlpatterns = [
    re_path(r"^api/echo/?$", Echo.as_view()),
    re_path(r"^api/validate/?$", Validate.as_view()),
    re_path(r"^api/unscoped/?$", Unscoped.as_view()),
    path("api/restaurants/<int:pk>", OfRestaurant.as_view()),
    path("api/raise/<what>", Raise.as_view()),
]


@pytest.fixture
def key(db):
    return create_api_key(client="shop", scopes=["orders:read", "orders:write"], all_restaurants=True)


@pytest.fixture
def call(client, key):
    client.raise_request_exception = False

    def call(method, address, body=None, key=key, content_type="application/json", **headers):
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = {} if body is None else {"data": body, "content_type": content_type}
        return client.generic(method, address, headers=headers, **data)

    return call


def error_of(answer):
    """The error, after a look at its shape."""
    assert answer["Content-Type"] == "application/json"
    body = json.loads(answer.content)
    assert set(body) == {"error"}
    assert set(body["error"]) - {"fields"} == {"code", "message", "request_id"}
    assert body["error"].pop("request_id") == answer["X-Request-ID"]
    return answer.status_code, body["error"]


# --- who calls -----------------------------------------------------------------------------------------


def test_a_key_lets_in(call):
    assert call("GET", "/api/echo").json() == {"caller": "shop", "user": "shop"}


def test_without_a_key_nobody_gets_in(call):
    answer = call("GET", "/api/echo", key=None)
    assert error_of(answer) == (
        401,
        {"code": "not_authenticated", "message": "Authentication credentials were not provided."},
    )
    assert answer["WWW-Authenticate"] == 'Bearer realm="ding"'
    # Who is nobody does not learn what there is.
    assert call("DELETE", "/api/echo", key=None).status_code == 401
    assert call("GET", "/api/unscoped", key=None).status_code == 401


@pytest.mark.parametrize("key", ["nonsense", "dk_", "dk_000000000000_" + "A" * 43, "é" * 10, "a b c", " "])
def test_a_wrong_key_does_not_let_in(call, key):
    answer = call("GET", "/api/echo", key=key)
    assert error_of(answer) == (
        401,
        {"code": "authentication_failed", "message": "This API key is not valid, or not any more."},
    )


def test_a_key_may_only_what_its_scopes_say(call):
    reader = create_api_key(client="screen", scopes=["orders:read"], all_restaurants=True)
    assert call("GET", "/api/echo", key=reader).status_code == 200
    assert error_of(call("POST", "/api/echo", "{}", key=reader)) == (
        403,
        {
            "code": "permission_denied",
            "message": "This needs the scope orders:write, which your key does not have.",
        },
    )


def test_a_view_that_names_no_scope_is_closed(call):
    assert call("GET", "/api/unscoped").status_code == 403


def test_another_restaurants_object_is_like_one_that_is_not_there(call):
    mine, theirs = Restaurant.objects.create(name="Mine"), Restaurant.objects.create(name="Theirs")
    key = create_api_key(client="mine", scopes=["orders:read"], restaurants=[mine])
    assert call("GET", f"/api/restaurants/{mine.pk}", key=key).json() == {"name": "Mine"}
    missing = error_of(call("GET", "/api/restaurants/999999", key=key))
    assert missing == (404, {"code": "not_found", "message": "There is no such thing, or not for you."})
    assert error_of(call("GET", f"/api/restaurants/{theirs.pk}", key=key)) == missing
    nobody = create_api_key(client="nobody", scopes=["orders:read"])
    assert error_of(call("GET", f"/api/restaurants/{mine.pk}", key=nobody)) == missing


def test_staff_get_in_by_session_and_read_what_their_role_shows_unless_superusers(client, django_user_model):
    user = django_user_model.objects.create_user("op", password="pw")
    client.force_login(user)
    assert client.get("/api/echo").status_code == 401
    user.is_staff = True
    user.save()
    assert client.get("/api/echo").status_code == 403
    user.groups.add(Group.objects.get(name="Viewer"))
    assert client.get("/api/echo").json() == {"caller": "staff:op", "user": "op"}
    assert client.post("/api/echo", {}, "application/json").status_code == 403
    user.is_superuser = True
    user.save()
    assert client.post("/api/echo", {}, "application/json").status_code == 200


def test_a_session_needs_the_csrf_token(admin_user):
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(admin_user)
    code, error = error_of(browser.post("/api/echo", {}, "application/json"))
    assert (code, error["code"]) == (403, "permission_denied")
    assert error["message"].startswith("CSRF Failed")


# --- the shape of errors -------------------------------------------------------------------------------


def test_an_address_that_does_not_exist(call):
    expected = (
        404,
        {"code": "not_found", "message": "There is nothing at this address; /api/docs/ lists what there is."},
    )
    assert error_of(call("GET", "/api/nothing")) == expected
    assert error_of(call("POST", "/api/nothing/", "{}")) == expected
    assert call("GET", "/nothing")["Content-Type"] == "text/html; charset=utf-8"


def test_a_method_that_the_address_does_not_have(call):
    answer = call("DELETE", "/api/echo")
    assert error_of(answer) == (
        405,
        {"code": "method_not_allowed", "message": 'Method "DELETE" not allowed.'},
    )
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert call("GET", "/api/validate").status_code == 405
    assert call("HEAD", "/api/echo").status_code == 200
    assert call("OPTIONS", "/api/echo").status_code == 200


def test_wrong_fields_are_named_by_their_paths(call):
    body = {"name": "too long a name", "lines": [{"quantity": 1}, {"quantity": 0}, {}]}
    code, error = error_of(call("POST", "/api/validate", json.dumps(body)))
    assert (code, error["code"], error["message"]) == (
        400,
        "invalid",
        "Some fields are not right; see fields.",
    )
    assert error["fields"] == {
        "name": [{"rule": "max_length", "message": "Ensure this field has no more than 5 characters."}],
        "lines[1].quantity": [
            {"rule": "min_value", "message": "Ensure this value is greater than or equal to 1."}
        ],
        "lines[2].quantity": [{"rule": "required", "message": "This field is required."}],
    }
    code, error = error_of(call("POST", "/api/validate", '{"name": "evil"}'))
    assert error["fields"] == {"non_field_errors": [{"rule": "evil", "message": "No evil names."}]}
    for body in ("[]", "null", '"text"', "7"):
        assert error_of(call("POST", "/api/validate", body))[0] == 400


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (
            "domain",
            (
                422,
                {
                    "code": "refused",
                    "message": "Not like this.",
                    "fields": {"a": [{"rule": "r", "message": "m", "given": 1}]},
                },
            ),
        ),
        ("conflict", (409, {"code": "conflict", "message": "Somebody else is at it."})),
        ("missing", (404, {"code": "not_found", "message": "There is no such thing, or not for you."})),
        (
            "database",
            (
                503,
                {
                    "code": "unavailable",
                    "message": "The database does not answer. Nothing was changed; try again.",
                },
            ),
        ),
        (
            "bug",
            (500, {"code": "internal", "message": "Something is wrong on our side; tell us the request_id."}),
        ),
        ("suspicious", (400, {"code": "bad_request", "message": "The request is not valid."})),
    ],
)
def test_what_a_view_raises_becomes_one_shape(call, what, expected, caplog):
    answer = call("GET", f"/api/raise/{what}")
    assert error_of(answer) == expected
    if what == "database":
        assert answer["Retry-After"] == "2"


def test_who_is_too_fast_is_told_for_how_long_to_wait(call):
    answer = call("GET", "/api/raise/throttled")
    assert error_of(answer)[0] == 429
    assert answer["Retry-After"] == "2"


# --- JSON in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        " ",
        "{",
        "{} {}",
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": -1e999}',
        f'{{"a": {"9" * 41}}}',
        f'{{"a": {"9" * 100_000}}}',
        f'{{"a": 1.{"1" * 50}}}',
        '{"a": 1, "a": 2}',
        '{"b": {"a": 1, "a": 1}}',
        r'{"a": "\ud800"}',
        r'{"\udfff": 1}',
        "[" * 21 + "]" * 21,
        "[" * 100_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        b'{"a": "\xff"}',
        '{"a": "x"}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        '{"a": "tab\there"}',
        "\x00",
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_not_json_is_refused(call, body):
    code, error = error_of(call("POST", "/api/echo", body))
    assert (code, error["code"]) == (400, "parse_error")
    assert len(error["message"]) < 250


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "text",
        {"a": [1, 2.5, True, None, {"b": 'पनीर 🌶 " \\ %s'}]},
        {"a": 10**39},
        json.loads("[" * 20 + "]" * 20),
    ],
    ids=str,
)
def test_what_is_json_arrives(call, body):
    assert call("POST", "/api/echo", json.dumps(body)).json() == {"got": body}
    assert call("POST", "/api/echo/", json.dumps(body, ensure_ascii=False).encode()).json() == {"got": body}


def test_no_body_is_an_empty_object(call):
    assert call("POST", "/api/echo", "").json() == {"got": {}}
    assert call("POST", "/api/echo").json() == {"got": {}}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"],
)
def test_only_json_is_taken(call, content_type):
    code, error = error_of(call("POST", "/api/echo", "{}", content_type=content_type))
    assert (code, error["code"]) == (415, "unsupported_media_type")


def test_a_body_may_be_so_large_and_no_larger(call, monkeypatch):
    monkeypatch.setattr("ding.api.MOST_BYTES", 100)
    assert call("POST", "/api/echo", '"' + "x" * 98 + '"').status_code == 200
    assert error_of(call("POST", "/api/echo", '"' + "x" * 99 + '"')) == (
        413,
        {"code": "too_large", "message": "The body is larger than 1 MiB."},
    )


# --- addresses -----------------------------------------------------------------------------------------


def test_each_answer_has_an_id_of_its_own(call):
    ids = [
        call("GET", address, key=key, **{"X-Request-ID": "mine"})["X-Request-ID"]
        for address in ("/api/echo", "/api/echo", "/nothing", "/api/raise/bug")
        for key in (None, "wrong")
    ]
    assert len(set(ids)) == 8
    assert all(re.fullmatch("[0-9a-f]{32}", id) for id in ids)


@pytest.mark.urls("ding.urls")
def test_no_address_of_the_api_redirects(client):
    patterns = [
        p for p in get_resolver("ding.urls").url_patterns if str(p.pattern).lstrip("^").startswith("api/")
    ]
    addresses = [leaf for p in patterns for leaf in getattr(p, "url_patterns", [p])]
    assert len(addresses) > 10
    for address in addresses:
        assert str(address.pattern).endswith("/?$"), address
    for address in ("/api/restaurants/1/menu", "/api/orders", "/api/orders/quote", "/api/orders/1"):
        for method in (client.get, client.post):
            assert method(address).status_code == method(address + "/").status_code == 401, address


@pytest.mark.urls("ding.urls")
def test_a_menu_is_not_posted(client, db):
    key = create_api_key(client="shop", scopes=["menu:read"], all_restaurants=True)
    answer = client.post("/api/restaurants/1/menu/", headers={"Authorization": f"Bearer {key}"})
    assert error_of(answer)[0] == 405
