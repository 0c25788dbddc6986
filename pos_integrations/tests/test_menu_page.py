"""The page of a menu at its POS: who may do what, whose it is, and that nothing strange breaks it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from ding.audit import AuditEvent
from ding.roles import OPERATOR, VIEWER
from menus.models import LeftChange, Menu
from pos_integrations import menu_requests, menu_sync
from pos_integrations.models import MenuRequest, MenuReview, MenuSyncHistory, RestaurantPosIntegration
from pos_integrations.simulator import make_menu, sample_menu
from pos_integrations.tests.factories import connect, counting, make_restaurant

BASE = "/admin/pos_integrations/restaurantposintegration/menu"


@pytest.fixture
def integration(db, pos):
    integration = connect(pos, make_restaurant())
    menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.API)
    return integration


@pytest.fixture
def staff(client):
    def make(role=OPERATOR, *restaurants):
        user = User.objects.create_user("asha", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        user.restaurants.set(restaurants)
        client.force_login(user)
        return client

    return make


def page(integration):
    return f"{BASE}/{integration.restaurant_id}/"


def run_all():
    for wish in MenuRequest.objects.filter(state="queued"):
        menu_requests.run(wish.pk)


def previewed(client, integration, pos, price="120"):
    menu = sample_menu("abcd1234")
    menu["items"][0]["price"] = price
    menu["items"][1]["itemname"] = "Dark cake"
    pos.set_menu("abcd1234", menu)
    client.post(page(integration), {"do": "preview"})
    run_all()
    return MenuReview.objects.get()


def test_a_wish_is_a_row_that_says_who_and_tells_its_progress(staff, integration):
    client = staff()
    assert client.post(page(integration), {"do": "sync"})["Location"] == page(integration)
    wish = MenuRequest.objects.get()
    assert (wish.kind, wish.asked_by, wish.state) == ("sync", "asha", "queued")
    assert AuditEvent.objects.first().action == "asked: sync now"
    told = client.get(f"{page(integration)}progress/").json()
    assert told == {"open": True, "step": "Waiting for a worker", "seconds": told["seconds"], "part": 0.1}
    assert "Waiting for a worker" in client.get(page(integration)).content.decode()
    run_all()
    assert client.get(f"{page(integration)}progress/").json()["open"] is False
    nowhere = page(integration).replace(f"/{integration.restaurant_id}/", f"/{'9' * 30}/")
    assert [client.get(one).status_code for one in (nowhere, f"{nowhere}progress/")] == [404, 404]
    assert "3 items; nothing changed." in client.get(page(integration)).content.decode()


def test_a_change_is_left_and_taken_by_its_button_or_ticked(staff, integration, pos):
    client = staff()
    previewed(client, integration, pos)
    text = client.get(page(integration)).content.decode()
    assert "<del>100.00</del>" in text
    assert "<ins>120.00</ins>" in text
    items = [one["key"] for one in client.get(page(integration)).context["shown_changes"]]
    client.post(page(integration), {"leave": items[0]})
    row = LeftChange.objects.get()
    assert (f"{row.kind}:{row.external_id}", row.left_by, row.name) == (items[0], "asha", "Veg Loaded Pizza")
    client.post(page(integration), {"leave": "ticked", "choice": items})
    assert LeftChange.objects.count() == 2
    assert [
        len(client.get(page(integration), {"what": what}).context["shown_changes"])
        for what in ("left", "gone")
    ] == [2, 0]
    client.post(page(integration), {"take": "ticked", "choice": items})
    assert not LeftChange.objects.exists()
    client.post(page(integration), {"take": "ticked"})
    assert "Tick the changes" in client.get(page(integration)).content.decode()


def test_a_left_change_that_changes_again_is_said_so(staff, integration, pos):
    client = staff()
    previewed(client, integration, pos)
    client.post(
        page(integration), {"leave": client.get(page(integration)).context["shown_changes"][0]["key"]}
    )
    assert "changed again" not in client.get(page(integration)).content.decode()
    previewed(client, integration, pos, price="130")
    assert (
        "It has changed again at the POS since it was left." in client.get(page(integration)).content.decode()
    )


def test_when_the_menu_is_fetched_next_is_told(staff, integration):
    client, rows = staff(), RestaurantPosIntegration.objects
    for change, words in (
        ({"menu_sync_due_at": timezone.now() + dt.timedelta(hours=2, minutes=1)}, "again in 2\xa0hours"),
        ({"menu_sync_due_at": timezone.now()}, "in a moment"),
        ({"menu_sync_due_at": None}, "only when asked"),
        ({"active": False}, "nothing is fetched by itself"),
    ):
        rows.update(**change)
        assert words in client.get(page(integration)).content.decode()


def test_what_came_of_a_sync_is_told_without_what_did_not_change(staff, integration, pos):
    client, menu = staff(), sample_menu("abcd1234")
    menu["items"][0]["price"] = "120"
    pos.set_menu("abcd1234", menu)
    client.post(page(integration), {"do": "sync"})
    run_all()
    assert MenuRequest.objects.get().message == "3 items; items: 1 changed."


def test_a_preview_can_be_discarded(staff, integration, pos):
    client = staff()
    previewed(client, integration, pos)
    client.post(page(integration), {"do": "discard"})
    assert not MenuReview.objects.exists()
    assert MenuSyncHistory.objects.count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"do": "explode"},
        {"do": "approve"},
        {"leave": "items"},
        {"leave": "nothing:1"},
        {"take": ":"},
        {"leave": "ticked", "choice": "'\"<>"},
        {"do": "approve", "seen": "x" * 500},
    ],
)
def test_strange_input_breaks_nothing(staff, integration, values):
    client, before = staff(), Menu.objects.get().version
    assert client.post(page(integration), values).status_code == 302
    run_all()
    assert not LeftChange.objects.exists()
    assert Menu.objects.get().version == before
    for query in ({"page": "x"}, {"what": "x"}, {"page": "9" * 40}, {"q": "'"}):
        assert client.get(page(integration), query).status_code == 200


def test_who_may_only_look_changes_nothing(staff, integration):
    client = staff(VIEWER)
    assert client.get(page(integration)).status_code == 200
    for values in ({"do": "sync"}, {"do": "discard"}, {"leave": "items:1"}):
        assert client.post(page(integration), values).status_code == 403
    assert not MenuRequest.objects.exists()


def test_another_restaurants_menu_is_not_there(staff, integration):
    client = staff(OPERATOR, make_restaurant())
    assert client.get(page(integration)).status_code == 404
    assert client.get(f"{page(integration)}progress/").status_code == 404
    assert client.post(page(integration), {"do": "sync"}).status_code == 404
    assert not MenuRequest.objects.exists()


def test_a_restaurant_without_a_pos_says_so(staff, db):
    restaurant = make_restaurant()
    client = staff()
    address = f"{BASE}/{restaurant.pk}/"
    assert "connected to no POS" in client.get(address).content.decode()
    assert client.post(address, {"do": "sync"}).status_code == 302


def test_the_page_does_not_grow_with_the_menu(staff, integration, pos):
    client = staff()

    def counted(size):
        pos.set_menu("abcd1234", make_menu(size, code="abcd1234"))
        client.post(page(integration), {"do": "preview"})
        run_all()
        client.get(page(integration))
        with counting() as count:
            assert client.get(page(integration)).status_code == 200
        return count()

    assert counted(20) == counted(300) <= 20
