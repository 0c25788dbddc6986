"""The real addresses: made-up cursors, wrong methods, unknown paths."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from ding.keys import SCOPES, create_api_key


@pytest.mark.django_db
@pytest.mark.parametrize("position", ["abc", "1e5", "\0", "²", "-1", "9" * 40])
def test_a_made_up_cursor_is_refused(client, position):
    key = create_api_key(client="shop", scopes=SCOPES, all_restaurants=True)
    cursor = base64.b64encode(f"p={quote(position)}".encode()).decode()
    for address in ("/api/orders", "/api/webhooks/logs"):
        answer = client.get(address, {"cursor": cursor}, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 400
        assert set(answer.json()["error"]["fields"]) == {"cursor"}


@pytest.mark.django_db
@pytest.mark.parametrize("limit", ["", "0", "-1", "many", "1.5", "²", "9" * 40])
def test_a_made_up_limit_is_refused(client, limit):
    key = create_api_key(client="shop", scopes=SCOPES, all_restaurants=True)
    for address in ("/api/orders", "/api/webhooks/logs"):
        answer = client.get(address, {"limit": limit}, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 400
        assert answer.json()["error"]["fields"]["limit"][0]["rule"] == "limit"


@pytest.mark.django_db
def test_a_misspelt_parameter_is_named_with_the_right_one(client):
    key = create_api_key(client="shop", scopes=SCOPES, all_restaurants=True)
    for address in ("/api/orders", "/api/webhooks/logs"):
        answer = client.get(address, {"restuarant": "1"}, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 400
        (error,) = answer.json()["error"]["fields"]["restuarant"]
        assert error == {
            "rule": "unknown_field",
            "message": "There is no such field. Did you mean restaurant?",
        }


@pytest.mark.parametrize("path", ["/api/docs/", "/api/schema/"])
@pytest.mark.parametrize("method", ["options", "put", "post", "delete"])
def test_the_documentation_is_only_read(client, path, method):
    assert getattr(client, method)(path).status_code == 405


def test_api_itself_answers_in_json(client):
    answer = client.get("/api")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
