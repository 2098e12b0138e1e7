"""Lists of the admin among many contacts, each beside the same list among few, as a member of the hub sees them.

p95_ratio   the largest ratio of a page
pages       for each: page; queries; bytes and compressed_bytes of the answer; p95_ms; few_p95_ms, among few; ratio

Both databases are asked in turn, so that a noisy moment of the machine meets both.
"""

from __future__ import annotations

import gzip
import logging
import statistics
import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from bench.scratch import scratch_database, switch
from contacts.models import Chat, Deal, DealStage, Organization, Tag
from imports.models import ImportJob

CONTACTS = "/admin/contacts/contact/"
PAGES = {
    "contacts": CONTACTS,
    "contacts, page 20": f"{CONTACTS}?p=20",
    "contacts by name": f"{CONTACTS}?q=anna+77",
    "contacts by address": f"{CONTACTS}?q=p77%40example.com",
    "contacts in the archive": f"{CONTACTS}?archived=yes",
    "contacts with a tag": f"{CONTACTS}?tags__id__exact={{tag}}",
    "organizations": "/admin/contacts/organization/",
    "chats": "/admin/contacts/chat/",
    "deals": "/admin/contacts/deal/",
    "relationships": "/admin/health/relationshiphealth/",
    "relationships at risk": "/admin/health/relationshiphealth/?status__exact=at_risk",
    "photos": "/admin/media_store/photojob/",
    "photos that failed": "/admin/media_store/photojob/?state__exact=failed",
    "imports": "/admin/imports/importjob/",
}
IN_TURN = 5
WARM = 2

# One contact in twenty is archived, one in twenty-one has a tag, whatever its name; forty photos have failed.
FILL = """
    insert into contacts_contact (id, owner_id, display_name, given_name, sort_name, archived_at)
    select lpad(to_hex(n), 32, '0')::uuid, %(owner)s, name || ' ' || n, name, lower(name) || ' ' || n,
           case when n %% 20 = 0 then now() end
    from (select n, (array['Anna', 'Bert', 'Clara', 'Dora', 'Emil'])[1 + n %% 5] as name
          from generate_series(1, %(contacts)s) n) named;
    insert into contacts_contactemail (owner_id, contact_id, address, normalized, is_primary)
    select %(owner)s, lpad(to_hex(n), 32, '0')::uuid, 'p' || n || '@example.com', 'p' || n || '@example.com', true
    from generate_series(1, %(contacts)s) n;
    insert into contacts_contactphone (owner_id, contact_id, raw, e164)
    select %(owner)s, lpad(to_hex(n), 32, '0')::uuid, '+1' || 2000000000 + n, '+1' || 2000000000 + n
    from generate_series(1, %(contacts)s) n;
    insert into contacts_contact_tags (contact_id, tag_id)
    select lpad(to_hex(n), 32, '0')::uuid, %(tag)s from generate_series(1, %(contacts)s, 21) n;
    insert into media_store_photojob (id, owner_id, state, priority, source_kind, source_url, verdict, finished_at)
    overriding system value
    select n, %(owner)s, case when n %% (%(contacts)s / 40) = 0 then 'failed' else 'completed' end, 1, 'url',
           'https://pictures.example.com/' || n || '.jpg',
           case when n %% (%(contacts)s / 40) = 0 then 'gone' else 'ok' end, now()
    from generate_series(1, %(contacts)s) n;
    insert into contacts_contactpicture (owner_id, contact_id, source, photo_job_id)
    select %(owner)s, lpad(to_hex(n), 32, '0')::uuid, 'vcard', n from generate_series(1, %(contacts)s) n;
    insert into health_relationshiphealth (owner_id, contact_id, profile, version, score, status, status_since,
        previous_status, risk_level, risk_factors, known_factors, possible_factors, factors, facts, sentence,
        calculated_at, held_rules, ghost_probability, is_ghost_risk, action, message_context, touches, deals_seen)
    select %(owner)s, lpad(to_hex(n), 32, '0')::uuid, 'signals', 1, n %% 101,
           case when n %% 101 >= 70 then 'healthy' when n %% 101 >= 50 then 'at_risk' else 'critical' end, now(), '',
           'low', '{}', 3, 5, '[]', '{}', 'In touch.', now(), '{}', 0, false, 'monitor', '', 3, ''
    from generate_series(1, %(contacts)s) n;
"""


@dataclass
class Hub:
    """A database with so many contacts, and a browser of the member who owns them."""

    database: str
    client: Client
    tag: int
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, page: str, times: int) -> None:
        switch(self.database)
        for turn in range(WARM + times):
            started_at = time.perf_counter()
            self.get(page)
            if turn >= WARM:
                self.seconds.setdefault(page, []).append(time.perf_counter() - started_at)

    def get(self, page: str) -> bytes:
        answer = self.client.get(PAGES[page].format(tag=self.tag))
        assert answer.status_code == 200, (page, answer.status_code)
        return bytes(answer.content)

    def p95_ms(self, page: str) -> float:
        return statistics.quantiles(self.seconds[page], n=20)[-1] * 1_000


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--contacts", type=int, default=1_000_000, help="of the large hub")
    parser.add_argument("--few", type=int, default=1_000, help="contacts of the small one")
    parser.add_argument("--requests", type=int, default=40, help="for each page in each hub")


def run(options: dict[str, Any]) -> dict[str, Any]:
    """Return the figures named at the top of this file."""
    files = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    changed: dict[str, Any] = {
        "STORAGES": {**settings.STORAGES, **files},
        "ALLOWED_HOSTS": [*settings.ALLOWED_HOSTS, "testserver"],
        "SECURE_SSL_REDIRECT": False,
        "AXES_ENABLED": False,  # it counts sign-ins, of which this one has no address
    }
    logging.getLogger("django_structlog").setLevel(logging.WARNING)
    with override_settings(**changed), scratch_database():
        few = _fill(options["few"])
        with scratch_database():
            many = _fill(options["contacts"])
            pages = [_measure(page, many, few, times=options["requests"]) for page in PAGES]
    figures = {"contacts": options["contacts"], "few_contacts": options["few"]}
    return {"p95_ratio": max(page["ratio"] for page in pages), "pages": pages, **figures}


def _measure(page: str, many: Hub, few: Hub, *, times: int) -> dict[str, Any]:
    for _ in range(0, times, IN_TURN):
        few.ask(page, IN_TURN)
        many.ask(page, IN_TURN)
    with CaptureQueriesContext(connection) as queries:
        content = many.get(page)
    p95, few_p95 = many.p95_ms(page), few.p95_ms(page)
    return {
        "page": page,
        "queries": len(queries),
        "bytes": len(content),
        "compressed_bytes": len(gzip.compress(content, 6)),
        "p95_ms": round(p95, 1),
        "few_p95_ms": round(few_p95, 1),
        "ratio": round(p95 / few_p95, 3),
    }


def _fill(contacts: int) -> Hub:
    """Fill the database that is in use."""
    owner = User.objects.create_user("bench", is_staff=True)
    owner.groups.add(Group.objects.get(name="member"))
    tag = Tag.objects.create(owner=owner, name="friends")
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"owner": owner.pk, "contacts": contacts, "tag": tag.pk})
    _fill_lesser(owner, contacts)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
    client = Client()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    return Hub(connection.settings_dict["NAME"], client, tag.pk)


def _fill_lesser(owner: User, contacts: int) -> None:
    """Add what there is less of: an organization, chat and deal for every twenty contacts, and fifty imports."""
    stage = DealStage.objects.order_by("pk").first()
    numbers = range(1, contacts, 20)
    Organization.objects.bulk_create([Organization(owner=owner, name=f"Organization {n}") for n in numbers])
    Deal.objects.bulk_create([Deal(owner=owner, name=f"Deal {n}", stage=stage) for n in numbers])
    shared: dict[str, Any] = {"owner": owner, "network": "WhatsApp", "account_key": UUID(int=1), "kind": "single"}
    Chat.objects.bulk_create(
        [Chat(**shared, external_id=str(n), title=f"Chat {n}", contact_id=UUID(int=n)) for n in numbers]
    )
    done: dict[str, Any] = {"owner": owner, "provider": "vcard", "state": ImportJob.State.COMPLETED}
    ImportJob.objects.bulk_create([ImportJob(**done, upload_name=f"people {n}.vcf") for n in range(50)])
