#!/usr/bin/env python
"""The door to every management command; `python manage.py help` lists them."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ding.settings")
    from django.core.exceptions import ImproperlyConfigured

    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        # Whoever pressed Ctrl-C knows why it stops.
        sys.exit(130)
    except ImproperlyConfigured as error:
        sys.exit(f"ding cannot start: {error}")
