"""Hostile bodies and signatures, made from families: what a stranger, or a POS gone mad, may send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Iterator
from typing import Any

from reliability.sender import SIGNATURE_HEADER

_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**30,
    "",
    " ",
    "x" * 10_000,
    "\u0000",
    "😀" * 100,
    "<script>alert(1)</script>",
    "'; DROP TABLE Orders; --",
    "../../etc/passwd",
    "%s%n{0}{{7*7}}${jndi:ldap://x}",
    "\u202eabc",
    [],
    ["x"] * 2_000,
    {},
    {"a": {"b": []}},
)
_ODD_TIMES = (
    "9999-12-31T23:59:59.999999+14:00",
    "0001-01-01T00:00:00-14:00",
    "2026-02-30T00:00:00Z",
    "2026-01-01T25:00:00Z",
    "２０２６-01-01T00:00:00Z",
    "1e9",
    "-1",
    "99999999999999999999",
    "2026-01-01T00:00:00+99:99",
    "now",
)
# Raw texts in which %s is an honest body's inside, as JSON members without the outer braces.
_ODD_TEXTS = (
    b"",
    b" ",
    b"null",
    b"[]",
    b'""',
    b"0",
    b"{",
    b"{%s",
    b"%s",
    b"{%s}}",
    b"{%s} {%s}",
    b"{%s, }",
    b'{%s, "n": NaN}',
    b'{%s, "n": Infinity}',
    b'{%s, "n": -Infinity}',
    b'{%s, "n": 1e400}',
    b'{%s, "n": 1e99999}',
    b'{%s, "n": ' + b"9" * 5_000 + b"}",
    b'{%s, "n": 0x10}',
    b'{%s, "n": 01}',
    b'{%s, "n": "\\ud800"}',
    b'{%s, "n": "\\udc00\\ud800"}',
    b'{%s, "n": "\\u0000"}',
    b'{%s, "n": "\x00"}',
    b'{%s, "n": "\xff\xfe"}',
    b'{%s, "n": "\xc0\xaf"}',
    b'{%s, "n": "\xed\xa0\x80"}',
    b"{%s, %s}",
    b"{%s, 'n': 1}",
    b"{%s /* comment */}",
    b"\xef\xbb\xbf{%s}",
    b"\xff\xfe{\x00}\x00",
    b'{%s, "n": ' + b"[" * 32 + b"]" * 32 + b"}",
    b'{%s, "n": ' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    b"[" * 30_000 + b"]" * 30_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b'{%s, "__proto__": {"x": 1}, "__class__": "x"}',
    b"{%s}" + b" " * 100_000,
    b'{%s, "n": "' + b"x" * 200_000 + b'"}',
    b"{%s}\r\n\r\nGET / HTTP/1.1\r\n\r\n",
)


def bodies(code: str, reference: str, timestamp: str) -> Iterator[tuple[str, str, bytes]]:
    """(topic, what is odd, raw body); each names the restaurant where it can, so its signature counts."""
    honest: dict[str, dict[str, Any]] = {
        "order-status": {
            "order_id": reference,
            "pos_order_id": "",
            "status": "CONFIRMED",
            "timestamp": timestamp,
        },
        "inventory-update": {"item_id": "1", "availability": False, "timestamp": timestamp},
        "menu-update": {"items_updated": ["1"], "timestamp": timestamp},
    }
    for topic, body in honest.items():
        body["restaurant_id"] = code
        for field in body:
            for value in _ODD_VALUES:
                yield topic, f"{field}={value!r:.30}", json.dumps({**body, field: value}).encode()
            rest = {name: value for name, value in body.items() if name != field}
            yield topic, f"no {field}", json.dumps(rest).encode()
        for time in _ODD_TIMES:
            yield topic, f"timestamp {time}", json.dumps({**body, "timestamp": time}).encode()
        inside = json.dumps(body).encode()[1:-1]
        for text in _ODD_TEXTS:
            yield topic, f"text {text[:30]!r}", text.replace(b"%s", inside)


def forged(body: bytes, secret: str, others_secret: str, dice: random.Random) -> Iterator[dict[str, str]]:
    """Headers that are not the signature of `body` by `secret`."""
    right = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    digest = bytes.fromhex(right)

    def by(key: bytes, content: bytes = body, algorithm: str = "sha256") -> str:
        return hmac.new(key, content, algorithm).hexdigest()

    values = [
        "",
        " ",
        "sha256=",
        right,
        f"sha1={right}",
        f"SHA256={right}",
        f"sha256:{right}",
        f"sha256= {right}",
        f"sha256={right[:-1]}",
        f"sha256={right}0",
        f"sha256={right[:63]}g",
        f"sha256={right},sha256={right}",
        f"v1={right}",
        f"sha256={'0' * 64}",
        f"sha256={'f' * 64}",
        f"sha256={base64.b64encode(digest).decode()}",
        f"v1,{base64.b64encode(digest).decode()}",
        f"sha256={by(b'')}",
        f"sha256={by(others_secret.encode())}",
        f"sha256={by(secret.encode(), body + b' ')}",
        f"sha256={by(secret.encode(), body.strip(b'{}'))}",
        f"sha256={by(secret.encode(), b'')}",
        f"sha256={by(secret.upper().encode())}",
        f"sha256={by(secret[:-1].encode())}",
        f"sha256={by(right.encode())}",
        f"sha256={hashlib.sha256(secret.encode() + body).hexdigest()}",
        f"sha256={hashlib.sha256(body).hexdigest()}",
        f"sha1={by(secret.encode(), algorithm='sha1')}",
        f"md5={by(secret.encode(), algorithm='md5')}",
        f"sha512={by(secret.encode(), algorithm='sha512')}",
        "sha256=" + "é" * 32,
        "sha256=" + "a" * 7_000,
        "null",
        "undefined",
        "sha256=true",
    ]
    for _ in range(40):
        at = dice.randrange(64)
        wrong = dice.choice([digit for digit in "0123456789abcdef" if digit != right[at]])
        values.append(f"sha256={right[:at]}{wrong}{right[at + 1 :]}")
    for value in values:
        yield {SIGNATURE_HEADER: value}
    whole = f"sha256={right}"
    yield {}
    yield {"x-petpooja-signatur": whole}
    yield {"x-signature": whole}
    yield {"Authorization": f"Bearer {secret}"}
    yield {"Authorization": f"Bearer {others_secret}", SIGNATURE_HEADER: "sha256="}
