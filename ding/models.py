"""API keys: how a web shop, an app or a kiosk proves who it is. The audit trail is in `ding.audit`."""

from __future__ import annotations

from django.db import models

from ding.audit import AuditEvent
from ding.db import ExactCharField, UtcNow
from ding.incidents.models import Incident, IncidentAlert, Pulse
from ding.privacy.models import RetentionMark
from menus.models import Restaurant

__all__ = ["ApiKey", "AuditEvent", "Incident", "IncidentAlert", "Pulse", "RetentionMark"]


class ApiKey(models.Model):
    """One key of one client. A client may have several at once, so a key is changed without a gap.

    The key is shown once, as `dk_<prefix>_<secret>`; only the secret's SHA-256 is kept: it has 256 random
    bits, so a slow password hash would add nothing. `all_restaurants` off: only those in `restaurants`.
    """

    client = models.CharField(max_length=64, help_text="Who uses it; orders are placed in this name.")
    prefix = ExactCharField(max_length=12, unique=True, editable=False)
    secret_sha256 = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list)
    all_restaurants = models.BooleanField(default=False)
    restaurants = models.ManyToManyField(Restaurant, blank=True, related_name="api_keys")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, db_default=UtcNow())

    class Meta:
        db_table = "ApiKeys"
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.client} (dk_{self.prefix}_…)"
