"""The settings under test: the real ones with throw-away secrets, whatever the machine's environment says."""

import os

os.environ["DING_ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "test-secret-key-that-is-long-enough-for-every-check-of-django-0123456789"  # noqa: S105
os.environ["ENCRYPTION_KEYS"] = "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ["CALLBACK_KEY"] = "test-callback-key"
os.environ["POS_ALLOWED_NETWORKS"] = "127.0.0.0/8"
os.environ["POS_ALLOW_PLAIN_HTTP"] = "true"
os.environ["LOG_LEVEL"] = "WARNING"
# What counts calls counts them over all tests of a process.
os.environ["FAILED_CALLS_PER_MINUTE"] = os.environ["API_CALLS_PER_MINUTE"] = "0"
os.environ["COSTLY_CALLS_PER_MINUTE"] = os.environ["LOG_INS_PER_MINUTE"] = "0"
os.environ.setdefault("DATABASE_URL", os.environ.get("TEST_DATABASE_URL", "sqlite://:memory:"))

from ding.settings import *  # noqa: E402, F403

DATABASE_CLOCK = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
