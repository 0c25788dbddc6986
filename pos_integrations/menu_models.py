"""What people have to do with a POS's menu: what they asked for, and what waits for their word."""

from __future__ import annotations

import datetime as dt

from django.db import models

from ding.db import UtcNow


class MenuRequestKind(models.TextChoices):
    """What somebody wants done with a POS's menu."""

    SYNC = "sync", "Sync now"
    PREVIEW = "preview", "Preview"
    APPROVE = "approve", "Apply what was looked at"


class MenuRequestState(models.TextChoices):
    """How far it is."""

    QUEUED = "queued", "Waiting for a worker"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    HELD = "held", "Waits for a person"
    FAILED = "failed", "Failed"


class MenuRequestQuerySet(models.QuerySet["MenuRequest"]):
    """Named reads."""

    def due(self, now: dt.datetime) -> MenuRequestQuerySet:
        """To be run now: new ones, and those of a dead worker."""
        return self.filter(state__in=OPEN, next_attempt_at__lte=now)


class MenuRequest(models.Model):
    """One wish of a person: the row is the queue, and where its progress stands for those who watch.

    `seen`: of an approval, the digest of the changes that were looked at. `next_attempt_at` is also the lease
    of the worker that is at it. `message`: how it ended, in words.
    """

    id = models.BigAutoField(primary_key=True)
    integration = models.ForeignKey(
        "pos_integrations.RestaurantPosIntegration", models.CASCADE, related_name="menu_requests"
    )
    kind = models.CharField(max_length=10, choices=MenuRequestKind.choices)
    seen = models.CharField(max_length=32, blank=True, default="")
    asked_by = models.CharField(max_length=150, blank=True, default="")
    state = models.CharField(max_length=10, choices=MenuRequestState.choices, default=MenuRequestState.QUEUED)
    step = models.CharField(max_length=200, blank=True, default="")
    message = models.CharField(max_length=500, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    finished_at = models.DateTimeField(null=True)

    objects = MenuRequestQuerySet.as_manager()

    class Meta:
        db_table = "MenuRequests"
        ordering = ("-id",)
        indexes = [models.Index(fields=("state", "next_attempt_at"), name="ix_menu_request_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}: {self.state}"


OPEN = (MenuRequestState.QUEUED, MenuRequestState.RUNNING)


class MenuReview(models.Model):
    """The menu of a POS as it was looked at and not made ours: what it would change, until a person says so.

    One per integration: a newer one replaces it. `reason`: why it was held; empty: somebody wanted a preview.
    `changes`: compressed JSON, see `pos_integrations.menu_review`. `snapshot`: the menu itself where the POS
    sent it unasked; any other is fetched again and applied if it still changes the same.
    """

    integration = models.OneToOneField(
        "pos_integrations.RestaurantPosIntegration",
        models.CASCADE,
        primary_key=True,
        related_name="menu_review",
    )
    reason = models.CharField(max_length=500, blank=True, default="")
    digest = models.CharField(max_length=32)
    counts = models.JSONField(default=dict)
    problems = models.JSONField(default=list)
    changes = models.BinaryField()
    snapshot = models.BinaryField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "MenuReviews"

    def __str__(self) -> str:
        return f"menu of {self.integration_id}, to be looked at"
