"""The short way of a webhook is as strict as the long one: every request, however odd, by both (S09, S12, S18, S36).

Each is told to both ways in the same state of the database: the answers must be the same, and so must be the rows.
"""

from __future__ import annotations

import copy
import io
import json
import random
from types import SimpleNamespace

import pytest
from django.utils import timezone

from ding.tests.conftest import server  # noqa: F401 - a fixture
from orders.tests.factories import make_order
from pos_integrations.configuration import callback_token, rotate_secret
from pos_integrations.inbound import quickly
from pos_integrations.models import RestaurantPosIntegration, WebhookLog
from pos_integrations.tests.factories import as_bytes, connect, connected_place, fresh, order_status, sign

pytestmark = pytest.mark.django_db
SIGNED, BEARER, IN_ADDRESS, OF_ORDER = "petpooja_hmac", "bearer", "url_token", "order_token"
KINDS = (SIGNED, BEARER, IN_ADDRESS, OF_ORDER)
SAME = (
    "webhook_type",
    "payload",
    "status",
    "verdict",
    "proof",
    "remote_address",
    "restaurant_id",
    "event_id",
)


@pytest.fixture
def at(server, monkeypatch, settings):  # noqa: F811
    """Two restaurants, of which the first one's webhooks go the short way."""
    settings.FAILED_CALLS_PER_MINUTE = 0
    quickly.forget_all()
    at = connected_place()
    at.server, at.order = server, make_order(at.restaurant)
    at.other = connect(code="efgh5678")
    yield at
    quickly.forget_all()


def prepare(at, kind):
    """A right request of that kind as the server hands it over; a function signs a body anew."""
    if kind in (BEARER, IN_ADDRESS):
        RestaurantPosIntegration.objects.update(restaurant_specific_config={"signature_mode": kind})
    at.secret = rotate_secret(fresh(at.integration)).secret
    own = f"/api/webhooks/petpooja/{at.integration.public_id}"
    body = order_status(at.order)
    path = f"{own}/order-status"
    if kind == OF_ORDER:
        body = {"restID": "abcd1234", "orderID": at.order.reference, "status": "1"}
        path = f"{own}/order-callback/{callback_token(at.integration, at.order.reference)}"
    if kind == IN_ADDRESS:
        path += f"/{at.secret}"
    headers = {}
    if kind == BEARER:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {at.secret}"
    right = SimpleNamespace(
        path=path, raw=as_bytes(body), headers=headers, body=body, kind=kind, secret=at.secret
    )
    for _ in range(3):
        # Learnt, and then the use of the secret is known to be written down.
        assert tell(at, environ_of(right))[0] == 200
        quickly._learned_at.clear()
    at.server.went_long.clear()
    assert tell(at, environ_of(right))[0] == 200
    assert not at.server.went_long
    return right


def environ_of(right, *, raw=None, sign_anew=True, **changes):
    raw = right.raw if raw is None else raw
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": right.path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(raw)),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.version": (1, 0),
        "raw": raw,
        **right.headers,
    }
    if right.kind == SIGNED and sign_anew:
        environ["HTTP_X_PETPOOJA_SIGNATURE"] = sign(raw, right.secret)
    for name, value in changes.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    return environ


def tell(at, environ, app=None):
    environ = copy.copy(environ)
    environ["wsgi.input"] = io.BytesIO(environ.pop("raw"))
    told = {}

    def start_response(status, headers, *args):
        told.update(status=int(status[:3]), headers={name.lower(): value for name, value in headers})

    body = b"".join((app or at.server.app)(environ, start_response))
    if told["status"] >= 400 and told["headers"].get("content-type", "").startswith("application/json"):
        answer = json.loads(body)
        if "error" in answer:
            answer["error"].pop("request_id", None)
        body = json.dumps(answer)
    kept = {
        n: v
        for n, v in told["headers"].items()
        if n in ("cache-control", "content-encoding", "content-type", "etag", "location", "retry-after")
    }
    return told["status"], body, kept


def same_by_both_ways(at, environ):
    """The status, which both ways say; and that they keep the same."""
    found = []
    for app in (at.server.app, at.server.django):
        last = WebhookLog.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        answer = tell(at, environ, app)
        rows = list(WebhookLog.objects.filter(pk__gt=last).order_by("pk").values(*SAME))
        found.append((answer, rows))
    (short, short_rows), (long, long_rows) = found
    about = {name: value for name, value in environ.items() if not name.startswith("wsgi.")}
    assert short[0] == long[0], (short, long, about)
    assert short_rows == long_rows, about
    assert len(short_rows) == (1 if short[0] == 200 else 0), about
    if short[0] != 200:
        assert short[1] == long[1], about
    assert short[0] < 500, (short, about)
    return short[0]


LENGTHS = (
    None, "", "0", "1", "-1", "+{n}", " {n}", "{n} ", "0{n}", "0000000{n}", "00000000000000000000{n}", "0x10", "{n},{n}",
    "{n}.0", "1e3", "{more}", "{less}", "٣", "²", "999999999", "9999999999999", "9" * 5_000, "nan", "{n}\n",
)  # fmt: skip
TYPES = (
    None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
    "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/json; charset=nonsense",
    "application/xml", "a" * 500, "\x00", "text/html\r\nX: 1", "application/json;;;=",
)  # fmt: skip
HEADERS = (
    {"HTTP_HOST": "LOCALHOST"}, {"HTTP_HOST": "localhost:8000"}, {"HTTP_HOST": "127.0.0.1"}, {"HTTP_HOST": "[::1]:80"},
    {"HTTP_HOST": "localhost."}, {"HTTP_HOST": "evil.example"}, {"HTTP_HOST": "localhost.evil.example"},
    {"HTTP_HOST": "localhost@evil.example"}, {"HTTP_HOST": "localhost,evil.example"}, {"HTTP_HOST": ""},
    {"HTTP_HOST": "localhost:x"}, {"HTTP_HOST": " localhost"}, {"HTTP_HOST": "localhost\x00"}, {"HTTP_HOST": "löcalhost"},
    {"HTTP_X_FORWARDED_HOST": "evil.example"}, {"HTTP_X_FORWARDED_PROTO": "https"}, {"HTTP_X_FORWARDED_PROTO": "http"},
    {"HTTP_X_FORWARDED_PROTO": "https, http"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"HTTP_CONTENT_ENCODING": "gzip"},
    {"HTTP_TRANSFER_ENCODING": "chunked"}, {"HTTP_EXPECT": "100-continue"}, {"HTTP_X_HTTP_METHOD_OVERRIDE": "GET"},
    {"HTTP_ACCEPT": "text/html"}, {"HTTP_ACCEPT": "application/xml;q=1"}, {"HTTP_ACCEPT": ""}, {"HTTP_ACCEPT": "\x00;;;"},
    {"QUERY_STRING": "format=api"}, {"QUERY_STRING": "format"},
    {"HTTP_COOKIE": "sessionid=x; csrftoken=y"}, {"HTTP_ORIGIN": "https://evil.example"}, {"HTTP_RANGE": "bytes=0-1"},
    {"HTTP_X": "a" * 60_000}, {"HTTP_USER_AGENT": "\x1b[31m{}"}, {"REMOTE_ADDR": ""}, {"REMOTE_ADDR": "::ffff:192.0.2.7"},
    {"REMOTE_ADDR": "x" * 45}, {"QUERY_STRING": "format=xml&_method=GET"}, {"QUERY_STRING": "%00=\xff"},
    {"SCRIPT_NAME": "/api"}, {"REQUEST_METHOD": "PUT"}, {"REQUEST_METHOD": "GET"}, {"REQUEST_METHOD": "HEAD"},
    {"REQUEST_METHOD": "DELETE"}, {"REQUEST_METHOD": "TRACE"}, {"REQUEST_METHOD": "post"}, {"REQUEST_METHOD": "POST "},
    {"wsgi.url_scheme": "https"}, {"HTTP_CONTENT_LENGTH": "5"}, {"HTTP_CONTENT_TYPE": "x"},
    {"HTTP_AUTHORIZATION": ""}, {"HTTP_AUTHORIZATION": "Bearer "}, {"HTTP_AUTHORIZATION": "Basic eDp5"},
    {"HTTP_AUTHORIZATION": "Bearer x"}, {"HTTP_AUTHORIZATION": "bearer {secret}"}, {"HTTP_AUTHORIZATION": "{secret}"},
    {"HTTP_AUTHORIZATION": "Bearer  {secret}"}, {"HTTP_AUTHORIZATION": "Bearer {secret} "},
    {"HTTP_AUTHORIZATION": "Bearer {secret},Bearer {secret}"}, {"HTTP_AUTHORIZATION": "Bearer {secret}\n"},
    {"HTTP_AUTHORIZATION": "Bearer {secret}x"}, {"HTTP_AUTHORIZATION": "Bearer {cut}"}, {"HTTP_AUTHORIZATION": "{upper}"},
    {"HTTP_WEBHOOK_ID": "msg_1", "HTTP_WEBHOOK_TIMESTAMP": "1", "HTTP_WEBHOOK_SIGNATURE": "v1," + "A" * 43 + "="},
    {"HTTP_WEBHOOK_ID": "a.b", "HTTP_WEBHOOK_TIMESTAMP": "+1", "HTTP_WEBHOOK_SIGNATURE": "v1"},
)  # fmt: skip
SIGNATURES = (
    None, "", "sha256=", "sha256={mac}", "SHA256={mac}", "sha256={upper}", "sha256= {mac}", " sha256={mac}", "sha256={mac} ",
    "sha256={mac}\n", "sha256={mac},sha256={mac}", "sha256={mac}, sha256={mac}", "sha256={mac}00", "sha256={cut}", "{mac}",
    "sha1={mac}", "sha256:{mac}", "v1,{mac}", "sha256={other}", "sha256={zeros}", "sha256={wide}", "sha256=" + "٣" * 64,
    "sha256=" + "g" * 64, "sha256={mac}\x00", "t=1,sha256={mac}", "sha256={spaced}", "sha512={mac}", "=" * 71,
)  # fmt: skip
PATHS = (
    "{path}/", "{path}//", "/{path}", "{path}\n", "{path}%0a", "{path};x=1", "{path} ", " {path}", "{path}/.", "{path}/..",
    "{upper}", "{path}/x", "{path}\x00", "{path}\xa0", "{path}\x85", "{path}/\xff\xfe", "{other}", "{unknown}", "{shared}",
    "{shared}/", "{shared}/{secret}", "{shared}?x", "/api/webhooks/petpooja", "/api/webhooks/petpooja/", "{noprovider}",
    "{longtopic}", "{topic}", "/api/webhooks/petpooja/order-status/{secret}", "//api/webhooks/petpooja/order-status",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_types_headers(at, kind):
    right = prepare(at, kind)
    n = len(right.raw)
    cases = [
        {
            "CONTENT_LENGTH": one
            and one.replace("{n}", str(n)).replace("{more}", str(n + 5)).replace("{less}", str(n - 5))
        }
        for one in LENGTHS
    ]
    cases += [{"CONTENT_TYPE": one} for one in TYPES]
    words = {"{secret}": right.secret, "{cut}": right.secret[:-1], "{upper}": right.secret.swapcase()}
    for one in HEADERS:
        filled = dict(one)
        for word, value in words.items():
            filled = {name: text.replace(word, value) for name, text in filled.items()}
        cases.append(filled)
    statuses = [same_by_both_ways(at, environ_of(right, **case)) for case in cases]
    assert len(statuses) > 90
    assert {200, 400} <= set(statuses)
    assert kind in (IN_ADDRESS, OF_ORDER) or 401 in statuses


def test_signatures(at):
    right = prepare(at, SIGNED)
    mac = sign(right.raw, right.secret).removeprefix("sha256=")
    words = {
        "{mac}": mac,
        "{upper}": mac.upper(),
        "{cut}": mac[:-1],
        "{other}": sign(right.raw + b" ", right.secret)[7:],
        "{zeros}": "0" * 64,
        "{wide}": "".join(chr(ord(letter) + 0xFEE0) for letter in mac),
        "{spaced}": " ".join(mac),
    }
    taken = []
    for one in SIGNATURES:
        value = one
        for word, text in words.items():
            value = value and value.replace(word, text)
        environ = environ_of(right, sign_anew=False, HTTP_X_PETPOOJA_SIGNATURE=value)
        if same_by_both_ways(at, environ) == 200:
            taken.append(one)
    assert taken == ["sha256={mac}", "sha256={upper}"]
    # The other's secret, an ended one, none, and a secret of the whole body.
    for secret in ("", at.other.public_id, "webhook-secret-of-efgh5678".ljust(32, "0"), right.raw.decode()):
        environ = environ_of(right, sign_anew=False, HTTP_X_PETPOOJA_SIGNATURE=sign(right.raw, secret))
        assert same_by_both_ways(at, environ) == 401


@pytest.mark.parametrize("kind", KINDS)
def test_addresses(at, kind):
    right = prepare(at, kind)
    own, shared = right.path, "/api/webhooks/petpooja/order-status"
    words = {
        "{path}": own,
        "{upper}": own.upper(),
        "{other}": own.replace(at.integration.public_id, at.other.public_id),
        "{unknown}": own.replace(at.integration.public_id, "0" * 32),
        "{shared}": shared,
        "{secret}": right.secret,
        "{noprovider}": own.replace("petpooja", "nobody"),
        "{longtopic}": own.replace("order-", "order-" * 9),
        "{topic}": own.replace("order-status", "menu-update").replace("order-callback", "order-status"),
    }
    for one in PATHS:
        path = one
        for word, value in words.items():
            path = path.replace(word, value)
        same_by_both_ways(at, environ_of(right, PATH_INFO=path))


HOSTILE_BODIES = (
    b"", b" ", b"null", b"[]", b'"x"', b"1", b"{}", b"{", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"NaN", b'{"a":NaN}',
    b'{"a":1e400}', b'{"a":' + b"9" * 5_000 + b"}", b"[" * 30_000, b'{"a":' * 30_000, b'{"a":"\\ud800"}', b"\x00",
    b'{"restaurant_id":"abcd1234","restaurant_id":"efgh5678"}', b'{"restaurant_id":"efgh5678"}',
    b'{"restaurant_id":"ABCD1234"}', b'{"restaurant_id":" abcd1234"}', b'{"restaurant_id":"abcd1234 "}',
    b'{"restaurant_id":"abcd1234\\u0000"}', b'{"restaurant_id":["abcd1234"]}', b'{"restaurant_id":{"a":1}}',
    b'{"restaurant_id":true}', b'{"restaurant_id":1e3}', b'{"restID":"abcd1234"}', b'{"restID":"abcd1234","orderID":"X"}',
    b'{"restaurant_id":"abcd1234","a":"' + b"x" * 262_200 + b'"}', b'{"restaurant_id":"' + b"a" * 5_000 + b'"}',
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00", b"restaurant_id=abcd1234", b'{"restaurant_id":"\xff"}', b"{}{}", b"{}\n{}",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_bodies_rightly_signed(at, kind):
    right = prepare(at, kind)
    same_by_both_ways(at, environ_of(right))
    for raw in HOSTILE_BODIES:
        same_by_both_ways(at, environ_of(right, raw=raw))
    for name in right.body:
        for value in (
            None,
            "",
            0,
            -1,
            10**40,
            [],
            {},
            "x" * 300,
            "é",
            "\u202e",
            "efgh5678",
            True,
            1.5,
            ["a"] * 2_000,
        ):
            same_by_both_ways(at, environ_of(right, raw=as_bytes({**right.body, name: value})))


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_were_changed_on_the_way(at, kind):
    """Of a signed call no byte may be another; the other kinds do not cover the body, and both ways know it."""
    right, dice = prepare(at, kind), random.Random(7)
    whole = environ_of(right)
    for _ in range(150):
        raw = bytearray(right.raw)
        for _ in range(dice.choice((1, 1, 2, 30))):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
        environ = {**whole, "raw": bytes(raw)}
        status = same_by_both_ways(at, environ)
        if kind == SIGNED and bytes(raw) != right.raw:
            assert status in (400, 401)


def test_what_was_said_once_is_said_again_tomorrow_elsewhere_and_fifty_times(at):
    """S12 for a scheme without ids: kept each time, and of one effect."""
    from pos_integrations import inbound

    right = prepare(at, SIGNED)
    for _ in range(50):
        assert tell(at, environ_of(right))[0] == 200
    inbound.drain()
    assert at.order.history.count() == 1
    # Another's address, another topic, a restart and a clean-up of what was kept in memory.
    other = right.path.replace(at.integration.public_id, at.other.public_id)
    assert same_by_both_ways(at, environ_of(right, PATH_INFO=other)) == 401
    quickly.forget_all()
    WebhookLog.objects.all().delete()
    assert tell(at, environ_of(right))[0] == 200
    inbound.drain()
    assert at.order.history.count() == 1


KEYS = (
    "Bearer {key}", "bearer {key}", "BEARER {key}", "Bearer  {key}", "Bearer {key} ", "Bearer\t{key}", "{key}", "Token {key}",
    "Bearer {cut}", "Bearer {key}x", "Bearer {upper}", "Bearer {other}", "Bearer {revoked}", "Bearer {narrow}", "Bearer",
    "Bearer ", "", None, "Bearer {key},{key}", "Bearer {key}\n", "Bearer \x00", "Bearer é", "Bearer {key} x", "Basic {key}",
)  # fmt: skip
TAGS = (
    None,
    "",
    "*",
    "{etag}",
    "W/{etag}",
    '"x", {etag}',
    "{etag},",
    '"',
    "{bare}",
    '"' * 500,
    "{etag}\n",
    "W/*",
    "\x00",
)
ENCODINGS = (
    None,
    "",
    "gzip",
    "gzip;q=0",
    "*",
    "*;q=0",
    "identity;q=0",
    "br",
    "gzip;q=x",
    "GZIP",
    "gzip, ,",
    "\x00",
    "gzip;q=0.001",
)


def test_menus_by_both_ways(at):
    from ding.keys import create_api_key
    from ding.models import ApiKey

    place, other = at.restaurant, at.other.restaurant
    key = create_api_key(client="shop", scopes=["menu:read"], restaurants=[place])
    revoked = create_api_key(client="gone", scopes=["menu:read"], restaurants=[place])
    ApiKey.objects.filter(client="gone").update(revoked_at=timezone.now())
    words = {
        "{key}": key,
        "{cut}": key[:-1],
        "{upper}": key.swapcase(),
        "{other}": create_api_key(client="other", scopes=["menu:read"], restaurants=[other]),
        "{revoked}": revoked,
        "{narrow}": create_api_key(client="narrow", scopes=["orders:read"], restaurants=[place]),
    }
    path, right = f"/api/restaurants/{place.pk}/menu", f"Bearer {key}"

    def both(**changes):
        plain = SimpleNamespace(path=path, raw=b"", headers={}, kind="", secret="")
        asked = {"REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": right, "CONTENT_TYPE": None, **changes}
        answers = [tell(at, environ_of(plain, **asked), app) for app in (at.server.app, at.server.django)]
        (short, body, kept), (long, *rest) = answers
        if short == 304:
            rest[1].pop("content-type", None)  # of nothing
        assert (short, body, kept) == (long, *rest), changes
        assert short < 500
        return answers[0][0]

    assert [both() for _ in range(3)] == [200] * 3
    statuses = []
    for one in KEYS:
        value = one
        for word, text in words.items():
            value = value and value.replace(word, text)
        statuses.append(both(HTTP_AUTHORIZATION=value))
    assert {200, 401, 403, 404} == set(statuses)
    etag = etag_at(at, path, right)
    for one in TAGS:
        both(HTTP_IF_NONE_MATCH=one and one.replace("{etag}", etag).replace("{bare}", etag.strip('"')))
    for one in ENCODINGS:
        both(HTTP_ACCEPT_ENCODING=one)
    for one in HEADERS:
        if one.get("REQUEST_METHOD", "GET") == "GET" and "HTTP_AUTHORIZATION" not in one:
            both(**one)
    for end in ("/", "//", "\n", " ", "/x", "\x00", ";x", "/../menu"):
        both(PATH_INFO=path + end)
    for number in (
        other.pk,
        0,
        10**17,
        "٣".encode().decode("latin-1"),
        "1e3",
        "-1",
        "0" * 10 + str(place.pk),
        "",
    ):
        both(PATH_INFO=f"/api/restaurants/{number}/menu")


def etag_at(at, path, right):
    told = {}
    environ = environ_of(
        SimpleNamespace(path=path, raw=b"", headers={}, kind="", secret=""), REQUEST_METHOD="GET"
    )
    environ |= {"HTTP_AUTHORIZATION": right, "wsgi.input": io.BytesIO()}
    environ.pop("raw")
    b"".join(at.server.django(environ, lambda status, headers, *args: told.update(headers)))
    return told["ETag"]
