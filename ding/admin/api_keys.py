"""API keys for the operator: made here, shown once, narrowed, revoked."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ding.keys import SCOPES, create_api_key
from ding.models import ApiKey
from ding.staff import StaffAdmin, restaurants_of


class ApiKeyForm(forms.ModelForm):
    """What a key may, and where."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES], widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = ApiKey
        fields = ("client", "scopes", "all_restaurants", "restaurants", "expires_at")

    def clean_expires_at(self) -> Any:
        """Not past already; to end a key now, revoke it."""
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and "expires_at" in self.changed_data and expires_at <= timezone.now():
            raise forms.ValidationError("That is past. To end a key now, revoke it.", "past")
        return expires_at

    def clean(self) -> dict[str, Any]:
        """A key for nothing, or for some and yet all, is a slip."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(cleaned.get("restaurants")) == bool(cleaned.get("all_restaurants")):
            self.add_error("restaurants", "Choose either restaurants or all of them.")
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    """Keys by their prefix; the secret itself is nowhere."""

    when_empty = "There is no key yet. A shop needs one before it can read menus and place orders."
    restaurant_path = "restaurants"
    form = ApiKeyForm
    fields: ClassVar[Any] = (
        "client",
        "prefix",
        "scopes",
        "all_restaurants",
        "restaurants",
        "expires_at",
        "created_at",
        "last_used_at",
        "revoked_at",
    )
    readonly_fields = ("client", "prefix", "created_at", "last_used_at", "revoked_at")
    autocomplete_fields = ("restaurants",)
    list_display = (
        "client",
        "prefix",
        "scope_names",
        "restaurant_names",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "all_restaurants")
    search_fields = ("client", "prefix")
    ordering = ("client", "-id")
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        """All restaurants' names in one statement. Bound staff see keys that reach nobody else's restaurants."""
        keys = super().get_queryset(request).prefetch_related("restaurants")
        mine = restaurants_of(request.user)
        if mine is None:
            return keys
        further = ApiKey.restaurants.through.objects.exclude(restaurant__in=mine).values("apikey")
        return keys.filter(all_restaurants=False).exclude(pk__in=further).distinct()

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """A new key has no history yet; only who sees all restaurants may give a key for all of them."""
        fields = self.fields if obj else ApiKeyForm.Meta.fields
        bound = restaurants_of(request.user) is not None
        return tuple(name for name in fields if not (bound and name == "all_restaurants"))

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Who uses it is said once: orders were placed in that name."""
        return self.readonly_fields if obj else ()

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """Make a new key and show it, this once."""
        if change:
            super().save_model(request, obj, form, change)
            return
        key = create_api_key(
            client=obj.client,
            scopes=obj.scopes,
            all_restaurants=obj.all_restaurants,
            expires_at=obj.expires_at,
        )
        obj.pk = ApiKey.objects.values_list("pk", flat=True).get(prefix=key.split("_")[1])
        obj.refresh_from_db()
        self.message_user(request, f"Keep this key, it is not shown again: {key}", messages.SUCCESS)

    @admin.display(description="scopes")
    def scope_names(self, key: ApiKey) -> str:
        """In words."""
        return ", ".join(key.scopes)

    @admin.display(description="restaurants")
    def restaurant_names(self, key: ApiKey) -> str:
        """In words."""
        return "all" if key.all_restaurants else ", ".join(str(r) for r in key.restaurants.all())

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End the chosen keys now."""
        count = queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} key(s) revoked.", level)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """A revoked key is a record."""
        return super().has_change_permission(request, obj) and (obj is None or obj.revoked_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Revoke it: who held which key stays known."""
        return False
