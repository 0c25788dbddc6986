"""A session of staff ends: twelve hours after the log-in whatever happens in it, and sooner when nothing does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

SEEN = "seen"
# So seldom is it written down that somebody is there.
_WRITTEN_EVERY_SECONDS = 60


@receiver(user_logged_in)
def begin(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    """A moment, not a length: each change of a session would begin a length anew."""
    # Django keeps the key when the same person logs in again.
    request.session.cycle_key()
    now = timezone.now()
    request.session.set_expiry(now + dt.timedelta(seconds=settings.SESSION_COOKIE_AGE))
    request.session[SEEN] = int(now.timestamp())


class IdleSessions:
    """Log out whoever did nothing for STAFF_IDLE_MINUTES."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Only where a session's cookie came along: nobody else's request asks the database."""
        if settings.STAFF_IDLE_MINUTES and settings.SESSION_COOKIE_NAME in request.COOKIES:
            self._look(request)
        return self._get_response(request)

    def _look(self, request: HttpRequest) -> None:
        seen = request.session.get(SEEN)
        if seen is None:
            return
        idle = int(timezone.now().timestamp()) - seen
        if idle > settings.STAFF_IDLE_MINUTES * 60:
            logout(request)
        elif idle > _WRITTEN_EVERY_SECONDS:
            request.session[SEEN] = seen + idle
