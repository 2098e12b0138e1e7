"""Django settings, read from the environment and `.env`; every wrong value is reported at once (see config.env)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from config import env as environment
from config import logging, postgres, security, unfold

BASE_DIR = Path(__file__).resolve().parent.parent
env = environment.read_env(BASE_DIR / ".env")

# --- What the deployment decides --------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", validate=environment.secret_key)
BASE_URL = env.str("BASE_URL", "http://127.0.0.1:8000", validate=environment.base_url)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", [], validate=environment.host_names)
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0, validate=environment.between(0, 10))
DATABASE_URL = env.str("DATABASE_URL", "", validate=environment.postgres_url)
ACTIVE_DAYS = env.int("ACTIVE_DAYS", 7, validate=environment.between(1))
HEALTH_MAX_AGE_HOURS = env.int("HEALTH_MAX_AGE_HOURS", 24, validate=environment.between(1, 8_760))
DEFAULT_PHONE_REGION = env.str("DEFAULT_PHONE_REGION", "US", validate=environment.phone_region)
MEDIA_DIR = env.path("MEDIA_DIR", BASE_DIR / "var" / "media")
ERASURE_LEDGER = env.path("ERASURE_LEDGER", MEDIA_DIR.parent / "erasures.jsonl")
S3_BUCKET = env.str("S3_BUCKET", "")
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", "", validate=environment.web_address)
S3_ACCESS_KEY_ID = env.str("S3_ACCESS_KEY_ID", "")
S3_SECRET_ACCESS_KEY = env.str("S3_SECRET_ACCESS_KEY", "")
FIELD_KEYS: list[str] = env.list("FIELD_KEYS", [], validate=environment.field_keys)
CRON_SECRET = env.str("CRON_SECRET", "", validate=environment.secret)
METRICS_TOKEN = env.str("METRICS_TOKEN", "", validate=environment.secret)
SENTRY_DSN = env.str("SENTRY_DSN", "", validate=environment.sentry_dsn)
LOG_FORMAT = env.str("LOG_FORMAT", "console", validate=environment.one_of("console", "json"))

IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", None, validate=environment.between(1))
IMPORT_MAX_ROWS = env.int("IMPORT_MAX_ROWS", 1_000_000, validate=environment.between(1))
IMPORT_MAX_COLUMNS = env.int("IMPORT_MAX_COLUMNS", 200, validate=environment.between(1))

PHOTO_BATCH_SIZE = env.int("PHOTO_BATCH_SIZE", 10, validate=environment.between(1))
PHOTO_CONCURRENCY = env.int("PHOTO_CONCURRENCY", 10, validate=environment.between(1, 100))
PHOTO_DEADLINE_SECONDS = env.int("PHOTO_DEADLINE_SECONDS", 30, validate=environment.between(1, 300))
PHOTO_MAX_BYTES = env.int("PHOTO_MAX_BYTES", 5_242_880, validate=environment.between(1))
PHOTO_MAX_ATTEMPTS = env.int("PHOTO_MAX_ATTEMPTS", 3, validate=environment.between(1, 100))
PHOTO_ALLOWED_HOSTS: list[str] = env.list("PHOTO_ALLOWED_HOSTS", [], validate=environment.hosts_and_ports)

VIDEO_MAX_BYTES = env.int("VIDEO_MAX_BYTES", 2_147_483_648, validate=environment.between(1))
FILES_DELIVERY = env.str("FILES_DELIVERY", "stream", validate=environment.one_of("stream", "accel", "redirect"))
FILES_ACCEL_PREFIX = env.str("FILES_ACCEL_PREFIX", "/protected/")

GOOGLE_CLIENT_ID = env.str("GOOGLE_CLIENT_ID", "")
GOOGLE_CLIENT_SECRET = env.str("GOOGLE_CLIENT_SECRET", "")
GOOGLE_AUTH_URL = env.str(
    "GOOGLE_AUTH_URL", "https://accounts.google.com/o/oauth2/v2/auth", validate=environment.provider_address
)
GOOGLE_TOKEN_URL = env.str(
    "GOOGLE_TOKEN_URL", "https://oauth2.googleapis.com/token", validate=environment.provider_address
)
GOOGLE_REVOKE_URL = env.str(
    "GOOGLE_REVOKE_URL", "https://oauth2.googleapis.com/revoke", validate=environment.provider_address
)
GOOGLE_USERINFO_URL = env.str(
    "GOOGLE_USERINFO_URL", "https://www.googleapis.com/oauth2/v2/userinfo", validate=environment.provider_address
)
GOOGLE_PEOPLE_URL = env.str("GOOGLE_PEOPLE_URL", "https://people.googleapis.com", validate=environment.provider_origin)
GMAIL_URL = env.str("GMAIL_URL", "https://gmail.googleapis.com", validate=environment.provider_origin)
GOOGLE_CALENDAR_URL = env.str("GOOGLE_CALENDAR_URL", "https://www.googleapis.com", validate=environment.provider_origin)
MICROSOFT_CLIENT_ID = env.str("MICROSOFT_CLIENT_ID", "")
MICROSOFT_CLIENT_SECRET = env.str("MICROSOFT_CLIENT_SECRET", "")
MICROSOFT_AUTHORITY_URL = env.str(
    "MICROSOFT_AUTHORITY_URL", "https://login.microsoftonline.com", validate=environment.provider_origin
)
MICROSOFT_GRAPH_URL = env.str(
    "MICROSOFT_GRAPH_URL", "https://graph.microsoft.com", validate=environment.provider_origin
)
BEEPER_BASE_URL = env.str("BEEPER_BASE_URL", "http://localhost:23373", validate=environment.web_address)
BEEPER_ACCESS_TOKEN = env.str("BEEPER_ACCESS_TOKEN", "")
BEEPER_MEDIA_SERVER = env.str("BEEPER_MEDIA_SERVER", "", validate=environment.server_address)
BEEPER_MEDIA_TOKEN = env.str("BEEPER_MEDIA_TOKEN", "")
CHAT_WINDOW_DAYS = env.int("CHAT_WINDOW_DAYS", 90, validate=environment.between(1))
CHAT_KEEP_TEXT = env.bool("CHAT_KEEP_TEXT", False)
ATTACHMENT_MAX_BYTES = env.int("ATTACHMENT_MAX_BYTES", 104_857_600, validate=environment.between(1))
ATTACHMENT_DEADLINE_SECONDS = env.int("ATTACHMENT_DEADLINE_SECONDS", 120, validate=environment.between(1, 3_600))
IMAP_ALLOWED_HOSTS: list[str] = env.list("IMAP_ALLOWED_HOSTS", [], validate=environment.hosts_and_ports)
MAIL_WINDOW_HOURS = env.int("MAIL_WINDOW_HOURS", 24, validate=environment.between(1))
MAIL_MAX_PER_DAY = env.int("MAIL_MAX_PER_DAY", 100, validate=environment.between(1))

SCHEDULES: dict[str, str] = env.dict("SCHEDULES", {})

ALERT_WEBHOOK_URL = env.str("ALERT_WEBHOOK_URL", "", validate=environment.webhook_url)
IMPORT_WEBHOOK_URL = env.str("IMPORT_WEBHOOK_URL", "", validate=environment.webhook_url)
WEBHOOK_SECRET = env.str("WEBHOOK_SECRET", "", validate=environment.webhook_secret)
EMAIL_URL = env.str("EMAIL_URL", "", validate=environment.email_url)

environment.seal(env)

# One limit for both kinds of file when it is set; by default a vCard may be larger, as it brings its pictures along.
IMPORT_CSV_MAX_BYTES = IMPORT_MAX_BYTES or 50_000_000
IMPORT_VCARD_MAX_BYTES = IMPORT_MAX_BYTES or 500_000_000

IS_HTTPS = urlsplit(BASE_URL).scheme == "https"
ALLOWED_HOSTS = [*(ALLOWED_HOSTS or [urlsplit(BASE_URL).hostname or ""]), "127.0.0.1", "localhost", "[::1]"]

# --- Applications -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config",
    "media_store",
    "contacts",
    "imports",
    "health",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_q",
    "django_structlog",
    "axes",
    "ninja",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "config.compression.TextGZipMiddleware",  # pads with random bytes against BREACH
    "config.api_errors.api_errors",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.audit.by_request_user",
    "contacts.middleware.own_time_zone",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.security.admin_policy",
    "axes.middleware.AxesMiddleware",  # last: it turns a refused login into the lockout page
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL is everything: data, queue, cache and small pictures --------------------------------------------------
DATABASES = {"default": postgres.django_database(DATABASE_URL, base_dir=BASE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
    }
}

S3_FILES = {
    "BACKEND": "media_store.s3.S3Tier",
    "OPTIONS": {
        "bucket_name": S3_BUCKET,
        "endpoint_url": S3_ENDPOINT_URL or None,
        "access_key": S3_ACCESS_KEY_ID or None,  # None: from the machine's role
        "secret_key": S3_SECRET_ACCESS_KEY or None,
        "addressing_style": "path",
        "signature_version": "s3v4",
        "default_acl": None,
        "file_overwrite": False,
        "querystring_expire": 300,
        "object_parameters": {"CacheControl": "private, no-store"},
    },
}
DISK_FILES = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": MEDIA_DIR}}
STORAGES = {
    "default": {"BACKEND": "media_store.storage.HybridStorage"},
    "files": S3_FILES if S3_BUCKET else DISK_FILES,
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# `retry` counts from the moment the pusher takes a task, so it must outlast everything that waits in memory before it:
# more than (ceil((queue_limit + bulk) / workers) + 1) * (timeout + 3) + 60 seconds.
Q_CLUSTER = {
    "name": "kith",
    "orm": "default",
    "workers": 2,
    "queue_limit": 2,
    "bulk": 1,
    "timeout": 120,
    "retry": 600,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": 100,
    "catch_up": False,
    "recycle": 200,
    "max_rss": 300_000,
    "poll": 0.5,
    "guard_cycle": 0.5,
    "compress": False,
    "cached": False,
    "sync": False,
    "cache": "default",
    "log_level": "WARNING",
    "label": "Background tasks",
}

# --- The web ----------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [folder for folder in [BASE_DIR / "static"] if folder.is_dir()]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
UNFOLD = unfold.UNFOLD

DATA_UPLOAD_MAX_MEMORY_SIZE = 5_242_880
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DATA_UPLOAD_MAX_NUMBER_FILES = 20

# --- Mail that we send: off without EMAIL_URL -------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = f"Kith <kith@{urlsplit(BASE_URL).hostname}>"
vars().update(environment.email_settings(EMAIL_URL))  # EMAIL_BACKEND, EMAIL_HOST and so on

# --- Security: everything about transport follows the scheme of BASE_URL ---------------------------------------------
CSRF_TRUSTED_ORIGINS = [BASE_URL.rstrip("/")]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains: other hosts under this domain are not ours to decide for
    "security.W021",  # HSTS preloading, for the same reason
]
if not IS_HTTPS:  # on this machine alone (kith.E006), where there is no certificate
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W012", "security.W016"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = security.policy(
    [
        *([GOOGLE_AUTH_URL] if GOOGLE_CLIENT_ID else []),
        *([MICROSOFT_AUTHORITY_URL] if MICROSOFT_CLIENT_ID else []),
    ]
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]

# Five failures lock one name for one address for a while; see config.lockout for the address alone.
AXES_HANDLER = "config.lockout.LockoutHandler"
AXES_CLIENT_IP_CALLABLE = "config.lockout.client_address"
AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True

# --- Logs -------------------------------------------------------------------------------------------------------------
LOGGING = logging.configure(LOG_FORMAT, level="DEBUG" if DEBUG else "INFO")
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # it believes any X-Forwarded-For
