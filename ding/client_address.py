"""Whose address it is, where proxies stand before ding.

Each proxy appends to `X-Forwarded-For` whom it saw. So with n of our own the n-th entry from the right was written by the
outermost of them, and all to the left of it by anybody. Without any the header is never heard.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any

_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def client_address(peer: str, forwarded: str, proxies: int) -> str:
    """The client behind `proxies` proxies of ours, or `peer` where that cannot be known: never what a client made up."""
    entries = forwarded.split(",") if forwarded else []
    if not 0 < proxies <= len(entries):
        return _plain(peer) or peer
    return _plain(entries[-proxies]) or _plain(peer) or peer


def _plain(text: str) -> str:
    """One spelling of each address: without port, brackets, zone; empty when it is none."""
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2] or ""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def behind(application: Application, proxies: int) -> Application:
    """The application, told of its clients' addresses instead of the proxies'."""
    if not proxies:
        return application

    def told(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = client_address(environ.get("REMOTE_ADDR", ""), forwarded, proxies)
        return application(environ, start_response)

    return told
