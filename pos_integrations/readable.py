"""What a POS sent or got, as a person reads it: a tree of names and values, personal data and secrets masked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pos_integrations import strict_json
from pos_integrations.errors import MalformedPayload
from pos_integrations.http import KEPT_CHARACTERS, MASK
from pos_integrations.serializers import masked_payload

# The last part of an order's callback address opens that order.
_CALLBACK_TOKEN = re.compile(r"(/api/webhooks/[a-z0-9_-]+/[0-9a-f]{32}/[a-z0-9_-]+/)[0-9A-Za-z_.-]+")
# A menu has thousands of values; nobody reads them here.
MOST_VALUES = 300
_PLAIN_SHOWN = 2000


class NotShown(Exception):
    """The text cannot be masked, so it is not shown; the message says why."""


def masked(text: str) -> Any:
    """The value in a JSON text, masked.

    Raises:
        NotShown
    """
    try:
        value = masked_payload(strict_json.parse(text.encode()))
    except MalformedPayload as error:
        if len(text) >= KEPT_CHARACTERS:
            why = f"Cut off at {KEPT_CHARACTERS} characters, so personal data in it cannot be masked: not shown."
        else:
            why = f"Not JSON, {len(text)} characters: not shown."
        raise NotShown(why) from error
    return _without_tokens(value)


def raw(text: str) -> str:
    """A JSON text, masked, indented. Raises `NotShown`."""
    return json.dumps(masked(text), indent=2, ensure_ascii=False, default=str)


def tree(text: str) -> SafeString:
    """A JSON text as a tree to look at; what cannot be shown says why."""
    try:
        value = masked(text)
    except NotShown as error:
        return format_html('<p class="dg-quiet">{}</p>', str(error))
    left = [MOST_VALUES]
    shown = _node(value, left)
    if left[0] < 0:
        more = format_html('<p class="dg-quiet">… and {} more values.</p>', -left[0])
        return shown + more
    return shown


def answer(text: str) -> SafeString:
    """What a POS answered: mostly JSON, now and then a page of some proxy, which is shown as it is."""
    if text.lstrip()[:1] in ("{", "["):
        return tree(text)
    return format_html('<pre class="dg-pre">{}</pre>', text[:_PLAIN_SHOWN])


def _without_tokens(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_tokens(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_without_tokens(member) for member in value]
    return _CALLBACK_TOKEN.sub(rf"\1{MASK}", value) if isinstance(value, str) else value


def _node(value: Any, left: list[int]) -> SafeString:
    if isinstance(value, dict):
        pairs = list(_pairs(value, left))
        return format_html(
            '<dl class="dg-tree">{}</dl>', format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", pairs)
        )
    if isinstance(value, list):
        if not any(isinstance(member, dict | list) for member in value):
            left[0] -= len(value)
            return format_html("{}", ", ".join(_leaf(member) for member in value[:MOST_VALUES]) or "none")
        members = [(_node(member, left),) for member in value if left[0] > 0 or _count(member, left)]
        return format_html('<ol class="dg-tree">{}</ol>', format_html_join("", "<li>{}</li>", members))
    left[0] -= 1
    if value in (None, ""):
        return format_html('<span class="dg-quiet">{}</span>', "empty")
    return format_html("{}", _leaf(value))


def _pairs(value: dict[str, Any], left: list[int]) -> Iterator[tuple[str, SafeString]]:
    for key, member in value.items():
        name = key
        # Wrappers with one thing in them are one line: orderinfo › OrderInfo.
        while isinstance(member, dict) and len(member) == 1:
            (inner,) = member
            name, member = f"{name} › {inner}", member[inner]
        if left[0] > 0:
            yield name, _node(member, left)
        else:
            _count(member, left)


def _count(value: Any, left: list[int]) -> bool:
    """Counts what is not shown any more; always false."""
    if isinstance(value, dict):
        for member in value.values():
            _count(member, left)
    elif isinstance(value, list):
        for member in value:
            _count(member, left)
    else:
        left[0] -= 1
    return False


def _leaf(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "empty" if value in (None, "") else str(value)
