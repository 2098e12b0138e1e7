"""What a supervisor and Prometheus ask: /healthz, /readyz and /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.bearer import holds, refused
from config.jobs.draining import queues
from config.jobs.models import WorkerBeat

SILENCE = timedelta(seconds=180)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked, so that a lost database does not get it restarted."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Database, migrations, storage and workers: 200 when all are well, else 503, with a plain word for each."""
    checks = {name: check() for name, check in CHECKS.items()}
    return JsonResponse(checks, status=200 if set(checks.values()) == {"ok"} else 503)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, counted in the database at each scrape and so right whatever the number of workers."""
    if not holds(request, settings.METRICS_TOKEN):
        return refused()
    registry = CollectorRegistry()
    registry.register(QueueCollector())
    return HttpResponse(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")


class QueueCollector(Collector):
    """How many jobs are in which state, and how long the oldest due job of each queue has waited."""

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("kith_jobs", "Jobs by state.", labels=["queue", "state"])
        waiting = GaugeMetricFamily("kith_oldest_due_seconds", "Age of the oldest due job.", labels=["queue"])
        for queue in queues.values():
            rows = queue.model._default_manager.all()
            for state, number in rows.values_list("state").annotate(Count("pk")).order_by():
                jobs.add_metric([queue.name, state], number)
            due = Q(state__in=list(queue.model.STEPS), held_reason="", next_attempt_at__lte=Now())
            oldest = rows.filter(due).aggregate(oldest=Min("next_attempt_at"))["oldest"]
            waiting.add_metric([queue.name], (timezone.now() - oldest).total_seconds() if oldest else 0)
        yield jobs
        yield waiting


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except Error:
        return "cannot be reached"
    return "ok"


def _migrations() -> str:
    try:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return "unknown"
    return f"{len(pending)} not applied" if pending else "ok"


def _storage() -> str:
    files = storages["files"]
    try:
        files.delete(files.save("readyz", ContentFile(b"ok")))
    except Exception:  # noqa: BLE001 (each tier has errors of its own, and a probe never raises)
        return "cannot be written"
    return "ok"


def _workers() -> str:
    try:
        is_alive = WorkerBeat.objects.filter(beat_at__gt=Now() - SILENCE).exists()
    except Error:
        return "unknown"
    return "ok" if is_alive else f"silent for {SILENCE.seconds} seconds"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "storage": _storage,
    "workers": _workers,
}

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
