"""The three roles of staff, as Django groups whose rights this table states.

They are set anew after each migration; who wants other rights makes a group of their own beside them.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions

INTEGRATION_MANAGER, OPERATOR, VIEWER = "Integration manager", "Operator", "Viewer"

# Whose rows everybody with a role may look at, and which of these models are nobody's daily business.
_SHOWN_APPS = ("menus", "orders", "notifications", "pos_integrations")
_KEPT_BACK = {"pos_integrations.restaurantwebhooksecret"}

# Beside looking: what operators act upon, and what integration managers set up.
_ACTED_UPON = (
    "orders.order",
    "pos_integrations.orderpush",
    "pos_integrations.webhooklog",
    "pos_integrations.menusynchistory",
    "notifications.notification",
    "menus.menu",
    "menus.item",
    "menus.variation",
    "menus.addonitem",
)
_SET_UP = {
    "menus.restaurant": ("add", "change"),
    "pos_integrations.posprovider": ("add", "change"),
    "pos_integrations.restaurantposintegration": ("add", "change"),
    "pos_integrations.restaurantwebhooksecret": ("view", "add", "change"),
    "pos_integrations.menusynchistory": ("change",),
    "menus.menu": ("change",),
    "ding.apikey": ("view", "add", "change"),
    "ding.auditevent": ("view",),
}


def rights_of(role: str) -> set[tuple[str, str]]:
    """(app label, codename) of each permission of a role."""
    shown = {
        (model._meta.app_label, f"view_{model._meta.model_name}")
        for app in _SHOWN_APPS
        for model in installed.get_app_config(app).get_models()
        if model._meta.label_lower not in _KEPT_BACK
    } | {_right("view", "ding.incident")}
    if role != VIEWER:
        shown.add(_right("acknowledge", "ding.incident"))
    if role == OPERATOR:
        return shown | {_right("change", label) for label in _ACTED_UPON}
    if role == INTEGRATION_MANAGER:
        return shown | {_right(action, label) for label, actions in _SET_UP.items() for action in actions}
    return shown


def _right(action: str, label: str) -> tuple[str, str]:
    app, model = label.split(".")
    return app, f"{action}_{model}"


def set_roles(sender: Any = None, using: str = "default", **kwargs: Any) -> None:
    """Give the three groups exactly the rights of the table; called after each migration."""
    from django.contrib.auth.models import Group, Permission

    for app in (*_SHOWN_APPS, "ding"):
        create_permissions(installed.get_app_config(app), verbosity=0, using=using)
    known = {
        (permission.content_type.app_label, permission.codename): permission
        for permission in Permission.objects.using(using).select_related("content_type")
    }
    for role in (INTEGRATION_MANAGER, OPERATOR, VIEWER):
        group, _ = Group.objects.using(using).get_or_create(name=role)
        group.permissions.set([known[right] for right in rights_of(role) if right in known])
