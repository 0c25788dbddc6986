"""The WSGI application, for granian and its like."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ding.settings")

_django = get_wsgi_application()

# Only now are the models there.
from django.conf import settings  # noqa: E402

from ding.client_address import behind  # noqa: E402
from ding.incidents import watchdog  # noqa: E402
from ding.short_way import ShortWay  # noqa: E402

application = behind(ShortWay(_django), settings.TRUSTED_PROXIES)

watchdog.start("web")

# What is loaded by now stays: the collector need not look through it again and again.
gc.collect()
gc.freeze()
