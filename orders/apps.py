"""Orders: prices, states, history. Knows menus; knows of no POS and of no message."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Owns orders."""

    name = "orders"
