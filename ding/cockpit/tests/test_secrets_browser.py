"""Webhook secrets in a real browser: made, copied, ended early, revoked."""

from __future__ import annotations

import pytest
from django.utils import timezone

from ding.cockpit.tests.conftest import LOOKS, make_staff
from ding.roles import INTEGRATION_MANAGER
from pos_integrations.configuration import rotate_secret, valid_secrets
from pos_integrations.models import RestaurantWebhookSecret
from pos_integrations.tests.factories import connect, make_restaurant

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [LOOKS[0], LOOKS[3]])
def test_a_secret_is_rotated_ended_and_revoked(browse, pos, width, theme):
    integration = connect(pos, make_restaurant())
    page = browse(make_staff(role=INTEGRATION_MANAGER), width, theme)
    page.see("/admin/pos_integrations/restaurantwebhooksecret/")
    page.get_by_role("link", name="Rotate, end, revoke").click()
    page.get_by_role("button", name="Make a new secret").click()
    page.get_by_text("The new secret: copy it now").wait_for()
    secret = page.locator("#dg-secret").text_content()
    page.looked_at("secrets-new")
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    assert valid_secrets(integration)[0][1] == secret

    RestaurantWebhookSecret.objects.update(last_used_at=timezone.now())
    page.see(f"/admin/pos_integrations/restaurantposintegration/{integration.pk}/secrets/")
    page.get_by_role("listitem").filter(has_text="ends in").get_by_role("button", name="End it").click()
    page.get_by_text("The POS most likely still signs").wait_for()
    page.looked_at("secrets-ask")
    page.get_by_role("button", name="End it anyway").click()
    page.get_by_text("has ended").first.wait_for()
    rotate_secret(integration)
    page.get_by_text("Revoke…").click()
    page.get_by_label("Why").fill("Posted in a chat")
    page.looked_at("secrets-revoke")
    page.get_by_role("button", name="Revoke it now").click()
    page.get_by_text("is revoked").wait_for()
    page.looked_at("secrets-after")
    assert len(valid_secrets(integration)) == 1
