from __future__ import annotations

import pytest

from notifications.checks import check_sms_channel


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        ("twilio", "SMS_CHANNEL is twilio, but TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN are not set."),
        ("msg91", "SMS_CHANNEL is msg91, but MSG91_TEMPLATE_ID is not set."),
        ("twillio", "SMS_CHANNEL names no channel that exists."),
    ],
)
def test_a_channel_that_cannot_work_is_an_error_at_start(settings, channel, message):
    settings.SMS_CHANNEL = channel
    settings.TWILIO_ACCOUNT_SID = settings.TWILIO_AUTH_TOKEN = settings.MSG91_TEMPLATE_ID = ""
    settings.TWILIO_FROM_NUMBER = settings.MSG91_AUTH_KEY = "set"
    (error,) = check_sms_channel()
    assert (error.id, error.msg) == ("notifications.E001", message)


@pytest.mark.parametrize("channel", ["console", "none", "twilio", "msg91"])
def test_a_channel_that_has_what_it_needs_is_fine(settings, channel):
    settings.SMS_CHANNEL = channel
    settings.TWILIO_ACCOUNT_SID = settings.TWILIO_AUTH_TOKEN = settings.TWILIO_FROM_NUMBER = "set"
    settings.MSG91_AUTH_KEY = settings.MSG91_TEMPLATE_ID = "set"
    assert check_sms_channel() == []
