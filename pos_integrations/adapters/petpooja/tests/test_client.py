"""Calls over a faked network: what is sent where, and what each answer means."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import responses
from responses import matchers

from orders.snapshot import OrderSnapshot
from pos_integrations.adapters.base import Dedupes
from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter
from pos_integrations.adapters.petpooja.tests.conftest import expected, raw
from pos_integrations.errors import (
    ConfigurationError,
    OutcomeUnknown,
    PermanentError,
    PosError,
    TransientError,
)
from pos_integrations.http import PosHttp
from pos_integrations.messages import Account, PushResult

POS = PetPoojaAdapter()
BASE = "https://pos.example.com/V1"
CALLBACK = "https://orders.example.com/petpooja/callback?k=per-order-token"


@pytest.fixture
def network():
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def save(
    delivery_order: OrderSnapshot, account: Account, network: responses.RequestsMock
) -> Callable[..., PushResult]:
    """Save an order that PetPooja answers like this."""

    def call(
        body: bytes | str | Exception = b"", status: int = 200, headers: dict[str, str] | None = None
    ) -> PushResult:
        network.post(f"{BASE}/save_order", body=body, status=status, headers=headers)
        return POS.save_order(delivery_order, account, PosHttp(), callback_url=CALLBACK)

    return call


def answered(**body: Any) -> bytes:
    return json.dumps(body).encode()


# --- what is sent ---


def test_save_order_sends_the_whole_body(network, delivery_order, account):
    network.post(
        f"{BASE}/save_order",
        body=raw("save_order__published"),
        match=[matchers.json_params_matcher(expected("save_order__delivery"))],
    )
    result = POS.save_order(delivery_order, account, PosHttp(), callback_url=CALLBACK)
    assert result == PushResult("26")


def test_save_order_twice_sends_the_same_bytes(network, delivery_order, account):
    for _ in range(2):
        network.post(f"{BASE}/save_order", body=raw("save_order__blank_id"))
        POS.save_order(delivery_order, account, PosHttp(), callback_url=CALLBACK)
    assert network.calls[0].request.body == network.calls[1].request.body


def test_cancel_sends_the_whole_body(network, delivery_order, account):
    network.post(
        f"{BASE}/update_order_status",
        body=raw("cancel_order__found"),
        match=[matchers.json_params_matcher(expected("cancel_order__by_reference"))],
    )
    POS.cancel_order(delivery_order, "Cancelled by customer", account, PosHttp())


def test_fetch_menu_carries_its_credentials_in_three_headers(network, account):
    network.post(
        f"{BASE}/mapped_restaurant_menus",
        body=raw("fetch_menu__published"),
        match=[
            matchers.json_params_matcher({"restID": "abcd1234"}),
            matchers.header_matcher({"app-key": "x" * 32, "app-secret": "x" * 40, "access-token": "x" * 40}),
        ],
    )
    assert len(POS.fetch_menu(account, PosHttp()).items) == 3


@pytest.mark.parametrize("base", [BASE, f"{BASE}/", f" {BASE}// "])
def test_a_slash_at_the_end_of_the_address_does_no_harm(network, account, base):
    network.post(f"{BASE}/mapped_restaurant_menus", body=raw("fetch_menu__published"))
    POS.fetch_menu(Account("abcd1234", base, account.config), PosHttp())


def test_without_an_address_nothing_is_sent(network, account):
    with pytest.raises(ConfigurationError, match="address is not configured"):
        POS.fetch_menu(Account("abcd1234", " ", account.config), PosHttp())


# --- yes ---


@pytest.mark.parametrize("success", ["1", 1, True, "true"])
@pytest.mark.parametrize("status", [200, 201, 400, 500])
def test_the_body_says_yes_whatever_the_http_code(save, success, status):
    assert save(answered(success=success, orderID="7"), status) == PushResult("7")


@pytest.mark.parametrize("body", [{}, {"orderID": ""}, {"orderID": None}, {"orderID": []}])
def test_a_blank_order_id_is_normal(save, body):
    assert save(answered(success="1", **body)) == PushResult("")


def test_a_number_as_order_id_is_text(save):
    assert save(answered(success="1", orderID=26)) == PushResult("26")


# --- no ---


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("fixture", "kind", "code", "message"),
    [
        (
            "refused_no_order_id",
            PermanentError,
            "SO_105",
            "There were some error in order details. orderID: Please provide order id. (SO_105)",
        ),
        (
            "refused_preorder_date",
            PermanentError,
            "SO_105",
            "There were some error in order details. "
            "preorder_date: Preorder date is greater than current date.[Format:Y-m-d] (SO_105)",
        ),
        (
            "refused_item_name",
            PermanentError,
            "SO_106",
            "There were some error in order item details. name: Please enter item name. (SO_106)",
        ),
        (
            "refused_relay_payload",
            PermanentError,
            "relay_payload",
            "PetPooja did not take the order: Invalid order relay payload "
            "If this happens to every order, ask PetPooja to enable online orders for the restaurant.",
        ),
        (
            "refused_credentials",
            ConfigurationError,
            "GN_105",
            "PetPooja refused the credentials: Invalid client credentials. (GN_105)",
        ),
    ],
)
def test_refusals_in_petpoojas_words(save, fixture, kind, code, message, status):
    with pytest.raises(PosError) as caught:
        save(raw(f"save_order__{fixture}"), status)
    assert type(caught.value) is kind
    assert caught.value.message == message
    assert caught.value.code == code


def test_credentials_refused_without_a_code(save):
    with pytest.raises(ConfigurationError):
        save(answered(success="0", message="Invalid client credentials."))


def test_a_cancellation_that_comes_too_late(network, delivery_order, account):
    network.post(f"{BASE}/update_order_status", body=raw("cancel_order__refused_too_late"), status=400)
    with pytest.raises(PermanentError, match=r"There were some error in update order status. \(UOS_105\)"):
        POS.cancel_order(delivery_order, "", account, PosHttp())


@pytest.mark.parametrize(
    ("fixture", "kind", "message"),
    [
        ("refused_not_available", PermanentError, "Press Menu Trigger in the PetPooja dashboard"),
        ("refused_never_triggered", PermanentError, "Press Menu Trigger in the PetPooja dashboard"),
        ("refused_mapping", ConfigurationError, "restID: Please provide valid restaurant id."),
        ("refused_credentials", ConfigurationError, "Invalid client credentials"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_menu_refusals(network, account, fixture, kind, message, status):
    network.post(f"{BASE}/mapped_restaurant_menus", body=raw(f"fetch_menu__{fixture}"), status=status)
    with pytest.raises(PosError, match=message) as caught:
        POS.fetch_menu(account, PosHttp())
    assert type(caught.value) is kind


def test_an_unknown_reason_is_still_a_no(save):
    with pytest.raises(PermanentError, match="The moon is full"):
        save(answered(success="0", message="The moon is full"))


def test_a_no_of_a_broken_server_is_not_sure(save):
    with pytest.raises(OutcomeUnknown, match="Internal error"):
        save(answered(success="0", message="Internal error"), 500)


def test_a_coded_no_is_sure_even_from_a_broken_server(save):
    with pytest.raises(PermanentError):
        save(raw("save_order__refused_no_order_id"), 500)


def test_their_words_are_cut_and_hold_no_credentials(save):
    with pytest.raises(PermanentError) as caught:
        save(answered(success="0", message="no " + "x" * 40 + " " + "y" * 5000, errorCode="x" * 32))
    assert "x" * 32 not in caught.value.message + caught.value.code
    assert len(caught.value.message) <= 500


# --- neither ---


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"success":"maybe"}', b"\xff", b"[" * 9999]
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, OutcomeUnknown),
        (202, OutcomeUnknown),
        (301, OutcomeUnknown),
        (400, PermanentError),
        (401, ConfigurationError),
        (403, ConfigurationError),
        (404, ConfigurationError),
        (408, OutcomeUnknown),
        (413, PermanentError),
        (415, PermanentError),
        (429, TransientError),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (504, OutcomeUnknown),
    ],
)
def test_where_the_body_says_nothing_the_http_code_decides(save, body, status, kind):
    with pytest.raises(PosError) as caught:
        save(body, status)
    assert type(caught.value) is kind


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None)]
)
def test_not_now_says_when(save, status, header, seconds):
    with pytest.raises(TransientError) as caught:
        save(b"slow down", status, {"Retry-After": header})
    assert caught.value.retry_after == seconds


def test_a_gateways_refusal_keeps_its_words(save):
    with pytest.raises(ConfigurationError, match="HTTP 403: Forbidden"):
        save(answered(message="Forbidden"), 403)


@pytest.mark.parametrize("body", [b"{", b'{"items":', b'{"success":"1"}', b'{"success":"1","items"'])
def test_half_a_menu_is_no_menu(network, account, body):
    network.post(f"{BASE}/mapped_restaurant_menus", body=body)
    with pytest.raises(OutcomeUnknown):
        POS.fetch_menu(account, PosHttp())


def test_no_connection_sent_nothing(network, delivery_order, account):
    network.post(f"{BASE}/save_order", body=TransientError("No connection to the POS."))
    with pytest.raises(TransientError):
        POS.save_order(delivery_order, account, PosHttp(), callback_url=CALLBACK)


def test_what_petpooja_does_not_promise():
    assert POS.dedupes_by_reference is Dedupes.UNPROVEN
    assert not POS.can_query
    assert not POS.success_means_accepted


# --- the connection test ---


def findings(
    account: Account, network: responses.RequestsMock, body: bytes, status: int = 200
) -> list[tuple[bool, str]]:
    network.post(f"{account.base_url.rstrip('/')}/mapped_restaurant_menus", body=body, status=status)
    return [(finding.ok, finding.message) for finding in POS.check_account(account, PosHttp())]


def test_a_good_account(network, account):
    assert findings(account, network, raw("fetch_menu__published")) == [
        (True, "abcd1234 looks like a mapping code."),
        (True, "pos.example.com is none of PetPooja's known addresses; taken as it is."),
        (True, "PetPooja sent the menu: 3 items in 2 categories."),
    ]


def test_a_menu_with_problems_says_so(network, account):
    assert findings(account, network, raw("fetch_menu__messy"))[2] == (
        True,
        "PetPooja sent the menu: 5 items in 3 categories, 48 things in it need a look.",
    )


@pytest.mark.parametrize(
    ("code", "ok"),
    [
        ("abcd1234", True),
        ("a1b2c3d4e5", True),
        ("90001", False),
        ("12345678", False),
        ("ABCD1234", False),
        ("", False),
    ],
)
def test_mapping_codes(network, account, code, ok):
    checked = Account(code, account.base_url, account.config)
    assert findings(checked, network, raw("fetch_menu__refused_mapping"))[0][0] is ok


@pytest.mark.parametrize(
    ("base", "ok", "words"),
    [
        ("https://pponlineordercb.petpooja.com", True, "Production"),
        ("https://pponlineordercb.petpooja.com/V1", False, "take /V1 away"),
        ("https://qle1yy2ydc.execute-api.ap-southeast-1.amazonaws.com/V1/", True, "no kitchen sees any"),
        ("https://47pfzh5sf2.execute-api.ap-southeast-1.amazonaws.com", False, "ends in /V1"),
        ("https://qle1yy2ydc.execute-api.ap-southeast-1.amazonaws.com/v1", False, "capital V"),
        ("https://private-anon.apiary-mock.com/V1", False, "made-up data"),
    ],
)
def test_addresses(network, account, base, ok, words):
    staging = "execute-api" in base
    environment = "staging" if staging else "production"
    checked = Account("abcd1234", base, {**account.config, "environment": environment})
    finding = findings(checked, network, raw("fetch_menu__refused_not_available"))[1]
    assert finding[0] is ok
    assert words in finding[1]


@pytest.mark.parametrize("base", ["", "pos.example.com", "ftp://pos.example.com", "https://[", "https://"])
def test_addresses_that_are_none_raise_nothing(account, base):
    found = POS.check_account(Account("abcd1234", base, account.config), PosHttp())
    assert [finding.ok for finding in found] == [True, False, False]


@pytest.mark.parametrize(
    "said", ["cancel_order__found", "cancel_order__published", "cancel_order__refused_too_late"]
)
def test_where_production_gives_no_menu_the_credentials_are_tried_by_themselves(network, account, said):
    checked = Account("abcd1234", "https://pponlineordercb.petpooja.com", account.config)
    network.post(f"{checked.base_url}/update_order_status", body=raw(said))
    found = findings(checked, network, b'{"message":"Not Found"}', 404)
    assert [ok for ok, _ in found] == [True] * 4
    assert "answered the cancellation of a made-up order" in found[2][1]
    assert "no address for fetching menus in production" in found[3][1]
    tried = json.loads(network.calls[1].request.body)
    assert (tried["clientorderID"], tried["status"]) == ("CONNECTION-TEST-NO-ORDER", "-1")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (raw("cancel_order__refused_credentials"), 200, "Invalid client credentials."),
        (b'{"message":"Forbidden"}', 403, "allowed this server's IP address"),
        (b"", 500, "no clear answer"),
        (b'{"success":"0","message":"No."}', 200, "No."),
    ],
)
def test_credentials_that_production_refuses_are_named(network, account, body, status, words):
    checked = Account("abcd1234", "https://pponlineordercb.petpooja.com", account.config)
    network.post(f"{checked.base_url}/update_order_status", body=body, status=status)
    found = findings(checked, network, b'{"message":"Not Found"}', 404)
    assert [ok for ok, _ in found] == [True, True, False, False]
    assert words in found[2][1]


def test_what_production_says_of_a_menu_is_not_passed_over(network, account):
    checked = Account("abcd1234", "https://pponlineordercb.petpooja.com", account.config)
    network.post(f"{checked.base_url}/update_order_status", body=raw("cancel_order__found"))
    found = findings(checked, network, raw("fetch_menu__refused_never_triggered"))
    assert [ok for ok, _ in found] == [True, True, True, False]
    assert "Press Menu Trigger" in found[3][1]


def test_missing_credentials_are_named(account):
    found = POS.check_account(Account("abcd1234", BASE, {}), PosHttp())
    assert found[2].message == "PetPooja's app key, app secret, access token is not configured."
