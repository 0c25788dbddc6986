"""Everything that a stranger may type, at every place where something is typed: refused or kept as text, never a 500
(S18, S19, S26, S27, S29, S37, S48)."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ding.tests.security.test_matrix import ROWS, call, filled
from ding.tests.security.world import written_logs
from orders.models import Order

NASTY = [
    None,
    True,
    0,
    -1,
    10**400,
    1e308,
    [],
    {},
    [[]],
    [{"a": 1}],
    "",
    " ",
    "\x00",
    "a\r\nX-Injected: 1",
    '{"event": "forged"}\n{"event": "second"}',
    "' OR '1'='1",
    '"; DROP TABLE Orders; --',
    "1); SELECT SLEEP(5); --",
    "' AND SLEEP(5) AND '1'='1",
    "{{7*7}}{% debug %}${7*7}#{7*7}<%= 7*7 %>",
    "%s%s%n%x {0.__class__} {self}",
    "$(sleep 5)`sleep 5`|sleep 5;sleep 5",
    "../../../../etc/passwd",
    "file:///etc/passwd",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    '=HYPERLINK("http://evil.example","x")',
    "\u202e\u2066gnp.exe",
    "\ud83d\ude00" * 30,
    "é" * 300,
    "x" * 100_000,
    "9" * 5_000,
    "1_000",
    "٣",
    "NaN",
    "0x10",
    "1e999",
    "a" * 50_000 + "!",
]
QUERIES = [
    "limit",
    "cursor",
    "since",
    "until",
    "restaurant",
    "status",
    "phone",
    "type",
    "page",
    "ordering",
    "search",
    "q",
]


def leaves(value, path=()):
    """Every place in a body."""
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for number, member in enumerate(value):
            yield from leaves(member, (*path, number))


def replaced(body, path, value):
    if not path:
        return value
    body = copy.deepcopy(body)
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return body


def harmless(world, answer, what):
    assert answer.status_code < 500 or answer.status_code == 502, (what, answer.content[:500])
    text = answer.content.decode()
    assert "Traceback" not in text
    assert "X-Injected" not in answer.headers
    assert world.found_in(text) == []


POSTS = [row for row in ROWS if row.method == "POST" and not row.path.endswith(("/test", "/sync"))]


@pytest.mark.parametrize("row", POSTS, ids=lambda row: row.path)
def test_in_every_field_of_every_body(world, row):
    orders = Order.objects.count()
    body = row.body(world) or {"reason": "no", "overlap_hours": 1}
    for path in leaves(body):
        for value in NASTY:
            answer = call(world, "K1", "POST", filled(row.path, world), replaced(body, path, value))
            harmless(world, answer, (path, str(value)[:60]))
            if answer.status_code in (400, 422) and path:
                assert answer.json()["error"]["code"]
    assert Order.objects.count() >= orders


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b"\x1f\x8b\x08\x00abc",
        b"a=1&b=2",
    ],
)
def test_as_a_whole_body(world, raw):
    for row in POSTS:
        for headers in ({}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}):
            answer = world.callers["K1"].post(
                filled(row.path, world), raw, content_type="application/json", headers=headers
            )
            harmless(world, answer, (row.path, raw[:20]))


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "multipart/form-data", "application/x-www-form-urlencoded", "x"]
)
def test_another_type_of_body_is_not_read(world, kind):
    for row in POSTS:
        answer = world.callers["K1"].generic("POST", filled(row.path, world), "a=1", content_type=kind)
        # An address whose body may be missing takes none for it.
        assert answer.status_code in (415, 400), (row.path, kind)


def test_in_every_query_parameter(world):
    gets = [row for row in ROWS if row.method == "GET"]
    for row in gets:
        for name in QUERIES:
            for value in NASTY:
                text = value if isinstance(value, str) else json.dumps(value)
                if len(text) > 2_000:
                    text = text[:2_000]
                answer = world.callers["K1"].get(
                    f"{filled(row.path, world)}?{urlencode({name: text}, errors='replace')}"
                )
                harmless(world, answer, (row.path, name, text[:60]))
    for query in (
        "restaurant=1&restaurant=2",
        "restaurant[]=1",
        "limit=1000000",
        "limit=0",
        "limit=-1",
        "status=&status=",
    ):
        for row in gets:
            harmless(world, world.callers["K1"].get(f"{filled(row.path, world)}?{query}"), query)


def test_a_page_is_never_longer_than_it_may_be(world):
    answer = world.callers["K1"].get("/api/orders?limit=1000000")
    assert answer.status_code == 400 or len(answer.json()["results"]) <= 200


@pytest.mark.parametrize(
    "path",
    ["/api/orders/{}", "/api/pos-config/1/{}", "/api/webhooks/petpooja/{}", "/api/restaurants/{}/menu"],
)
def test_in_every_address(world, path):
    from urllib.parse import quote

    for value in NASTY:
        text = quote(
            (value if isinstance(value, str) else json.dumps(value))[:500], safe="", errors="replace"
        )
        for method in ("get", "post"):
            answer = getattr(world.callers["K1"], method)(path.format(text))
            harmless(world, answer, (path, text[:60]))


def test_in_every_admin_search(world):
    for page in ("orders/order", "menus/item", "pos_integrations/webhooklog", "ding/auditevent"):
        for value in NASTY:
            text = (value if isinstance(value, str) else json.dumps(value))[:2_000]
            for name in ("q", "o", "p", "e", "_facets", "status__exact", "id__in", "restaurant__id__exact"):
                answer = world.callers["super"].get(
                    f"/admin/{page}/?{urlencode({name: text}, errors='replace')}"
                )
                assert answer.status_code < 500, (page, name, text[:60])


def test_what_is_typed_is_a_parameter_and_never_part_of_a_statement(world):
    with CaptureQueriesContext(connection) as queries:
        world.callers["K1"].get("/api/orders?" + urlencode({"phone": "' OR 'evil'='evil"}))
        world.callers["super"].get("/admin/orders/order/?" + urlencode({"q": "' OR 'evil'='evil"}))
    # As the driver sends it: quoted.
    for query in queries:
        if "evil" in query["sql"]:
            assert "OR 'evil'='evil" not in query["sql"].replace("''", "").replace("\\'", "")


def test_one_event_is_one_line_of_json_whatever_stands_in_it(world):
    forged = 'x\n{"event": "forged", "level": "info"}\r\n\x1b[31m'
    with written_logs(logging.INFO) as lines:
        logging.getLogger("orders").warning("An odd name: %s", forged, extra={"who": forged})
        world.callers["nobody"].get(
            "/api/orders%0a%7b%22event%22%3a%22forged%22%7d", headers={"User-Agent": "a{}"}
        )
        with contextlib.suppress(Exception):
            world.callers["K1"].get("/api/orders/" + "%0d%0a" * 3)
    written = [line for line in lines.getvalue().split("\n") if line.strip()]
    assert len(written) >= 2
    for line in written:
        assert json.loads(line)["event"] != "forged"
        assert "\x1b" not in line
        assert "\r" not in line
