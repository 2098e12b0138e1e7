"""gunicorn's settings for `manage.py serve`."""

from __future__ import annotations

worker_class = "gthread"
workers = 2
threads = 4
max_requests = 5_000  # a slow leak never becomes a problem
max_requests_jitter = 500
timeout = 60
graceful_timeout = 20
keepalive = 5
control_socket_disable = True
accesslog = None  # django-structlog writes a line for each request, with its id and without the query
