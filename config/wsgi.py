"""WSGI entry point for gunicorn."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.db import connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# Here and not in the settings: only the web's threads keep connections, django-q2's workers fork and must not.
connections.databases["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
