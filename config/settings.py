"""Django settings, read from the environment and `.env`; every wrong value is reported at once (see config.env)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from config import env as environment
from config import postgres

BASE_DIR = Path(__file__).resolve().parent.parent
env = environment.read_env(BASE_DIR / ".env")

# --- What the deployment decides --------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY")
BASE_URL = env.str("BASE_URL", "http://127.0.0.1:8000")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
DATABASE_URL = env.str("DATABASE_URL", "")
DEFAULT_PHONE_REGION = env.str("DEFAULT_PHONE_REGION", "US")
MEDIA_DIR = env.path("MEDIA_DIR", BASE_DIR / "var" / "media")

IMPORT_CSV_MAX_BYTES = env.int("IMPORT_CSV_MAX_BYTES", 50_000_000)
IMPORT_VCARD_MAX_BYTES = env.int("IMPORT_VCARD_MAX_BYTES", 500_000_000)
IMPORT_MAX_ROWS = env.int("IMPORT_MAX_ROWS", 1_000_000)
IMPORT_MAX_COLUMNS = env.int("IMPORT_MAX_COLUMNS", 200)

PHOTO_BATCH_SIZE = env.int("PHOTO_BATCH_SIZE", 10)
PHOTO_CONCURRENCY = env.int("PHOTO_CONCURRENCY", 10)
PHOTO_DEADLINE_SECONDS = env.int("PHOTO_DEADLINE_SECONDS", 30)
PHOTO_MAX_BYTES = env.int("PHOTO_MAX_BYTES", 5_242_880)
PHOTO_MAX_ATTEMPTS = env.int("PHOTO_MAX_ATTEMPTS", 3)
PHOTO_ALLOWED_HOSTS: list[str] = env.list("PHOTO_ALLOWED_HOSTS", [])

environment.seal(env)

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
    "ninja",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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

STORAGES = {
    "default": {"BACKEND": "media_store.storage.HybridStorage"},
    "files": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_DIR},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# notes: `retry` counts from the moment the pusher takes a task, so it must outlast everything queued before it.
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
    "log_level": "INFO",
    "label": "Background tasks",
}

# --- The web ----------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
LOGIN_URL = "admin:login"
IS_HTTPS = urlsplit(BASE_URL).scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_HTTPS
