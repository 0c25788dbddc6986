from __future__ import annotations

import datetime as dt

import pytest

from menus.models import Restaurant
from notifications import wording
from notifications.models import Event
from notifications.tests.conftest import NOW
from orders.models import Order


def facts(status, reason="", *, order=None, **restaurant):
    order = {"reference": "DABC1234", "order_type": "DELIVERY", **(order or {})}
    restaurant = {
        "name": "Spice Garden",
        "phone": "+91 22 5555 0100",
        "timezone": "Asia/Kolkata",
        **restaurant,
    }
    return wording.facts_of(Order(**order), Event(status), reason, Restaurant(**restaurant), NOW)


SOON = {"estimated_delivery_time": NOW + dt.timedelta(minutes=40)}


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (
            facts("confirmed", order=SOON),
            "Spice Garden: your order DABC1234 is confirmed. It should reach you at about 18:10. Thank you!",
        ),
        (
            facts("confirmed", order={**SOON, "order_type": "PICKUP"}),
            "Spice Garden: your order DABC1234 is confirmed. It should be ready at about 18:10. Thank you!",
        ),
        (facts("confirmed"), "Spice Garden: your order DABC1234 is confirmed. Thank you!"),
        (facts("ready"), "Spice Garden: your order DABC1234 is ready and will be on its way to you soon."),
        (
            facts("ready", order={"order_type": "PICKUP"}),
            "Spice Garden: your order DABC1234 is ready for you to collect.",
        ),
        (
            facts("ready", order={"order_type": "DINE_IN"}),
            "Spice Garden: your order DABC1234 is ready and on its way to your table.",
        ),
        (
            facts("dispatched", order=SOON),
            "Spice Garden: your order DABC1234 is on its way. It should reach you at about 18:10.",
        ),
        (facts("delivered"), "Spice Garden: your order DABC1234 has been delivered. Enjoy your meal!"),
        (
            facts("delivered", order={"order_type": "DINE_IN"}),
            "Spice Garden: your order DABC1234 has been served. Enjoy your meal!",
        ),
        (
            facts("cancelled", "The kitchen is closed."),
            "Spice Garden: your order DABC1234 was cancelled. Reason: The kitchen is closed. "
            "Questions? Please call the restaurant at +91 22 5555 0100.",
        ),
        (
            facts("cancelled", phone=""),
            "Spice Garden: your order DABC1234 was cancelled. Questions? Please contact the restaurant.",
        ),
        (
            facts("rejected", "Too busy"),
            "Spice Garden: sorry, we could not accept your order DABC1234. Reason: Too busy. "
            "Please call the restaurant at +91 22 5555 0100, or order again later.",
        ),
    ],
)
def test_an_sms_says_what_happened_and_what_to_do(told, text):
    assert wording.sms_text(told) == text


def test_an_email_has_paragraphs_without_gaps():
    told = facts("cancelled", "No more paneer")
    assert wording.email_subject(told) == "Spice Garden: your order DABC1234 was cancelled"
    assert wording.email_text(told) == (
        "Hello,\n\n"
        "Your order DABC1234 at Spice Garden was cancelled.\n\n"
        "Reason: No more paneer.\n\n"
        "If you did not expect this, or have paid already, please call the restaurant at +91 22 5555 0100.\n"
    )


@pytest.mark.parametrize("event", Event.values)
def test_every_event_has_all_its_words_even_when_nothing_is_known(event):
    told = facts(event, phone="")
    sms, subject, email = wording.sms_text(told), wording.email_subject(told), wording.email_text(told)
    assert sms.startswith("Spice Garden: ")
    assert subject.startswith("Spice Garden: ")
    assert email.startswith("Hello,\n\n")
    for text in (sms, subject, email):
        assert "DABC1234" in text
        assert "None" not in text
        assert "  " not in text
        assert "\n\n\n" not in text


@pytest.mark.parametrize("event", Event.values)
@pytest.mark.parametrize("order_type", ["DELIVERY", "PICKUP", "DINE_IN", "SOMETHING"])
def test_the_longest_values_still_fit(event, order_type):
    told = facts(
        event,
        "r" * 500,
        order={"reference": "D" * 20, "order_type": order_type, **SOON},
        name="n" * 200,
        phone="5" * 50,
    )
    assert len(wording.sms_text(told)) <= 300
    assert "D" * 20 in wording.sms_text(told)
    assert len(wording.email_subject(told)) <= 255
    if event in ("cancelled", "rejected"):
        assert "5" * 50 in wording.sms_text(told)  # the reason is cut, not the help
        assert "rrr..." in wording.sms_text(told)


@pytest.mark.parametrize("event", Event.values)
def test_no_value_can_begin_a_new_line(event):
    told = facts(event, "no\r\nBcc: x@example.com", name="Spice\nBcc: y@example.com\x00\u2028Garden")
    assert told.restaurant == "Spice Bcc: y@example.com Garden"
    assert told.reason == "no Bcc: x@example.com"
    assert len(wording.email_subject(told).splitlines()) == 1
    assert len(wording.sms_text(told).splitlines()) == 1


def test_texts_are_not_html():
    told = facts("cancelled", "Chef's <day> & night off", name="Tom & Jerry's")
    assert wording.email_subject(told) == "Tom & Jerry's: your order DABC1234 was cancelled"
    assert "Reason: Chef's <day> & night off." in wording.sms_text(told)


def test_a_value_is_never_read_as_a_template():
    told = facts("cancelled", "{{ phone }}{% now 'Y' %}")
    assert "Reason: {{ phone }}{% now 'Y' %}." in wording.sms_text(told)


@pytest.mark.parametrize(
    ("minutes", "zone", "words"),
    [
        (40, "Asia/Kolkata", "18:10"),
        (40, "America/New_York", "07:40"),
        (24 * 60, "Asia/Kolkata", "17:30 on 2 March"),
        (-1, "Asia/Kolkata", ""),
        (40, "Not/AZone", ""),
        (40, "../etc/passwd", ""),
        (40, "", ""),
    ],
)
def test_a_time_is_told_by_the_restaurants_clock_or_not_at_all(minutes, zone, words):
    told = facts(
        "confirmed", order={"estimated_delivery_time": NOW + dt.timedelta(minutes=minutes)}, timezone=zone
    )
    assert told.expected == words


@pytest.mark.parametrize(
    ("phone", "currency", "number"),
    [
        ("+91 98765-43210", "INR", "+919876543210"),
        ("9876543210", "INR", "+919876543210"),
        ("09876543210", "INR", "+919876543210"),
        ("919876543210", "INR", "+919876543210"),
        ("0044 20 7946 0000", "INR", "+442079460000"),
        ("+1 (555) 010-0199", "USD", "+15550100199"),
        ("9876543210", "USD", "9876543210"),
        ("+1555\r\n0100199", "USD", "+15550100199"),
        ("call me", "INR", "callme"),
    ],
)
def test_a_number_gets_its_country_only_where_it_is_certain(phone, currency, number):
    assert wording.international_number(phone, currency) == number
