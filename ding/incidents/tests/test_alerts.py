"""The ladder and the messages: who hears what, when, how often."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone

from ding.incidents import alerting, channels, ladder
from ding.incidents.models import AlertStatus, Incident, IncidentAlert
from ding.incidents.tests.factories import cause, make_place, pass_time, stand
from menus.models import Restaurant
from menus.tests.factories import statements
from notifications.channels import ChannelDown, NotSent, Refused
from pos_integrations.tests.factories import in_threads

pytestmark = pytest.mark.django_db


def tell():
    """One round: owe what is due, send it; the messages that went out, oldest first."""
    before = len(mail.outbox)
    ladder.owe_alerts()
    alerting.send_due()
    return mail.outbox[before:]


def acknowledge(by="ann"):
    Incident.objects.update(acknowledged_at=timezone.now(), acknowledged_by=by)


def test_an_incident_is_told_once_in_plain_words():
    place = make_place("Spice Garden")
    orders = tuple((n, f"D{n}") for n in range(20))
    stand(
        cause(
            restaurant_id=place.restaurant.pk, count=23, orders=orders, what="Spice Garden: The POS refused."
        )
    )
    (letter,) = tell()
    assert letter.to == ["duty@example.com"]
    assert letter.subject == "[ding] Spice Garden: Orders refused by the POS"
    incident = Incident.objects.get()
    for words in (
        "Spice Garden: The POS refused.",
        "Orders: D0, D1,",
        "D19 and 3 more.",
        "What it means: These guests have been told that their order was not accepted.",
        "What to do: Read the POS's reason.",
        f"https://ding.example.com/admin/ding/incident/{incident.pk}/change/",
        "docs/runbook.md#order-refused",
    ):
        assert words in letter.body
    assert tell() == []
    assert stand(cause(count=99)).opened == 0
    assert tell() == []


def test_the_ladder_is_climbed_until_somebody_acknowledges(settings):
    settings.ALERT_LADDER_MINUTES = [0, 5, 15, 60]
    stand(cause())
    told = []
    for minute in range(200):
        told += [minute] * len(tell())
        pass_time(Incident.objects.get(), minutes=1)
    assert told == [0, 5, 15, 60, 105, 150, 195]
    acknowledge()
    pass_time(Incident.objects.get(), hours=9)
    assert tell() == []


def test_a_warning_is_repeated_once_a_day():
    stand(cause("secrets-open"))
    assert len(tell()) == 1
    pass_time(Incident.objects.get(), hours=23)
    assert tell() == []
    pass_time(Incident.objects.get(), hours=1)
    assert len(tell()) == 1


def test_one_message_tells_that_it_is_over():
    stand(cause())
    tell()
    stand()
    assert tell() == [], "it may come back in a moment"
    pass_time(Incident.objects.get(), minutes=3)
    (letter,) = tell()
    assert letter.subject == "[ding] Resolved: Orders refused by the POS"
    assert "This is over since" in letter.body
    pass_time(Incident.objects.get(), minutes=10)
    assert tell() == []


def test_what_nobody_heard_of_is_not_told_as_over():
    stand(cause())
    stand()
    pass_time(Incident.objects.get(), minutes=10)
    assert tell() == []


def test_what_flaps_is_no_stream_of_messages():
    messages = 0
    for _ in range(120):  # an hour of it: half a minute there, half a minute gone
        stand(cause())
        messages += len(tell())
        pass_time(Incident.objects.get(), seconds=30)
        stand()
        messages += len(tell())
        pass_time(Incident.objects.get(), seconds=30)
    assert Incident.objects.count() == 1
    assert messages == 5, "the ladder's, and nothing else"


def test_what_comes_back_after_it_was_told_as_over_is_told_at_once_and_must_stay_away_longer():
    stand(cause())
    tell()
    stand()
    pass_time(Incident.objects.get(), minutes=3)
    tell()
    stand(cause())
    assert [letter.subject for letter in tell()] == ["[ding] Orders refused by the POS"]
    stand()
    pass_time(Incident.objects.get(), minutes=3)
    assert tell() == []
    pass_time(Incident.objects.get(), minutes=2)
    assert [letter.subject for letter in tell()] == ["[ding] Resolved: Orders refused by the POS"]


def test_a_storm_is_one_digest_for_each_address(settings):
    settings.ALERT_EMAIL = ["duty@example.com", "boss@example.com"]
    stand(
        *(cause(f"order-refused:restaurant-{n}", what=f"Case {n}.") for n in range(50)), cause("secrets-open")
    )
    letters = tell()
    assert sorted(letter.to[0] for letter in letters) == ["boss@example.com", "duty@example.com"]
    (text,) = {letter.body for letter in letters}
    assert letters[0].subject.startswith("[ding] 51 incidents: ")
    assert len(letters[0].subject) <= 200
    assert "CRITICAL: Case 0." in text
    assert "… and 31 more." in text
    assert "https://ding.example.com/admin/ding/incident/" in text
    assert IncidentAlert.objects.filter(status="sent").count() == 102


def test_without_anybody_named_the_restaurant_itself_hears_of_its_incidents(settings):
    settings.ALERT_EMAIL = []
    place = make_place("Spice Garden")
    User.objects.create_superuser("root", "root@example.com")
    User.objects.create_superuser("gone", "gone@example.com", is_active=False)
    User.objects.create_user("anna", "anna@example.com", is_staff=True)
    stand(cause(restaurant_id=place.restaurant.pk), cause("secrets-open"))
    told = {letter.to[0]: letter.subject for letter in tell()}
    assert told == {
        place.restaurant.email: "[ding] Spice Garden: Orders refused by the POS",
        "root@example.com": "[ding] Secrets that lie open in the database",
    }


def test_a_restaurant_without_an_address_is_the_administrators_affair(settings):
    settings.ALERT_EMAIL = []
    place = make_place("Spice Garden")
    Restaurant.objects.update(email="")
    User.objects.create_superuser("root", "root@example.com")
    stand(cause(restaurant_id=place.restaurant.pk))
    assert [letter.to for letter in tell()] == [["root@example.com"]]


def test_a_restaurants_name_cannot_add_a_header_or_a_line():
    place = make_place("Evil\r\nBcc: all@example.com\n\nFree food")
    stand(cause(restaurant_id=place.restaurant.pk))
    (letter,) = tell()
    assert letter.subject == "[ding] Evil Bcc: all@example.com Free food: Orders refused by the POS"
    assert letter.recipients() == ["duty@example.com"]


# --- failures --------------------------------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch):
    """A channel that fails as told: `broken(error)`; None mends it."""
    real = channels.send
    state = {"error": None, "calls": 0}

    def send(*args, **kwargs):
        state["calls"] += 1
        if state["error"]:
            raise state["error"]
        real(*args, **kwargs)

    monkeypatch.setattr(channels, "send", send)

    def set_error(error):
        state["error"] = error
        return state

    return set_error


def make_due():
    IncidentAlert.objects.filter(status="pending").update(next_attempt_at=timezone.now())


def test_a_channel_that_is_down_is_tried_again_by_itself_and_harms_no_incident(broken):
    state = broken(NotSent("The mail server put us off."))
    stand(cause())
    assert tell() == []
    alert = IncidentAlert.objects.get()
    assert (alert.status, alert.tries, alert.last_error) == ("pending", 1, "The mail server put us off.")
    assert alert.next_attempt_at > timezone.now()
    tell()
    assert state["calls"] == 1, "its time has not come"
    broken(None)
    make_due()
    assert len(tell()) == 1
    assert IncidentAlert.objects.get().status == "sent"


def test_after_five_tries_it_is_left_to_the_next_rung(broken):
    broken(NotSent("No."))
    stand(cause())
    for _ in range(7):
        tell()
        make_due()
    alert = IncidentAlert.objects.get()
    assert (alert.status, alert.tries) == ("failed", alerting.MOST_TRIES)
    broken(None)
    pass_time(Incident.objects.get(), minutes=5)
    assert len(tell()) == 1


def test_a_refusal_is_final_at_once(broken):
    broken(Refused("Wrong password."))
    stand(cause())
    tell()
    assert (IncidentAlert.objects.get().status, IncidentAlert.objects.get().tries) == ("failed", 1)


def test_a_bug_in_a_library_stops_nobody_and_shows_no_secret(broken, caplog):
    broken(ValueError("slack://TOKEN-A/TOKEN-B"))
    stand(cause())
    tell()
    alert = IncidentAlert.objects.get()
    assert (alert.status, alert.last_error) == ("failed", "Sending broke (ValueError).")
    assert "TOKEN" not in caplog.text


def test_while_the_mail_server_is_down_other_ways_go_on(settings, monkeypatch):
    settings.ALERT_EMAIL = ["a@example.com", "b@example.com"]
    settings.ALERT_URLS = ["json://127.0.0.1:9/x"]
    tried = []

    def send(channel, address, **message):
        tried.append(channel)
        if channel == "email":
            raise ChannelDown("No connection.")

    monkeypatch.setattr(channels, "send", send)
    stand(cause())
    tell()
    assert sorted(tried) == ["email", sorted(channels._urls())[0]]


def test_a_sender_that_died_costs_one_message_and_the_next_rung_comes_at_once():
    stand(cause())
    ladder.owe_alerts()
    (claimed,) = alerting._claim("email", "duty@example.com")
    assert tell() == [], "it is in somebody's hands"
    IncidentAlert.objects.filter(pk=claimed.pk).update(next_attempt_at=timezone.now())
    alerting.send_due()
    claimed.refresh_from_db()
    assert (claimed.status, claimed.last_error) == ("failed", alerting.STOPPED)
    assert len(tell()) == 1
    assert IncidentAlert.objects.filter(status="sent").count() == 1


def test_a_result_that_comes_after_its_lease_changes_nothing():
    stand(cause())
    ladder.owe_alerts()
    alerts = alerting._claim("email", "duty@example.com")
    IncidentAlert.objects.update(next_attempt_at=timezone.now())
    alerting._give_up_abandoned()
    alerting._record(alerts, None)
    assert IncidentAlert.objects.get().status == AlertStatus.FAILED


@pytest.mark.usefixtures("committed")
@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_each_alert_once():
    stand(cause(), cause("secrets-open"))
    in_threads(6, lambda number: ladder.owe_alerts())
    in_threads(6, lambda number: alerting.send_due())
    assert len(mail.outbox) == 1
    assert {alert.status for alert in IncidentAlert.objects.all()} == {"sent"}
    assert IncidentAlert.objects.count() == 2


def test_the_statements_do_not_grow_with_the_incidents():
    def count(number):
        Incident.objects.all().delete()
        stand(*(cause(f"order-refused:restaurant-{n}") for n in range(number)))
        with statements() as found:
            tell()
        return len(found)

    assert count(40) == count(1) <= 16


# Loading all its services, apprise meets modules that Python will drop one day.
apprise_warns = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# --- other ways ------------------------------------------------------------------------------------------


@apprise_warns
def test_an_entry_of_alert_urls_is_told_by_http(settings, httpserver):
    settings.ALERT_EMAIL = []
    settings.ALERT_URLS = [httpserver.url]
    stand(cause(what="Something is very wrong."))
    tell()
    (body,) = httpserver.bodies
    assert b"Something is very wrong." in body
    alert = IncidentAlert.objects.get()
    assert alert.status == "sent"
    assert "127.0.0.1" not in f"{alert.channel} {alert.address}"


@apprise_warns
def test_a_service_that_refuses_is_tried_again(settings, httpserver):
    settings.ALERT_EMAIL = []
    settings.ALERT_URLS = [httpserver.url]
    httpserver.status = 500
    stand(cause())
    tell()
    assert IncidentAlert.objects.get().status == "pending"


@apprise_warns
def test_an_entry_that_was_taken_away_or_makes_no_sense_fails_in_words(settings):
    settings.ALERT_EMAIL = []
    settings.ALERT_URLS = ["nonsense://x"]
    stand(cause())
    tell()
    assert "not one that apprise understands" in IncidentAlert.objects.get().last_error
    with pytest.raises(Refused, match="does not stand in ALERT_URLS"):
        channels.send("slack-00000000", "", subject="", text="", message_id="")


def test_the_ladder_of_one_step_repeats_hourly(settings):
    settings.ALERT_LADDER_MINUTES = [0]
    stand(cause())
    tell()
    assert Incident.objects.get().next_alert_at - timezone.now() > dt.timedelta(minutes=59)
