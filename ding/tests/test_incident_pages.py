"""Incidents in the admin: who sees which, what they say, and what a person does about them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from ding.audit import AuditEvent
from ding.incidents.kinds import KINDS
from ding.incidents.models import Incident, IncidentAlert
from ding.incidents.opening import sync_incidents
from ding.incidents.tests.factories import make_order, make_place, make_push
from ding.roles import INTEGRATION_MANAGER, OPERATOR, VIEWER
from menus.tests.factories import statements

pytestmark = pytest.mark.django_db

LIST = "/admin/ding/incident/"


def page_of(incident):
    return f"{LIST}{incident.pk}/change/"


@pytest.fixture
def log_in(client):
    def as_role(role, *restaurants, name="anna"):
        user = User.objects.create_user(name, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        user.restaurants.set(restaurants)
        client.force_login(user)
        return client

    return as_role


@pytest.fixture
def place():
    return make_place("Spice Garden")


def make_incident(kind="order-refused", **values):
    return Incident.objects.create(kind=kind, **{"what": "Something is wrong.", **values})


def shown(client, query=""):
    return [incident.pk for incident in client.get(LIST + query).context["cl"].result_list]


def test_an_incident_in_plain_words_with_its_orders_and_its_button(log_in, place):
    order = make_order(place)
    incident = make_incident(
        restaurant=place.restaurant,
        what="The POS refused 3 orders.",
        count=3,
        orders=[[order.pk, order.reference]],
    )
    IncidentAlert.objects.create(
        incident=incident, number=1, channel="email", address="duty@example.com", status="sent"
    )
    text = log_in(OPERATOR, place.restaurant).get(page_of(incident)).content.decode()
    about = KINDS["order-refused"]
    for words in (
        "The POS refused 3 orders.",
        "These guests have been told",
        "mark it as handled by phone",
        "… and 2 more.",
        "docs/runbook.md#order-refused",
        "duty@example.com",
        f'href="{reverse("admin:orders_order_change", args=[order.pk])}"',
        f"kitchen=refused&amp;restaurant={place.restaurant.pk}",
        about.button,
    ):
        assert words in text, words
    assert "{&quot;" not in text


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_button_leads_to_a_page_that_is_there(log_in, place, kind):
    incident = make_incident(kind, restaurant=place.restaurant, target=str(place.integration.pk))
    client = log_in(INTEGRATION_MANAGER)
    button = client.get(page_of(incident)).context["button"]
    answer = client.get(button.address)
    assert answer.status_code == 200, "a list that does not know the filter would lead elsewhere"


def test_the_list_shows_open_ones_unless_asked_for_others(log_in):
    new = make_incident()
    taken = make_incident(acknowledged_at=timezone.now(), acknowledged_by="ben")
    closed = make_incident(closed_at=timezone.now())
    client = log_in(VIEWER)
    assert shown(client) == [taken.pk, new.pk]
    assert shown(client, "?state=new") == [new.pk]
    assert shown(client, "?state=closed") == [closed.pk]
    assert shown(client, "?state=all") == [closed.pk, taken.pk, new.pk]
    text = client.get(LIST).content.decode()
    assert "Orders refused by the POS" in text
    assert "ben is at it" in text


def test_bound_staff_see_their_restaurants_incidents_and_none_of_the_whole_system(log_in, place):
    other = make_place("Theirs")
    mine = make_incident(restaurant=place.restaurant)
    theirs = make_incident(restaurant=other.restaurant, what="Their secret matter.")
    whole = make_incident("scheduler-dead")
    client = log_in(OPERATOR, place.restaurant)
    assert shown(client) == [mine.pk]
    for hidden in (theirs, whole):
        for method in (client.get, client.post):
            answer = method(page_of(hidden))
            assert answer.status_code == 302
            assert answer["Location"] == "/admin/"
    assert Incident.objects.filter(acknowledged_at=None).count() == 3
    client.post(LIST, {"action": "acknowledge", "_selected_action": [theirs.pk, whole.pk]})
    assert Incident.objects.filter(acknowledged_at=None).count() == 3


def test_the_sidebar_counts_the_open_ones_that_are_mine(log_in, place):
    make_incident(restaurant=place.restaurant)
    make_incident(restaurant=place.restaurant, closed_at=timezone.now())
    make_incident("scheduler-dead")

    def badge(client):
        links = [link for group in client.get(LIST).context["sidebar_navigation"] for link in group["items"]]
        (incidents,) = [link for link in links if link["title"] == "Incidents"]
        return incidents["badge"]

    assert badge(log_in(OPERATOR, place.restaurant)) == 1
    assert badge(log_in(VIEWER, name="vera")) == 2


@pytest.mark.parametrize("role", [OPERATOR, INTEGRATION_MANAGER])
def test_whoever_is_at_it_says_so_with_a_note(log_in, place, role):
    incident = make_incident(restaurant=place.restaurant, next_alert_at=timezone.now())
    client = log_in(role)
    answer = client.post(page_of(incident), {"act": "acknowledge", "note": "Calling them."}, follow=True)
    incident.refresh_from_db()
    assert (incident.acknowledged_by, incident.note) == ("anna", "Calling them.")
    assert incident.acknowledged_at is not None
    assert incident.closed_at is None
    assert "No more alerts" in answer.content.decode().replace("no more", "No more")
    event = AuditEvent.objects.about(incident).get()
    assert (event.actor, event.action, event.note) == ("staff:anna", "acknowledged", "Calling them.")
    first = incident.acknowledged_at
    client.post(page_of(incident), {"act": "acknowledge", "note": "They call back."})
    incident.refresh_from_db()
    assert (incident.acknowledged_at, incident.note) == (first, "They call back.")


def test_a_viewer_looks_and_does_not_act(log_in):
    incident = make_incident()
    client = log_in(VIEWER)
    answer = client.get(page_of(incident))
    assert answer.status_code == 200
    assert "I am at it" not in answer.content.decode()
    assert client.post(page_of(incident), {"act": "acknowledge"}).status_code == 403
    client.post(LIST, {"action": "acknowledge", "_selected_action": [incident.pk]})
    incident.refresh_from_db()
    assert incident.acknowledged_at is None


def test_several_are_acknowledged_at_once(log_in):
    incidents = [make_incident() for _ in range(3)]
    data = {"action": "acknowledge", "_selected_action": [i.pk for i in incidents[:2]]}
    log_in(OPERATOR).post(LIST, data)
    assert Incident.objects.filter(acknowledged_by="anna").count() == 2


def test_what_happened_and_is_dealt_with_is_closed_by_a_person(log_in, place):
    make_push(place, "rejected", status="rejected")
    sync_incidents()
    incident = Incident.objects.get()
    log_in(OPERATOR).post(page_of(incident), {"act": "settle", "note": "Called the guest."})
    incident.refresh_from_db()
    assert incident.closed_at is not None
    assert incident.acknowledged_by == "anna"
    sync_incidents()
    assert not Incident.objects.open().exists()
    make_push(place, "rejected", status="rejected", ago=-1)
    sync_incidents()
    assert Incident.objects.open().get() == incident


def test_what_still_stands_cannot_be_declared_over(log_in, place):
    incident = make_incident("kitchen-silent", restaurant=place.restaurant)
    client = log_in(OPERATOR)
    assert "All of it is dealt with" not in client.get(page_of(incident)).content.decode()
    client.post(page_of(incident), {"act": "settle"})
    incident.refresh_from_db()
    assert incident.closed_at is None


def test_what_a_pos_or_a_restaurant_calls_itself_is_only_text(log_in):
    evil = "<script>alert(1)</script>"
    place = make_place(evil)
    push = make_push(place, "rejected", status="rejected", last_error=f"{evil} {{{{ 7 }}}}")
    sync_incidents()
    client = log_in(OPERATOR)
    for address in (LIST, page_of(Incident.objects.get())):
        text = client.get(address).content.decode()
        assert evil not in text
        assert "&lt;script&gt;alert(1)" in text
    assert push.order.reference in text


def test_nobody_adds_changes_or_deletes_an_incident_by_hand(admin_client):
    incident = make_incident()
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{LIST}{incident.pk}/delete/", {"post": "yes"}).status_code == 403


def test_pages_take_as_many_statements_for_many_as_for_one(log_in, place):
    client = log_in(OPERATOR)

    def count(address):
        with statements() as found:
            assert client.get(address).status_code == 200
        return len(found)

    incident = make_incident(restaurant=place.restaurant, orders=[[1, "D1"]])
    few = count(LIST), count(page_of(incident))
    for n in range(30):
        make_incident(restaurant=place.restaurant)
        IncidentAlert.objects.create(incident=incident, number=n + 1, channel="email")
    Incident.objects.filter(pk=incident.pk).update(orders=[[n, f"D{n}"] for n in range(20)], count=400)
    many = count(LIST), count(page_of(incident))
    assert many == few
    assert max(many) <= 12
