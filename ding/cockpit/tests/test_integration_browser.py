"""The page of a restaurant's integration in a real browser: it fits, and each thing to do there is one press away."""

from __future__ import annotations

import pytest

from ding.cockpit.tests.conftest import LOOKS, make_staff
from ding.roles import INTEGRATION_MANAGER, VIEWER
from pos_integrations.tests.factories import connect, make_restaurant

pytestmark = pytest.mark.browser

LINKS = ("Test connection", "Check-list", "Rotate, end, revoke secrets", "Menu and syncs")


def address(integration):
    return f"/admin/pos_integrations/restaurantposintegration/{integration.pk}/change/"


@pytest.mark.parametrize(("width", "theme"), [LOOKS[0], LOOKS[3]])
def test_an_integration_s_page_leads_to_all_that_is_done_with_it(browse, pos, width, theme):
    integration = connect(pos, make_restaurant())
    page = browse(make_staff(role=INTEGRATION_MANAGER), width, theme)
    page.see(address(integration), "integration")
    for field in page.locator("[name^=config_]:not([type=checkbox]):visible").all():
        assert field.evaluate("field => getComputedStyle(field).borderTopWidth") == "1px"
    for name in LINKS:
        page.see(address(integration))
        page.get_by_role("link", name=name).click()
        page.wait_for_load_state("networkidle")
        page.looked_at()
        assert page.locator("main, #content, .dg").first.is_visible()
    page.see(f"/admin/pos_integrations/posprovider/{integration.pos_provider_id}/change/", "provider")
    page.see("/admin/pos_integrations/restaurantposintegration/add/", "integration-add")
    page.see("/admin/pos_integrations/restaurantwebhooksecret/add/", "secret-add")


def test_who_may_only_look_gets_only_the_menu(browse, pos):
    integration = connect(pos, make_restaurant())
    page = browse(make_staff(role=VIEWER), "phone")
    page.see(address(integration))
    shown = [page.get_by_role("link", name=name).count() for name in LINKS]
    assert shown == [0, 0, 0, 1]
