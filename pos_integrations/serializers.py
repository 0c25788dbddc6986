"""What goes in and out of the POS side's REST endpoints."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from ding.inputs import Input, Query
from orders.serializers.fields import Lower, Text, phone_rule
from pos_integrations import strict_json
from pos_integrations.errors import MalformedPayload
from pos_integrations.fields import Secret, map_secrets
from pos_integrations.messages import RiderStatus
from pos_integrations.models import MenuSyncHistory, WebhookLog, WebhookStatus

_PERSONAL = re.compile(
    r"name|phone|mobile|email|address|latitude|longitude|token|secret|key|otp", re.IGNORECASE
)


class IntegrationInput(Input):
    """Create or update an integration; what is left out stays as it is."""

    provider_name = serializers.CharField(max_length=50)
    pos_restaurant_id = serializers.CharField(max_length=64, required=False)
    endpoint = serializers.CharField(max_length=500, required=False, allow_blank=True)
    api_key = serializers.CharField(max_length=500, required=False, write_only=True)
    restaurant_config = serializers.DictField(required=False)
    webhook_secret = serializers.CharField(max_length=200, required=False, write_only=True)
    active = serializers.BooleanField(required=False)


class SettingOutput(serializers.Serializer):
    """One configured value; a secret is masked."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.JSONField(allow_null=True)
    source = serializers.ChoiceField(  # type: ignore[assignment]
        ["default", "provider", "restaurant"]
    )
    secret = serializers.BooleanField()


class IntegrationOutput(serializers.Serializer):
    """An integration as it is configured, secrets masked."""

    restaurant_id = serializers.IntegerField()
    provider_name = serializers.CharField()
    pos_restaurant_id = serializers.CharField()
    base_url = serializers.CharField()
    active = serializers.BooleanField()
    problem = serializers.CharField()
    settings = SettingOutput(many=True)
    webhook_urls = serializers.DictField(child=serializers.CharField())
    webhook_modes = serializers.DictField(child=serializers.CharField())


class RiderInput(Input):
    """Who brings the order, and how far he is."""

    status = Lower(choices=[status.value for status in RiderStatus])
    name = Text(max_length=200)
    phone = Text(max_length=16, validators=[phone_rule()])


class RiderOutput(serializers.Serializer):
    """The news is owed to the POS now."""

    status = serializers.ChoiceField([status.value for status in RiderStatus])
    push_state = serializers.CharField()


class FindingOutput(serializers.Serializer):
    """One line of a connection test."""

    check = serializers.CharField()
    ok = serializers.BooleanField()
    message = serializers.CharField()


class TestOutput(serializers.Serializer):
    """The whole connection test."""

    ok = serializers.BooleanField()
    findings = FindingOutput(many=True)


class RotateInput(Input):
    """How long the old secrets stay valid beside the new one."""

    overlap_hours = serializers.IntegerField(min_value=0, max_value=24 * 14, default=24)


class NewSecretOutput(serializers.Serializer):
    """The new secret: shown here, and never again."""

    secret = serializers.CharField()
    old_valid_until = serializers.DateTimeField(allow_null=True)


class SyncOptions(Input):
    """How to sync; a misspelt `dry_run` must not become a real one."""

    dry_run = serializers.BooleanField(default=False, help_text="Say what would change, change nothing.")
    force = serializers.BooleanField(default=False, help_text="Apply a menu that was held.")


class SyncOutput(serializers.Serializer):
    """What a sync did, or would do."""

    status = serializers.ChoiceField(MenuSyncHistory.Status.choices)
    dry_run = serializers.BooleanField()
    items = serializers.IntegerField()
    categories = serializers.IntegerField()
    changes = serializers.DictField()
    problems = serializers.ListField(child=serializers.DictField())


class SyncHistoryOutput(serializers.ModelSerializer):
    """One past sync."""

    class Meta:
        model = MenuSyncHistory
        exclude = ("restaurant",)


class LogFilter(Query):
    """What of the ledger to show."""

    type = serializers.CharField(max_length=40, required=False)
    status = serializers.ChoiceField(WebhookStatus.choices, required=False)
    restaurant = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    since = serializers.DateTimeField(required=False)


class WebhookLogOutput(serializers.ModelSerializer):
    """One webhook; personal data in its payload is masked."""

    payload = serializers.SerializerMethodField()
    received_at = serializers.DateTimeField(source="created_at")

    class Meta:
        model = WebhookLog
        fields = (
            "id",
            "webhook_type",
            "restaurant_id",
            "order_id",
            "status",
            "verdict",
            "error_message",
            "proof",
            "attempts",
            "received_at",
            "processed_at",
            "payload",
        )

    def get_payload(self, log: WebhookLog) -> dict[str, Any]:
        """The body, without what identifies a guest."""
        # A menu may be kept that is not strict JSON; whoever can read it is its adapter.
        try:
            payload: dict[str, Any] = masked_payload(strict_json.parse(log.payload.encode()))
        except MalformedPayload as error:
            payload = {"unreadable": error.message}
        return payload


def masked_payload(value: Any) -> Any:
    """`value` with personal data and secrets replaced, found by the names of their keys."""
    if isinstance(value, dict):
        return {
            key: "•••" if member not in (None, "") and _PERSONAL.search(key) else masked_payload(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [masked_payload(member) for member in value]
    return map_secrets(value, lambda secret: "•••") if isinstance(value, Secret) else value
