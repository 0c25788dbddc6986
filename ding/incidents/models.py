"""The tables of incidents: what needs a person, what staff must hear of it, and who was last seen alive."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.utils import timezone

from ding.db import ExactCharField, UtcNow
from ding.incidents.kinds import KINDS, Kind
from menus.models import Restaurant


def _kind_choices() -> list[tuple[str, str]]:
    return [(kind.slug, kind.title) for kind in KINDS.values()]


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Named reads."""

    def open(self) -> IncidentQuerySet:
        """Not gone yet."""
        return self.filter(closed_at=None)


class Incident(models.Model):
    """One cause that needs a person, from when it was seen until it is gone.

    `cause` is its key while it is open, and for a while after: so what comes back continues it. Then it is
    null. `orders`: [id, reference] of the newest affected ones. `rung`: how far up the ladder its alerts are;
    `alerts`: how many there were, ever. `resolved_told`: staff know that it is gone. `settled_at`: a person
    said that all that happened until then is dealt with.
    """

    cause = ExactCharField(max_length=100, unique=True, null=True, editable=False)
    kind = models.CharField(max_length=30, choices=_kind_choices)
    restaurant = models.ForeignKey(Restaurant, models.PROTECT, null=True, related_name="incidents")
    what = models.CharField(max_length=500)
    count = models.PositiveIntegerField(default=1)
    orders = models.JSONField(default=list)
    urgency = models.IntegerField(default=0)
    target = models.CharField(max_length=64, blank=True, default="")
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    reopened = models.PositiveIntegerField(default=0)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    settled_at = models.DateTimeField(null=True)
    rung = models.PositiveIntegerField(default=0)
    alerts = models.PositiveIntegerField(default=0)
    next_alert_at = models.DateTimeField(null=True)
    resolved_told = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())
    updated_at = models.DateTimeField(auto_now=True, db_default=UtcNow())

    objects = IncidentQuerySet.as_manager()

    class Meta:
        db_table = "Incidents"
        ordering = ("-id",)
        indexes = [models.Index(fields=("closed_at", "next_alert_at"), name="ix_incident_open")]
        permissions = [("acknowledge_incident", "Can acknowledge incidents")]

    def __str__(self) -> str:
        return self.title

    @property
    def about(self) -> Kind:
        """Its kind, in words."""
        return KINDS[self.kind]

    @property
    def title(self) -> str:
        """Where, and what."""
        return f"{self.restaurant.name}: {self.about.title}" if self.restaurant else self.about.title

    @property
    def critical(self) -> bool:
        """Orders or guests are harmed now."""
        return self.about.critical


class AlertStatus(models.TextChoices):
    """`failed` is final: the next rung of the ladder is another alert."""

    PENDING = "pending", "Pending"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class AlertQuerySet(models.QuerySet["IncidentAlert"]):
    """Named reads."""

    def due(self, now: dt.datetime) -> AlertQuerySet:
        """To be sent now."""
        return self.filter(status=AlertStatus.PENDING, next_attempt_at__lte=now)

    def abandoned(self, now: dt.datetime) -> AlertQuerySet:
        """Their worker stopped while it was sending."""
        return self.filter(status=AlertStatus.SENDING, next_attempt_at__lte=now)


class IncidentAlert(models.Model):
    """One alert owed to one address: at most one per incident, number and address.

    `channel`: "email", or the name of an entry of ALERT_URLS, which is not kept here for it holds secrets.
    `next_attempt_at` is also the lease of whoever sends it; `claim` says who that is.
    """

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="alert_log", db_index=False)
    number = models.PositiveIntegerField()
    resolved = models.BooleanField(default=False)
    channel = models.CharField(max_length=40)
    address = models.CharField(max_length=254, blank=True, default="")
    status = models.CharField(max_length=10, choices=AlertStatus.choices, default=AlertStatus.PENDING)
    claim = models.CharField(max_length=32, blank=True, default="", editable=False)
    tries = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True, default="")
    sent_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())

    objects = AlertQuerySet.as_manager()

    class Meta:
        db_table = "IncidentAlerts"
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=("incident", "number", "channel", "address"), name="uq_alert_number_address"
            )
        ]
        indexes = [models.Index(fields=("status", "next_attempt_at"), name="ix_alert_due")]

    def __str__(self) -> str:
        return f"alert {self.number} by {self.channel}: {self.status}"


class Pulse(models.Model):
    """Who was last seen alive, by the database's clock, and by how much its own clock differs."""

    name = ExactCharField(max_length=100, unique=True)
    at = models.DateTimeField(db_default=UtcNow())
    skew_seconds = models.FloatField(default=0)

    class Meta:
        db_table = "Pulses"

    def __str__(self) -> str:
        return self.name
