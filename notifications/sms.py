"""SMS through MSG91 or Twilio: one call each, told apart by what the answer proves.

no connection                        nothing was sent           ChannelDown
429, or 503 in the provider's words  "not now"                  ChannelDown
any other 4xx, or an error body      the provider said no       Refused
everything else, silence included    nobody knows               Unclear
"""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from notifications.channels import (
    ChannelDown,
    ChannelError,
    ConsoleSms,
    MessageChannel,
    Outgoing,
    Refused,
    Unclear,
)

CONNECT_SECONDS, READ_SECONDS = 5, 10
MOST_ANSWER_BYTES = 64 * 1024
MOST_RETRY_AFTER = 3600.0
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")


def sms_channel() -> MessageChannel:
    """The channel that SMS_CHANNEL names.

    Raises:
        Refused: it is switched off, or names none.
    """
    match settings.SMS_CHANNEL:
        case "console":
            return ConsoleSms()
        case "msg91":
            return Msg91Sms(settings.MSG91_AUTH_KEY, settings.MSG91_TEMPLATE_ID)
        case "twilio":
            return TwilioSms(
                settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, settings.TWILIO_FROM_NUMBER
            )
    raise Refused("SMS is switched off (SMS_CHANNEL).")


@dataclass(frozen=True)
class Msg91Sms(MessageChannel):
    """MSG91's flow API.

    An Indian operator delivers only what matches a registered template, with values of at most 30 characters
    in it. So the template's own words are sent, and we fill in `##restaurant##`, `##reference##` and
    `##status##`; where no such rule holds, a template may be just `##message##`, our whole text.

    Source: https://control.msg91.com/apidoc/textsms/send-sms-flow.php and
    https://msg91.com/help/dlt-content-template-faqs, API v5, read 2026-11-23.
    """

    auth_key: str = field(repr=False)
    template_id: str

    url = "https://control.msg91.com/api/v5/flow"

    def send(self, message: Outgoing) -> str:
        """Send, and return MSG91's request id."""
        answer = _post(
            self.url,
            secrets=(self.auth_key,),
            headers={"authkey": self.auth_key},
            json={
                "template_id": self.template_id,
                "short_url": "0",
                "recipients": [
                    {
                        # Without the country code MSG91 would guess a country from the first digits.
                        "mobiles": _checked(message.to).removeprefix("+"),
                        "restaurant": message.restaurant[:30],
                        "reference": message.reference[:30],
                        "status": message.status[:30],
                        "message": message.text,
                    }
                ],
            },
        )
        words = answer.words("message") or answer.words("errors")
        # The documented error bodies come under HTTP 200 as well as under 4xx: {"type": "error", "message"}
        # and {"status": "fail", "hasError": true, "errors", "code", "apiError"}.
        is_error = answer.body.get("type") == "error" or answer.body.get("hasError") is True
        if answer.status == 200 and answer.body.get("type") == "success" and not is_error:
            return answer.words("message")
        raise answer.refusal("MSG91", words, is_error=is_error)


@dataclass(frozen=True)
class TwilioSms(MessageChannel):
    """Twilio's Messages resource.

    Source: https://www.twilio.com/docs/messaging/api/message-resource and
    https://www.twilio.com/docs/api/errors/20429 ("429 responses aren't processed and are safe to retry"),
    API 2010-04-01, read 2026-11-23.
    """

    account_sid: str = field(repr=False)
    auth_token: str = field(repr=False)
    from_number: str

    url = "https://api.twilio.com/2010-04-01/Accounts/{sid}/Messages.json"

    def send(self, message: Outgoing) -> str:
        """Send, and return the message's sid."""
        answer = _post(
            self.url.format(sid=self.account_sid),
            secrets=(self.auth_token, self.account_sid),
            auth=(self.account_sid, self.auth_token),
            data={"To": _checked(message.to), "From": self.from_number, "Body": message.text},
        )
        sid = answer.words("sid")
        if answer.status in (200, 201) and sid:
            if answer.body.get("status") in ("failed", "undelivered", "canceled"):
                raise Refused(f"Twilio took the message and gave it up: {answer.words('error_message')}")
            return sid
        # Twilio's own refusals carry a number of theirs; a gateway's in front of it do not.
        is_error = isinstance(answer.body.get("code"), int)
        code = f" (code {answer.body['code']})" if is_error else ""
        raise answer.refusal("Twilio", f"{answer.words('message')}{code}", is_error=is_error)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: dict[str, Any] = field(repr=False)
    retry_after: float
    secrets: tuple[str, ...] = field(repr=False)

    def words(self, key: str) -> str:
        """A text of the body, should the provider repeat our secrets without them."""
        value = self.body.get(key)
        text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
        for secret in self.secrets:
            text = text.replace(secret, "***") if secret else text
        return text[:200]

    def refusal(self, provider: str, words: str, *, is_error: bool) -> ChannelError:
        """The error that this answer stands for. `is_error`: the body is one of the provider's own errors."""
        said = f"{provider} answered HTTP {self.status}" + (f": {words}" if words else "")
        if self.status == 429 or (self.status == 503 and is_error):
            return ChannelDown(said, retry_after=self.retry_after)
        if 400 <= self.status < 500 or (self.status < 300 and is_error):
            return Refused(said)
        return Unclear(f"{said}. The message may have arrived.")


def _checked(number: str) -> str:
    if not _INTERNATIONAL.fullmatch(number):
        raise Refused("This is no phone number with a country code (+, country, number).")
    return number


def _post(
    url: str, *, secrets: tuple[str, ...], headers: dict[str, str] | None = None, **content: Any
) -> _Answer:
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.post(
                url,
                headers={"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
                **content,
            )
        except requests.RequestException as error:
            # Not chained: its text and its request hold the address and the credentials.
            raise _no_answer(error) from None
        with response:
            return _Answer(response.status_code, _object(response), _retry_after(response), secrets)


def _object(response: requests.Response) -> dict[str, Any]:
    """The body, if it is a JSON object of bearable size; else an empty one, which proves nothing."""
    try:
        body = json.loads(response.raw.read(MOST_ANSWER_BYTES + 1, decode_content=False)[:MOST_ANSWER_BYTES])
    except (urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(response: requests.Response) -> float:
    value = response.headers.get("Retry-After", "")
    return min(float(value), MOST_RETRY_AFTER) if value.isascii() and value.isdigit() else 0.0


def _no_answer(error: requests.RequestException) -> ChannelError:
    if _is_before_sending(error):
        return ChannelDown("No connection to the SMS provider.")
    return Unclear("The connection to the SMS provider broke or timed out: the message may have been sent.")


def _is_before_sending(error: BaseException) -> bool:
    """Whether the connection never stood: not found, refused, timed out, or its certificate was false."""
    seen: list[BaseException] = [error]
    for cause in seen:
        if isinstance(
            cause,
            requests.ConnectTimeout | NewConnectionError | ConnectTimeoutError | ssl.SSLCertVerificationError,
        ):
            return True
        inner = (getattr(cause, "reason", None), *cause.args)
        seen += [each for each in inner if isinstance(each, BaseException) and each not in seen]
    return False
