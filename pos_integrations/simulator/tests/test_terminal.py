"""A person at the terminal: orders by hand, the addresses behind the page, and who may not use them."""

import pytest
import requests

from pos_integrations.simulator import SimulatedPos, sample_outlet, sample_outlets
from pos_integrations.simulator.behaviours import BEHAVIOURS
from pos_integrations.simulator.tests.conftest import make_order, save


@pytest.fixture
def pos(start):
    return start(sample_outlets(manual=True))


def post(pos, path, headers=None, **body):
    return requests.post(f"{pos.control_url}/{path}", json=body, headers=headers, timeout=5)


def get(pos, path):
    return requests.get(f"{pos.control_url}/{path}", timeout=5).json()


def acts(pos):
    return [order["acts"] for order in get(pos, "terminal")["orders"]]


# --- By hand ---


def test_nothing_moves_by_itself(pos, inbox):
    save(pos, make_order(callback_url=inbox.url))
    assert pos.wait_idle(5)
    assert inbox.received == []
    assert acts(pos) == [["accept", "reject"]]


@pytest.mark.parametrize("order_type", ["H", "P"])
def test_a_person_moves_an_order_from_button_to_button(pos, inbox, order_type):
    save(pos, make_order(order_type=order_type, callback_url=inbox.url))
    seen = []
    while offered := acts(pos)[0]:
        seen.append(offered)
        assert post(pos, f"tickets/1/{offered[0]}").json() == {"told": True}
    assert pos.wait_idle(5)
    leaves = [["dispatch", "cancel"], ["deliver", "cancel"]] if order_type == "H" else [["deliver", "cancel"]]
    assert seen == [["accept", "reject"], ["ready", "cancel"], *leaves]
    assert inbox.statuses == (["1", "5", "4", "10"] if order_type == "H" else ["1", "5", "10"])


def test_what_was_typed_goes_out(pos, inbox):
    save(pos, make_order(order_type="H", callback_url=inbox.url))
    post(pos, "tickets/1/accept", prep_minutes=35, delivery_minutes="50", modified=True)
    post(pos, "tickets/1/ready")
    post(pos, "tickets/1/dispatch", rider_name="Asha", rider_phone="9000000009")
    post(pos, "tickets/1/cancel", reason="Accident")
    assert pos.wait_idle(5)
    common = {
        "restID": "abcd1234",
        "orderID": "WEB-1",
        "is_modified": "Yes",
        "autoaccept": "0",
        "minimum_delivery_time": "50",
    }
    took = {"minimum_prep_time": "35", "cancel_reason": ""}
    assert inbox.documents == [
        {**common, **took, "status": "1"},
        {**common, **took, "status": "5"},
        {**common, **took, "status": "4", "rider_name": "Asha", "rider_phone_number": "9000000009"},
        {**common, "status": "-1", "minimum_prep_time": "0", "cancel_reason": "Accident"},
    ]


def test_a_rejection_has_its_reason(pos, inbox):
    save(pos, make_order(callback_url=inbox.url))
    post(pos, "tickets/1/reject", reason="No gas")
    assert pos.wait_idle(5)
    assert [(d["status"], d["cancel_reason"]) for d in inbox.documents] == [("-1", "No gas")]
    assert [(t.stage, t.reason) for t in pos.tickets()] == [("REJECTED", "No gas")]


def test_an_act_that_makes_no_sense_now_changes_nothing(pos, inbox):
    save(pos, make_order(callback_url=inbox.url))
    for act in ("ready", "dispatch", "deliver", "cancel"):
        assert post(pos, f"tickets/1/{act}").status_code == 409
    assert post(pos, "tickets/1/accept").status_code == 200
    assert post(pos, "tickets/1/accept").status_code == 409
    assert pos.wait_idle(5)
    assert inbox.statuses == ["1"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("tickets/2/accept", {}, 404),
        ("tickets/x/accept", {}, 404),
        ("tickets/1/eat", {}, 404),
        ("tickets/1/accept", {"prep_minutes": "35"}, 400),
        ("tickets/1/accept", {"modified": "yes"}, 400),
        ("tickets/1/reject", {"reason": 5}, 400),
    ],
)
def test_nonsense_is_refused(pos, path, body, status):
    save(pos, make_order())
    assert post(pos, path, **body).status_code == status
    assert pos.tickets()[0].stage is None


def test_calls_by_hand_keep_their_order_through_failures(pos, inbox):
    inbox.answers = [500, 500]
    save(pos, make_order(callback_url=inbox.url))
    for act in ("accept", "ready", "deliver"):
        post(pos, f"tickets/1/{act}")
    assert pos.wait_idle(5)
    assert inbox.statuses == ["1", "1", "1", "5", "10"]


def test_an_order_whose_client_cancelled_cannot_be_moved(pos):
    save(pos, make_order())
    pos.ledger.record_cancel(pos.tickets()[0], "by guest")
    assert acts(pos) == [[]]
    assert post(pos, "tickets/1/accept").status_code == 409


def test_nobody_is_told_without_an_address(pos):
    save(pos, make_order())
    assert post(pos, "tickets/1/accept").json() == {"told": False}
    assert pos.tickets()[0].stage == "CONFIRMED"


def test_a_button_takes_the_order_from_the_clock(start, inbox):
    pos = start(step_seconds=60)
    save(pos, make_order(callback_url=inbox.url))
    pos.act(1, "accept")
    pos.act(1, "ready")
    assert pos.wait_idle(5)
    assert inbox.statuses == ["1", "5"]


def test_the_clock_is_switched_off_and_on(start, inbox):
    pos = start(step_seconds=60)
    save(pos, make_order("WEB-1", callback_url=inbox.url))
    assert post(pos, "outlets/abcd1234", manual=True).json()["manual"] is True
    save(pos, make_order("WEB-2", callback_url=inbox.url))
    assert pos.wait_idle(5)
    assert inbox.received == []
    pos.act(1, "accept")
    assert pos.wait_idle(5)
    pos.step_seconds = 0.01
    pos.set_manual("abcd1234", False)
    assert pos.wait_idle(5)
    of = {name: [d["status"] for d in inbox.documents if d["orderID"] == name] for name in ("WEB-1", "WEB-2")}
    assert of == {"WEB-1": ["1", "5", "10"], "WEB-2": ["1", "5", "10"]}


def test_what_a_person_did_outlives_a_restart(tmp_path, inbox):
    path = tmp_path / "ledger.jsonl"
    with SimulatedPos(sample_outlets(manual=True), ledger=path) as first:
        save(first, make_order(callback_url=inbox.url))
        post(first, "tickets/1/accept", prep_minutes=35)
        assert first.wait_idle(5)
        before = first.ledger.recent()
    with SimulatedPos(sample_outlets(manual=True), ledger=path) as second:
        assert second.ledger.recent() == before
        post(second, "tickets/1/ready")
        assert second.wait_idle(5)
    assert [(d["status"], d["minimum_prep_time"]) for d in inbox.documents] == [("1", "35"), ("5", "35")]


# --- What the page reads ---


def test_the_state_shows_what_the_kitchen_reads(pos):
    order = make_order(order_type="H", note="ring", delivery_charges="50", collect_cash="360")
    item = order["orderinfo"]["OrderInfo"]["OrderItem"]["details"][0]
    item |= {"quantity": "2", "description": "no nuts", "variation_name": "Large"}
    item["AddonItem"]["details"] = [{"name": "Cheese", "price": "10", "quantity": "1", "group_name": "Extra"}]
    save(pos, order)
    state = get(pos, "terminal")
    assert state["outlets"][0] == {
        "code": "abcd1234",
        "name": "Heaven",
        "manual": True,
        "callback_keys": "production",
        "dashboard_url": "",
        "has_token": False,
        "live": 1,
        "waiting": 1,
        "open": True,
        "turn_on_time": "",
        "reason": "",
    }
    (shown,) = state["orders"]
    assert shown["customer"] == {"name": "Test Customer", "phone": "9000000002", "address": ""}
    assert shown["lines"] == [
        {
            "quantity": "2",
            "name": "Chocolate cake",
            "variation": "Large",
            "final_price": "310.00",
            "note": "no nuts",
            "addons": [{"name": "Cheese", "quantity": "1", "price": "10", "group_name": "Extra"}],
        }
    ]
    names = ("lines_total", "total", "delivery_charges", "collect_cash", "description", "own_delivery")
    assert [shown[name] for name in names] == ["620.00", "310.00", "50", "360", "ring", True]


@pytest.mark.parametrize("value", [None, 5, [], {}, "x", [[]], "NaN", "1e999", {"details": "x"}])
def test_orders_of_any_shape_can_be_shown(pos, value):
    order = make_order()
    blocks = order["orderinfo"]["OrderInfo"]
    item = blocks["OrderItem"]["details"][0]
    item |= {"AddonItem": value, "final_price": value, "quantity": value, "id": value, "addon_items": value}
    blocks["Customer"]["details"] = {"name": value, "phone": value}
    blocks["Order"]["details"] |= {"total": value, "created_on": value, "payment_type": value}
    assert save(pos, order).json()["success"] == "1"
    assert len(get(pos, "terminal")["orders"]) == 1


def test_finished_orders_are_few_and_live_ones_come_first(pos):
    for n in range(25):
        save(pos, make_order(f"WEB-{n}"))
        if n:
            pos.act(n + 1, "reject")
    shown = [order["reference"] for order in get(pos, "terminal")["orders"]]
    assert shown == ["WEB-0", *(f"WEB-{n}" for n in range(24, 4, -1))]


def test_the_menu_with_its_switches(pos):
    assert post(pos, "outlets/abcd1234/stock", ids=["7765097"], in_stock=False).json() == {"told": False}
    post(
        pos, "outlets/abcd1234/stock", ids=["1150813"], in_stock=False, addons=True, until="2030-01-01 10:00"
    )
    menu = get(pos, "menus/abcd1234")
    assert [category["name"] for category in menu["categories"]] == ["Pizzaandsides", "Cakes"]
    bread = menu["categories"][0]["items"][1]
    assert (bread["name"], bread["in_stock"]) == ("Garlic Bread", True)
    assert [(v["name"], v["price"], v["in_stock"]) for v in bread["variations"]] == [
        ("3Pieces", "140", True),
        ("6Pieces", "160", False),
    ]
    off = [one for group in menu["addons"] for one in group["items"] if not one["in_stock"]]
    assert off == [
        {"id": "1150813", "name": "Cheese", "price": "10", "in_stock": False, "back_at": "2030-01-01 10:00"}
    ]


@pytest.mark.parametrize("menu", [{}, {"items": 5}, {"items": [5, {"variation": {}}], "addongroups": [None]}])
def test_menus_of_any_shape_can_be_shown(pos, menu):
    pos.set_menu("abcd1234", menu)
    assert set(get(pos, "menus/abcd1234")) == {"categories", "addons"}
    assert get(pos, "terminal")["outlets"][0]["name"] == "abcd1234"


def test_events_come_newest_first_without_bodies(pos, inbox):
    save(pos, make_order(callback_url=inbox.url))
    pos.act(1, "accept")
    assert pos.wait_idle(5)
    events = get(pos, "events")["events"]
    assert [event["kind"] for event in events] == ["callback", "act", "order"]
    assert [event["id"] for event in events] == [3, 2, 1]
    assert "body" not in events[-1]


def test_every_behaviour_has_its_help(pos):
    shown = get(pos, "behaviours")
    names = [one["name"] for one in shown] + [f"accept_then_{one['name']}" for one in shown if one["twice"]]
    assert sorted(names) == sorted(BEHAVIOURS)
    assert all(one["help"] for one in shown)


# --- Settings and switches over HTTP ---


def test_the_dashboard_is_typed_at_run_time(pos, inbox):
    inbox.words = {"success": "1"}
    base = inbox.url.removesuffix("/callback?k=token")
    answer = post(pos, "outlets/abcd1234", dashboard_url=f"{base}/x", dashboard_token="secret")
    assert (answer.json()["has_token"], "secret" in answer.text) == (True, False)
    assert post(pos, "menus/abcd1234/push").json() == {"told": True}
    assert pos.wait_idle(5)
    assert [path for path, _, _ in inbox.received] == ["/x/menu/secret"]


def test_the_store_is_switched_and_asked_over_http(pos, inbox):
    assert post(pos, "outlets/abcd1234/store/ask").status_code == 502
    post(pos, "outlets/abcd1234", dashboard_url=inbox.url)
    inbox.words = {"status": "success", "store_status": "1"}
    assert post(pos, "outlets/abcd1234/store", open=False, reason="No gas").json() == {"told": True}
    assert post(pos, "outlets/abcd1234/store/ask").json() == inbox.words
    assert get(pos, "terminal")["outlets"][0]["reason"] == "No gas"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("outlets/nowhere1", {"manual": True}, 404),
        ("outlets/nowhere1/stock", {"ids": ["1"], "in_stock": True}, 404),
        ("outlets/nowhere1/store", {"open": True}, 404),
        ("outlets/nowhere1/store/ask", {}, 404),
        ("menus/nowhere1/push", {}, 404),
        ("outlets/abcd1234", {"manual": 1}, 400),
        ("outlets/abcd1234", {"colour": "red"}, 400),
        ("outlets/abcd1234", {"callback_keys": "all"}, 400),
        ("outlets/abcd1234", {"dashboard_url": "ftp://x", "manual": False}, 400),
        ("outlets/abcd1234/stock", {"ids": [], "in_stock": True}, 400),
        ("outlets/abcd1234/stock", {"ids": [1], "in_stock": True}, 400),
        ("outlets/abcd1234/stock", {"ids": ["1"], "in_stock": False, "until": "soon"}, 400),
        ("outlets/abcd1234/store", {"open": False, "turn_on_time": "soon"}, 400),
        ("outlets/abcd1234/store", {}, 400),
    ],
)
def test_settings_that_make_no_sense(pos, path, body, status):
    before = get(pos, "terminal")
    answer = post(pos, path, **body)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert get(pos, "terminal") == before


# --- Who may ---


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null", ""])
@pytest.mark.parametrize("path", ["tickets/1/accept", "behaviour", "menus/abcd1234"])
def test_pages_of_other_sites_are_kept_out(pos, origin, path):
    save(pos, make_order())
    assert post(pos, path, {"Origin": origin}).status_code == 403
    assert pos.tickets()[0].stage is None


def test_the_page_itself_may(pos):
    save(pos, make_order())
    origin = pos.terminal_url.rstrip("/")
    assert post(pos, "tickets/1/accept", {"Origin": origin}).status_code == 200


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("", "text/html; charset=utf-8"),
        ("outlets/abcd1234", "text/html; charset=utf-8"),
        ("pages/terminal.css", "text/css; charset=utf-8"),
        ("pages/terminal.js", "text/javascript; charset=utf-8"),
        ("pages/icon.svg", "image/svg+xml"),
    ],
)
def test_pages_load_nothing_from_elsewhere(pos, path, content_type):
    answer = requests.get(f"{pos.terminal_url}{path}", timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert "style=" not in answer.text
    assert "innerHTML" not in answer.text


@pytest.mark.parametrize(
    "path", ["pages/none.js", "pages/", "pages/__init__.py", "pages/..%2fpos.py", "outlets/", "outlets/a/b"]
)
def test_there_are_no_other_pages(pos, path):
    assert requests.get(f"{pos.terminal_url}{path}", timeout=5).status_code == 404


def test_a_signed_outlet_can_be_moved_by_hand_too(start, inbox):
    url = inbox.url.removesuffix("/callback?k=token")
    pos = start([sample_outlet("abcd1234", callbacks="signed", webhook_url=url, manual=True)])
    save(pos, make_order())
    pos.act(1, "accept")
    pos.act(1, "cancel", reason="No gas")
    assert pos.wait_idle(5)
    assert [(d["status"], d.get("cancel_reason")) for d in inbox.documents] == [
        ("CONFIRMED", None),
        ("CANCELLED", "No gas"),
    ]
