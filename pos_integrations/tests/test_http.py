"""The one door for calls to a POS, over real sockets: what it lets through, and what it makes of the rest."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import ipaddress
import os
import socket
import ssl
import subprocess
import threading
import time
from email.utils import format_datetime

import pytest
from django.utils import timezone

from pos_integrations.errors import ConfigurationError, OutcomeUnknown, PosError, TransientError
from pos_integrations.http import Answer, PosHttp

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


class Server:
    """Accepts connections one after the other, reads one request of each, and lets `answer` treat it."""

    def __init__(self, answer, wrap=None):
        self.answer, self.wrap = answer, wrap
        self.requests = []
        self.accepted = 0
        self.idle = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.idle.clear()
            self.accepted += 1
            with contextlib.suppress(OSError), contextlib.closing(peer):
                if self.wrap:
                    peer = self.wrap(peer)
                with contextlib.closing(peer):
                    self.requests.append(read_request(peer))
                    self.answer(peer)
            self.idle.set()

    def close(self):
        # A thread that waits in `accept` is not woken by `close` alone.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


def read_request(peer):
    peer.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = peer.recv(65_536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length")), 0)
    while len(body) < length:
        body += peer.recv(65_536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def serve():
    """Start servers that treat each request with a function of the socket, or answer with these bytes."""
    servers = []

    def start(answer, wrap=None):
        if isinstance(answer, bytes):
            raw = answer
            answer = lambda peer: peer.sendall(raw)  # noqa: E731
        servers.append(Server(answer, wrap))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def door(**options):
    return PosHttp(
        **{"allowed_networks": LOOPBACK, "allow_plain_http": True, "timeout_seconds": 5, **options}
    )


def post(server, http=None, path="/save_order", **options):
    http = http or door()
    return http.post(f"http://127.0.0.1:{server.port}{path}", payload={"a": 1}, **options)


def response(body=b'{"success":"1"}', head=b"HTTP/1.1 200 OK", *headers):
    lines = [head, b"Content-Length: %d" % len(body), *headers, b"", body]
    return b"\r\n".join(lines)


# --- what is sent ---------------------------------------------------------------------------------------


def test_the_payload_arrives_as_ascii_json_and_the_answer_comes_back(serve):
    server = serve(response(b'{"success":"1"}', b"HTTP/1.1 418 Teapot", b"X-Thing: Yes"))
    http = door()
    answer = http.post(
        f"http://127.0.0.1:{server.port}/V1/x",
        payload={"name": "Zoë 😀", "half": "\ud800"},
        headers={"app-key": "k"},
    )
    assert (answer.status, answer.body, answer.headers["x-thing"]) == (418, b'{"success":"1"}', "Yes")
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == b'{"name":"Zo\\u00eb \\ud83d\\ude00","half":"\\ud800"}'
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /V1/x HTTP/1.1"
    headers = dict(line.lower().split(b": ", 1) for line in lines[1:])
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"accept-encoding"] == b"identity"
    assert headers[b"connection"] == b"close"
    assert headers[b"app-key"] == b"k"
    assert headers[b"user-agent"] == b"ding"
    (exchange,) = http.exchanges
    assert (exchange.method, exchange.status, exchange.error) == ("POST", 418, "")
    assert "Zoë 😀" in exchange.request_body


def test_proxies_and_passwords_of_the_environment_are_ignored(serve, monkeypatch, tmp_path):
    server = serve(response())
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert post(server).status == 200
    assert b"authorization" not in server.requests[0].lower()


# --- how long, and how much -----------------------------------------------------------------------------


def until_it_leaves(peer):
    """Say nothing for as long as the client is there."""
    with contextlib.suppress(OSError):
        while peer.recv(65_536):
            pass
    return peer


def drip(head, seconds=0.1):
    def answer(peer):
        peer.sendall(head)
        for _ in range(100):
            time.sleep(seconds)
            peer.sendall(b" ")

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"),
        drip(b"HTTP/1.1 200 OK\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX-Slow: "),
        drip(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Slow: "),
        drip(b""),
        lambda peer: until_it_leaves(peer),
    ],
    ids=["body", "chunk", "without length", "header", "100", "status line", "silence"],
)
def test_the_deadline_is_for_the_whole_call(serve, answer):
    server = serve(answer)
    http = door(timeout_seconds=0.5)
    began = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        post(server, http)
    # Without a deadline it would take ten.
    assert time.monotonic() - began < 8
    assert 400 < http.exchanges[0].duration_ms < 8000
    assert http.exchanges[0].error.startswith("OutcomeUnknown")


def test_only_so_many_bytes_are_taken(serve):
    body = b"x" * 1000
    for head in (b"Content-Length: 1000", b"Connection: close"):
        server = serve(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
        assert post(server, door(max_bytes=1000)).body == body
        assert post(server, max_bytes=1000).body == body
        with pytest.raises(OutcomeUnknown, match="larger than 999 bytes"):
            post(server, door(max_bytes=999))
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"3e8\r\n" + body + b"\r\n0\r\n\r\n"
    server = serve(chunked)
    assert post(server, door(max_bytes=1000)).body == body
    with pytest.raises(OutcomeUnknown, match="larger than 999 bytes"):
        post(server, door(max_bytes=999))


def test_a_compressed_answer_is_not_unpacked(serve):
    for name in (b"gzip", b"GZIP", b"deflate", b"br"):
        server = serve(response(gzip.compress(b" " * 1000), b"HTTP/1.1 200 OK", b"Content-Encoding: " + name))
        with pytest.raises(OutcomeUnknown, match="compressed"):
            post(server)


# --- told apart by proof --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
def test_a_redirect_is_not_followed_and_proves_nothing(serve, status):
    elsewhere = serve(response())
    target = b"Location: http://127.0.0.1:%d/" % elsewhere.port
    server = serve(response(b"", b"HTTP/1.1 %d Elsewhere" % status, target))
    http = door()
    with pytest.raises(OutcomeUnknown, match=f"HTTP {status}"):
        post(server, http)
    assert elsewhere.accepted == 0
    assert http.exchanges[0].status == status


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"\x00" * 1000,
    ],
)
def test_after_sending_every_broken_answer_is_unclear(serve, answer):
    server = serve(answer)
    http = door()
    with pytest.raises(OutcomeUnknown):
        post(server, http).json()
    assert len(http.exchanges) == 1


def test_a_connection_that_is_reset_while_sending_is_unclear(serve):
    def reset(peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    server = serve(reset)
    with pytest.raises(OutcomeUnknown):
        post(server)


def test_without_a_connection_nothing_was_sent():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        http = door()
        with pytest.raises(TransientError):
            http.post(f"http://127.0.0.1:{port}/", payload={})
    assert http.exchanges[0].error == "TransientError: No connection to the POS."


def test_a_peer_that_never_accepts_is_given_up_and_nothing_was_sent():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(address)
            with pytest.raises(TransientError):
                door(timeout_seconds=0.4).post(f"http://127.0.0.1:{address[1]}/", payload={})


@pytest.mark.parametrize(
    "url",
    [
        "http://no-such-host.invalid/",
        "http://" + "a" * 300 + ".example/",
        "http://a..b/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http:///x",
        "http://exa mple.com/",
        "http://\u2488.example/",
    ],
)
def test_an_address_that_leads_nowhere_sends_nothing(url):
    with pytest.raises((TransientError, ConfigurationError)):
        door().post(url, payload={})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "file:///etc/passwd", "", "//x", "HTTP://x"]
)
def test_only_https_is_spoken_unless_plain_http_is_allowed(url):
    with pytest.raises(ConfigurationError, match="https://"):
        PosHttp(allowed_networks=LOOPBACK).post(url, payload={})


# --- addresses that are not ours to call ----------------------------------------------------------------

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "0.0.0.0",
    "0",
    "localhost",
    "169.254.169.254",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[fe80::1]",
    "[fc00::1]",
    "[ff02::1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:1::]",
    "[::127.0.0.1]",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_are_refused(host, monkeypatch):
    connected = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: connected.append(address))
    with pytest.raises(ConfigurationError, match="private network"):
        PosHttp(allow_plain_http=True, timeout_seconds=2).post(f"http://{host}/", payload={"secret": "x"})
    assert connected == []


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1]", "[64:ff9b::808:808]", "[::ffff:8.8.8.8]"])
def test_public_addresses_are_called(host, monkeypatch):
    connected = []

    def connect(self, address):
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(TransientError):
        PosHttp(allow_plain_http=True).post(f"http://{host}/", payload={})
    assert len(connected) == 1


def test_an_ipv6_network_may_be_allowed_too(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: (_ for _ in ()).throw(OSError))
    for network in ("::1/128", "fd00::/8", "64:ff9b:1::/48"):
        http = PosHttp(allow_plain_http=True, allowed_networks=[ipaddress.ip_network(network)])
        with pytest.raises(TransientError):
            http.post(
                f"http://[{network.split('/')[0].removesuffix('::')}{'::5' if '::/' in network else ''}]/",
                payload={},
            )


@pytest.mark.parametrize("host", ["10.1.2.3", "[::ffff:10.1.2.3]", "127.0.0.1"])
def test_only_the_named_private_networks_are_allowed(serve, host, monkeypatch):
    connected = []

    def connect(self, address):
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    http = PosHttp(allow_plain_http=True, allowed_networks=[ipaddress.ip_network("10.1.2.0/24")])
    expected = ConfigurationError if host == "127.0.0.1" else TransientError
    with pytest.raises(expected):
        http.post(f"http://{host}/", payload={})
    assert len(connected) == (expected is TransientError)


def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch):
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    connected = []

    def resolve(host, port, *args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(self, address):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    http = PosHttp(allow_plain_http=True)
    with pytest.raises(TransientError):
        http.post("http://rebinding.example/", payload={})
    assert connected == [("93.184.216.34", 80)]
    with pytest.raises(ConfigurationError, match="private network"):
        http.post("http://rebinding.example/", payload={})
    assert len(connected) == 1


def test_of_several_addresses_only_the_allowed_ones_are_called(monkeypatch):
    def resolve(host, port, *args, **kwargs):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("10.0.0.1", "93.184.216.34", "127.0.0.1")
        ]

    connected = []

    def connect(self, address):
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(TransientError):
        PosHttp(allow_plain_http=True).post("http://mixed.example/", payload={})
    assert connected == ["93.184.216.34"]


# --- TLS ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost -keyout {key} -out {certificate}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused_and_nothing_is_sent(serve, self_signed):
    server = serve(response(), wrap=lambda peer: self_signed.wrap_socket(peer, server_side=True))
    http = door()
    with pytest.raises(ConfigurationError, match="TLS certificate"):
        http.post(f"https://127.0.0.1:{server.port}/", payload={})
    assert server.requests == []


def test_a_peer_that_speaks_no_tls_gets_nothing(serve):
    server = serve(lambda peer: None, wrap=lambda peer: peer.sendall(b"HTTP/1.1 400 Bad\r\n\r\n") or peer)
    with pytest.raises((ConfigurationError, TransientError)):
        door().post(f"https://127.0.0.1:{server.port}/", payload={"secret": "x"})
    assert not any(b"secret" in request for request in server.requests)


def test_a_tls_handshake_that_never_ends_is_cut_off_and_nothing_was_sent(serve):
    server = serve(response(), wrap=until_it_leaves)
    with pytest.raises(TransientError):
        door(timeout_seconds=0.4).post(f"https://127.0.0.1:{server.port}/", payload={})


# --- what is kept ---------------------------------------------------------------------------------------


def test_secrets_are_masked_wherever_they_stand(serve):
    secrets = ("canary-secret-one", "canary-secret", 'quo"ted\\secret-ü')
    body = b'{"echo":"canary-secret-one and canary-secret","third":"quo\\"ted\\\\secret-\xc3\xbc"}'
    server = serve(response(body))
    http = door(secrets=secrets)
    answer = http.post(
        f"http://127.0.0.1:{server.port}/?key=canary-secret-one",
        payload={"app_key": secrets[0], "list": [secrets[1]], "third": secrets[2]},
        headers={"app-key": secrets[0]},
    )
    assert answer.body == body
    (exchange,) = http.exchanges
    text = repr(exchange)
    assert "canary" not in text
    assert "ted" not in text
    assert exchange.url.endswith("/?key=•••")
    assert '"app_key": "•••"' in exchange.request_body


def test_secrets_are_masked_in_errors_too():
    http = door(secrets=["canary-secret"])
    with pytest.raises(PosError):
        http.post("http://canary-secret.invalid/canary-secret", payload={})
    assert "canary" not in repr(http.exchanges)


def test_long_bodies_are_kept_cut_and_never_half_a_secret(serve):
    server = serve(response(b"y" * 15_990 + b"canary-secret" * 5))
    http = door(secrets=["canary-secret"])
    http.post(f"http://127.0.0.1:{server.port}/", payload={"x": "x" * 15_985 + "canary-secret" * 5})
    (exchange,) = http.exchanges
    assert len(exchange.request_body) <= 16_000
    assert len(exchange.response_body) <= 16_000
    assert "canary" not in repr(exchange)


@pytest.mark.parametrize("body", [b"", b"[]", b"NaN", b'{"a":1,"a":2}', b"<html>", b"\xff", b"[" * 50_000])
def test_an_answer_that_is_no_json_object_is_unclear(body):
    with pytest.raises(OutcomeUnknown, match="HTTP 200"):
        Answer(200, {}, body).json()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("30", 30.0),
        ("999999999", 86_400.0),
        ("9" * 400, 86_400.0),
        ("-1", None),
        ("1.5", 1.5),
        ("1e3", None),
        ("٣", None),
        ("²", None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", 86_400.0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_nothing(value, seconds):
    assert Answer(429, {"retry-after": value}, b"").retry_after == seconds


def test_retry_after_as_a_date_is_the_time_until_then_by_the_clock_that_all_share(monkeypatch):
    fast = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
    monkeypatch.setattr(timezone, "now", lambda: fast)
    moment = format_datetime(fast + dt.timedelta(seconds=60), usegmt=True)

    assert 55 < Answer(503, {"retry-after": moment}, b"").retry_after <= 60


def test_a_call_that_is_too_late_when_its_connection_stands_sends_nothing(serve):
    server = serve(response())
    began = timezone.now()
    with pytest.raises(TransientError, match="too late"):
        door(begin_by=began - dt.timedelta(seconds=1)).post(f"http://127.0.0.1:{server.port}/", payload={})
    server.idle.wait(5)
    assert server.requests == [b""]
    soon = began + dt.timedelta(minutes=1)
    assert door(begin_by=soon).post(f"http://127.0.0.1:{server.port}/", payload={}).status == 200


@pytest.mark.parametrize(
    "answer",
    [
        response(),
        response(b"x" * 100_000),
        response(b"", b"HTTP/1.1 200 OK", b"Content-Encoding: gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 307 Elsewhere\r\nLocation: /\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
    ],
    ids=["good", "too large", "packed", "half", "redirect", "nonsense", "nothing", "drip"],
)
def test_no_thread_and_no_socket_is_left_behind(serve, answer):
    server = serve(answer)
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    http = door(timeout_seconds=0.2, max_bytes=50_000)
    for _ in range(3):
        with contextlib.suppress(PosError):
            post(server, http)
        server.idle.wait(5)
    until = time.monotonic() + 20
    while (left := (threading.active_count(), len(os.listdir("/proc/self/fd")))) != (threads, files):
        assert time.monotonic() < until, left
        time.sleep(0.01)
    assert server.accepted == 3


# --- fetching a file ------------------------------------------------------------------------------------


def test_a_file_is_fetched_whole_and_its_content_is_not_kept_in_the_record(serve):
    server = serve(response(b"\x89PNG", b"HTTP/1.1 200 OK"))
    http = door(secrets=["s3cret"])
    answer = http.get(f"http://127.0.0.1:{server.port}/a.png?key=s3cret", 10)
    assert (answer.status, answer.body) == (200, b"\x89PNG")
    (request,) = server.requests
    assert request.startswith(b"GET /a.png?key=s3cret HTTP/1.1\r\n")
    assert b"content-type" not in request.lower()
    (exchange,) = http.exchanges
    assert (exchange.method, exchange.status, exchange.response_body) == ("GET", 200, "")
    assert exchange.url.endswith("/a.png?key=•••")


def test_a_file_is_fetched_as_guarded_as_a_call(serve):
    def drip(peer):
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                peer.sendall(b"x")
                time.sleep(0.05)

    def fetch(answer, **options):
        return door(**options).get(f"http://127.0.0.1:{serve(answer).port}/a.png", 10)

    with pytest.raises(OutcomeUnknown, match="larger than 10 bytes"):
        fetch(response(b"x" * 11))
    with pytest.raises(OutcomeUnknown, match="not followed"):
        fetch(response(b"", b"HTTP/1.1 302 Found", b"Location: /b.png"))
    with pytest.raises(ConfigurationError, match="private network"):
        fetch(response(), allowed_networks=[])
    with pytest.raises(OutcomeUnknown, match="timed out|too long"):
        door(timeout_seconds=0.3).get(f"http://127.0.0.1:{serve(drip).port}/a.png", 1000)
