"""The menu over REST."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from ding.errors import NotFound
from menus.models import Menu
from menus.rendering import Rendered, compressed_tag, etag_of, knows, rendered_menu, wants_compressed


class MenuView(APIView):
    """The menu to show: categories, items, variations, add-on groups with limits, availability, prices, taxes."""

    scopes = {"GET": "menu:read"}

    @extend_schema(responses={200: OpenApiTypes.OBJECT, 304: None})
    def get(self, request: Request, restaurant_id: str) -> HttpResponse:
        """With `If-None-Match`: 304 while it is still the same."""
        caller: Any = request.auth
        # Version 0: the POS has said something about its menu, but we never had one.
        menu = Menu.objects.select_related("restaurant").filter(pk=int(restaurant_id), version__gt=0).first()
        if menu is None or not caller.sees(menu.pk):
            raise NotFound("There is no menu of this restaurant, or not for you. Has it been synchronised?")
        etag = etag_of(menu.restaurant, menu.version)
        if knows(request.headers.get("If-None-Match", ""), etag):
            return HttpResponse(status=304, headers={"ETag": etag})
        rendered = rendered_menu(menu.restaurant, menu.version)
        body, headers = answer(rendered, request.headers.get("Accept-Encoding", ""))
        return HttpResponse(body, content_type="application/json", headers=headers)


def answer(rendered: Rendered, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """The bytes to send to who takes these encodings, and what has to be said with them."""
    headers = {"ETag": rendered.etag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if not wants_compressed(accept_encoding):
        return rendered.body, headers
    headers |= {"ETag": compressed_tag(rendered.etag), "Content-Encoding": "gzip"}
    return rendered.compressed, headers
