"""Staff: their accounts, roles, the restaurants they are bound to, and their second factor."""

from __future__ import annotations

from typing import Any

from axes.utils import reset as unlock
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from ding import audit, second_factor
from ding.staff import StaffAdmin
from ding.throttle import log_ins
from menus.models import Restaurant

# Their own pages would show the keys themselves.
for model in (User, Group, TOTPDevice, StaticDevice):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class StaffForm(UserChangeForm):
    """An account with the restaurants it is bound to."""

    restaurants = forms.ModelMultipleChoiceField(
        Restaurant.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="Bound to these, they see and touch only these. Leave it empty for all restaurants.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "groups" in self.fields:
            self.fields["groups"].widget = UnfoldAdminSelect2MultipleWidget(
                choices=self.fields["groups"].choices
            )
        if self.instance.pk:
            self.fields["restaurants"].initial = self.instance.restaurants.all()


@admin.register(User)
class UserAdmin(DjangoUserAdmin, StaffAdmin):  # type: ignore[misc]
    """Only administrators make accounts and give roles."""

    when_empty = "There is no account yet."
    restaurant_path = None
    form = StaffForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        "username",
        "first_name",
        "last_name",
        "roles",
        "bound_to",
        "is_superuser",
        "is_active",
        "last_login",
    )
    list_filter = ("is_active", "is_superuser", "groups")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Who", {"fields": ("first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "restaurants")}),
        ("Further permissions", {"fields": ("user_permissions",), "classes": ("collapse",)}),
        ("When", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ("user_permissions",)
    actions = ("take_second_factor_away",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Roles and restaurants in one statement each."""
        return super().get_queryset(request).prefetch_related("groups", "restaurants")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whoever could give roles could give them to themselves."""
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As above."""
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """As above."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As above."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Switch the account off: who did what stays known."""
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """With the restaurants."""
        super().save_related(request, form, formsets, change)
        if "restaurants" in form.cleaned_data:
            form.instance.restaurants.set(form.cleaned_data["restaurants"])

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """A new password lets in again who was locked out."""
        response: HttpResponse = super().user_change_password(request, id, form_url)
        user = self.get_object(request, unquote(id))
        if user is not None and request.method == "POST" and response.status_code == 302:
            unlock(username=user.get_username())
        return response

    @admin.display
    def roles(self, user: User) -> str:
        """Their groups."""
        return ", ".join(group.name for group in user.groups.all())

    @admin.display
    def bound_to(self, user: User) -> str:
        """Their restaurants."""
        return ", ".join(str(restaurant) for restaurant in user.restaurants.all()) or "all restaurants"

    @admin.action(description="Take the second factor away", permissions=["change"])
    def take_second_factor_away(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For those who have lost it."""
        count = 0
        for user in queryset:
            if second_factor.take_away(user):
                count += 1
                audit.record("took the second factor away", user)
        self.message_user(request, f"{count} account(s) are without a second factor now.", messages.WARNING)


@admin.register(Group)
class RoleAdmin(DjangoGroupAdmin, StaffAdmin):  # type: ignore[misc]
    """The three that come with ding are set anew after each migration."""

    when_empty = "There is no role yet. The three that come with ding are made by `manage.py migrate`."
    restaurant_path = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        """For administrators."""
        return bool(request.user.is_superuser)


@receiver(user_logged_in)
def note_log_in(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """Who came in, from where."""
    if user.is_staff:
        audit.record("logged in", user, user=user)


@receiver(user_logged_out)
def note_log_out(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """Who left."""
    if user is not None and user.is_staff:
        audit.record("logged out", user, user=user)


@receiver(user_login_failed)
def note_failed_log_in(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """Who was tried, from where. The same statements for a name that nobody has; that name is not kept: a person in a
    hurry types the password there.
    """
    if request is None:
        return
    name = str(credentials.get("username") or "")
    account = User.objects.filter(username=name[:150]).first()
    action = "failed to log in"
    if getattr(request, "axes_locked_out", False):
        # Told by axes at every further try: written down once a minute.
        if log_ins.over((name, request.META.get("REMOTE_ADDR", "")), 1):
            return
        action = "was locked out"
    with audit.acting_as("nobody"):
        audit.record(action, account, note="" if account else "There is no such account.")
