"""Script in every text, looked at with a real browser: nothing runs, whatever the page makes of it (S24, S25, S30).

Some pages hand texts to expressions of their own scripts, where escaping for HTML is no help: only running them tells.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from ding.tests.security.test_stored_script import spoil
from ding.tests.security.world import build, links_of
from menus.models import Restaurant
from pos_integrations.tests.conftest import committed, ding_url  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser

# As an element, an attribute, a text in a script, an expression of a template language, a link.
TAG = "\"'><script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>"
EXPRESSION = "'-alert(4)-'\\'-alert(5)-//\"-alert(6)-\"`${alert(7)}`{{constructor.constructor('alert(8)')()}}"
CLOSING = "</script></title></textarea></style><script>alert(9)</script>--><x-x x-init=alert(10) x-data>"
SHORT = "'-alert(11)-'"
MOST_PAGES = 45


@pytest.fixture
def window(chromium):
    """A browser in which every alert is heard, and every complaint of its policies."""
    context = chromium.new_context()
    page = context.new_page()
    page.heard, page.complaints = [], []
    page.expose_function("heard", lambda text: page.heard.append(text))
    page.add_init_script(
        "for (const name of ['alert', 'confirm', 'prompt']) window[name] = x => window.heard(String(x))"
    )
    page.on("dialog", lambda dialog: (page.heard.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    yield page
    context.close()


def addresses(client):
    """Every page of the staff's site that links lead to, the shortest first; and the same texts typed into searches."""
    todo, seen = ["/admin/"], []
    while todo and len(seen) < MOST_PAGES:
        page = todo.pop(0)
        if page in seen or "logout" in page or "/export" in page or "?" in page:
            continue
        answer = client.get(page)
        if answer.status_code == 200 and "html" in answer.headers.get("Content-Type", ""):
            seen.append(page)
            todo += sorted(
                (one for one in links_of(answer.content.decode()) if one.startswith("/admin/")), key=len
            )
    return seen


@pytest.mark.parametrize("text", [TAG + CLOSING, EXPRESSION, SHORT], ids=["tags", "expressions", "short"])
def test_no_page_of_the_staff_runs_what_somebody_wrote(window, ding_url, text):  # noqa: F811
    world = build()
    for model in admin.site._registry:
        spoil(model, text)
    Restaurant.objects.update(name=text[:100])
    client = Client()
    client.force_login(User.objects.get(username="super"))
    name, value = "sessionid", client.cookies["sessionid"].value
    window.context.add_cookies([{"name": name, "value": value, "url": ding_url}])
    pages = addresses(client)
    assert len(pages) > 40
    pages += [
        f"{page}?q={quote(text)}"
        for page in pages
        if page.endswith(("order/", "item/", "webhooklog/", "auditevent/"))
    ]
    pages += [f"/admin/orders/order/?{quote(text)}={quote(text)}", f"/admin/login/?next={quote(text)}"]
    for page in pages:
        window.goto(f"{ding_url}{page}", wait_until="load")
        # What opens when somebody looks closer.
        window.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        window.wait_for_timeout(30)
        assert window.heard == [], page
        assert (
            window.evaluate("document.querySelectorAll('[href^=\"javascript\" i], [src=x]').length") == 0
        ), page
    refused = [one for one in window.complaints if "Content Security Policy" in one]
    assert refused == []
    assert world.canaries


def test_a_form_from_another_site_changes_nothing_and_no_frame_shows_us(window, ding_url):  # noqa: F811
    world = build()
    client = Client()
    client.force_login(User.objects.get(username="super"))
    window.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": ding_url}]
    )
    target = f"{ding_url}/admin/pos_integrations/restaurantposintegration/"
    evil = "http://evil.example/"
    form = (
        f'<form id=f method=post action="{target}"><input name=action value=rotate_secret>'
        f'<input name=_selected_action value="{world.r1.integration.pk}"></form>'
    )
    window.route(
        f"{evil}**",
        lambda route: route.fulfill(
            content_type="text/html", body=route.request.url[-1:] == "f" and frame or form
        ),
    )
    frame = f'<iframe src="{ding_url}/admin/"></iframe>'
    before = world.r1.integration.restaurant.restaurantwebhooksecret_set.count()
    window.goto(f"{evil}post")
    with window.expect_navigation():
        window.evaluate("document.getElementById('f').submit()")
    assert window.url.startswith(target)
    assert world.r1.integration.restaurant.restaurantwebhooksecret_set.count() == before
    window.goto(f"{evil}f")
    window.wait_for_timeout(300)
    assert [frame.url for frame in window.frames[1:]] == ["chrome-error://chromewebdata/"]
