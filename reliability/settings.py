"""ding's settings with times that a fault needs shorter than anybody else ever would."""

import os

from ding.settings import *  # noqa: F403
from ding.settings import CELERY_BROKER_TRANSPORT_OPTIONS

if "RIG_VISIBILITY_SECONDS" in os.environ:
    CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"] = int(os.environ["RIG_VISIBILITY_SECONDS"])
