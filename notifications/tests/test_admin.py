from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import path

from notifications.models import Notification

urlpatterns = [path("admin/", admin.site.urls)]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

LIST = "/admin/notifications/notification/"


@pytest.fixture
def staff_with(django_user_model, client):
    def log_in(*permissions):
        user = django_user_model.objects.create_user("op", password="pw", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return log_in


def again(client, rows):
    data = {"action": "send_again", "_selected_action": [row.pk for row in rows]}
    return client.post(LIST, data, follow=True)


def test_the_list_is_found_by_order_reference_and_asks_no_statement_per_row(
    admin_client, make_row, django_assert_max_num_queries
):
    for event in ("confirmed", "ready", "delivered"):
        make_row(event=event)
    with django_assert_max_num_queries(8):
        assert admin_client.get(LIST).content.count(b"DABC1234") == 3
    assert b"DABC1234" not in admin_client.get(LIST, {"q": "NOTHERE"}).content


def test_failed_messages_are_sent_again_and_counted(admin_client, make_row):
    failed, sent = make_row(status="failed", retry_count=5), make_row(event="confirmed", status="sent")
    page = again(admin_client, [failed, sent])
    assert b"1 failed message(s) will be sent again." in page.content
    assert dict(Notification.objects.values_list("pk", "status")) == {failed.pk: "pending", sent.pk: "sent"}


def test_who_may_only_look_can_neither_send_nor_change(staff_with, make_row):
    failed = make_row(status="failed")
    client = staff_with("view_notification")
    assert client.get(LIST).status_code == 200
    assert b"send_again" not in client.get(LIST).content
    again(client, [failed])
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_who_may_change_can_send_again_but_not_edit(staff_with, make_row):
    failed = make_row(status="failed")
    client = staff_with("change_notification")
    again(client, [failed])
    failed.refresh_from_db()
    assert failed.status == "pending"
    assert client.post(f"{LIST}{failed.pk}/change/", {"status": "sent"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}{failed.pk}/delete/").status_code == 403
