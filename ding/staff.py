"""What every admin page has in common: staff bound to restaurants see only theirs, and every change is recorded."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django import forms
from django.apps import apps
from django.contrib.admin import ShowFacets
from django.db.models import Field, ManyToManyField, QuerySet
from django.forms.utils import pretty_name
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.contrib.filters.admin import DropdownFilter

from ding import audit
from ding.paging import CappedPaginator

__all__ = [
    "RestaurantFilter",
    "Scoped",
    "SpanFilter",
    "StackedInline",
    "StaffAdmin",
    "TabularInline",
    "restaurants_of",
]


def restaurants_of(user: Any) -> frozenset[int] | None:
    """The restaurants whose things this member of staff may see; None: all. Asked once per request.

    Who is bound to no restaurant is not bound; superusers never are.
    """
    if user.is_superuser:
        return None
    if not hasattr(user, "_restaurants"):
        user._restaurants = frozenset(user.restaurants.values_list("pk", flat=True)) or None
    found: frozenset[int] | None = user._restaurants
    return found


class Scoped:
    """An admin whose rows belong to a restaurant, found by `restaurant_path`.

    A row of another restaurant is not there: in lists, pages, searches, autocompletes, choices and actions alike,
    for all of them start at `get_queryset`. `restaurant_path` None: the rows concern all restaurants; staff
    bound to some may look at them, and change nothing.
    """

    restaurant_path: ClassVar[str | None] = "restaurant"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only theirs."""
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        mine = restaurants_of(request.user)
        if mine is None or self.restaurant_path is None:
            return rows
        return rows.filter(**{f"{self.restaurant_path}__in": mine})

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """What holds for all restaurants is not theirs to make."""
        return self._theirs(request) and super().has_add_permission(request, *args)  # type: ignore[misc]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor to change."""
        return self._theirs(request) and super().has_change_permission(request, obj)  # type: ignore[misc]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor to delete."""
        return self._theirs(request) and super().has_delete_permission(request, obj)  # type: ignore[misc]

    def _theirs(self, request: HttpRequest) -> bool:
        return self.restaurant_path is not None or restaurants_of(request.user) is None

    def formfield_for_foreignkey(self, db_field: Field[Any, Any], request: Any, **kwargs: Any) -> Any:
        """Choices are scoped as the list of what may be chosen is."""
        return super().formfield_for_foreignkey(  # type: ignore[misc]
            db_field, request, **self._choices(db_field, request, kwargs)
        )

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: Any, **kwargs: Any
    ) -> Any:
        """The same for several."""
        return super().formfield_for_manytomany(  # type: ignore[misc]
            db_field, request, **self._choices(db_field, request, kwargs)
        )

    def _choices(self, db_field: Any, request: HttpRequest, kwargs: dict[str, Any]) -> dict[str, Any]:
        target = self.admin_site._registry.get(db_field.related_model)  # type: ignore[attr-defined]
        if "queryset" not in kwargs and isinstance(target, Scoped):
            kwargs["queryset"] = target.get_queryset(request)
        return kwargs


# Secrets, sealed or hashed: comparing is reading, one letter at a time.
SECRET_COLUMNS = frozenset(
    {"api_key", "secret_key", "global_config", "restaurant_specific_config", "secret_sha256", "password"}
)


class StaffAdmin(Scoped, ModelAdmin):
    """The base of every admin here. Each change becomes an `AuditEvent` with its differences."""

    # What the lists of large tables show of other tables, read in statements of their own. Joined to a small table,
    # MariaDB would rather sort all rows than read the newest ones by their key.
    list_prefetch_related: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    # Counts beside each filter would read the whole table once for each.
    show_facets = ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    warn_unsaved_form = True
    compressed_fields = True
    object_history_template = "admin/ding/history.html"
    # A service that is called from elsewhere too writes the trail itself.
    recorded_by_service: ClassVar[bool] = False

    # What a list says that has no rows at all: why, and what to do next.
    when_empty: ClassVar[str] = ""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """A number that no column holds is nobody's id."""
        try:
            return super().get_object(request, object_id, from_field)
        except OverflowError:
            return None

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A filter with a number that no column holds is as wrong as one with a word: the list without it."""
        try:
            return super().changelist_view(request, extra_context)
        except OverflowError:
            return HttpResponseRedirect(f"{request.path}?e=1")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """The query string asks about no secret column, under whatever relation."""
        return SECRET_COLUMNS.isdisjoint(lookup.split("__")) and super().lookup_allowed(
            lookup, value, request
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        """With `list_prefetch_related`."""
        base, related = super().get_changelist(request, **kwargs), self.list_prefetch_related

        class Beside(base):  # type: ignore[misc, valid-type]
            def apply_select_related(self, rows: QuerySet[Any]) -> Any:
                return rows.prefetch_related(*related)

        return Beside if related else base

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Django's own message says which fields; the audit trail says from what to what."""
        request.audited = {} if self.recorded_by_service else form_differences(form)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Somebody made it."""
        if not self.recorded_by_service:
            audit.record("added", obj, changes=getattr(request, "audited", {}))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Somebody changed it, or did what `message` says."""
        changes = getattr(request, "audited", {})
        if isinstance(message, str):
            audit.record(message.rstrip("."), obj, changes=changes)
        elif changes:
            audit.record("changed", obj, changes=changes)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Somebody deleted them."""
        for obj in queryset:
            audit.record("deleted", obj)
        return super().log_deletions(request, queryset)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who did what to it, with the differences."""
        obj = self.get_object(request, object_id)
        events = audit.AuditEvent.objects.about(obj)[:200] if obj is not None else ()
        return super().history_view(request, object_id, {**(extra_context or {}), "events": events})


def form_differences(form: forms.BaseForm) -> dict[str, list[str]]:
    """What a valid form changes: label → [old, new]; of a secret only that it was replaced."""
    found = {}
    for name in form.changed_data:
        field = form.fields.get(name)
        if field is None:
            continue
        label = str(field.label or pretty_name(name))
        old, new = form.initial.get(name, field.initial), form.cleaned_data.get(name)
        if isinstance(field.widget, forms.PasswordInput):
            found[label] = ["", "replaced"]
            continue
        if isinstance(field, forms.ModelMultipleChoiceField) and field.queryset is not None:
            old = field.queryset.filter(pk__in=[getattr(one, "pk", one) for one in old or ()])
        elif isinstance(field, forms.ModelChoiceField) and field.queryset is not None and old is not None:
            old = field.queryset.filter(pk=getattr(old, "pk", old)).first()
        found[label] = [audit.in_words(old), audit.in_words(new)]
    return found


class SpanFilter(DropdownFilter):
    """By how long ago; `field` says what."""

    field = "created_at"
    spans: ClassVar[dict[str, tuple[str, dt.timedelta]]] = {
        "1h": ("The last hour", dt.timedelta(hours=1)),
        "24h": ("The last 24 hours", dt.timedelta(hours=24)),
        "7d": ("The last 7 days", dt.timedelta(days=7)),
        "30d": ("The last 30 days", dt.timedelta(days=30)),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Until now."""
        return [(key, label) for key, (label, _) in self.spans.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the span."""
        found = self.spans.get(self.value() or "")
        return queryset.filter(**{f"{self.field}__gte": timezone.now() - found[1]}) if found else queryset


class RestaurantFilter(DropdownFilter):
    """One restaurant of those that this member of staff may see; the path is the admin's `restaurant_path`."""

    title = "restaurant"
    parameter_name = "restaurant"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        self._path = model_admin.restaurant_path
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """By name."""
        mine = restaurants_of(request.user)
        rows = apps.get_model("menus", "Restaurant").objects.order_by("name", "id")
        if mine is not None:
            rows = rows.filter(pk__in=mine)
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Its rows."""
        value = self.value()
        if not value:
            return queryset
        # No restaurant has another number: SQLite and Python would stumble over some.
        known = value.isascii() and value.isdigit() and len(value) < 19
        return queryset.filter(**{self._path: int(value)}) if known else queryset.none()
