"""The floor of any web request: Django under ding's settings without middleware, and views that do nothing.

`/empty` answers nothing, `/bytes` the file named by FLOOR_BYTES from memory, under the headers in the JSON of
FLOOR_HEADERS; `/select` reads one row by its primary key before it answers nothing: the floor of whatever has to
ask the database. Runs on the same server with the same options as ding.
"""

from __future__ import annotations

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

_file = os.environ.get("FLOOR_BYTES", "")
_body = Path(_file).read_bytes() if _file else b""
_headers: dict[str, str] = json.loads(os.environ.get("FLOOR_HEADERS", "{}"))


@csrf_exempt
def empty(request: HttpRequest) -> HttpResponse:
    """Nothing."""
    return HttpResponse(b"{}", content_type="application/json")


def same_bytes(request: HttpRequest) -> HttpResponse:
    """The same bytes to everybody."""
    return HttpResponse(_body, headers=_headers)


def select(request: HttpRequest) -> HttpResponse:
    """One row by its key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM Menus WHERE restaurant_id = %s", (1,))
        cursor.fetchone()
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("empty", empty), path("bytes", same_bytes), path("select", select)]
application = get_wsgi_application()
