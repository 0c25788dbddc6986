"""The doors that workers use. Each is safe to run at any time, any number of times."""

from __future__ import annotations

import time

from celery import shared_task

from ding.nudge import nudge
from pos_integrations import inbound, menu_images, menu_requests, menu_sync, outbound

# A task gives its worker back after this, and asks for another run if work is left.
BUDGET_SECONDS = 20


@shared_task(name="pos_integrations.tasks.push_orders", takes_many=True)  # type: ignore[call-overload]
def push_orders(*push_ids: int) -> None:
    """Bring these orders, or their cancellations, to their POS at the same time, and what else is due there."""
    for still_due in outbound.deliver_each(push_ids, BUDGET_SECONDS):
        nudge(push_orders, still_due)


@shared_task(name="pos_integrations.tasks.sweep_pushes")
def sweep_pushes() -> None:
    """Find what nudges missed, free what dead workers held, stop what is too late."""
    outbound.expire_overdue()
    outbound.release_stuck()
    outbound.note_silence()
    for push_id in outbound.due_pushes():
        nudge(push_orders, push_id)


@shared_task(name="pos_integrations.tasks.drain_webhooks")
def drain_webhooks() -> None:
    """Work off the inbox, batch by batch."""
    until = time.monotonic() + BUDGET_SECONDS
    while drained := inbound.drain():
        if drained.menus_due:
            nudge(sweep_menu_syncs)
        if time.monotonic() > until:
            nudge(drain_webhooks)
            return


@shared_task(name="pos_integrations.tasks.sync_menu")
def sync_menu(integration_id: int) -> None:
    """Sync the menu of one integration, if that is due."""
    menu_sync.sync_due(integration_id)
    nudge(copy_images)


@shared_task(name="pos_integrations.tasks.run_menu_request")
def run_menu_request(request_id: int) -> None:
    """Do with a menu what a person asked for."""
    menu_requests.run(request_id)
    nudge(copy_images)


@shared_task(name="pos_integrations.tasks.sweep_menu_syncs")
def sweep_menu_syncs() -> None:
    """Find the menus whose sync is due: asked for by a person, by a webhook, or by the clock."""
    for request_id in menu_requests.due_requests():
        nudge(run_menu_request, request_id)
    for integration_id in menu_sync.due_syncs():
        nudge(sync_menu, integration_id)


@shared_task(name="pos_integrations.tasks.copy_images")
def copy_images() -> None:
    """Copy the menus' pictures that are due, batch by batch."""
    until = time.monotonic() + BUDGET_SECONDS
    while menu_images.copy_due():
        if time.monotonic() > until:
            nudge(copy_images)
            return
