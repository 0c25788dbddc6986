"""Restaurants and what they sell; the lowest app."""

from django.apps import AppConfig


class MenusConfig(AppConfig):
    """Owns restaurants and menus."""

    name = "menus"
