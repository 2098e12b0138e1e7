"""What Django's and the queue's own tables say of somebody who is erased: history, sessions, tasks, caches, notices."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages.storage.session import SessionStorage
from django.contrib.sessions.models import Session
from django.db import connection, models
from django.db.models import Q, QuerySet
from django.db.models.functions import Cast
from django_q.models import OrmQ, Task

from config.backup.tables import cache_tables
from config.notices.models import Notice
from contacts import registries
from contacts.models import Contact
from contacts.registries import Erased, Trace

Row = tuple[Any, ...]

# What Django and django-q2 write as base64 of a pickle: text is in it as it is, or as JSON.
TASKS = f"select id, name, concat_ws(' ', args, kwargs, result) from {Task._meta.db_table}"
QUEUED = f"select id, '', payload from {OrmQ._meta.db_table}"
CACHED = "select cache_key, cache_key, value from {}"


def register() -> None:
    """Enter the traces; called from ConfigConfig.ready."""
    registries.register_trace(Trace("entries of the admin's history", _count_history, _erase_history))
    registries.register_trace(Trace("notices", _counter(_notices), _erase_notices))
    registries.register_trace(Trace("messages in sessions", _counter(_sessions), _erase_messages))
    registries.register_trace(Trace("background tasks", _counter(_tasks), _erase_tasks))
    registries.register_trace(Trace("cached values", _counter(_cached), _erase_cached))


# --- The admin's history ----------------------------------------------------------------------------------------------
def _history(erased: Erased) -> QuerySet[LogEntry]:
    """Return what the admin wrote down of the contacts and of everything that hangs on them."""
    is_theirs = _logged(Contact.objects.filter(pk__in=erased.contact_ids))
    for relation in registries.relations.values():
        if not relation.model._meta.auto_created:
            is_theirs |= _logged(relation.rows(erased.contact_ids))
    former = registries.relations["contacts.MergeRecord", "contact"].rows(erased.contact_ids).values("loser_id")
    is_theirs |= Q(content_type=ContentType.objects.get_for_model(Contact)) & Q(
        object_id__in=former.annotate(key=Cast("loser_id", models.TextField())).values("key")
    )
    return LogEntry.objects.filter(is_theirs).exclude(object_repr="", change_message="")


def _logged(rows: QuerySet[Any]) -> Q:
    keys = rows.order_by().annotate(key=Cast("pk", models.TextField())).values("key")
    return Q(content_type=ContentType.objects.get_for_model(rows.model), object_id__in=keys)


def _count_history(erased: Erased) -> int:
    return _history(erased).count()


def _erase_history(erased: Erased) -> None:
    """Leave who did something when; take out what the thing was called and what it was changed to."""
    _history(erased).update(object_repr="", change_message="")


# --- What must be searched --------------------------------------------------------------------------------------------
def _counter(find: Callable[[Erased], list[Any]]) -> Callable[[Erased], int]:
    return lambda erased: len(find(erased))


def _notices(erased: Erased) -> list[int]:
    notices = Notice.objects.filter(owner__in=erased.owner_ids).values_list("pk", "subject", "body", "html", "payload")
    return [pk for pk, *texts in notices.iterator() if _speaks_of(json.dumps(texts).encode(), erased)]


def _erase_notices(erased: Erased) -> None:
    """Delete them, also what is still to be sent: a digest tells the rest of its news again."""
    Notice.objects.filter(pk__in=_notices(erased)).delete()


def _sessions(erased: Erased) -> list[Session]:
    """Return the sessions, also expired ones, with a message not shown yet, such as "Ada was changed"."""
    found = []
    for session in Session.objects.iterator():
        messages = session.get_decoded().get(SessionStorage.session_key)
        if messages and _speaks_of(str(messages).encode(), erased):
            found.append(session)
    return found


def _erase_messages(erased: Erased) -> None:
    """Take the messages out and leave the rest; not by a SessionStore, which would not find an expired session."""
    for session in _sessions(erased):
        data = session.get_decoded()
        del data[SessionStorage.session_key]
        session.session_data = Session.objects.encode(data)
        session.save(update_fields=["session_data"])


def _tasks(erased: Erased) -> list[tuple[type[models.Model], Any]]:
    return [
        *((Task, pk) for pk in _search(TASKS, erased)),
        *((OrmQ, pk) for pk in _search(QUEUED, erased)),
    ]


def _erase_tasks(erased: Erased) -> None:
    """Delete results, tracebacks for the most part, and what is queued: the sweeper rings again for what is due."""
    for model, pk in _tasks(erased):
        model._default_manager.filter(pk=pk).delete()


def _cached(erased: Erased) -> list[tuple[str, str]]:
    return [(table, key) for table in sorted(cache_tables()) for key in _search(CACHED.format(_quoted(table)), erased)]


def _erase_cached(erased: Erased) -> None:
    with connection.cursor() as cursor:
        for table, key in _cached(erased):
            cursor.execute(f"delete from {_quoted(table)} where cache_key = %s", [key])


def _search(query: str, erased: Erased) -> list[Any]:
    """Return the keys of the rows (key, text, base64 texts) that speak of these people."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: Iterable[Row] = cursor.fetchall()
    return [key for key, text, encoded in rows if _speaks_of(f"{text} ".encode() + _decoded(encoded), erased)]


def _speaks_of(content: bytes, erased: Erased) -> bool:
    content = content.lower()
    forms = ((word.lower().encode(), json.dumps(word.lower())[1:-1].encode()) for word in erased.words)
    return any(plain in content or escaped in content for plain, escaped in forms)


def _decoded(texts: str) -> bytes:
    """Return what is behind base64, plain or for addresses; a signature after a colon is left out."""
    found = b""
    for text in texts.split(" "):
        body = text.partition(":")[0].translate(str.maketrans("-_", "+/"))
        try:
            found += base64.b64decode(body + "=" * (-len(body) % 4))
        except binascii.Error:
            found += text.encode()
    return found


def _quoted(table: str) -> str:
    return connection.ops.quote_name(table)
