from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import serializers

from menus.snapshot import OrderType
from orders.order_request import AddOnRequest, LineRequest, OrderRequest
from orders.serializers import CancelInput, OrderFilter, OrderInput, inputs
from orders.serializers.fields import Amount
from orders.serializers.telling import Answer
from orders.snapshot import Customer

BODY: dict[str, Any] = {
    "restaurant_id": 1,
    "order_type": "DELIVERY",
    "payment_type": "cod",
    "customer": {
        "name": " Ann ",
        "phone": "+919000000002",
        "email": "ann@example.com",
        "address": "2 Example Street",
        "latitude": 23.0000014,
        "longitude": "-72",
    },
    "items": [
        {
            "item_id": 5,
            "variation_id": 6,
            "quantity": 2,
            "notes": "no onion\r\nplease",
            "addons": [{"addon_item_id": 7, "quantity": 3}, {"addon_item_id": 8}],
        },
        {"item_id": 9},
    ],
    "table_no": "",
    "persons": 2,
    "scheduled_for": "2099-01-15T19:30:00+05:30",
    "notes": "ring twice",
    "coupon": " Welcome20 ",
    "pickup_code": "0042",
    "urgent": True,
    "urgent_minutes": 25,
    "expected_total": "451.10",
}

HUGE = "a number too long to be printed"  # its stand-in, for pytest prints parameters


def changed(path: str, value: Any) -> dict[str, Any]:
    """The body with one member set; `items.0.notes` names a nested one."""
    body = copy.deepcopy(BODY)
    *parents, name = path.split(".")
    node: Any = body
    for step in parents:
        node = node[int(step)] if step.isdigit() else node[step]
    node[name] = 10**5000 if value is HUGE else value
    return body


def test_a_full_body_becomes_a_request() -> None:
    wanted = OrderInput(data=BODY)

    assert wanted.is_valid(), wanted.errors
    assert wanted.as_request() == OrderRequest(
        restaurant_id=1,
        order_type=OrderType.DELIVERY,
        payment_type="COD",
        customer=Customer(
            name="Ann",
            phone="+919000000002",
            email="ann@example.com",
            address="2 Example Street",
            latitude="23.000001",
            longitude="-72.000000",
        ),
        lines=(
            LineRequest(
                item_id=5,
                variation_id=6,
                quantity=2,
                notes="no onion\nplease",
                addons=(AddOnRequest(addon_item_id=7, quantity=3), AddOnRequest(addon_item_id=8, quantity=1)),
            ),
            LineRequest(item_id=9),
        ),
        persons=2,
        scheduled_for=dt.datetime(2099, 1, 15, 14, 0, tzinfo=dt.UTC),
        notes="ring twice",
        coupon="Welcome20",
        pickup_code="0042",
        urgent=True,
        urgent_minutes=25,
        expected_total=D("451.10"),
    )


def test_the_shortest_body_is_enough() -> None:
    body = {
        "restaurant_id": 1,
        "order_type": "PICKUP",
        "payment_type": "UPI",
        "customer": {"name": "Ann"},
        "items": [{"item_id": 9}],
    }
    wanted = OrderInput(data=body)

    assert wanted.is_valid(), wanted.errors
    assert wanted.as_request() == OrderRequest(
        restaurant_id=1,
        order_type=OrderType.PICKUP,
        payment_type="UPI",
        customer=Customer(name="Ann"),
        lines=(LineRequest(item_id=9),),
    )


def test_null_is_as_good_as_left_out() -> None:
    shortest: dict[str, Any] = {
        "restaurant_id": 1,
        "order_type": "PICKUP",
        "payment_type": "UPI",
        "customer": {"name": "Ann"},
        "items": [{"item_id": 9}],
    }
    nothing = dict.fromkeys(
        (
            "table_no",
            "persons",
            "scheduled_for",
            "notes",
            "coupon",
            "pickup_code",
            "urgent_minutes",
            "expected_total",
        )
    )
    of_guest = dict.fromkeys(("phone", "email", "address", "latitude", "longitude"))
    of_line = dict.fromkeys(("variation_id", "notes", "addons"))
    full = {
        **shortest,
        **nothing,
        "customer": {"name": "Ann", **of_guest},
        "items": [{"item_id": 9, **of_line}],
    }
    both = [OrderInput(data=body) for body in (shortest, full)]

    assert [wanted.is_valid() for wanted in both] == [True, True], both[1].errors
    assert both[0].as_request() == both[1].as_request()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("items.0.variation_id", None),
        ("items.0.quantity", 0),  # for the rules to refuse, with all the rest
        ("items", []),
        ("customer.phone", ""),
        ("customer.email", ""),
        ("customer.latitude", None),
        ("customer.latitude", ""),
        ("customer.latitude", -90),
        ("customer.name", "Zoë 🍕 अन्नपूर्णा"),
        ("scheduled_for", None),
        ("scheduled_for", "2099-01-15T14:00:00Z"),
        ("coupon", ""),
        ("coupon", "x" * 50),
        ("pickup_code", ""),
        ("pickup_code", "1234567890"),
        ("urgent_minutes", None),
        ("urgent_minutes", 1),
        ("urgent_minutes", 240),
        ("expected_total", None),
        ("expected_total", 451.1),
        ("expected_total", 0),
        ("restaurant_id", 2**63 - 1),
    ],
)
def test_what_is_taken(path: str, value: Any) -> None:
    wanted = OrderInput(data=changed(path, value))

    assert wanted.is_valid(), wanted.errors
    wanted.as_request()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("restaurant_id", 0),
        ("restaurant_id", -1),
        ("restaurant_id", 2**63),
        ("restaurant_id", HUGE),
        ("restaurant_id", None),
        ("restaurant_id", True),
        ("restaurant_id", [1]),
        ("order_type", "TAKEAWAY"),
        ("order_type", HUGE),
        ("order_type", None),
        ("order_type", {}),
        ("payment_type", "CHEQUE"),
        ("payment_type", []),
        ("customer", None),
        ("customer", []),
        ("customer.name", ""),
        ("customer.name", "   "),
        ("customer.name", "x" * 201),
        ("customer.name", None),
        ("customer.name", HUGE),
        ("customer.name", "Ann\nBob"),
        ("customer.name", "Ann\x00"),
        ("customer.name", "Ann\x1b[2J"),
        ("customer.name", "Ann\u2028Bob"),
        ("customer.name", "Ann\ud800"),
        ("customer.address", "Street\r\nTown"),
        ("customer.address", ""),  # this is a delivery
        ("customer.phone", "12345"),
        ("customer.phone", "1234567890123456"),
        ("customer.phone", "+91 90000"),
        ("customer.phone", "९८७६५४३२१०"),
        ("customer.phone", 9000000002),
        ("customer.email", "ann"),
        ("customer.email", "ann@\ud800.com"),
        ("customer.email", HUGE),
        ("customer.email", "x" * 250 + "@a.in"),
        ("customer.latitude", 90.1),
        ("customer.latitude", float("nan")),
        ("customer.latitude", float("inf")),
        ("customer.latitude", "nan"),
        ("customer.latitude", HUGE),
        ("customer.latitude", True),
        ("customer.latitude", []),
        ("customer.longitude", -180.1),
        ("items", None),
        ("items", {}),
        ("items", [None]),
        ("items", ["x"]),
        ("items", [[]]),
        ("items", [{"item_id": 1}] * 201),
        ("items.0.item_id", None),
        ("items.0.item_id", "abc"),
        ("items.0.variation_id", 0),
        ("items.0.quantity", 1.5),
        ("items.0.quantity", HUGE),
        ("items.0.quantity", 2**31),
        ("items.0.quantity", None),
        ("items.0.notes", "x" * 501),
        ("items.0.notes", "bell\x07"),
        ("items.0.addons", [None]),
        ("items.0.addons", [{}]),
        ("items.0.addons", [{"addon_item_id": 1}] * 51),
        ("persons", -1),
        ("persons", 501),
        ("table_no", "x" * 21),
        ("table_no", "4\n5"),
        ("notes", "x" * 501),
        ("scheduled_for", "2099-01-15T19:30:00"),
        ("scheduled_for", "2099-01-15"),
        ("scheduled_for", "tomorrow"),
        ("scheduled_for", 1768480200),
        ("scheduled_for", "0001-01-01T00:00:00+14:00"),
        ("scheduled_for", []),
        ("coupon", "x" * 51),
        ("coupon", "A\nB"),
        ("coupon", 20),
        ("pickup_code", "123"),
        ("pickup_code", "12345678901"),
        ("pickup_code", "12a4"),
        ("pickup_code", "१२३४"),
        ("pickup_code", 1234),
        ("urgent", None),
        ("urgent", "true"),
        ("urgent", 1),
        ("urgent", []),
        ("urgent", HUGE),
        ("urgent_minutes", 0),
        ("urgent_minutes", 241),
        ("urgent_minutes", 2.5),
        ("urgent_minutes", True),
        ("urgent_minutes", HUGE),
        ("expected_total", "451.101"),
        ("expected_total", -1),
        ("expected_total", "NaN"),
        ("expected_total", float("inf")),
        ("expected_total", HUGE),
        ("expected_total", "1e999999999"),
        ("expected_total", {}),
        ("expected_total", True),
    ],
)
def test_what_is_refused(path: str, value: Any) -> None:
    wanted = OrderInput(data=changed(path, value))

    assert not wanted.is_valid()
    assert list(wanted.errors) == [path.split(".")[0]]


def test_a_word_that_is_none_hears_which_there_are() -> None:
    wanted = OrderInput(data=changed("order_type", "TAKEAWAY"))

    assert not wanted.is_valid()
    assert wanted.errors["order_type"] == ['"TAKEAWAY" is none of DELIVERY, PICKUP, DINE_IN.']


def test_a_table_is_needed_for_guests_at_a_table() -> None:
    wanted = OrderInput(data=changed("order_type", "DINE_IN"))

    assert not wanted.is_valid()
    assert wanted.errors == {"table_no": ["An order at a table needs the table's number."]}


def test_minutes_are_for_urgent_orders_only() -> None:
    wanted = OrderInput(data=changed("urgent", False))

    assert not wanted.is_valid()
    assert wanted.errors == {"urgent_minutes": ["Only an urgent order has these. Set urgent, too."]}


@pytest.mark.parametrize("body", [None, [], "x", 5, True, [{}], {}])
def test_a_body_that_is_no_order_is_refused(body: Any) -> None:
    assert not OrderInput(data=body).is_valid()


@pytest.mark.parametrize("reason", ["", None, 5, "x" * 501, "a\nb", "\ud800"])
def test_a_cancellation_needs_a_reason_on_one_line(reason: Any) -> None:
    assert not CancelInput(data={"reason": reason}).is_valid()


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.builds(lambda: 10**5000)
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.text(st.characters(categories=["Cs", "Cc", "Nd"]), max_size=5)
    | st.sampled_from(
        [
            "DELIVERY",
            "UPI",
            "1",
            "-1",
            "1e9999999",
            "٣",
            "2099-01-15T19:30:00+05:30",
            "24:00",
            "9999-12-31T23:59:59-14:00",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
places = st.sampled_from(
    [
        *BODY,
        *(f"customer.{name}" for name in BODY["customer"]),
        *(f"items.0.{name}" for name in BODY["items"][0]),
        "items.0.addons.0",
        "items.0.addons.0.addon_item_id",
        "items.0.addons.0.quantity",
    ]
)


def set_at(body: Any, path: str, value: Any) -> None:
    *parents, name = path.split(".")
    node = body
    for step in parents:
        try:
            node = node[int(step)] if step.isdigit() else node[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return
    try:
        node[int(name) if name.isdigit() else name] = value
    except (IndexError, TypeError):
        return


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.tuples(places, anything), min_size=1, max_size=3))
def test_no_body_makes_the_serializer_fail(changes: list[tuple[str, Any]]) -> None:
    body = copy.deepcopy(BODY)
    for path, value in changes:
        set_at(body, path, value)
    wanted = OrderInput(data=body)

    if wanted.is_valid():
        request = wanted.as_request()
        request.sha256()
        for text in (request.notes, request.table_no, request.customer.name, request.customer.email):
            text.encode()
    else:
        assert str(wanted.errors)


@settings(max_examples=300, deadline=None)
@given(anything)
def test_nothing_at_all_makes_the_serializers_fail(body: Any) -> None:
    assert not OrderInput(data=body).is_valid()
    CancelInput(data={"reason": body}).is_valid()
    OrderFilter(data={"restaurant": body, "status": body, "since": body, "phone": body}).is_valid()


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("paymenttype", "payment_type"),
        ("customer.adress", "address"),
        ("items.0.quantitiy", "quantity"),
        ("items.0.addons.0.addon_id", "addon_item_id"),
    ],
)
def test_a_misspelt_field_is_refused_and_named_with_the_right_one(path: str, meant: str) -> None:
    wanted = OrderInput(data=changed(path, 2))

    assert not wanted.is_valid()
    detail: Any = wanted.errors
    for step in path.split("."):
        detail = detail[int(step) if step.isdigit() else step]
    assert [(error.code, str(error)) for error in detail] == [
        ("unknown_field", f"There is no such field. Did you mean {meant}?")
    ]


def test_unknown_fields_are_told_together_with_the_other_errors() -> None:
    wanted = OrderInput(data=changed("items.0.quantity", "many") | {"price": 1, "order_type": "FAX"})

    assert not wanted.is_valid()
    assert set(wanted.errors) == {"items", "price", "order_type"}
    assert "Known are: restaurant_id" in wanted.errors["price"][0]


def test_a_flood_of_unknown_fields_makes_no_flood_of_errors() -> None:
    wanted = OrderInput(data={f"{'x' * 1000}{n}": n for n in range(5000)})

    assert not wanted.is_valid()
    assert len(str(wanted.errors)) < 10_000


PLAIN = [
    {"item_id": 1},
    {"item_id": 2**63 - 1, "variation_id": None, "quantity": 0, "notes": "", "addons": []},
    {"item_id": 1, "variation_id": 2, "quantity": -3, "addons": [{"addon_item_id": 4}]},
    {
        "item_id": 1,
        "addons": [{"addon_item_id": 4, "quantity": 2}, {"addon_item_id": 4, "quantity": 2**31 - 1}],
    },
]
ODD = [
    {},
    [],
    None,
    "x",
    {"item_id": 0},
    {"item_id": 2**63},
    {"item_id": "1"},
    {"item_id": True},
    {"item_id": 1.0},
    {"item_id": 1, "more": 1},
    {"item_id": 1, "variation_id": 0},
    {"item_id": 1, "variation_id": ""},
    {"item_id": 1, "quantity": None},
    {"item_id": 1, "quantity": 2**31},
    {"item_id": 1, "quantity": "2"},
    {"item_id": 1, "notes": None},
    {"item_id": 1, "notes": " well done "},
    {"item_id": 1, "notes": 0},
    {"item_id": 1, "addons": {}},
    {"item_id": 1, "addons": [1]},
    {"item_id": 1, "addons": [{"addon_item_id": 1, "more": 1}]},
    {"item_id": 1, "addons": [{"addon_item_id": 0}]},
    {"item_id": 1, "addons": [{"addon_item_id": 1, "quantity": None}]},
    {"item_id": 1, "addons": [{"addon_item_id": 1}] * 51},
]


@pytest.mark.parametrize(
    ("line", "plain"), [(line, True) for line in PLAIN] + [(line, False) for line in ODD], ids=str
)
def test_a_plain_line_is_read_as_its_fields_read_it_and_any_other_is_left_to_them(line, plain, monkeypatch):
    def read():
        try:
            return inputs.LineInput().run_validation(line)
        except serializers.ValidationError as error:
            return error.detail

    assert (inputs._plain_line(line) is not None) == plain
    quickly = read()
    monkeypatch.setattr(inputs, "_plain_line", lambda data: None)
    slowly = read()
    assert (quickly, [type(part) for part in quickly]) == (slowly, [type(part) for part in slowly])


def test_an_answer_is_what_a_serializer_gives():
    class Slow(serializers.Serializer):
        text = serializers.CharField()
        number = serializers.IntegerField(allow_null=True)
        flag = serializers.BooleanField()
        price = Amount()
        other = Amount(source="price2")
        moment = serializers.DateTimeField()
        many = serializers.ListField(default=list)
        inside = serializers.CharField(source="deep.text")

    class Quick(Answer, Slow):
        pass

    class Deep:
        text = "x"

    now = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    row = {"text": 5, "number": None, "flag": 1, "price": D("1.50"), "price2": D("1.5"), "moment": now}
    for instance in ({**row, "deep": Deep()}, SimpleNamespace(**row, deep=Deep(), many=[1])):
        assert Quick(instance).data == Slow(instance).data
        assert list(Quick(instance).data) == list(Slow(instance).data)
