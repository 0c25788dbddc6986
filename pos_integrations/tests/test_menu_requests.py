"""What people ask for on the menu's page: sync, preview, approve; and that only what was seen is applied."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from menus.models import Item, Menu
from menus.services import Choice, MenuHeld, leave_changes, take_changes
from pos_integrations import inbound, menu_applying, menu_requests, menu_sync, tasks
from pos_integrations.menu_models import MenuRequestKind
from pos_integrations.menu_review import changes_in
from pos_integrations.models import (
    MenuRequest,
    MenuReview,
    MenuSyncHistory,
    RestaurantPosIntegration,
    WebhookLog,
)
from pos_integrations.simulator import DEMO_WEBHOOK_SECRET, make_menu, sample_menu
from pos_integrations.tests.factories import connect, fresh, make_restaurant

SYNC, PREVIEW, APPROVE = MenuRequestKind.SYNC, MenuRequestKind.PREVIEW, MenuRequestKind.APPROVE


@pytest.fixture
def integration(db, pos):
    """With the sample menu."""
    integration = connect(pos, make_restaurant())
    menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.API)
    return fresh(integration)


def ask(integration, kind, **options):
    request = menu_requests.ask(integration, kind, by="asha", **options)
    menu_requests.run(request.pk)
    request.refresh_from_db()
    return request


def repriced(price="999"):
    menu = sample_menu("abcd1234")
    menu["items"][0]["price"] = price
    return menu


def shrunk():
    menu = sample_menu("abcd1234")
    return {**menu, "items": menu["items"][:1]}


def rows():
    items = Item.objects.order_by("pk").values_list("external_id", "name", "price", "active")
    return list(items), list(Menu.objects.values_list("version", flat=True))


def test_a_sync_says_in_words_how_it_ended(integration, pos):
    pos.set_menu("abcd1234", repriced())
    request = ask(integration, SYNC)
    assert (request.state, request.asked_by) == ("done", "asha")
    assert request.message == "3 items; items: 1 changed."
    assert (request.next_attempt_at, request.step) == (None, "")
    assert MenuSyncHistory.objects.first().trigger == "admin"


def test_the_same_wish_twice_is_one_request(integration):
    first, second = (menu_requests.ask(integration, SYNC, by="asha") for _ in range(2))
    assert first.pk == second.pk
    assert menu_requests.ask(integration, PREVIEW).pk != first.pk
    menu_requests.run(first.pk)
    assert menu_requests.ask(integration, SYNC).pk != first.pk


def test_a_preview_changes_nothing_and_is_kept(integration, pos):
    before = rows()
    pos.set_menu("abcd1234", repriced())
    assert ask(integration, PREVIEW).state == "done"
    assert rows() == before
    review = MenuReview.objects.get()
    assert (review.reason, review.counts, review.snapshot) == ("", {"changed": 1}, None)
    (change,) = changes_in(review)
    assert ("Price", "100.00", "999.00") in change.fields
    assert MenuSyncHistory.objects.count() == 1


def test_what_was_seen_is_applied_when_it_is_approved(integration, pos):
    pos.set_menu("abcd1234", shrunk())
    held = ask(integration, SYNC)
    assert held.state == "held"
    assert "live items would go" in held.message
    review = MenuReview.objects.get()
    assert "live items would go" in review.reason
    assert review.counts["gone"] == 2
    done = ask(integration, APPROVE, seen=review.digest)
    assert (done.state, Item.objects.filter(active=True).count()) == ("done", 1)
    assert not MenuReview.objects.exists()


def test_an_approval_whose_worker_died_when_it_was_applied_ends_well(integration, pos):
    pos.set_menu("abcd1234", shrunk())
    ask(integration, SYNC)
    request = ask(integration, APPROVE, seen=MenuReview.objects.get().digest)
    MenuRequest.objects.filter(pk=request.pk).update(state="running", next_attempt_at=timezone.now())
    menu_requests.run(request.pk)
    request.refresh_from_db()
    assert (request.state, Item.objects.filter(active=True).count()) == ("done", 1)
    assert not MenuReview.objects.exists()


def test_a_menu_that_changed_since_is_asked_about_again(integration, pos):
    pos.set_menu("abcd1234", repriced("111"))
    ask(integration, PREVIEW)
    seen = MenuReview.objects.get().digest
    before = rows()
    pos.set_menu("abcd1234", repriced("222"))
    request = ask(integration, APPROVE, seen=seen)
    assert request.state == "failed"
    assert "changed since you looked" in request.message
    assert rows() == before
    again = MenuReview.objects.get()
    assert again.digest != seen
    assert ask(integration, APPROVE, seen=again.digest).state == "done"
    assert str(Item.objects.order_by("pk").first().price) == "222.00"


def test_our_own_menu_may_have_changed_too(integration, pos):
    pos.set_menu("abcd1234", repriced("111"))
    ask(integration, PREVIEW)
    seen = MenuReview.objects.get().digest
    Item.objects.update(description="by other hands", content_hash="")
    assert ask(integration, APPROVE, seen=seen).state == "failed"


def test_a_pushed_menu_that_was_held_is_applied_as_it_was_sent(db, client):
    integration = connect(restaurant=make_restaurant())
    path = f"/api/webhooks/petpooja/{integration.public_id}/menu/{DEMO_WEBHOOK_SECRET}"

    def push(document):
        client.post(path, document, content_type="application/json")
        inbound.drain()

    push(make_menu(20, code="abcd1234"))
    few = make_menu(20, code="abcd1234")
    push({**few, "items": few["items"][:5]})
    assert WebhookLog.objects.latest("pk").verdict == "held"
    review = MenuReview.objects.get()
    assert review.snapshot is not None
    # The POS is not asked: there is none at that address.
    assert ask(fresh(integration), APPROVE, seen=review.digest).state == "done"
    assert Item.objects.filter(active=True).count() == 5
    log = WebhookLog.objects.latest("pk")
    assert (log.status, log.verdict) == ("processed", "approved")


def test_what_was_left_stays_when_the_rest_is_approved(integration, pos):
    menu = repriced()
    menu["items"][1]["itemname"] = "Another name"
    pos.set_menu("abcd1234", menu)
    ask(integration, PREVIEW)
    review = MenuReview.objects.get()
    changes = {change.name: change for change in changes_in(review)}
    dear = next(c for c in changes.values() if any(line[0] == "Price" for line in c.fields))
    leave_changes(
        restaurant_id=integration.restaurant_id,
        choices=[Choice(dear.kind, dear.external_id, dear.name, dear.digest)],
    )
    request = ask(integration, APPROVE, seen=review.digest)
    assert "1 stayed as they are" in request.message
    assert not Item.objects.filter(price=999).exists()
    assert Item.objects.filter(name="Another name").exists()


def test_what_was_left_and_is_taken_comes_with_the_next_sync(integration, pos):
    pos.set_menu("abcd1234", repriced())
    ask(integration, PREVIEW)
    (change,) = changes_in(MenuReview.objects.get())
    choice = Choice(change.kind, change.external_id, change.name, change.digest)
    leave_changes(restaurant_id=integration.restaurant_id, choices=[choice])
    ask(integration, SYNC)
    assert not Item.objects.filter(price=999).exists()
    take_changes(restaurant_id=integration.restaurant_id, choices=[choice])
    ask(integration, SYNC)
    assert Item.objects.filter(price=999).exists()


def test_a_sync_that_is_applied_makes_the_preview_old(integration, pos):
    pos.set_menu("abcd1234", repriced())
    ask(integration, PREVIEW)
    ask(integration, SYNC)
    assert not MenuReview.objects.exists()


def test_a_pos_that_gives_no_menu_is_told_in_its_words(integration, pos):
    pos.set_menu("abcd1234", None)
    request = ask(integration, PREVIEW)
    assert request.state == "failed"
    assert request.message.startswith("The menu could not be synchronised.")


def test_while_another_sync_runs_it_waits(integration):
    RestaurantPosIntegration.objects.update(menu_sync_leased_until=timezone.now() + dt.timedelta(minutes=1))
    request = ask(integration, SYNC)
    assert (request.state, request.attempts) == ("queued", 0)
    assert "comes next" in request.step
    assert menu_requests.due_requests() == []
    RestaurantPosIntegration.objects.update(menu_sync_leased_until=None)
    MenuRequest.objects.update(next_attempt_at=timezone.now())
    assert menu_requests.due_requests() == [request.pk]
    tasks.run_menu_request(request.pk)
    request.refresh_from_db()
    assert request.state == "done"


def test_a_request_whose_worker_died_is_run_again_and_not_for_ever(integration):
    request = menu_requests.ask(integration, SYNC)
    past = timezone.now() - dt.timedelta(seconds=1)
    MenuRequest.objects.update(state="running", attempts=2, next_attempt_at=past)
    assert menu_requests.due_requests() == [request.pk]
    MenuRequest.objects.update(attempts=3)
    menu_requests.run(request.pk)
    request.refresh_from_db()
    assert (request.state, MenuSyncHistory.objects.count()) == ("failed", 1)
    assert "ask again" in request.message


def test_it_runs_once(integration):
    request = ask(integration, SYNC)
    menu_requests.run(request.pk)
    assert MenuSyncHistory.objects.filter(trigger="admin").count() == 1


def test_each_step_is_written_down_while_it_runs(integration, pos, monkeypatch):
    pos.set_menu("abcd1234", repriced())
    seen = []
    apply = menu_applying.apply_menu

    def look(**arguments):
        seen.append(MenuRequest.objects.values_list("state", "step").get())
        return apply(**arguments)

    monkeypatch.setattr(menu_applying, "apply_menu", look)
    ask(integration, SYNC)
    assert seen == [("running", "comparing 3 items")]


def test_a_held_menu_of_the_schedule_is_kept_too(integration, pos):
    pos.set_menu("abcd1234", shrunk())
    with pytest.raises(MenuHeld):
        menu_sync.sync_menu(integration, trigger=menu_sync.Trigger.SCHEDULE)
    assert MenuReview.objects.get().counts["gone"] == 2
