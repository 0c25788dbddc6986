"""The secret itself as the proof: at its one place, whole, and nowhere else."""

from __future__ import annotations

import pytest

from pos_integrations.errors import NotAuthentic
from pos_integrations.messages import WebhookRequest
from pos_integrations.signatures import BEARER, URL_TOKEN

SECRETS = ("first-secret-of-a-restaurant-01", "second-secret-of-a-restaurant-2")
WRONG = [
    "",
    SECRETS[0][:-1],
    SECRETS[0] + "x",
    SECRETS[0].upper(),
    "é" * 30,
    " ",
    SECRETS[0] + " " + SECRETS[1],
    "\ud800",
]


def brought(header=None, token=""):
    return WebhookRequest("t", b"{}", {} if header is None else {"authorization": header}, token=token)


@pytest.mark.parametrize("index", [0, 1])
def test_each_valid_secret_will_do_at_its_place(index):
    for word in ("", "Bearer ", "bearer "):
        assert BEARER.verify(brought(word + SECRETS[index]), SECRETS).secret == index
    assert URL_TOKEN.verify(brought(token=SECRETS[index]), SECRETS).secret == index


@pytest.mark.parametrize("wrong", WRONG)
def test_nothing_else_will(wrong):
    for scheme, request in (
        (BEARER, brought(wrong)),
        (BEARER, brought(f"Bearer {wrong}")),
        (URL_TOKEN, brought(token=wrong)),
        (URL_TOKEN, brought(SECRETS[0], wrong)),
        (BEARER, brought(wrong, SECRETS[0])),
        (BEARER, brought(None, SECRETS[0])),
    ):
        with pytest.raises(NotAuthentic):
            scheme.verify(request, SECRETS)


def test_an_empty_secret_is_none():
    for request in (brought(""), brought("Bearer "), brought(token="")):
        for scheme in (BEARER, URL_TOKEN):
            with pytest.raises(NotAuthentic):
                scheme.verify(request, ("",))


@pytest.mark.parametrize("bad", ["x" * 23, "with a blank in the middle of it", "ü" * 30, ""])
def test_short_and_odd_secrets_are_not_taken(bad):
    assert BEARER.problem_with(bad)
    assert URL_TOKEN.problem_with(bad)


def test_what_cannot_stand_in_an_address_is_no_token():
    for sign in '/?#%<>"\\':
        assert URL_TOKEN.problem_with("x" * 30 + sign)
        assert BEARER.problem_with("x" * 30 + sign) is None
    assert URL_TOKEN.problem_with(URL_TOKEN.new_secret()) is None
