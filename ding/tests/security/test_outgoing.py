"""What staff types as an address leads nowhere but outside (S20 to S22); F30 and F31 are in pos_integrations' test_http."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest

from ding.tests.security.test_matrix import call
from ding.tests.security.world import ago
from pos_integrations.errors import ConfigurationError, OutcomeUnknown, PosError, TransientError
from pos_integrations.http import PosHttp
from pos_integrations.models import RestaurantPosIntegration

LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "0",
    "0.0.0.0",
    "00000.0.0.0",
    "0177.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0x7F.0x0.0x0.0x1",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[::127.0.0.1]",
    "[::1%25lo]",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "lOcAlHoSt",
    "127.0.0.1.",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "user@127.0.0.1",
    "user:password@127.0.0.1",
    "example.com@127.0.0.1",
    "127.0.0.1\\@example.com",
    "127.0.0.1#@example.com",
    "127.0.0.1?@example.com",
    "example.com\r\nHost:127.0.0.1",
    "127.0.0.1%00.example.com",
    "127.0.0.1%2eexample.com",
]
PRIVATE = [
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[fec0::1]",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
]


@pytest.fixture
def listener():
    """A port on this machine that counts who comes."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    connection, address = server.accept()
                    came.append(address)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], came
        stop.set()
        thread.join()


@pytest.mark.parametrize("host", LOOPBACK + PRIVATE)
def test_no_spelling_of_an_inner_address_is_called(listener, host):
    port, came = listener
    http = PosHttp(secrets=("s" * 30,), timeout_seconds=2, allow_plain_http=True)
    for scheme in ("http", "https"):
        for url in (f"{scheme}://{host}:{port}/x", f"{scheme}://{host}/x"):
            with pytest.raises((ConfigurationError, TransientError)):
                http.post(url, payload={})
            with pytest.raises((ConfigurationError, TransientError)):
                http.get(url, 1000)
    assert came == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:1/",
        "//127.0.0.1/",
        "javascript:1",
        "",
        "https://",
        "unix:///run/x",
        "data:,x",
        "HTTP://127.0.0.1/",
    ],
)
def test_no_other_scheme_is_called(listener, url):
    with pytest.raises(PosError):
        PosHttp(timeout_seconds=2, allow_plain_http=True).post(url, payload={})
    assert listener[1] == []


def test_a_name_is_looked_up_once_and_the_socket_goes_where_it_was_checked(listener, monkeypatch):
    """S21: a name that answers with another address the second time."""
    port, came = listener
    asked = []
    real = socket.getaddrinfo

    def rebinding(host, *args, **kwargs):
        if host != "rebinding.example":
            return real(host, *args, **kwargs)
        asked.append(host)
        address = "127.0.0.1" if len(asked) > 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with pytest.raises(ConfigurationError):
        PosHttp(timeout_seconds=2, allow_plain_http=True).post(
            f"http://rebinding.example:{port}/", payload={}
        )
    assert (asked, came) == (["rebinding.example"], [])


def test_a_name_with_an_inner_address_among_outer_ones_is_not_called_there(listener, monkeypatch):
    port, came = listener

    def both(host, *args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in ("127.0.0.1", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(ConfigurationError):
        PosHttp(timeout_seconds=1, allow_plain_http=True).post(f"http://both.example:{port}/", payload={})
    assert came == []


def test_no_proxy_of_the_environment_is_used(listener, monkeypatch):
    port, came = listener
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises((ConfigurationError, TransientError, OutcomeUnknown)):
        PosHttp(timeout_seconds=1, allow_plain_http=True).post("http://192.0.2.1/", payload={})
    assert came == []


def test_tls_is_verified():
    from pos_integrations import guarded, http

    for module in (guarded, http):
        source = Path(module.__file__).read_text()
        assert "verify=False" not in source
        assert "CERT_NONE" not in source
    context = guarded._tls()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_the_api_sends_no_stored_secret_to_another_host(world, listener):
    """S22: whoever points an integration elsewhere must know its secrets."""
    port, came = listener
    r = world.r1.restaurant.pk
    before = RestaurantPosIntegration.objects.get(restaurant=r).endpoint
    for host in (*LOOPBACK, *PRIVATE, "evil.example", "127.0.0.1:9@evil.example"):
        for scheme in ("http", "https"):
            body = {"provider_name": "petpooja", "endpoint": f"{scheme}://{host}:{port}/v1"}
            answer = call(world, "K1", "POST", f"/api/pos-integration/{r}", body)
            assert answer.status_code == 400, answer.content
    assert RestaurantPosIntegration.objects.get(restaurant=r).endpoint == before
    assert came == []


def test_even_with_the_secrets_given_again_an_inner_address_is_not_called(world, listener, settings):
    settings.POS_ALLOWED_NETWORKS = []
    port, came = listener
    r = world.r1.restaurant.pk
    body = {
        "provider_name": "petpooja",
        "endpoint": f"http://127.0.0.1:{port}/v1",
        "api_key": "another-app-key-0123456789",
        "restaurant_config": {
            "app_secret": "another-secret-0123456789",
            "access_token": "another-token-012345678",
        },
    }
    assert call(world, "K1", "POST", f"/api/pos-integration/{r}", body).status_code in (200, 400)
    answer = call(world, "K1", "POST", f"/api/pos-integration/{r}/test")
    assert answer.json()["ok"] is False
    assert "POS_ALLOWED_NETWORKS" in answer.content.decode()
    assert call(world, "K1", "POST", f"/api/menu-sync/{r}/sync").status_code >= 400
    assert came == []


def test_the_networks_that_an_operator_allows_are_no_wider_than_said():
    http = PosHttp(
        timeout_seconds=1, allow_plain_http=True, allowed_networks=[ipaddress.ip_network("192.168.10.0/24")]
    )
    with pytest.raises(ConfigurationError):
        http.post("http://192.168.11.1/", payload={})


MORE = [
    "[::ffff:0x7f.1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::1%251]",
    "[fe80::5efe:7f00:1]",
    "[2001:0:7f00:1::]",
    "[5f00::1]",
    "[100::1]",
    "[2002:0a00:0001::1]",
    "[64:ff9b::10.0.0.1]",
    "127.0.0.1:80:80",
    "127.0.0.1,example.com",
    "127.0.0.1;example.com",
    "0x7f.0x0.0x0.0x1",
    "127.000.000.001",
    "1.0.0.127.in-addr.arpa",
    "%31%32%37.0.0.1",
    "127.0.0.1\t",
    " 127.0.0.1",
    "127.0.0.1\x00",
    "１２７.0.0.1",
    "127.0.0.𝟏",
    "٠",
    "localhost%00",
    "local\u00adhost",
    "localhost\u200b",
    "ip6-localhost",
    "169.254.169.254.",
    "169.254.43518",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "100.88.222.5",
    "192.88.99.1",
    "0.1.2.3",
    "255.255.255.255",
    "user:@[::1]",
    "@127.0.0.1",
    "127.0.0.1/@example.com",
    "[127.0.0.1]",
    "[::1",
    "::1",
    "",
]


@pytest.mark.parametrize("host", MORE)
def test_nor_is_any_odder_spelling(listener, host):
    test_no_spelling_of_an_inner_address_is_called(listener, host)


def test_whatever_address_stands_in_a_table_no_button_and_no_task_leads_inside(world, listener, settings):
    """S20: written by plain SQL past every form; the integration's, the provider's, and those of a menu's pictures."""
    from django.core.management import call_command

    from menus.models import MenuImage
    from pos_integrations import menu_images, menu_sync, outbound
    from pos_integrations.models import OrderPush, PosProvider

    settings.POS_ALLOWED_NETWORKS = []
    settings.POS_ALLOW_PLAIN_HTTP = True
    port, came = listener
    integration, client = world.r1.integration, world.callers["super"]
    page = "/admin/pos_integrations/restaurantposintegration/"
    for number, host in enumerate([*LOOPBACK[::3], *PRIVATE[::5], *MORE[::3]]):
        url = f"http{'s' * (number % 2)}://{host}:{port}/v1"
        own = number % 3
        RestaurantPosIntegration.objects.update(
            endpoint=url if own else "", problem="", menu_sync_due_at=None
        )
        PosProvider.objects.update(base_api_url="" if own else url)
        for action in ("test_connection", "sync_menu_now"):
            answer = client.post(page, {"action": action, "_selected_action": [integration.pk]})
            assert answer.status_code == 302
        with contextlib.suppress(Exception):
            call_command("check_integration", str(world.r1.restaurant.pk))
        RestaurantPosIntegration.objects.update(menu_sync_due_at=ago(seconds=1), menu_sync_leased_until=None)
        menu_sync.sync_due(integration.pk)
        OrderPush.objects.update(
            state="due", next_attempt_at=ago(seconds=1), expires_at=ago(hours=-1), integration=integration
        )
        for push in OrderPush.objects.all():
            outbound.deliver(push.pk)
        MenuImage.objects.all().delete()
        MenuImage.objects.create(
            restaurant=world.r1.restaurant, url=url, source_key=str(number), next_attempt_at=ago(seconds=1)
        )
        assert menu_images.copy_due() == 1
    assert came == []
