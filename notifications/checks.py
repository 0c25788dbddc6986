"""Whether the chosen SMS channel can work at all, told at start and not at the first order."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from notifications.channels import SMS_SETTINGS


@register
def check_sms_channel(**kwargs: Any) -> list[CheckMessage]:
    """Report an unknown channel, or the settings that the chosen one lacks."""
    channel = settings.SMS_CHANNEL
    if channel not in SMS_SETTINGS:
        return [
            Error(
                "SMS_CHANNEL names no channel that exists.",
                hint=f"Set it to one of: {', '.join(SMS_SETTINGS)}.",
                id="notifications.E001",
            )
        ]
    missing = [name for name in SMS_SETTINGS[channel] if not getattr(settings, name)]
    if missing:
        return [
            Error(
                f"SMS_CHANNEL is {channel}, but {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set.",
                hint="Set what is missing, or SMS_CHANNEL=none to send no SMS.",
                id="notifications.E001",
            )
        ]
    return []
