"""A simulated POS and ding on a socket, as the POS side's tests have them; staff; and a browser for them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.test import Client

from ding.roles import OPERATOR
from pos_integrations.tests.conftest import committed, ding_url, pos, start_pos

__all__ = ["committed", "ding_url", "pos", "start_pos"]

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LOOKS = [("wide", "light"), ("wide", "dark"), ("phone", "light"), ("phone", "dark")]
# Where to put pictures of every page that a test visits, to look at them; nowhere by default.
PICTURES = os.environ.get("DING_PICTURES", "")


def make_staff(*restaurants, name="anna", role=OPERATOR):
    """Somebody of the staff, bound to these restaurants."""
    user = User.objects.create_user(name, password="a long enough password", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    user.restaurants.set(restaurants)
    return user


@pytest.fixture
def staff(db):
    """Log somebody of a role in, bound to restaurants or not; the client and its user."""

    def make(*restaurants, **who):
        client = Client()
        client.user = make_staff(*restaurants, **who)
        client.force_login(client.user)
        return client

    return make


@pytest.fixture
def browse(chromium, ding_url):
    """Open a window of ding as some member of staff. It fails the test when it complains or asks another host.

    `browse(user, width, theme)`; its `.see(path, name)` opens a page, and checks that nothing sticks out.
    """
    complaints, hosts, contexts = [], set(), []

    def window(user, width="wide", theme="light"):
        client = Client()
        client.force_login(user)
        size, phone = (WIDE, False) if width == "wide" else (PHONE, True)
        context = chromium.new_context(viewport=size, color_scheme=theme, is_mobile=phone, has_touch=phone)
        contexts.append(context)
        name = django_settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": ding_url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))

        def looked_at(name=""):
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], f"{page.url} is {wide} px wide"
            if PICTURES and name:
                Path(PICTURES).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=f"{PICTURES}/{name}-{width}-{theme}.png", full_page=True)

        def see(path, name=""):
            answer = page.goto(f"{ding_url}{path}", wait_until="networkidle")
            assert answer.status == 200, f"{path}: {answer.status}"
            looked_at(name)

        page.see, page.looked_at = see, looked_at
        return page

    yield window
    for context in contexts:
        context.close()
    assert complaints == []
    assert hosts <= {urlsplit(ding_url).netloc, ""}
