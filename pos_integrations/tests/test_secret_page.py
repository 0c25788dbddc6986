"""The page of webhook secrets: shown once, ended early or at once, who did it, and whose it is."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from ding.audit import AuditEvent
from ding.roles import INTEGRATION_MANAGER, OPERATOR
from pos_integrations.configuration import valid_secrets
from pos_integrations.models import RestaurantWebhookSecret
from pos_integrations.tests.configured import CANARY, make_integration, make_restaurant

pytestmark = pytest.mark.django_db


@pytest.fixture
def integration():
    return make_integration()


@pytest.fixture
def staff(client):
    def make(role=INTEGRATION_MANAGER, *restaurants):
        user = User.objects.create_user("asha", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        user.restaurants.set(restaurants)
        client.force_login(user)
        return client

    return make


def page(integration):
    return f"/admin/pos_integrations/restaurantposintegration/{integration.pk}/secrets/"


def old():
    return RestaurantWebhookSecret.objects.order_by("pk").first()


def test_a_new_secret_is_shown_once_and_the_old_one_overlaps(staff, integration):
    client = staff()
    made = client.post(page(integration), {"do": "rotate", "overlap": "72"})
    secret = made.context["new"].secret
    assert secret in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    again = client.get(page(integration)).content.decode()
    assert secret not in again
    assert CANARY not in again
    assert "by staff:asha" in again
    assert [text for _, text in valid_secrets(integration)][0] == secret
    left = old().expires_at - timezone.now()
    assert dt.timedelta(hours=71) < left <= dt.timedelta(hours=72)


def test_without_an_overlap_the_old_one_is_not_valid_any_more(staff, integration):
    staff().post(page(integration), {"do": "rotate", "overlap": "0"})
    assert len(valid_secrets(integration)) == 1


def test_the_poss_own_secret_can_be_brought(staff, integration):
    client = staff()
    client.post(page(integration), {"do": "rotate", "brought": "short"})
    assert len(valid_secrets(integration)) == 1
    theirs = "the-pos-gave-this-secret-0123456789"
    answer = client.post(page(integration), {"do": "rotate", "brought": theirs}, follow=True)
    assert theirs in [text for _, text in valid_secrets(integration)]
    assert theirs not in answer.content.decode()


def test_an_old_one_is_ended_early_and_asked_about_when_it_was_used_lately(staff, integration):
    client = staff()
    client.post(page(integration), {"do": "rotate"})
    RestaurantWebhookSecret.objects.filter(pk=old().pk).update(last_used_at=timezone.now())
    values = {"do": "end", "secret_id": old().pk}
    assert "End it anyway" in client.post(page(integration), values).content.decode()
    assert old().is_active
    client.post(page(integration), {**values, "sure": "1"})
    assert not old().is_active
    event = AuditEvent.objects.about(old()).first()
    assert (event.actor, event.action) == ("staff:asha", "ended")
    assert "Ended by staff:asha" in client.get(page(integration)).content.decode()


def test_the_only_one_is_not_ended_by_a_slip(staff, integration):
    client = staff()
    answer = client.post(page(integration), {"do": "end", "secret_id": old().pk, "sure": "1"}, follow=True)
    assert "It is the only valid one" in answer.content.decode()
    assert old().is_active


def test_a_leaked_one_is_revoked_at_once_with_its_reason(staff, integration):
    client = staff()
    client.post(page(integration), {"do": "revoke", "secret_id": old().pk})
    assert old().is_active
    client.post(page(integration), {"do": "revoke", "secret_id": old().pk, "reason": "Posted in a chat"})
    assert valid_secrets(integration) == []
    event = AuditEvent.objects.about(old()).first()
    assert (event.action, event.note) == ("revoked", "Posted in a chat")
    assert "Posted in a chat" in client.get(page(integration)).content.decode()


@pytest.mark.parametrize(
    "values", [{}, {"do": "x"}, {"do": "end", "secret_id": "9" * 30}, {"do": "revoke", "secret_id": "'"}]
)
def test_strange_input_ends_nothing(staff, integration, values):
    assert staff().post(page(integration), values).status_code == 302
    assert len(valid_secrets(integration)) == 1


def test_an_operator_has_no_business_here(staff, integration):
    client = staff(OPERATOR)
    assert client.get(page(integration)).status_code == 403
    assert client.post(page(integration), {"do": "rotate"}).status_code == 403


def test_another_restaurants_secrets_are_not_there(staff, integration):
    other = make_integration(
        make_restaurant("Mine"),
        pos_restaurant_id="efgh5678",
        webhook_secret="another-secret-0123456789-abcdef",
    )
    client = staff(INTEGRATION_MANAGER, other.restaurant)
    assert client.get(page(integration)).status_code == 404
    assert client.post(page(integration), {"do": "rotate"}).status_code == 404
    client.post(page(other), {"do": "revoke", "secret_id": old().pk, "reason": "x"})
    assert len(valid_secrets(integration)) == 1
    # Nor can one be given to it by the form that adds secrets.
    address = "/admin/pos_integrations/restaurantwebhooksecret/add/"
    form = client.get(address).context["adminform"].form
    assert list(form.fields["integration"].queryset) == [other]
    client.force_login(User.objects.create_superuser("boss"))  # who sees all of them, whoever looked before
    form = client.get(address).context["adminform"].form
    assert set(form.fields["integration"].queryset) == {other, integration}
