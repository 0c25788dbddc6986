"""It speaks PetPooja: addresses, checks and answers."""

import datetime as dt
import json
import socket
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

from pos_integrations.simulator import Credentials, Outlet, make_menu, sample_menu, sample_outlet
from pos_integrations.simulator.tests.conftest import BODY_CREDENTIALS, MENU_HEADERS, make_order, save, saved

INVALID_CREDENTIALS = {
    "success": "0",
    "message": "Invalid client credentials.",
    "errorCode": "GN_105",
    "validation_errors": "",
}
INVALID_RELAY_PAYLOAD = {"success": "0", "message": "Invalid order relay payload "}


def fetch_menu(pos, code="abcd1234", headers=MENU_HEADERS):
    return requests.post(
        f"{pos.base_url}/mapped_restaurant_menus", json={"restID": code}, headers=headers, timeout=5
    )


def call(pos, name, **body):
    return requests.post(f"{pos.base_url}/{name}", json={**BODY_CREDENTIALS, **body}, timeout=5)


# --- Addresses ---


@pytest.mark.parametrize("base_path", ["", "/V1", "/some/base"])
@pytest.mark.parametrize("stage", ["", "/V1"])
def test_calls_are_answered_with_and_without_the_stage(start, base_path, stage):
    pos = start(base_path=base_path)
    assert pos.base_url == f"http://127.0.0.1:{pos.port}{base_path}"
    answer = requests.post(f"{pos.base_url}{stage}/save_order", json=make_order(), timeout=5)
    assert (answer.status_code, answer.json()) == (200, saved())


@pytest.mark.parametrize("base_path", ["", "/V1"])
def test_the_stage_in_lower_case_is_forbidden(start, base_path):
    pos = start(base_path=base_path)
    url = f"http://127.0.0.1:{pos.port}/v1/save_order"
    assert requests.post(url, json=make_order(), timeout=5).status_code == 403
    assert pos.ledger.counts()["requests"] == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/save_order", 405),
        ("PUT", "/save_order", 405),
        ("GET", "/V1/mapped_restaurant_menus", 405),
        ("POST", "/save_orders", 404),
        ("POST", "/save_order/", 404),
        ("POST", "/", 404),
        ("POST", "/V1", 404),
    ],
)
def test_other_verbs_and_paths(pos, method, path, status):
    url = f"{pos.base_url}{path}"
    assert requests.request(method, url, json={}, timeout=5).status_code == status


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"restID=abcd1234"),
        ("text/plain", b"{}"),
        ("application/json", b"not json"),
        ("application/json", b""),
        ("application/json", b"[" * 100_000),
        ("application/json", b"\xff\xfe"),
    ],
)
def test_what_is_not_json_is_415(pos, content_type, body):
    answer = requests.post(
        f"{pos.base_url}/save_order", data=body, headers={"Content-Type": content_type}, timeout=5
    )
    assert answer.status_code == 415
    assert pos.ledger.counts()["requests"] == 0


def test_a_body_without_a_length_is_411(pos):
    def chunks():
        yield b"{}"

    answer = requests.post(
        f"{pos.base_url}/save_order",
        data=chunks(),
        headers={"Content-Type": "application/json", "Connection": "close"},
        timeout=5,
    )
    assert answer.status_code == 411


def test_a_request_that_breaks_off_is_no_order(pos):
    body = json.dumps(make_order()).encode()
    with socket.create_connection(("127.0.0.1", pos.port)) as client:
        head = f"POST /save_order HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body[:-5])
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert pos.ledger.counts()["requests"] == 0


def test_one_connection_serves_many_requests(pos):
    with requests.Session() as session:
        for n in range(3):
            answer = session.post(f"{pos.base_url}/save_order", json=make_order(f"WEB-{n}"), timeout=5)
            assert answer.json() == saved(f"WEB-{n}")


# --- Menus ---


@pytest.mark.parametrize(("code", "items"), [("abcd1234", 3), ("efgh5678", 8)])
def test_fetch_menu(pos, code, items):
    answer = fetch_menu(pos, code)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    menu = answer.json()
    assert menu == sample_menu(code)
    assert menu["restaurants"][0]["details"]["menusharingcode"] == code
    assert len(menu["items"]) == items


@pytest.mark.parametrize("missing", ["app-key", "app-secret", "access-token"])
def test_fetch_menu_needs_all_three_headers(pos, missing):
    headers = {name: value for name, value in MENU_HEADERS.items() if name != missing}
    answer = fetch_menu(pos, headers=headers)
    assert (answer.status_code, answer.json()) == (200, INVALID_CREDENTIALS)


@pytest.mark.parametrize("code", ["nowhere1", "90001", "", None, ["abcd1234"]])
def test_fetch_menu_of_an_unknown_restaurant(pos, code):
    assert fetch_menu(pos, code).json() == {
        "success": "0",
        "message": "There were some error in restaurant mapping.",
        "errorCode": "MS_101",
        "validation_errors": {"restID": ["Please provide valid restaurant id."]},
    }


def test_fetch_menu_that_was_never_triggered_or_is_not_there(start):
    pos = start([Outlet("never001"), Outlet("none0001", {})])
    assert fetch_menu(pos, "never001").json() == {
        "success": "0",
        "message": "unable to fetch Object from s3 bucket",
        "validation_errors": "",
    }
    assert fetch_menu(pos, "none0001").json() == {
        "success": "0",
        "message": "Menu is not available for this outlet.",
    }


def test_the_menu_can_change_at_run_time(pos):
    other = make_menu(30, seed=3, code="abcd1234")
    pos.set_menu("abcd1234", other)
    assert fetch_menu(pos).json() == other
    with pytest.raises(KeyError):
        pos.set_menu("nowhere1", other)


# --- save_order ---


def test_save_order_is_answered_with_a_blank_order_id(pos):
    answer = save(pos, make_order("WEB-1001"))
    assert (answer.status_code, answer.json()) == (200, saved("WEB-1001"))
    (ticket,) = pos.tickets()
    assert (ticket.number, ticket.reference, ticket.facts.outlet_code) == (1, "WEB-1001", "abcd1234")


def test_save_order_can_give_order_ids(start):
    pos = start(numeric_order_ids=True)
    assert save(pos, make_order("WEB-1")).json() == saved("WEB-1", "1")
    assert save(pos, make_order("WEB-2")).json() == saved("WEB-2", "2")
    assert save(pos, make_order("WEB-1")).json() == saved("WEB-1", "1")


def test_the_same_reference_twice_succeeds_and_changes_nothing(pos):
    assert save(pos, make_order()).json() == saved()
    assert save(pos, make_order(note="other")).json() == saved()
    (ticket,) = pos.tickets()
    assert (ticket.times_seen, ticket.facts.note) == (2, "")
    assert [entry.decision for entry in pos.ledger.entries("WEB-1")] == ["accepted", "duplicate"]
    assert len({entry.sha256 for entry in pos.ledger.entries("WEB-1")}) == 2


def test_the_same_reference_at_another_outlet_is_another_order(pos):
    save(pos, make_order(code="abcd1234"))
    save(pos, make_order(code="efgh5678"))
    assert [ticket.facts.outlet_code for ticket in pos.tickets()] == ["abcd1234", "efgh5678"]


def test_a_pos_that_does_not_dedupe_makes_a_second_ticket(start):
    pos = start(dedupes=False)
    save(pos, make_order())
    save(pos, make_order())
    assert [(t.number, t.reference, t.times_seen) for t in pos.tickets()] == [
        (1, "WEB-1", 2),
        (2, "WEB-1", 2),
    ]


@pytest.mark.parametrize("name", ["app_key", "app_secret", "access_token"])
@pytest.mark.parametrize("value", ["wrong", "", None, "é"])
def test_wrong_credentials(pos, name, value):
    answer = save(pos, {**make_order(), name: value})
    assert (answer.status_code, answer.json()) == (200, INVALID_CREDENTIALS)
    assert pos.ledger.counts()["refused"] == 1
    assert pos.tickets() == []


def test_each_outlet_has_its_own_credentials(start):
    other = Credentials("k" * 32, "s" * 40, "t" * 40)
    pos = start([sample_outlet("abcd1234"), sample_outlet("efgh5678", credentials=other)])
    assert save(pos, make_order(code="abcd1234")).json() == saved()
    assert save(pos, make_order(code="efgh5678")).json() == INVALID_CREDENTIALS
    body = {
        **make_order(code="efgh5678"),
        "app_key": "k" * 32,
        "app_secret": "s" * 40,
        "access_token": "t" * 40,
    }
    assert save(pos, body).json() == saved(code="efgh5678")


def flat(order):
    return {**BODY_CREDENTIALS, "restID": "abcd1234", "OrderInfo": order["orderinfo"]["OrderInfo"]}


def without_details(order):
    blocks = order["orderinfo"]["OrderInfo"]
    bare = {name: block["details"] for name, block in blocks.items()}
    return {**BODY_CREDENTIALS, "orderinfo": {"OrderInfo": bare}}


@pytest.mark.parametrize(
    "spoil", [flat, without_details, lambda order: {}, lambda order: [], lambda order: "x"]
)
def test_a_wrong_envelope_is_refused_before_credentials_are_looked_at(pos, spoil):
    body = spoil(make_order())
    if isinstance(body, dict):
        body["app_key"] = "wrong"
    answer = save(pos, body)
    assert (answer.status_code, answer.json()) == (200, INVALID_RELAY_PAYLOAD)
    assert pos.tickets() == []


@pytest.mark.parametrize("reference", ["", None, True, []])
def test_an_order_without_an_id(pos, reference):
    assert save(pos, make_order(reference)).json() == {
        "success": "0",
        "message": "There were some error in order details.",
        "errorCode": "SO_105",
        "validation_errors": {"orderID": ["Please provide order id."]},
    }


def day(offset):
    return (dt.datetime.now(ZoneInfo("Asia/Kolkata")) + dt.timedelta(days=offset)).strftime("%Y-%m-%d")


@pytest.mark.parametrize("date", [day(1), day(30), "15-01-2026"])
def test_an_order_for_a_later_day(pos, date):
    assert save(pos, make_order(preorder_date=date, advanced_order="Y")).json() == {
        "success": "0",
        "message": "There were some error in order details.",
        "errorCode": "SO_105",
        "validation_errors": {"preorder_date": ["Preorder date is greater than current date.[Format:Y-m-d]"]},
    }


def test_an_outlet_may_take_advance_orders(start):
    pos = start([sample_outlet("abcd1234", takes_advance_orders=True)])
    assert save(pos, make_order(preorder_date=day(2), advanced_order="Y")).json() == saved()
    assert (
        save(pos, make_order("WEB-2", preorder_date=day(2), advanced_order="N")).json()["errorCode"]
        == "SO_105"
    )


@pytest.mark.parametrize("items", [[], [{"name": ""}], [{"name": "Cake"}, {"id": "1"}], None])
def test_an_item_without_a_name(pos, items):
    order = make_order()
    order["orderinfo"]["OrderInfo"]["OrderItem"]["details"] = items
    assert save(pos, order).json() == {
        "success": "0",
        "message": "There were some error in order item details.",
        "errorCode": "SO_106",
        "validation_errors": {"name": ["Please enter item name."]},
    }


def test_business_failures_can_come_as_400(start):
    pos = start(failure_status=400)
    answer = save(pos, make_order(""))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "SO_105")


@pytest.mark.parametrize("block", ["OrderItem", "Tax"])
def test_bare_lists_succeed_and_are_dropped(pos, block):
    order = make_order()
    blocks = order["orderinfo"]["OrderInfo"]
    blocks[block] = blocks[block]["details"]
    assert save(pos, order).json() == saved()
    (entry,) = pos.ledger.entries()
    assert (entry.decision, entry.why) == ("dropped", f"{block} is a bare list")
    assert pos.tickets() == []


def test_the_numeric_restaurant_id_succeeds_and_is_dropped(pos):
    assert save(pos, make_order(code="90001")).json() == saved(code="90001")
    (entry,) = pos.ledger.entries()
    assert (entry.decision, entry.why) == ("dropped", "restID is no mapping code of an outlet here")


def test_what_petpooja_does_not_check_is_kept(pos):
    order = make_order(total="930.00")
    order["orderinfo"]["OrderInfo"]["OrderItem"]["details"][0]["id"] = "not in the menu"
    order["restID"] = "extra key"
    assert save(pos, order).json() == saved()
    (ticket,) = pos.tickets()
    assert ticket.remark == "Chocolate cake: its id is not in the menu"


@pytest.mark.parametrize(
    ("key", "value", "remark"),
    [
        ("addon_items", [{"id": "1"}], "Chocolate cake: addon_items is not read, add-ons are missing"),
        ("AddonItem", [{"id": "1"}], "Chocolate cake: AddonItem is a bare list, add-ons are missing"),
    ],
)
def test_add_ons_in_the_wrong_place_are_left_out_with_a_remark(pos, key, value, remark):
    order = make_order()
    order["orderinfo"]["OrderInfo"]["OrderItem"]["details"][0][key] = value
    assert save(pos, order).json() == saved()
    (ticket,) = pos.tickets()
    assert ticket.remark == remark
    assert [entry.why for entry in pos.ledger.entries()] == [remark]


@pytest.mark.parametrize(
    ("details", "remark"),
    [
        ({"payment_type": "UPI"}, "payment_type 'UPI' is in no list"),
        (
            {"created_on": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}"},
            "created_on is not the restaurant's local time",
        ),
        ({"created_on": "yesterday"}, "created_on is not the restaurant's local time"),
    ],
)
def test_odd_details_are_kept_with_a_remark(pos, details, remark):
    assert save(pos, make_order(**details)).json() == saved()
    assert [ticket.remark for ticket in pos.tickets()] == [remark]


def test_a_proper_order_has_no_remark(pos):
    save(pos, make_order())
    assert [ticket.remark for ticket in pos.tickets()] == [""]


# --- Cancelling and riders ---


def test_cancelling(pos):
    save(pos, make_order())
    answer = call(
        pos, "update_order_status", restID="abcd1234", orderID="", clientorderID="WEB-1", status="-1"
    )
    assert answer.json() == {
        "success": "1",
        "message": "Order status updated successfully.",
        "restID": "abcd1234",
        "clientOrderID": "WEB-1",
    }
    assert [ticket.cancelled for ticket in pos.tickets()] == [True]
    assert pos.ledger.counts()["cancelled"] == 1


def test_cancelling_a_made_up_order_succeeds_too(pos):
    answer = call(pos, "update_order_status", restID="nowhere1", clientorderID="made up", status="-1")
    assert answer.json()["success"] == "1"
    assert pos.ledger.counts()["cancelled"] == 0


CANCEL_REFUSED = {
    "success": "0",
    "message": "There were some error in update order status.",
    "errorCode": "UOS_105",
    "validation_errors": "",
}


@pytest.mark.parametrize("status", ["1", "10", "", None])
def test_nothing_but_cancelling_is_accepted(pos, status):
    answer = call(pos, "update_order_status", restID="abcd1234", clientorderID="WEB-1", status=status)
    assert answer.json() == CANCEL_REFUSED


def test_food_that_is_ready_cannot_be_cancelled(pos, inbox):
    save(pos, make_order(callback_url=inbox.url))
    assert pos.wait_idle(5)
    answer = call(pos, "update_order_status", restID="abcd1234", clientorderID="WEB-1", status="-1")
    assert answer.json() == CANCEL_REFUSED


def test_cancelling_stops_the_callbacks(start, inbox):
    pos = start(step_seconds=0.2)
    save(pos, make_order(callback_url=inbox.url))
    call(pos, "update_order_status", restID="abcd1234", clientorderID="WEB-1", status="-1")
    assert pos.wait_idle(5)
    assert inbox.received == []


@pytest.mark.parametrize("status", ["rider-assigned", "rider-arrived", "pickedup", "delivered"])
def test_rider_status(pos, status):
    save(pos, make_order())
    rider = {"rider_name": "A", "rider_phone_number": "1"}
    answer = call(
        pos, "rider_status_update", order_id="WEB-1", outlet_id="abcd1234", status=status, rider_data=rider
    )
    assert [ticket.rider for ticket in pos.tickets()] == [{"status": status, "name": "A", "phone": "1"}]
    assert answer.json() == {
        "success": "success",
        "message": "Your reuqest received succesfully",
        "code": 200,
    }


@pytest.mark.parametrize(("reference", "status"), [("WEB-2", "delivered"), ("WEB-1", "lost")])
def test_rider_status_that_makes_no_sense(pos, reference, status):
    save(pos, make_order())
    answer = call(pos, "rider_status_update", order_id=reference, status=status)
    assert answer.json() == {
        "code": "400",
        "message": "Order Id not found./Invalid Rider status.",
        "success": "failed",
    }


@pytest.mark.parametrize("name", ["update_order_status", "rider_status_update"])
def test_other_calls_check_credentials(pos, name):
    assert call(pos, name, app_key="wrong", status="-1").json() == INVALID_CREDENTIALS
    assert requests.post(f"{pos.base_url}/{name}", json=[], timeout=5).json() == INVALID_CREDENTIALS


# --- The outside of the package ---


def test_demo_credentials_have_the_real_lengths():
    assert [len(value) for value in BODY_CREDENTIALS.values()] == [32, 40, 40]
    assert repr(Credentials(**BODY_CREDENTIALS)) == "Credentials()"


def test_it_stands_alone():
    folder = Path(__file__).parents[1]
    imports = [
        line
        for file in folder.rglob("*.py")
        if "tests" not in file.parts
        for line in file.read_text().splitlines()
        if line.startswith(("from ", "import "))
    ]
    ours = {line.split()[1] for line in imports if "pos_integrations" in line}
    assert {name for name in ours if not name.startswith("pos_integrations.simulator")} == set()
    assert not any("django" in line or "requests" in line for line in imports)
