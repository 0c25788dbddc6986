"""Every setting, grouped by subject. All values come from the environment (or a `.env` file beside manage.py).

A value without a safe default has none: then ding refuses to start and says what to do. `.env.example`
lists every variable.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from pathlib import Path

import environ
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.urls import reverse_lazy
from kombu import Queue

from ding import strength
from ding.logs import on_one_line, without_tokens

BASE_DIR = Path(__file__).resolve().parent.parent

# NAME_FILE=/run/secrets/x works for every variable, beside NAME=x.
env = environ.FileAwareEnv()
env_file = Path(env.str("DING_ENV_FILE", default=str(BASE_DIR / ".env")))
if env_file.is_file():
    env.read_env(env_file)
# What ding itself writes to disk: the SQLite database, the menus' pictures, the demo's keys.
VAR_DIR = BASE_DIR / env.str("VAR_DIR", default="var")


def required(name: str) -> str:
    """A variable that ding does not start without."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. `make .env` writes a .env file with fresh secrets; .env.example explains each."
        )
    return value


def number(name: str, default: int, lowest: int, highest: int) -> int:
    """A variable that is a whole number."""
    text: str = env.str(name, default=str(default))
    if not re.fullmatch(r"-?[0-9]{1,9}", text.strip()) or not lowest <= int(text) <= highest:
        raise ImproperlyConfigured(f"{name} must be a whole number from {lowest} to {highest}, not {text!r}.")
    return int(text)


DEBUG = env.bool("DEBUG", default=False)


def refuse_weak(name: str, weakness: str) -> None:
    """Outside DEBUG ding does not start with what everybody could guess. The value itself is not told."""
    if weakness and not DEBUG:
        raise ImproperlyConfigured(f"{name} {weakness}. `python3 ding/fresh_env.py` prints fresh secrets.")


# --- Secrets ---
SECRET_KEY = required("SECRET_KEY")
# id:base64 of 32 bytes, comma-separated; the first seals, all open.
ENCRYPTION_KEYS = required("ENCRYPTION_KEYS")
# Signs the per-order token in callback addresses. Changing it cuts off callbacks of open orders.
CALLBACK_KEY = required("CALLBACK_KEY")
refuse_weak("SECRET_KEY", strength.weakness(SECRET_KEY))
refuse_weak("ENCRYPTION_KEYS", strength.keys_weakness(ENCRYPTION_KEYS))
refuse_weak("CALLBACK_KEY", strength.weakness(CALLBACK_KEY))

# --- Web ---
ALLOWED_HOSTS = [
    host.strip() for host in env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
]
refuse_weak("ALLOWED_HOSTS", strength.hosts_weakness(ALLOWED_HOSTS))
CSRF_TRUSTED_ORIGINS = [origin.strip() for origin in env.list("CSRF_TRUSTED_ORIGINS", default=[])]
# Where `manage.py run` listens.
PORT = number("PORT", 8000, 1, 65_535)
# The address under which a POS reaches us; goes into callback addresses.
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
# Where `manage.py run` lets the simulated POS listen.
SIMULATED_POS_PORT = number("SIMULATED_POS_PORT", 8001, 1, 65_535)
# True behind a proxy that ends TLS and sets X-Forwarded-Proto itself.
BEHIND_TLS = env.bool("BEHIND_TLS", default=False)
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    # What programs call is refused without TLS (`ding.middleware.Headers`): they would not follow a redirect, or only
    # after they had sent their secret in the clear.
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)/?$", r"^api/"]
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
# How many proxies of our own stand before ding and append to X-Forwarded-For; 0: the header is never heard.
TRUSTED_PROXIES = number("TRUSTED_PROXIES", 0, 0, 5)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Bearer token that Prometheus shows at /metrics; empty: /metrics is closed.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
refuse_weak("METRICS_TOKEN", strength.weakness(METRICS_TOKEN) if METRICS_TOKEN else "")
# In one process and one minute; 0: no limit. Failures from one address: wrong keys, wrong signatures.
FAILED_CALLS_PER_MINUTE = number("FAILED_CALLS_PER_MINUTE", 300, 0, 1_000_000)
# Log-ins of staff from one address, right or wrong: each costs a hash that is meant to be slow.
LOG_INS_PER_MINUTE = number("LOG_INS_PER_MINUTE", 30, 0, 1_000_000)
# Calls of one API client in one scope.
API_CALLS_PER_MINUTE = number("API_CALLS_PER_MINUTE", 60_000, 0, 1_000_000)
# Calls to POS systems that one worker process holds at a time, each with a connection to the database.
CALLS_AT_ONCE = number("CALLS_AT_ONCE", 64, 1, 1_000)
# Calls of one API client for one restaurant that make ding call its POS.
COSTLY_CALLS_PER_MINUTE = number("COSTLY_CALLS_PER_MINUTE", 30, 0, 1_000_000)

# A whole menu may come in one webhook; MariaDB's default packet is 16 MiB.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

ROOT_URLCONF = "ding.urls"
WSGI_APPLICATION = "ding.wsgi.application"
# Every API path is routed with and without its last slash; this is for the admin alone.
APPEND_SLASH = True

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "ding.apps.StaffSiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "ding.apps.DingConfig",
    "menus.apps.MenusConfig",
    "orders.apps.OrdersConfig",
    "notifications.apps.NotificationsConfig",
    "pos_integrations.apps.PosIntegrationsConfig",
]

MIDDLEWARE = [
    "ding.middleware.RequestId",
    "ding.middleware.DatabaseBreaker",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "ding.middleware.Headers",
    "ding.middleware.StaffPages",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ding.sessions.IdleSessions",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before those of the apps: unfold's own templates are replaced here.
        "DIRS": [BASE_DIR / "ding" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "static/"
# Static files are served from the packages that bring them; there is no collecting step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = [
    "ding.passwords.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_REDIRECT_URL = "/admin/"
SESSION_COOKIE_AGE = 12 * 3600
# Staff who did nothing for so long must log in again; 0: only after the twelve hours.
STAFF_IDLE_MINUTES = number("STAFF_IDLE_MINUTES", 120, 0, 720)

# --- Staff ---
# Everybody on the staff must set up a second factor (an authenticator app) at the next log-in.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=False)
OTP_TOTP_ISSUER = "ding"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# After so many wrong passwords for a name from one address, a quarter of an hour of none at all. Not per name
# alone: then anybody could lock anybody out.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = dt.timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "admin/ding/locked_out.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# What a page may load and do: nothing from anywhere else. `ding.middleware.StaffPages` lets the admin's own
# scripts evaluate expressions, which its library needs.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

UNFOLD = {
    "SITE_TITLE": "ding",
    "SITE_HEADER": "ding",
    "SITE_SYMBOL": "room_service",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("ding/icon.svg")}
    ],
    "DASHBOARD_CALLBACK": "ding.cockpit.today.today",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ACCOUNT": {
        "navigation": [{"title": "Second factor", "link": reverse_lazy("admin:second_factor_set_up")}]
    },
    "SIDEBAR": {"show_search": True, "navigation": "ding.site.navigation"},
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .015 65)",
            "100": "oklch(94.8% .035 65)",
            "200": "oklch(90% .07 62)",
            "300": "oklch(83% .12 58)",
            "400": "oklch(75% .165 52)",
            "500": "oklch(68% .19 47)",
            "600": "oklch(60% .19 42)",
            "700": "oklch(52% .165 39)",
            "800": "oklch(44% .135 38)",
            "900": "oklch(38% .11 38)",
            "950": "oklch(26% .075 38)",
        }
    },
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"

# --- Database ---
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'ding.sqlite3'}")}
# How long one statement may keep silent before its connection counts as dead. Web processes want less: a
# webhook's sender gives up after few seconds. Migrations of large tables want more.
DATABASE_READ_SECONDS = env.int("DATABASE_READ_SECONDS", default=20)
_database = DATABASES["default"]
if not _database.get("ENGINE"):
    raise ImproperlyConfigured(
        "DATABASE_URL is no database's address. Write mysql://user:password@host:3306/name, or take it away: "
        "then ding uses SQLite."
    )
refuse_weak("DATABASE_URL", strength.password_weakness(env.str("DATABASE_URL", default="")))
_database["CONN_MAX_AGE"] = 60
_database["CONN_HEALTH_CHECKS"] = True
if _database["ENGINE"].endswith("sqlite3"):
    try:
        VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"VAR_DIR ({VAR_DIR}) cannot be made: {error.strerror}.") from error
    _database["OPTIONS"] = {
        # A transaction that reads first and writes later would otherwise fail at once when two meet.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
elif _database["ENGINE"].endswith("mysql"):
    try:
        import MySQLdb  # noqa: F401
    except ImportError as error:
        raise ImproperlyConfigured(
            "DATABASE_URL names MySQL, but its driver is not installed:\n"
            "  apt-get install -y --no-install-recommends build-essential pkg-config libmariadb-dev\n"
            "  .venv/bin/pip install --require-hashes -r requirements.txt"
        ) from error
    _database["OPTIONS"] = {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        "connect_timeout": 2,
        "read_timeout": DATABASE_READ_SECONDS,
        "write_timeout": DATABASE_READ_SECONDS,
        "init_command": (
            "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', "
            "innodb_lock_wait_timeout = 2, time_zone = '+00:00'"
        ),
    }
    _database.setdefault("TEST", {}).update({"CHARSET": "utf8mb4"})

# Whether all processes live by the database's clock, see `ding.clock`. Only tests, which travel in time, do not.
DATABASE_CLOCK = True

# Where workers put the menus' pictures; the web processes serve them from there.
MEDIA_ROOT = BASE_DIR / env.str("MEDIA_ROOT", default=str(VAR_DIR / "media"))
# Their address; a whole one (https://…) when a CDN stands before it or shops show menus as they come.
MEDIA_URL = env.str("MEDIA_URL", default="/media/")

# --- Workers ---
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="memory://localhost")
refuse_weak("CELERY_BROKER_URL", strength.password_weakness(CELERY_BROKER_URL))
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"polling_interval": 0.1}
    if CELERY_BROKER_URL.startswith("memory://")
    else {
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        # Longer than any task; what a killed worker held comes back within seconds after it.
        "visibility_timeout": 900,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10.0
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Times nest: a POS call (30 s) < soft limit < hard limit < lease (90 s) < visibility (900 s).
CELERY_TASK_SOFT_TIME_LIMIT = 45
CELERY_TASK_TIME_LIMIT = 60
# How long a claimed row belongs to its worker; then the worker counts as dead.
LEASE_SECONDS = number("LEASE_SECONDS", 90, 1, 86_400)
# A worker serves all of them unless told otherwise (`celery -A ding worker -Q orders`).
CELERY_TASK_QUEUES = [Queue(name) for name in ("default", "orders", "webhooks", "menus", "notifications")]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "pos_integrations.tasks.push_orders": {"queue": "orders"},
    "pos_integrations.tasks.sweep_pushes": {"queue": "orders"},
    "pos_integrations.tasks.drain_webhooks": {"queue": "webhooks"},
    "pos_integrations.tasks.sync_menu": {"queue": "menus"},
    "pos_integrations.tasks.run_menu_request": {"queue": "menus"},
    "pos_integrations.tasks.sweep_menu_syncs": {"queue": "menus"},
    "pos_integrations.tasks.copy_images": {"queue": "menus"},
    "menus.tasks.*": {"queue": "menus"},
    "notifications.tasks.*": {"queue": "notifications"},
    "ding.privacy.tasks.retain": {"queue": "default"},
}


def _every(task: str, seconds: float) -> dict[str, object]:
    # Ticks that no worker took for an hour are of no use to anybody. Not less: the scheduler's clock writes when
    # one expires, the worker's reads it, and they may differ by minutes.
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 3600)}}


# How soon is found what no nudge told. Where all is one process, next to no nudge is lost, and it should idle.
SWEEP_SECONDS = 10 if CELERY_BROKER_URL.startswith("memory://") else 5

CELERY_BEAT_SCHEDULE = {
    "watch": _every("ding.tasks.watch", 15),
    "watch seldom": _every("ding.tasks.watch_seldom", 300),
    "send alerts": _every("ding.tasks.send_alerts", 20),
    "sweep pushes": _every("pos_integrations.tasks.sweep_pushes", SWEEP_SECONDS),
    "drain webhooks": _every("pos_integrations.tasks.drain_webhooks", SWEEP_SECONDS),
    "sweep menu syncs": _every("pos_integrations.tasks.sweep_menu_syncs", 15),
    "copy images": _every("pos_integrations.tasks.copy_images", 60),
    "end waits": _every("menus.tasks.end_waits", 20),
    "send notifications": _every("notifications.tasks.send_due", SWEEP_SECONDS),
    "let old records go": _every("ding.privacy.tasks.retain", 3600),
}
CELERY_BEAT_SCHEDULER = "ding.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# --- Talking to a POS ---
# Private networks in which a POS may stand, comma-separated, e.g. 192.168.10.0/24; public ones always may.
try:
    POS_ALLOWED_NETWORKS = [
        ipaddress.ip_network(network.strip()) for network in env.list("POS_ALLOWED_NETWORKS", default=[])
    ]
except ValueError as error:
    raise ImproperlyConfigured(f"POS_ALLOWED_NETWORKS: {error}; write 192.168.10.0/24, say.") from error
# Only for a simulated POS on the same machine.
POS_ALLOW_PLAIN_HTTP = env.bool("POS_ALLOW_PLAIN_HTTP", default=False)
# A menu that would take away more than this share of the live items is held for a person.
MENU_SHRINK_LIMIT_PERCENT = number("MENU_SHRINK_LIMIT_PERCENT", 30, 1, 100)
# How often a menu is fetched although nobody asked; 0: never.
MENU_SYNC_MINUTES = number("MENU_SYNC_MINUTES", 360, 0, 10_080)

# --- Telling the guest ---
_email = env.email("EMAIL_URL", default="consolemail://")
if _email["EMAIL_FILE_PATH"]:
    # The parser takes the first slash of filemail:///a/folder away.
    _email["EMAIL_FILE_PATH"] = f"/{_email['EMAIL_FILE_PATH']}"
vars().update(_email)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="orders@localhost")
EMAIL_TIMEOUT = 15
# console, msg91, twilio, or none
SMS_CHANNEL = env.str("SMS_CHANNEL", default="console")
MSG91_AUTH_KEY = env.str("MSG91_AUTH_KEY", default="")
MSG91_TEMPLATE_ID = env.str("MSG91_TEMPLATE_ID", default="")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="")
TWILIO_FROM_NUMBER = env.str("TWILIO_FROM_NUMBER", default="")

# SMS and e-mails to the guests of one restaurant in one day (UTC), resent ones too; 0: no limit.
MESSAGES_PER_RESTAURANT_DAY = number("MESSAGES_PER_RESTAURANT_DAY", 10_000, 0, 10_000_000)

# --- Telling staff ---
# E-mail addresses that hear of every incident, comma-separated.
ALERT_EMAIL = [address.strip() for address in env.list("ALERT_EMAIL", default=[])]
# Other ways to staff in apprise's spelling (slack://…, tgram://…, msteams://…), separated by blanks or lines.
ALERT_URLS = env.str("ALERT_URLS", default="").split()
# Minutes after which an incident that nobody acknowledges is told again; the last step goes on and on.
ALERT_LADDER_MINUTES = [int(minutes) for minutes in env.list("ALERT_LADDER_MINUTES", default=[0, 5, 15, 60])]

# --- How long records stay ---
# Days; 0: for ever. Guests' names, phones and addresses in orders; the orders themselves stay.
RETENTION_ORDER_DAYS = number("RETENTION_ORDER_DAYS", 180, 0, 36_500)
# Whole webhooks, and with them the ids by which a repeat is known: not below 30.
RETENTION_WEBHOOK_DAYS = number("RETENTION_WEBHOOK_DAYS", 30, 0, 36_500)
# What was said in calls to the POS; that there was a call stays.
RETENTION_CALL_DAYS = number("RETENTION_CALL_DAYS", 30, 0, 36_500)
# Messages to guests.
RETENTION_MESSAGE_DAYS = number("RETENTION_MESSAGE_DAYS", 30, 0, 36_500)
# Answers that are given again to the same Idempotency-Key.
RETENTION_ANSWER_DAYS = number("RETENTION_ANSWER_DAYS", 7, 0, 36_500)
# Copies of pictures that no menu shows any more.
RETENTION_IMAGE_DAYS = number("RETENTION_IMAGE_DAYS", 30, 0, 36_500)
# Who did what.
RETENTION_AUDIT_DAYS = number("RETENTION_AUDIT_DAYS", 730, 0, 36_500)

# --- REST ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["ding.api.ApiKeyAuthentication", "ding.api.StaffSession"],
    "DEFAULT_PERMISSION_CLASSES": ["ding.api.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["ding.throttle.PerClient"],
    "DEFAULT_PARSER_CLASSES": ["ding.api.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "ding.api.JsonWhateverIsAsked",
    "DEFAULT_PAGINATION_CLASS": "ding.api.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "ding.schema.Schema",
    "EXCEPTION_HANDLER": "ding.api.handle_error",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ding",
    "DESCRIPTION": "The hub between a restaurant's ordering channels and its POS.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "OAS_VERSION": "3.1.1",
    # Four things have a `status`; without names of their own they would get generated ones.
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "orders.status.OrderStatus",
        "WebhookStatus": "pos_integrations.models.WebhookStatus",
        "MenuSyncStatus": "pos_integrations.models.MenuSyncHistory.Status",
        "RiderStatus": ["assigned", "arrived", "picked_up", "delivered"],
    },
}

# --- Logs ---
# json for machines, console for people
LOG_FORMAT = env.str("LOG_FORMAT", default="json")
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                without_tokens,
                *(
                    [structlog.processors.JSONRenderer()]
                    if LOG_FORMAT == "json"
                    else [on_one_line, structlog.dev.ConsoleRenderer(colors=False)]
                ),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Celery announces each task twice.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        # Any scanner on the net sends wrong Host headers; they get their 400.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
