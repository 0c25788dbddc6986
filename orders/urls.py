"""Addresses of orders, below /api/; each with and without its last slash."""

from django.urls import re_path

from orders import views

_NAME = r"(?P<name>[0-9A-Za-z]{1,20})"

urlpatterns = [
    re_path(r"^orders/?$", views.OrdersView.as_view()),
    re_path(r"^orders/quote/?$", views.QuoteView.as_view()),
    re_path(rf"^orders/{_NAME}/?$", views.OrderView.as_view()),
    re_path(rf"^orders/{_NAME}/cancel/?$", views.CancelView.as_view()),
]
