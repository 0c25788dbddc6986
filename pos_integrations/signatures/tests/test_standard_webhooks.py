"""Standard Webhooks against the standard's own library, and against everything that only looks like it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_integrations.errors import NotAuthentic
from pos_integrations.messages import WebhookRequest
from pos_integrations.signatures import STANDARD_WEBHOOKS

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"restaurant_id": "abcd1234"}'


def mac(secret=SECRET, event_id="msg_1", stamp=STAMP, body=BODY):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def request(event_id="msg_1", stamp=STAMP, signature=None, body=BODY, now=NOW):
    headers = {"webhook-id": event_id, "webhook-timestamp": stamp}
    headers["webhook-signature"] = f"v1,{mac()}" if signature is None else signature
    return WebhookRequest("t", body, headers, received_at=now)


def refused(made, secrets=(SECRET,)):
    with pytest.raises(NotAuthentic):
        STANDARD_WEBHOOKS.verify(made, secrets)


def test_the_example_of_the_specification_fits():
    # Source: standard-webhooks/spec, and the tests of its libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = WebhookRequest(
        "t",
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        received_at=dt.datetime.fromtimestamp(1614265330, dt.UTC),
    )
    proof = STANDARD_WEBHOOKS.verify(made, [secret])
    assert (proof.secret, proof.event_id) == (0, "msg_p5jXN8AQM9LWM0D4loKWxJek")


@pytest.mark.parametrize("secrets", [(SECRET, OTHER), (OTHER, SECRET)])
def test_it_is_found_which_secret_fits(secrets):
    assert STANDARD_WEBHOOKS.verify(request(), secrets).secret == secrets.index(SECRET)


def test_signatures_of_both_secrets_may_come_during_a_rotation_and_unknown_versions_are_skipped():
    for header in (
        f"v1,{mac(OTHER)} v1,{mac()}",
        f"v1a,{'A' * 86}== v1,{mac()}",
        f"v2,abc v1,{mac()}",
        f"v1,{mac()} v1,AAAA",
    ):
        assert STANDARD_WEBHOOKS.verify(request(signature=header), [SECRET]).secret == 0


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 299, 300])
def test_a_clock_may_be_five_minutes_off(seconds):
    assert STANDARD_WEBHOOKS.verify(request(now=NOW + dt.timedelta(seconds=seconds)), [SECRET])


@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_and_no_more_in_either_direction(seconds):
    refused(request(now=NOW + dt.timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "+" + STAMP,
        " " + STAMP,
        STAMP + " ",
        STAMP + ".0",
        "1.7e9",
        "1_764",
        "-1",
        "٣",
        "9" * 13,
        "9" * 5000,
    ],
)
def test_a_stamp_is_digits(stamp):
    refused(request(stamp=stamp, signature=f"v1,{mac(stamp=stamp)}"))


@pytest.mark.parametrize("event_id", ["", "a.b", "a b", "é", "x" * 65, "a\n", "a/b"])
def test_an_id_holds_no_dots_and_is_not_long(event_id):
    refused(request(event_id=event_id, signature=f"v1,{mac(event_id=event_id)}"))


GOOD = mac()


@pytest.mark.parametrize(
    "header",
    [
        "",
        GOOD,
        f"v1 {GOOD}",
        f"v1,{GOOD},",
        f"v1,{GOOD},v1,{GOOD}",
        f"v1,,{GOOD}",
        f" v1,{GOOD}",
        f"v1,{GOOD} ",
        f"v1,{GOOD}  v1,{GOOD}",
        f"v1,{GOOD}\tv1,{GOOD}",
        f"v1,{GOOD[:-1]}",
        f"v1,{GOOD}=",
        f"v1,{GOOD[:20]}*{GOOD[20:]}",
        f"V1,{GOOD}",
        f"v2,{GOOD}",
        f"v1a,{GOOD}",
        f"v1,{GOOD.lower()}",
        "v1," + GOOD.replace("+", "-").replace("/", "_") + "x",
        "v1," + "A" * 43 + "=",
        " ".join([f"v1,{'A' * 43}="] * 8 + [f"v1,{GOOD}"]),
        "v1,é",
        "sha256=" + "0" * 64,
    ],
)
def test_a_header_of_another_shape_is_refused(header):
    refused(request(signature=header))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed(name):
    made = request()
    headers = {key: value for key, value in made.headers.items() if key != name}
    refused(WebhookRequest("t", BODY, headers, received_at=NOW))


def test_id_time_and_body_are_all_under_the_signature():
    for changed in (request(event_id="msg_2"), request(stamp=str(int(STAMP) + 1)), request(body=BODY + b" ")):
        refused(changed)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_!!!!",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        SECRET.removeprefix("whsec_"),
        "k" * 40,
    ],
)
def test_a_secret_of_another_form_signs_nothing_and_is_not_taken(secret):
    refused(request(signature="v1," + base64.b64encode(hmac.digest(b"-", b"", "sha256")).decode()), (secret,))
    assert STANDARD_WEBHOOKS.problem_with(secret)


def test_its_own_secrets_are_good_and_never_the_same():
    one, two = STANDARD_WEBHOOKS.new_secret(), STANDARD_WEBHOOKS.new_secret()
    assert one != two
    assert STANDARD_WEBHOOKS.problem_with(one) is None
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
    signature = f"v1,{mac(one)}"
    assert STANDARD_WEBHOOKS.verify(request(signature=signature), [one]).secret == 0


@settings(deadline=None)
@given(
    event_id=st.text(max_size=70),
    stamp=st.text(max_size=20),
    header=st.text(max_size=120),
    body=st.binary(max_size=99),
)
def test_verifying_anything_is_yes_or_not_authentic(event_id, stamp, header, body):
    refused(request(event_id=event_id, stamp=stamp, signature=header, body=body))
