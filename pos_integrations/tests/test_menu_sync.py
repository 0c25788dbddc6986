"""Menu syncs: one at a time, all or nothing, and what stays owed."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from ding.keys import create_api_key
from menus.models import Item, Menu
from menus.services import MenuHeld
from pos_integrations import menu_sync, menu_turn, tasks
from pos_integrations.menu_sync import SyncFailed, Trigger
from pos_integrations.menu_turn import SyncRunning
from pos_integrations.models import MenuReview, MenuSyncHistory, PosProvider, RestaurantPosIntegration
from pos_integrations.simulator import (
    DEMO_CREDENTIALS,
    Credentials,
    Outlet,
    make_menu,
    sample_menu,
    sample_outlet,
)
from pos_integrations.tests.factories import connect, counting, fresh, in_threads, make_restaurant

MINUTE, SECOND = dt.timedelta(minutes=1), dt.timedelta(seconds=1)


@pytest.fixture
def integration(db, pos):
    """An integration whose menu was never synchronised."""
    return connect(pos, make_restaurant())


def sync(integration, **options):
    return menu_sync.sync_menu(fresh(integration), trigger=Trigger.API, **options)


def rows():
    """What a menu is made of, whatever the time."""
    items = Item.objects.order_by("pk").values_list("external_id", "name", "price", "active", "content_hash")
    return list(items), list(Menu.objects.values_list("version", "charges"))


def due_in(integration):
    due = fresh(integration).menu_sync_due_at
    return due and due - timezone.now()


def about(duration):
    return pytest.approx(duration, abs=dt.timedelta(seconds=20))


def is_free(integration):
    return fresh(integration).menu_sync_leased_until is None


# --- the good way ---------------------------------------------------------------------------------------


def test_a_bug_of_ours_is_in_the_history_and_owed_again(integration, monkeypatch, caplog):
    def broken(*args, **options):
        raise ZeroDivisionError("with a secret in its message")

    monkeypatch.setattr(menu_sync, "apply_fetched", broken)
    with pytest.raises(
        SyncFailed, match=r"An error in ding itself: ZeroDivisionError\. The log has the rest\."
    ):
        sync(integration)
    (row,) = MenuSyncHistory.objects.all()
    assert (row.status, row.trigger, row.items_synced) == ("failed", "api", 0)
    (problem,) = row.errors
    assert problem["found"] == "An error in ding itself: ZeroDivisionError. The log has the rest."
    assert problem["done"] == "nothing was changed"
    assert is_free(integration)
    assert due_in(integration) == about(15 * MINUTE)
    assert "A menu sync failed in our own code." in caplog.text
    monkeypatch.setattr(menu_sync, "apply", broken)
    with pytest.raises(SyncFailed):
        sync(integration, dry_run=True)
    assert MenuSyncHistory.objects.count() == 1
    tasks.sync_menu(integration.pk)  # one odd menu does not stop the worker


def test_a_sync_says_what_it_did_and_writes_it_down(integration):
    steps = []
    result = sync(integration, progress=steps.append)
    assert steps == ["asking the POS", "comparing 3 items", "done"]
    assert (result.status, result.items, result.categories, result.dry_run) == ("success", 3, 2, False)
    assert result.changes["items"] == {"added": 3, "changed": 0, "deactivated": 0}
    history = MenuSyncHistory.objects.get()
    assert (history.status, history.trigger, history.sync_type) == ("success", "api", "full")
    assert (history.items_synced, history.categories_synced, history.errors) == (3, 2, [])
    assert history.changes == result.changes
    assert history.started_at <= history.completed_at
    assert is_free(integration)


def test_only_what_differs_is_touched(integration, pos):
    sync(integration)
    before = dict(Item.objects.values_list("external_id", "updated_at"))
    menu = sample_menu("abcd1234")
    menu["items"][0]["price"] = "101"
    pos.set_menu("abcd1234", menu)
    result = sync(integration)
    assert result.changes["items"] == {"added": 0, "changed": 1, "deactivated": 0}
    changed = [i for i in Item.objects.all() if i.updated_at != before[i.external_id]]
    assert [(item.external_id, item.price) for item in changed] == [("118829149", 101)]


def test_a_menu_with_a_wrong_row_is_applied_without_it_and_says_so(integration, pos):
    menu = sample_menu("abcd1234")
    menu["items"][1]["price"] = "a lot"
    pos.set_menu("abcd1234", menu)
    result = sync(integration)
    assert (result.status, result.items) == ("partial", 2)
    (problem,) = result.problems
    assert (problem["external_id"], problem["field"], problem["found"]) == ("118807411", "price", "a lot")
    history = MenuSyncHistory.objects.get()
    assert (history.status, history.errors) == ("partial", result.problems)
    assert set(Item.objects.values_list("external_id", flat=True)) == {"118829149", "7765809"}


# --- looking only ---------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_at_all(integration, pos):
    for first in (True, False):
        before = rows(), MenuSyncHistory.objects.count()
        kept = RestaurantPosIntegration.objects.values().get()
        menu = make_menu(20, code="abcd1234") if not first else sample_menu("abcd1234")
        pos.set_menu("abcd1234", menu)
        result = sync(integration, dry_run=True, force=True)
        assert result.dry_run
        assert result.changes["items"]["added"] == len(menu["items"])
        assert (rows(), MenuSyncHistory.objects.count()) == before
        assert RestaurantPosIntegration.objects.values().get() == kept
        pos.set_menu("abcd1234", sample_menu("abcd1234"))
        sync(integration)


def test_a_dry_run_of_a_held_menu_is_held_too_and_writes_nothing(integration, pos):
    sync(integration)
    before = rows(), MenuSyncHistory.objects.count(), fresh(integration).menu_sync_due_at
    pos.set_menu("abcd1234", make_menu(3, code="abcd1234"))
    with pytest.raises(MenuHeld, match="sync again with force"):
        sync(integration, dry_run=True)
    assert (rows(), MenuSyncHistory.objects.count(), fresh(integration).menu_sync_due_at) == before


# --- accidents ------------------------------------------------------------------------------------------


def emptied():
    return {**sample_menu("abcd1234"), "items": []}


def halved():
    menu = sample_menu("abcd1234")
    return {**menu, "items": menu["items"][:1]}


def for_nothing():
    menu = sample_menu("abcd1234")
    for item in menu["items"]:
        item["price"] = "0"
        for variation in item["variation"]:
            variation["price"] = "0"
    return menu


def switched_off():
    menu = sample_menu("abcd1234")
    for item in menu["items"]:
        item["active"] = "0"
    return menu


@pytest.mark.parametrize("accident", [emptied, halved, for_nothing, switched_off])
def test_a_menu_that_looks_like_an_accident_is_held_until_somebody_forces_it(integration, pos, accident):
    sync(integration)
    before = rows()
    pos.set_menu("abcd1234", accident())
    with pytest.raises(MenuHeld, match="If that is meant, sync again with force."):
        sync(integration)
    assert rows() == before
    history = MenuSyncHistory.objects.first()
    assert (history.status, history.items_synced) == ("failed", 0)
    assert history.errors[0]["done"] == "held, nothing was changed"
    assert "sync again with force" in history.errors[0]["found"]
    assert is_free(integration)
    # The same menu would be held again: it is not asked for every quarter of an hour.
    assert due_in(integration) == about(360 * MINUTE)
    sync(integration, force=True)
    assert rows() != before


def test_the_limit_is_the_restaurant_s_own(integration, pos):
    sync(integration)
    menu = sample_menu("abcd1234")
    pos.set_menu("abcd1234", {**menu, "items": menu["items"][1:]})
    with pytest.raises(MenuHeld):
        sync(integration)
    RestaurantPosIntegration.objects.update(
        restaurant_specific_config={
            **fresh(integration).restaurant_specific_config,
            "shrink_limit_percent": 50,
        }
    )
    assert sync(integration).changes["items"] == {"added": 0, "changed": 0, "deactivated": 1}


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("500", "PetPooja gave no clear answer (HTTP 500: Internal server error)."),
        ("html", "PetPooja gave no clear answer (HTTP 200)."),
        ("redirect", "The POS redirects elsewhere (HTTP 307), which is not followed. Check its address."),
        ("reset", "The connection to the POS broke or timed out after sending."),
        ("half", "The connection to the POS broke or timed out after sending."),
        ("huge=70", "larger than"),
        ("429=7", "PetPooja asks to wait (HTTP 429)."),
    ],
)
def test_a_pos_that_gives_no_menu_leaves_the_old_one_and_is_asked_again_soon(
    integration, pos, behaviour, words
):
    sync(integration)
    before = rows()
    pos.misbehave_call("mapped_restaurant_menus", behaviour)
    with pytest.raises(SyncFailed) as caught:
        sync(integration)
    assert words in caught.value.message
    assert rows() == before
    history = MenuSyncHistory.objects.first()
    assert history.status == "failed"
    assert words in history.errors[0]["found"]
    assert history.errors[0]["done"] == "nothing was changed"
    assert is_free(integration)
    assert due_in(integration) == about(15 * MINUTE)
    assert fresh(integration).problem == ""


@pytest.mark.parametrize(
    ("menu", "words"),
    [(None, "Press Menu Trigger in the PetPooja dashboard"), ({}, "Menu is not available for this outlet.")],
)
def test_the_pos_s_own_words_are_told(integration, pos, menu, words):
    pos.set_menu("abcd1234", menu)
    with pytest.raises(SyncFailed, match="The menu could not be synchronised") as caught:
        sync(integration)
    assert words in caught.value.message
    assert not Item.objects.exists()


def test_refused_credentials_are_a_problem_until_a_sync_works(db, start_pos):
    pos = start_pos([sample_outlet("abcd1234", credentials=Credentials("a", "b", "c"))])
    integration = connect(pos, make_restaurant())
    with pytest.raises(SyncFailed, match="refused the credentials"):
        sync(integration)
    assert fresh(integration).problem.startswith("PetPooja refused the credentials")
    pos.outlets["abcd1234"].credentials = DEMO_CREDENTIALS
    sync(integration)
    assert fresh(integration).problem == ""


def test_a_failure_half_way_leaves_no_half_of_a_menu(committed, pos):
    integration = connect(pos, make_restaurant())
    sync(integration)
    before = rows()
    pos.set_menu("abcd1234", make_menu(50, code="abcd1234"))

    def fail_at_the_last_step(execute, sql, params, many, context):
        # What is written in bulk comes as bytes.
        if isinstance(sql, str) and sql.startswith("UPDATE") and "Menus" in sql:
            assert Item.objects.count() == 53
            raise ZeroDivisionError
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_at_the_last_step), pytest.raises(SyncFailed):
        sync(integration, force=True)
    assert rows() == before
    assert is_free(integration)
    assert due_in(integration) == about(15 * MINUTE)


# --- one at a time --------------------------------------------------------------------------------------


def test_of_syncs_at_once_one_runs_and_the_others_are_told(committed, pos, monkeypatch):
    integration = connect(pos, make_restaurant())
    told, look = threading.Semaphore(0), menu_sync.digest_of_document

    def look_once_the_others_were_told(*args):
        for _ in range(3):
            assert told.acquire(timeout=20)
        return look(*args)

    monkeypatch.setattr(menu_sync, "digest_of_document", look_once_the_others_were_told)

    def work(number):
        try:
            return sync(integration).status
        except SyncRunning as error:
            told.release()
            return error.code

    assert sorted(in_threads(4, work)) == ["success", "sync_running", "sync_running", "sync_running"]
    assert MenuSyncHistory.objects.count() == 1
    assert is_free(integration)


def test_over_rest_a_running_sync_is_a_409_and_nothing_is_done(integration, client):
    RestaurantPosIntegration.objects.update(menu_sync_leased_until=timezone.now() + MINUTE)
    kept = RestaurantPosIntegration.objects.values().get()
    answer = rest(client, integration)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "sync_running")
    assert not MenuSyncHistory.objects.exists()
    assert RestaurantPosIntegration.objects.values().get() == kept


def test_a_sync_that_was_killed_holds_the_next_one_up_for_a_minute(integration):
    menu_turn.Turn(fresh(integration))
    with pytest.raises(SyncRunning):
        sync(integration)
    with time_machine.travel(timezone.now() + MINUTE + SECOND):
        assert sync(integration).status == "success"


def test_a_sync_that_takes_long_renews_its_turn_between_the_steps(integration):
    taken = timezone.now()
    with time_machine.travel(taken) as clock:
        turn = menu_turn.Turn(fresh(integration))
        for _ in range(4):
            clock.shift(50)
            turn.go_on()
            with pytest.raises(SyncRunning, match="running just now"):
                menu_turn.Turn(fresh(integration))
        turn.check()
        turn.end()
    assert is_free(integration)


def test_a_sync_that_stood_still_writes_nothing_over_the_one_that_took_its_turn(integration, pos):
    newer = sample_menu("abcd1234")
    newer["items"][0]["itemname"] = "The newer one"

    def stand_still(step):
        if step.startswith("comparing"):
            clock.shift(61)
            pos.set_menu("abcd1234", newer)
            assert sync(integration).items == 3
            told.append((rows(), list(MenuSyncHistory.objects.values()), fresh(integration).menu_digest))

    told = []
    with time_machine.travel(timezone.now()) as clock:
        with pytest.raises(SyncRunning, match="it changed nothing"):
            sync(integration, progress=stand_still)
        assert told == [(rows(), list(MenuSyncHistory.objects.values()), fresh(integration).menu_digest)]
        assert Item.objects.filter(name="The newer one").exists()
        assert is_free(integration)


def test_a_sync_that_lost_its_turn_does_not_end_the_other_one_s(integration):
    other = timezone.now() + 3 * MINUTE

    def lose(step):
        RestaurantPosIntegration.objects.update(menu_sync_leased_until=other)

    with pytest.raises(SyncRunning):
        sync(integration, progress=lose)
    assert fresh(integration).menu_sync_leased_until == other
    assert not Item.objects.exists()


def test_what_was_approved_is_not_applied_by_a_sync_that_lost_its_turn(integration):
    sync(integration, preview=True)
    seen = MenuReview.objects.get().digest

    def lose(step):
        RestaurantPosIntegration.objects.update(menu_sync_leased_until=timezone.now() + 3 * MINUTE)

    with pytest.raises(SyncRunning):
        sync(integration, approved=seen, progress=lose)
    assert not Item.objects.exists()
    assert MenuReview.objects.get().digest == seen


def test_a_sync_asked_for_while_one_runs_stays_owed(integration, monkeypatch):
    RestaurantPosIntegration.objects.update(menu_sync_due_at=None)

    def run(*args, **kwargs):
        result = original(*args, **kwargs)
        RestaurantPosIntegration.objects.owe_menu_sync([integration.pk])
        return result

    original = menu_sync._run
    monkeypatch.setattr(menu_sync, "_run", run)
    sync(integration)
    assert is_free(integration)
    assert menu_sync.due_syncs() == [integration.pk]


# --- when -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "expected"), [(None, 360 * MINUTE), (30, 30 * MINUTE), (0, None)])
def test_the_next_sync_is_due_by_the_schedule(db, pos, minutes, expected):
    config = {} if minutes is None else {"menu_sync_minutes": minutes}
    integration = connect(pos, make_restaurant(), **config)
    assert menu_sync.due_syncs() == [integration.pk]
    sync(integration)
    assert due_in(integration) == (about(expected) if expected else None)
    assert menu_sync.due_syncs() == []


def test_what_is_due_is_synced_by_the_task_and_nothing_else(integration, pos):
    tasks.sync_menu(integration.pk)
    assert MenuSyncHistory.objects.get().trigger == "schedule"
    tasks.sync_menu(integration.pk)
    tasks.sync_menu(-1)
    assert MenuSyncHistory.objects.count() == 1
    pos.set_menu("abcd1234", emptied())
    RestaurantPosIntegration.objects.owe_menu_sync([integration.pk])
    tasks.sync_menu(integration.pk)  # held: the history says so, the task does not fail
    assert MenuSyncHistory.objects.first().status == "failed"


@pytest.mark.parametrize("off", [RestaurantPosIntegration, PosProvider])
def test_what_is_switched_off_is_not_due(integration, off):
    off.objects.update(**{"active" if off is RestaurantPosIntegration else "is_active": False})
    assert menu_sync.due_syncs() == []
    tasks.sync_menu(integration.pk)
    assert not MenuSyncHistory.objects.exists()


# --- over REST ------------------------------------------------------------------------------------------


def rest(client, integration, query="", **key):
    key = create_api_key(
        **{"client": "ops", "scopes": ["integrations:write"], "all_restaurants": True, **key}
    )
    return client.post(
        f"/api/menu-sync/{integration.restaurant_id}/sync{query}", headers={"Authorization": f"Bearer {key}"}
    )


def test_syncing_over_rest(integration, pos, client):
    answer = rest(client, integration, "?dry_run=1")
    assert (answer.status_code, answer.json()["dry_run"], answer.json()["changes"]["items"]["added"]) == (
        200,
        True,
        3,
    )
    assert not Item.objects.exists()
    answer = rest(client, integration)
    assert (answer.status_code, answer.json()["status"], answer.json()["items"]) == (200, "success", 3)
    pos.set_menu("abcd1234", emptied())
    answer = rest(client, integration)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "menu_held")
    answer = rest(client, integration, "?force=maybe")
    assert answer.status_code == 400
    answer = rest(client, integration, "?force=true")
    assert answer.status_code == 200
    pos.set_menu("abcd1234", None)
    answer = rest(client, integration)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "sync_failed")
    assert "Menu Trigger" in answer.json()["error"]["message"]


def test_a_stranger_syncs_nothing(integration, client):
    assert rest(client, integration, scopes=["integrations:read"]).status_code == 403
    assert rest(client, integration, all_restaurants=False).status_code == 404
    assert client.post(f"/api/menu-sync/{integration.restaurant_id}/sync").status_code == 401
    assert not MenuSyncHistory.objects.exists()


def test_the_history_over_rest_is_the_restaurant_s_own(integration, pos, client):
    other = connect(pos, make_restaurant(), code="efgh5678")
    sync(other)
    sync(integration)
    key = create_api_key(client="ops", scopes=["integrations:read"], restaurants=[integration.restaurant])
    headers = {"Authorization": f"Bearer {key}"}
    (row,) = client.get(f"/api/menu-sync/{integration.restaurant_id}/history", headers=headers).json()[
        "results"
    ]
    assert (row["status"], row["items_synced"], row["errors"]) == ("success", 3, [])
    assert client.get(f"/api/menu-sync/{other.restaurant_id}/history", headers=headers).status_code == 404


# --- how much it costs ----------------------------------------------------------------------------------


def test_ten_thousand_items_cost_as_many_statements_as_a_hundred(db, start_pos):
    counts = {}
    for number, size in enumerate((100, 10_000)):
        code = f"made000{number}"
        outlet = Outlet(code, make_menu(size, code=code, seed=number))
        integration = connect(start_pos([outlet]), make_restaurant(), code=code, call_timeout_seconds=30)
        with counting() as first:
            assert sync(integration).changes["items"]["added"] == size
        with counting() as again:
            sync(integration)
        menu = outlet.menu
        for item in menu["items"]:
            item["itemname"] += " new"
        menu["items"] = menu["items"][size // 10 :]
        outlet.set_menu(menu)
        with counting() as changed:
            result = sync(integration)
        assert result.changes["items"] == {
            "added": 0,
            "changed": size - size // 10,
            "deactivated": size // 10,
        }
        counts[size] = first(), again(), changed()
    assert counts[100] == counts[10_000]
    assert max(counts[100]) <= 36


def test_readers_see_the_old_menu_or_the_new_one(committed, pos):
    integration = connect(pos, make_restaurant())
    sync(integration)
    pos.set_menu("abcd1234", make_menu(300, code="abcd1234"))
    done, seen = threading.Event(), set()

    def work(number):
        if number:
            try:
                sync(integration, force=True)
            finally:
                done.set()
        while not done.is_set():
            seen.add(Item.objects.filter(active=True).count())

    in_threads(2, work)
    assert seen <= {3, 300}
    assert Item.objects.filter(active=True).count() == 300
