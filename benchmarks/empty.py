"""The floor of any web request: Django under ding's settings without middleware, and views that do nothing.

`/empty` answers nothing; `/bytes/…` the file of that name in the run's folder from memory, under the headers in the
JSON beside it; `/select` reads one row by its primary key before it answers nothing: the floor of whatever has to ask
the database. Runs on the same server with the same options as ding.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ding.settings")
settings.MIDDLEWARE = []
settings.ROOT_URLCONF = __name__

_folder = Path(os.environ.get("BENCH_FOLDER", "."))


@csrf_exempt
def empty(request: HttpRequest) -> HttpResponse:
    """Nothing."""
    return HttpResponse(b"{}", content_type="application/json")


@functools.cache
def _kept(name: str) -> tuple[bytes, dict[str, str]]:
    return (_folder / name).read_bytes(), json.loads((_folder / f"{name}.headers").read_text())


def same_bytes(request: HttpRequest, name: str) -> HttpResponse:
    """The same bytes to everybody."""
    body, headers = _kept(name)
    return HttpResponse(body, headers=headers)


def select(request: HttpRequest) -> HttpResponse:
    """One row by its key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM Menus WHERE restaurant_id = %s", (1,))
        cursor.fetchone()
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("empty", empty), path("bytes/<slug:name>", same_bytes), path("select", select)]
application = get_wsgi_application()
