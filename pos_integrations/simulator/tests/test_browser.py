"""The terminal in a real browser: a person takes an order, cooks it and sends it off."""

from urllib.parse import urlsplit

import pytest

from pos_integrations.simulator import sample_outlets
from pos_integrations.simulator.tests.conftest import make_order, save

HOSTILE = "<img src=x onerror=alert(1)>"

pytestmark = pytest.mark.browser


@pytest.fixture
def page(pos, chromium):
    """A page that fails the test when it complains, opens a dialog of its own, or asks another host."""
    complaints, hosts = [], set()
    page = chromium.new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"alert: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    yield page
    page.close()
    assert complaints == []
    assert hosts == {f"127.0.0.1:{pos.port}"}


@pytest.fixture
def pos(start):
    return start(sample_outlets(manual=True))


def hostile_order(inbox):
    order = make_order("WEB-1", order_type="H", note=HOSTILE, callback_url=inbox.url)
    blocks = order["orderinfo"]["OrderInfo"]
    blocks["Customer"]["details"] |= {"name": HOSTILE, "address": "</script><script>alert(2)</script>"}
    blocks["OrderItem"]["details"][0]["name"] = f"Cake {HOSTILE}"
    blocks["OrderItem"]["details"][0]["AddonItem"]["details"] = [{"name": HOSTILE, "quantity": "2"}]
    return order


def test_an_order_is_taken_cooked_and_delivered(pos, page, inbox):
    page.goto(pos.terminal_url)
    page.get_by_text("No orders yet").wait_for()
    save(pos, hostile_order(inbox))
    card = page.get_by_role("article", name="Order WEB-1")
    card.wait_for()
    assert card.locator(".guest b").text_content() == HOSTILE
    assert card.locator("img, script").count() == 0
    assert card.locator(".lines small").text_content() == f"+ 2 × {HOSTILE}"

    card.get_by_role("button", name="Accept").click()
    page.get_by_label("Ready in").fill("35")
    page.get_by_role("dialog").get_by_role("button", name="Accept").click()
    card.get_by_role("button", name="Food ready").click()
    card.get_by_role("button", name="Dispatch").click()
    page.get_by_label("Rider's name").fill(HOSTILE)
    page.get_by_label("Rider's name").press("Enter")
    card.get_by_role("button", name="Delivered").click()
    page.locator("#over").get_by_text("Delivered", exact=True).wait_for()

    assert pos.wait_idle(5)
    assert inbox.statuses == ["1", "5", "4", "10"]
    assert {document["minimum_prep_time"] for document in inbox.documents} == {"35"}
    assert inbox.documents[2]["rider_name"] == HOSTILE


def test_stock_store_and_rates_are_switched(pos, page):
    page.goto(f"{pos.terminal_url}outlets/abcd1234#menu")
    page.get_by_role("switch", name="6Pieces").click()
    page.get_by_role("dialog").get_by_label("Until").select_option("endofday")
    page.get_by_role("dialog").get_by_role("button", name="Switch off").click()
    page.get_by_text("off until").wait_for()
    assert not pos.outlets["abcd1234"].switches.has("7765097")

    page.get_by_role("link", name="Orders").click()
    page.get_by_role("switch", name="Store open").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("No gas")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_text("Closed: No gas").wait_for()
    page.get_by_role("switch", name="By hand").click()
    page.get_by_role("switch", name="By hand", checked=False).wait_for()
    assert not pos.outlets["abcd1234"].manual

    page.get_by_role("link", name="Misbehaviour").click()
    page.get_by_label("accept_then_503, percent").fill("25")
    page.get_by_role("button", name="Set rates").click()
    page.get_by_text("Set.").wait_for()
    assert pos.misbehaviour.rates == {"accept_then_503": 0.25}
    page.get_by_role("link", name="Ledger").click()
    page.get_by_text("Nothing has happened yet.").wait_for()
