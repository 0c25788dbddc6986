"""The WSGI application, for granian and its like."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ding.settings")

_django = get_wsgi_application()

# Only now are the models there.
from ding.incidents import watchdog  # noqa: E402
from ding.short_way import ShortWay  # noqa: E402

application = ShortWay(_django)

watchdog.start("web")
