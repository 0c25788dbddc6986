"""Restaurants to edit, and their menus to look at: a menu is changed at the POS and comes with a sync."""

from __future__ import annotations

import zoneinfo
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from ding.read_only import ReadOnly
from ding.staff import RestaurantFilter, StaffAdmin, TabularInline
from menus import menu_page
from menus.models import (
    AddOnGroup,
    AddOnItem,
    Category,
    Discount,
    Item,
    Menu,
    Restaurant,
    Tax,
    Variation,
)


class RestaurantForm(forms.ModelForm):
    """Refuses what would fail later, at the first order."""

    class Meta:
        model = Restaurant
        fields = ("name", "address", "phone", "email", "timezone", "currency", "accepting_orders")
        help_texts = {
            "timezone": "As the IANA database names it, such as Asia/Kolkata.",
            "currency": "Three letters of ISO 4217, such as INR.",
            "accepting_orders": "Off: the API refuses every order of this restaurant.",
        }

    def clean_timezone(self) -> str:
        """One that this machine knows."""
        name: str = self.cleaned_data["timezone"]
        if name not in zoneinfo.available_timezones():
            raise forms.ValidationError("There is no such time zone. Write it like Asia/Kolkata.", "unknown")
        return name

    def clean_phone(self) -> str:
        """One that staff can call when orders stop."""
        number: str = self.cleaned_data["phone"].strip()
        if number and sum(sign.isdigit() for sign in number) < 5:
            raise forms.ValidationError(
                "Write a number that can be called, like +91 22 5555 0100.", "unknown"
            )
        return number

    def clean_currency(self) -> str:
        """Three capital letters."""
        code: str = self.cleaned_data["currency"].upper()
        if not (len(code) == 3 and code.isascii() and code.isalpha()):
            raise forms.ValidationError("A currency has three letters. Write it like INR.", "unknown")
        return code


@admin.register(Restaurant)
class RestaurantAdmin(StaffAdmin):
    """Facts of an outlet. It is never deleted: orders point at it."""

    when_empty = "There is no restaurant yet. “Connect a restaurant” leads from its name to its first order."
    restaurant_path = "pk"

    form = RestaurantForm
    list_display = ("name", "phone", "email", "timezone", "currency", "accepting_orders")
    list_filter = ("accepting_orders",)
    search_fields = ("name", "phone", "email")
    ordering = ("name", "id")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never; switch off `accepting_orders` instead."""
        return False


@admin.register(Menu)
class MenuAdmin(ReadOnly, StaffAdmin):
    """Menus as wholes."""

    when_empty = "There is no menu yet. Connect a restaurant: its first sync brings its menu."
    list_display = ("restaurant", "version", "synced_at", "announced_at")
    list_select_related = ("restaurant",)
    search_fields = ("restaurant__name",)
    ordering = ("restaurant__name",)

    def get_urls(self) -> list[Any]:
        """The switches of its page."""
        switch = path(
            "<int:restaurant_id>/switch/",
            self.admin_site.admin_view(self.switch_view),
            name="menus_menu_switch",
        )
        return [switch, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The menu itself, not its row; nothing is saved here."""
        if request.method == "POST":
            raise PermissionDenied
        return menu_page.show(request, self, self._restaurant(request, object_id))

    def switch_view(self, request: HttpRequest, restaurant_id: int) -> HttpResponse:
        """Things switched off or on."""
        return menu_page.switch(request, self._restaurant(request, restaurant_id))

    def _restaurant(self, request: HttpRequest, pk: Any) -> Restaurant:
        menu = self.get_object(request, str(pk))
        if menu is None:
            raise Http404
        if not self.has_view_permission(request, menu):
            raise PermissionDenied
        restaurant: Restaurant = menu.restaurant
        return restaurant


class MenuRowAdmin(ReadOnly, StaffAdmin):
    """What the lists of all rows of menus have in common."""

    when_empty = (
        "No menu has any. They come with a sync of a menu: open a restaurant's menu and press “Sync now”."
    )
    list_display: Any = ("name", "restaurant", "external_id", "active")
    list_filter: ClassVar[Any] = ("active", RestaurantFilter)
    list_select_related: ClassVar[Any] = ("restaurant",)
    search_fields: ClassVar[Any] = ("name", "external_id")
    search_help_text = "A part of the name or of the POS's id."
    ordering = ("restaurant", "rank", "id")
    exclude = ("content_hash",)


admin.site.register([Category, Discount], MenuRowAdmin)


@admin.register(Tax)
class TaxAdmin(MenuRowAdmin):
    """Taxes with their rates."""

    list_display = ("name", "restaurant", "rate", "kind", "inclusive", "external_id", "active")
    list_filter = ("active", "kind", "inclusive", RestaurantFilter)


class VariationInline(ReadOnly, TabularInline):
    """The sizes of an item."""

    model = Variation
    fields = ("name", "group_name", "price", "active", "in_stock", "stock_changed_at", "external_id")
    ordering = ("rank", "id")


@admin.register(Item)
class ItemAdmin(MenuRowAdmin):
    """Dishes with what can be sold of them."""

    list_display = ("name", "restaurant", "category", "price", "active", "in_stock", "external_id")
    list_filter = ("active", "in_stock", RestaurantFilter)
    list_select_related = ("restaurant", "category")
    inlines = (VariationInline,)


@admin.register(Variation)
class VariationAdmin(MenuRowAdmin):
    """Sizes with their dishes."""

    list_display = ("name", "item", "restaurant", "price", "active", "in_stock", "external_id")
    list_filter = ("active", "in_stock", RestaurantFilter)
    list_select_related = ("restaurant", "item")
    search_fields = ("name", "external_id", "item__name")
    search_help_text = "A part of the name, of the item's name, or of the POS's id."


class AddOnItemInline(ReadOnly, TabularInline):
    """What a group offers."""

    model = AddOnItem
    fields = ("name", "price", "active", "in_stock", "stock_changed_at", "external_id")
    ordering = ("rank", "id")


@admin.register(AddOnGroup)
class AddOnGroupAdmin(MenuRowAdmin):
    """Add-ons offered together."""

    inlines = (AddOnItemInline,)


@admin.register(AddOnItem)
class AddOnItemAdmin(MenuRowAdmin):
    """Add-ons with their groups."""

    list_display = ("name", "group", "restaurant", "price", "active", "in_stock", "external_id")
    list_filter = ("active", "in_stock", RestaurantFilter)
    list_select_related = ("restaurant", "group")
