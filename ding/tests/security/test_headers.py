"""What every kind of answer carries (S15, S25, S31, S34, S43, S44)."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from ding.tests.security.test_matrix import ROWS, filled

PAGES = ("/admin/", "/admin/login/", "/api/docs", "/nothing-here")


def policy(answer):
    text = answer.headers["Content-Security-Policy"]
    return {part.split()[0]: part.split()[1:] for part in text.split(";") if part.strip()}


@pytest.mark.parametrize(
    "path", [*PAGES, "/api/orders", "/api/nothing", "/api/schema", "/metrics", "/healthz"]
)
def test_every_answer_says_what_a_browser_may_do_with_it(world, path):
    for caller in ("nobody", "super"):
        answer = world.callers[caller].get(path)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "geolocation=()" in answer.headers["Permissions-Policy"]
        rules = policy(answer)
        assert rules["frame-ancestors"] == ["'none'"]
        assert rules["object-src"] == rules["base-uri"] == ["'none'"]
        assert "'unsafe-inline'" not in rules["script-src"]
        assert "X-Request-ID" in answer.headers
        assert not {"Server", "X-Powered-By"} & set(answer.headers)


def test_an_answer_to_a_program_allows_nothing_and_is_kept_nowhere(world):
    for row in ROWS:
        answer = getattr(world.callers["K1"], row.method.lower())(filled(row.path, world))
        if row.path != "/api/docs":
            assert set(sum(policy(answer).values(), [])) == {"'none'"}, row.path
        assert "no-store" in answer.headers["Cache-Control"] or "ETag" in answer.headers, row.path
        assert "private" in answer.headers["Cache-Control"] or "no-store" in answer.headers["Cache-Control"]


def test_no_cache_keeps_a_page_of_the_staff(world):
    for path in ("/admin/", "/admin/orders/order/"):
        assert "no-store" in world.callers["super"].get(path).headers["Cache-Control"]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "localhost:80@evil.example", "localhost,evil.example", ""],
)
def test_another_host_name_is_refused_and_a_forwarded_one_not_heard(world, host):
    answer = Client(raise_request_exception=False).get("/api/schema", headers={"Host": host})
    assert answer.status_code == 400
    answer = world.callers["nobody"].get("/admin/", headers={"X-Forwarded-Host": host})
    assert "evil" not in answer.headers["Location"]
    assert (
        "evil"
        not in world.callers["K1"]
        .get("/api/orders?limit=1", headers={"X-Forwarded-Host": host})
        .content.decode()
    )


def test_without_tls_pages_lead_there_and_programs_are_refused(world, settings):
    settings.BEHIND_TLS = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)/?$", r"^api/"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # The middleware reads its settings when it is made.
    anybody = Client()
    assert anybody.get("/admin/").headers["Location"].startswith("https://")
    for path in ("/api/orders", "/api/webhooks/petpooja/order-status", "/api/schema"):
        answer = anybody.post(path, "{}", content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "https_required")
    assert anybody.get("/healthz").status_code == 200
    secure = Client(headers={"X-Forwarded-Proto": "https"})
    assert secure.get("/api/schema").status_code == 200


def test_cookies_of_the_staff_are_for_this_site_and_no_script(world, settings):
    from django.contrib.auth.models import User

    User.objects.create_user("anna", password="a long enough password", is_staff=True)
    client = Client()
    client.post("/admin/login/", {"username": "anna", "password": "a long enough password"})
    session = client.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    first = session.value
    client.post("/admin/logout/")
    replay = Client()
    replay.cookies["sessionid"] = first
    assert replay.get("/admin/").status_code == 302


@pytest.mark.parametrize(
    "path", [row.path for row in ROWS if row.method == "GET"] + ["/readyz", "/admin/", "/admin/orders/order/"]
)
def test_an_error_tells_nothing_of_the_inside(world, monkeypatch, settings, path):
    def fail(*args, **kwargs):
        raise OperationalError(2002, "Can't connect to server on 'db.internal.example' (115)")

    for caller in ("K1", "super"):
        client = world.callers[caller]
        client.raise_request_exception = False
        with monkeypatch.context() as patched:
            patched.setattr("django.db.backends.utils.CursorWrapper.execute", fail)
            answer = client.get(filled(path, world))
        text = answer.content.decode()
        for inner in (
            "Traceback",
            "db.internal",
            "site-packages",
            "OperationalError",
            str(settings.BASE_DIR),
            "SELECT ",
            "Django",
        ):
            assert inner not in text, (path, inner)
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0 or path == "/readyz"
