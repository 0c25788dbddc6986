"""Addresses of menus, under /api/."""

from __future__ import annotations

from django.urls import re_path

from menus.views import MenuView

urlpatterns = [re_path(r"^restaurants/(?P<restaurant_id>[0-9]{1,18})/menu/?$", MenuView.as_view())]
