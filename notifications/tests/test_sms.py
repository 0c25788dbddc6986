from __future__ import annotations

import base64
import json
import logging
import socket
import ssl
import threading

import pytest
import requests
import responses
import urllib3

from notifications import services
from notifications.channels import ChannelDown, ConsoleSms, Refused, Unclear
from notifications.sms import MOST_ANSWER_BYTES, Msg91Sms, TwilioSms, sms_channel
from notifications.tests.conftest import NOW
from notifications.tests.test_channels import outgoing

MSG91_URL = "https://control.msg91.com/api/v5/flow"
TWILIO_URL = "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json"

msg91 = Msg91Sms("secret-auth-key", "65f0template")
twilio = TwilioSms("AC123", "secret-auth-token", "+15550100000")
sms = outgoing(to="+919876543210", text="Spice Garden: your order DABC1234 is ready.", subject="")


@responses.activate
def test_msg91_is_asked_with_the_templates_values_and_its_request_id_is_kept():
    responses.post(MSG91_URL, json={"type": "success", "message": "5762846b4f8d285d378b4567"})
    assert msg91.send(sms) == "5762846b4f8d285d378b4567"
    (call,) = responses.calls
    assert call.request.headers["authkey"] == "secret-auth-key"
    assert json.loads(call.request.body) == {
        "template_id": "65f0template",
        "short_url": "0",
        "recipients": [
            {
                "mobiles": "919876543210",
                "restaurant": "Spice Garden",
                "reference": "DABC1234",
                "status": "ready",
                "message": "Spice Garden: your order DABC1234 is ready.",
            }
        ],
    }


@responses.activate
def test_msg91_gets_no_value_longer_than_a_template_takes():
    responses.post(MSG91_URL, json={"type": "success", "message": "5762846b4f8d285d378b4567"})
    msg91.send(outgoing(to="+919876543210", restaurant="n" * 200))
    assert json.loads(responses.calls[0].request.body)["recipients"][0]["restaurant"] == "n" * 30


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (
            200,
            {"type": "error", "message": "template_id missing"},
            Refused,
            "MSG91 answered HTTP 200: template_id missing",
        ),
        (
            200,
            {"status": "fail", "hasError": True, "errors": "Unauthorized", "code": "401", "apiError": "418"},
            Refused,
            "MSG91 answered HTTP 200: Unauthorized",
        ),
        (
            401,
            {"hasError": True, "errors": {"auth": "bad"}},
            Refused,
            'MSG91 answered HTTP 401: {"auth": "bad"}',
        ),
        (
            200,
            {"type": "error", "message": "key secret-auth-key is not valid"},
            Refused,
            "MSG91 answered HTTP 200: key *** is not valid",
        ),
        (429, {"type": "error", "message": "slow down"}, ChannelDown, "MSG91 answered HTTP 429: slow down"),
        (
            503,
            {"type": "error", "message": "maintenance"},
            ChannelDown,
            "MSG91 answered HTTP 503: maintenance",
        ),
        (503, {}, Unclear, "MSG91 answered HTTP 503. The message may have arrived."),
        (
            500,
            {"type": "error", "message": "oops"},
            Unclear,
            "MSG91 answered HTTP 500: oops. The message may have arrived.",
        ),
        (302, {}, Unclear, "MSG91 answered HTTP 302. The message may have arrived."),
        (200, {}, Unclear, "MSG91 answered HTTP 200. The message may have arrived."),
        (200, ["success"], Unclear, "MSG91 answered HTTP 200. The message may have arrived."),
        (200, {"type": "success", "hasError": True}, Refused, "MSG91 answered HTTP 200"),
    ],
)
def test_msg91_answers_are_read_by_their_body_and_not_by_200(status, body, error, words):
    responses.post(MSG91_URL, json=body, status=status)
    with pytest.raises(error) as caught:
        msg91.send(sms)
    assert type(caught.value) is error
    assert str(caught.value) == words
    assert len(responses.calls) == 1


@responses.activate
def test_twilio_is_asked_with_basic_auth_and_its_sid_is_kept():
    responses.post(TWILIO_URL, json={"sid": "SM42", "status": "queued"}, status=201)
    assert twilio.send(sms) == "SM42"
    (call,) = responses.calls
    assert call.request.headers["Authorization"] == (
        "Basic " + base64.b64encode(b"AC123:secret-auth-token").decode()
    )
    assert call.request.body == (
        "To=%2B919876543210&From=%2B15550100000&Body=Spice+Garden%3A+your+order+DABC1234+is+ready."
    )


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (
            400,
            {"code": 21211, "message": "The 'To' number is not valid.", "status": 400},
            Refused,
            "Twilio answered HTTP 400: The 'To' number is not valid. (code 21211)",
        ),
        (
            401,
            {"code": 20003, "message": "Authenticate AC123 secret-auth-token", "status": 401},
            Refused,
            "Twilio answered HTTP 401: Authenticate *** *** (code 20003)",
        ),
        (
            429,
            {"code": 20429, "message": "Too Many"},
            ChannelDown,
            "Twilio answered HTTP 429: Too Many (code 20429)",
        ),
        (
            503,
            {"code": 20503, "message": "Later"},
            ChannelDown,
            "Twilio answered HTTP 503: Later (code 20503)",
        ),
        (
            503,
            {"message": "gateway"},
            Unclear,
            "Twilio answered HTTP 503: gateway. The message may have arrived.",
        ),
        (
            500,
            {"code": 20500},
            Unclear,
            "Twilio answered HTTP 500:  (code 20500). The message may have arrived.",
        ),
        (201, {}, Unclear, "Twilio answered HTTP 201. The message may have arrived."),
        (
            201,
            {"sid": "SM42", "status": "failed", "error_message": "Landline"},
            Refused,
            "Twilio took the message and gave it up: Landline",
        ),
    ],
)
def test_twilio_answers_are_told_apart(status, body, error, words):
    responses.post(TWILIO_URL, json=body, status=status)
    with pytest.raises(error) as caught:
        twilio.send(sms)
    assert type(caught.value) is error
    assert str(caught.value) == words


@responses.activate
@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30.0), ("999999", 3600.0), ("soon", 0.0), ("-1", 0.0)]
)
def test_the_wait_that_a_provider_asks_for_is_kept_within_bounds(header, seconds):
    responses.post(TWILIO_URL, json={"code": 20429}, status=429, headers={"Retry-After": header})
    with pytest.raises(ChannelDown) as caught:
        twilio.send(sms)
    assert caught.value.retry_after == seconds


@responses.activate
def test_an_endless_answer_is_not_read_to_its_end():
    responses.post(TWILIO_URL, body=b'{"sid": "SM42", "x": "' + b"x" * MOST_ANSWER_BYTES + b'"}', status=201)
    with pytest.raises(Unclear, match=r"^Twilio answered HTTP 201\. "):
        twilio.send(sms)


@responses.activate
@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (requests.ConnectTimeout("secret-auth-token"), ChannelDown),
        (
            requests.ConnectionError(
                urllib3.exceptions.MaxRetryError(
                    None, TWILIO_URL, urllib3.exceptions.NameResolutionError("x", None, socket.gaierror())
                )
            ),
            ChannelDown,
        ),
        (
            requests.exceptions.SSLError(
                urllib3.exceptions.MaxRetryError(
                    None, TWILIO_URL, urllib3.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed"))
                )
            ),
            ChannelDown,
        ),
        (requests.exceptions.SSLError("read failed"), Unclear),
        (requests.ReadTimeout("secret-auth-token"), Unclear),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted")), Unclear),
    ],
)
def test_a_broken_connection_is_read_by_whether_it_ever_stood(failure, error):
    responses.post(TWILIO_URL, body=failure)
    with pytest.raises(error) as caught:
        twilio.send(sms)
    assert type(caught.value) is error
    assert "AC123" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_provider_that_is_not_there_is_down(monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(TwilioSms, "url", f"http://127.0.0.1:{closed.getsockname()[1]}/{{sid}}")
        with pytest.raises(ChannelDown, match=r"^No connection to the SMS provider\.$"):
            twilio.send(sms)


def test_a_provider_that_takes_the_call_and_hangs_up_leaves_it_unclear(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take_and_hang_up():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=take_and_hang_up)
        thread.start()
        monkeypatch.setattr(TwilioSms, "url", f"http://127.0.0.1:{listener.getsockname()[1]}/{{sid}}")
        with pytest.raises(Unclear, match="broke or timed out"):
            twilio.send(sms)
        thread.join()


@responses.activate
def test_a_redirect_is_not_followed_for_it_would_carry_the_message_elsewhere():
    responses.post(TWILIO_URL, status=307, headers={"Location": "https://elsewhere.example/"})
    elsewhere = responses.post("https://elsewhere.example/", json={"sid": "SM42"}, status=201)
    with pytest.raises(Unclear, match=r"^Twilio answered HTTP 307\. "):
        twilio.send(sms)
    assert elsewhere.call_count == 0


@responses.activate
def test_calls_have_time_outs_and_ignore_the_environment(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    responses.post(TWILIO_URL, json={"sid": "SM42"}, status=201)
    twilio.send(sms)
    (call,) = responses.calls
    assert call.request.req_kwargs["timeout"] == (5, 10)
    assert call.request.req_kwargs["proxies"] == {}
    assert call.request.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "number", ["", "9876543210", "+0123456789", "+12", "+1555010019x", "callme", "+91987654321\n"]
)
@pytest.mark.parametrize("channel", [msg91, twilio])
def test_a_number_without_a_country_is_refused_without_a_call(channel, number):
    with pytest.raises(Refused, match=r"^This is no phone number with a country code"):
        channel.send(outgoing(to=number))


def test_credentials_do_not_show():
    assert repr(msg91) == "Msg91Sms(template_id='65f0template')"
    assert repr(twilio) == "TwilioSms(from_number='+15550100000')"


def test_the_setting_names_the_channel(settings):
    settings.MSG91_AUTH_KEY, settings.MSG91_TEMPLATE_ID = "k", "t"
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, settings.TWILIO_FROM_NUMBER = (
        "AC1",
        "t",
        "+15550100000",
    )
    settings.SMS_CHANNEL = "console"
    assert isinstance(sms_channel(), ConsoleSms)
    settings.SMS_CHANNEL = "msg91"
    assert sms_channel() == Msg91Sms("k", "t")
    settings.SMS_CHANNEL = "twilio"
    assert sms_channel() == TwilioSms("AC1", "t", "+15550100000")
    for name in ("none", "twillio"):
        settings.SMS_CHANNEL = name
        with pytest.raises(Refused, match="switched off"):
            sms_channel()


@responses.activate
@pytest.mark.django_db
def test_a_failure_from_twilio_is_kept_in_the_row_and_no_secret_reaches_the_logs(make_row, settings, caplog):
    caplog.set_level(logging.DEBUG)
    settings.SMS_CHANNEL = "twilio"
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN = "AC123", "secret-auth-token"
    settings.TWILIO_FROM_NUMBER = "+15550100000"
    responses.post(TWILIO_URL, json={"code": 21211, "message": "secret-auth-token is\nwrong"}, status=400)
    row = make_row()
    services.send_due(NOW)
    row.refresh_from_db()
    assert (row.status, row.last_error) == ("failed", "Twilio answered HTTP 400: *** is wrong (code 21211)")
    shown = " ".join(
        str(vars(record)) for record in caplog.records if record.name.startswith("notifications")
    )
    assert "Message failed." in shown
    assert "secret-auth-token" not in shown
    assert "9876543210" not in shown
