"""How far the expiry of old records has come."""

from __future__ import annotations

from django.db import models

from ding.db import ExactCharField


class RetentionMark(models.Model):
    """Of one kind of record, the last one that was dealt with: masked rows stay, and are not looked at again."""

    name = ExactCharField(max_length=40, primary_key=True)
    done_until = models.BigIntegerField(default=0)

    class Meta:
        app_label = "ding"
        db_table = "RetentionMarks"

    def __str__(self) -> str:
        return f"{self.name}: {self.done_until}"
