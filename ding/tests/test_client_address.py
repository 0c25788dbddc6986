"""The client's address behind n proxies of ours: what the outermost of them saw, never what a client wrote (S14)."""

from __future__ import annotations

import pytest

from ding.client_address import behind, client_address

PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "", PEER),
        (0, "203.0.113.9", PEER),
        (1, "", PEER),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (1, "127.0.0.1,10.0.0.1,203.0.113.9", "203.0.113.9"),
        (1, "  203.0.113.9  ", "203.0.113.9"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "2001:DB8:0::1", "2001:db8::1"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "[::ffff:203.0.113.9]:80", "203.0.113.9"),
        (1, "unknown", PEER),
        (1, "_hidden", PEER),
        (1, "203.0.113.9, ", PEER),
        (1, ",", PEER),
        (1, "1.1.1.1, 203.0.113.999", PEER),
        (1, "203.0.113.9\n1.1.1.1", PEER),
        (1, "1.1.1.1 203.0.113.9", PEER),
        (1, "0x7f.1", PEER),
        (1, "2130706433", PEER),
        (1, "<script>", PEER),
        (2, "203.0.113.9", PEER),
        (2, "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9, 10.0.0.2:99", "203.0.113.9"),
        (3, "9.9.9.9, 203.0.113.9, 10.0.0.2, 10.0.0.3", "203.0.113.9"),
    ],
)
def test_whom_the_outermost_proxy_saw(proxies, forwarded, address):
    assert client_address(PEER, forwarded, proxies) == address


@pytest.mark.parametrize(("peer", "told"), [("::ffff:10.0.0.1", "10.0.0.1"), ("", ""), ("unix:", "unix:")])
def test_a_peer_is_told_in_one_spelling(peer, told):
    assert client_address(peer, "1.1.1.1", 0) == told


def test_the_application_is_told_and_without_proxies_left_alone():
    seen = []

    def app(environ, start_response):
        seen.append(environ["REMOTE_ADDR"])
        return []

    assert behind(app, 0) is app
    for forwarded in ("1.1.1.1, 203.0.113.9", "203.0.113.9"):
        behind(app, 1)({"REMOTE_ADDR": PEER, "HTTP_X_FORWARDED_FOR": forwarded}, None)
    behind(app, 1)({"REMOTE_ADDR": PEER}, None)
    assert seen == ["203.0.113.9", "203.0.113.9", PEER]
