"""Script in every text of every table: shown as text on every page of the staff's site, never run (S24, S28)."""

from __future__ import annotations

import re

from django.contrib import admin
from django.db import models

from ding.tests.security.test_secrets import pages

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
LINK = "javascript:alert(3)"
# Not texts of people: what ding itself looks things up by.
KEPT = {
    "timezone",
    "currency",
    "provider_name",
    "username",
    "password",
    "pos_type",
    "object_type",
    "object_id",
    "webhook_type",
    "kind",
    "channel",
    "cause",
    "proof",
    "public_id",
    "reference",
    "event_id",
    "prefix",
    "secret_sha256",
    "fingerprint",
    "endpoint",
    "base_api_url",
    "payload",
    "secret_key",
    "api_key",
}


def spoil(model, text=HOSTILE):
    """Put the hostile text where the column takes it."""
    texts = {}
    for field in model._meta.concrete_fields:
        if not isinstance(field, models.CharField | models.TextField) or field.choices or field.unique:
            continue
        if field.name in KEPT or type(field).__module__.startswith("pos_integrations.fields"):
            continue
        value = LINK if "url" in field.name else text
        if field.max_length is None or field.max_length >= 30:
            texts[field.name] = value[: field.max_length or 500]
    constrained = {
        name for constraint in model._meta.constraints for name in getattr(constraint, "fields", ())
    }
    texts = {name: value for name, value in texts.items() if name not in constrained}
    if texts:
        model._default_manager.update(**texts)
    return texts


def test_no_page_runs_what_somebody_stored(world):
    spoiled = {model: spoil(model) for model in admin.site._registry}
    assert sum(len(texts) for texts in spoiled.values()) > 40
    shown = count = 0
    for page, answer in pages(world, "super", most=220):
        if answer.status_code != 200 or "html" not in answer.headers.get("Content-Type", ""):
            continue
        text = answer.content.decode()
        count += 1
        shown += "&lt;script&gt;alert(1)" in text
        assert "<script>alert" not in text, page
        assert not re.search(r"<img[^>]*onerror=alert", text), page
        assert not re.search(r"(?:href|src|action)=[\"']?javascript:", text), page
        # Nor in the middle of an attribute or a script of our own.
        assert "alert(1)</script><img" not in text, page
    assert count > 40
    assert shown > 10


def test_a_table_for_a_spreadsheet_begins_no_cell_with_a_formula(world):
    from orders.models import Order

    Order.objects.update(
        customer_name='=HYPERLINK("http://evil.example")', notes="+1+1", customer_address="@SUM(1)"
    )
    answer = world.callers["super"].get("/admin/orders/order/export/")
    text = b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()
    assert answer.status_code == 200
    for cell in re.split(r"[,\r\n]", text):
        assert not re.match(r"^\"?[=+@\t]", cell), cell
