"""The body of a request → a row of `schema.incoming`, or one named error."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from pos_integrations import strict_json
from pos_integrations.adapters.petpooja import values
from pos_integrations.adapters.petpooja.schema.row import Row
from pos_integrations.errors import MalformedPayload
from pos_integrations.messages import Account, WebhookRequest

M = TypeVar("M", bound=Row)

MAX_REASON = 500
MAX_IDS = 1000

# Words for yes and no, as `values.word` leaves them.
YES_OR_NO = {
    **dict.fromkeys(("1", "true", "yes", "on", "available", "instock", "open"), True),
    **dict.fromkeys(("0", "false", "no", "off", "unavailable", "outofstock", "soldout", "closed"), False),
}


def read(model: type[M], request: WebhookRequest) -> M:
    """The body as a `model`.

    Raises:
        MalformedPayload: no JSON object, or a field that it needs is wrong.
    """
    body = strict_json.parse_object(request.body)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0])
        raise MalformedPayload(f"{field} {values.why(first)}.", field=field) from error


def id_at(request: WebhookRequest, field: str) -> str:
    """The id at `field`.

    Raises:
        MalformedPayload: there is none.
    """
    value = strict_json.parse_object(request.body).get(field)
    try:
        return values.read_id(value)
    except ValueError as error:
        raise MalformedPayload(f"{field} {error}.", field=field) from error


def check_restaurant(named: str, account: Account, field: str) -> None:
    """A body may speak of nobody but the account's restaurant.

    Raises:
        MalformedPayload
    """
    if named != account.external_id:
        raise MalformedPayload(f"{field} names another restaurant.", field=field)


def check_ids(ids: tuple[str, ...], field: str) -> None:
    """At least one, and not without end.

    Raises:
        MalformedPayload
    """
    if not ids:
        raise MalformedPayload(f"{field} is missing.", field=field)
    if len(ids) > MAX_IDS:
        raise MalformedPayload(f"{field} holds more than {MAX_IDS} ids.", field=field)


def reason(text: str) -> str:
    """Somebody's words, on one line and not too long."""
    return values.one_line(values.unescaped(text))[:MAX_REASON]
