"""A second factor for staff: codes of an authenticator app (TOTP), and recovery codes for the day it is lost.

Who has set one up is always asked for it; STAFF_SECOND_FACTOR makes everybody set one up.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import qrcode
import qrcode.image.svg
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django_otp import login, match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminTextInputWidget

from ding import audit

RECOVERY_CODES = 10


def has_device(user: Any) -> bool:
    """Whether this account has a second factor."""
    return TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).exists()


def passed(request: HttpRequest) -> bool:
    """Whether this session has shown the second factor, or needs none. Looked up once per account and request."""
    user: Any = request.user
    if not user.is_authenticated or user.is_verified():
        return bool(user.is_authenticated)
    if settings.STAFF_SECOND_FACTOR:
        return False
    if not hasattr(user, "_needs_second_factor"):
        user._needs_second_factor = has_device(user)
    return not user._needs_second_factor


def take_away(user: Any) -> int:
    """For somebody who has lost phone and recovery codes: the account is without a second factor again."""
    count, _ = TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    return count


class CodeForm(forms.Form):
    """Six digits of the app, or one of the recovery codes."""

    code = forms.CharField(
        max_length=16,
        label="Code",
        widget=UnfoldAdminTextInputWidget(
            {"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}
        ),
    )

    def clean_code(self) -> str:
        """Apps show it with a blank in the middle."""
        return str(self.cleaned_data["code"]).replace(" ", "").lower()


def _staff(request: HttpRequest) -> Any:
    if not (request.user.is_active and request.user.is_staff):
        raise PermissionDenied
    return request.user


def _onward(request: HttpRequest) -> HttpResponseRedirect:
    target = request.POST.get("next") or request.GET.get("next") or ""
    inside = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(target if inside else reverse("admin:index"))


@never_cache
@login_required(login_url="admin:login")
def ask(request: HttpRequest, site: Any) -> HttpResponse:
    """After the password: the code. Who must have a second factor and has none is led to set one up."""
    user = _staff(request)
    if passed(request):
        return _onward(request)
    if not has_device(user):
        query = f"?{urlencode({'next': request.GET['next']})}" if request.GET.get("next") else ""
        return HttpResponseRedirect(reverse("admin:second_factor_set_up") + query)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        device = match_token(user, form.cleaned_data["code"])
        if device is not None:
            _let_in(request, device)
            return _onward(request)
        audit.record("gave a wrong second factor", user)
        form.add_error(
            "code", "This code is not right, or was used already. Wait for the next one and try again."
        )
    return TemplateResponse(
        request,
        "admin/ding/second_factor.html",
        {
            **site.each_context(request),
            "title": "Second factor",
            "form": form,
            "next": request.GET.get("next", ""),
        },
    )


@never_cache
@login_required(login_url="admin:login")
def set_up(request: HttpRequest, site: Any) -> HttpResponse:
    """Show the key to the authenticator app, ask for a code of it, then show the recovery codes once."""
    user = _staff(request)
    if has_device(user):
        if not user.is_verified():
            return HttpResponseRedirect(reverse("admin:second_factor"))
        messages.info(request, "You have a second factor already. An administrator can take it away.")
        return HttpResponseRedirect(reverse("admin:index"))
    device, _ = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "Authenticator"}
    )
    form = CodeForm(request.POST or None)
    context = {**site.each_context(request), "title": "Set up a second factor", "form": form}
    if request.method == "POST" and form.is_valid():
        if device.verify_token(form.cleaned_data["code"]):
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            _let_in(request, device)
            audit.record("set up a second factor", user)
            context |= {"codes": _new_recovery_codes(user), "form": None}
            return TemplateResponse(request, "admin/ding/second_factor_set_up.html", context)
        form.add_error("code", "This code does not fit the key. Is the clock of your phone right?")
    key = base64.b32encode(device.bin_key).decode()
    context |= {
        "qr": base64.b64encode(_qr_svg(device.config_url)).decode(),
        "key": " ".join(key[i : i + 4] for i in range(0, len(key), 4)),
    }
    return TemplateResponse(request, "admin/ding/second_factor_set_up.html", context)


def _let_in(request: HttpRequest, device: Any) -> None:
    # The session may do more from now on, so it gets a key that nobody knew before.
    request.session.cycle_key()
    login(request, device)


def _qr_svg(text: str) -> bytes:
    image = qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage)
    return bytes(image.to_string())


def _new_recovery_codes(user: Any) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="Recovery codes")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create([StaticToken(device=device, token=code) for code in codes])
    return codes
