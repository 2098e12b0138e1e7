from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contacts.models import Contact
from imports import lifecycle
from imports.models import ImportJob, ImportRow
from imports.planning import expected_counts
from tests.imports.builders import adds_up, card, cards, import_file, plan_file, run

pytestmark = pytest.mark.django_db

# Few different values, so that entries meet in all ways.
NAMES = st.sampled_from(["", "Ada", "Ada Example", "Ben Example", "Анна", "ADA EXAMPLE", "Ada E."])
EMAILS = st.lists(
    st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "c@example.com", "x@"]), max_size=2
)
PHONES = st.lists(st.sampled_from(["+12025550123", "202-555-0123", "+12025550199", "12", "call me"]), max_size=2)
LINES = st.lists(
    st.sampled_from(["TITLE:One", "TITLE:Two", "ORG:Acme", "NOTE:a", "CATEGORIES:x,y", "URL:https://example.com/a"]),
    max_size=3,
    unique=True,
)
ENTRIES = st.builds(
    lambda name, uid, emails, phones, lines: card(name, uid=uid, emails=emails, phones=phones, lines=lines),
    NAMES,
    st.sampled_from(["", "", "u1", "u2"]),
    EMAILS,
    PHONES,
    LINES,
)
FILES = st.lists(ENTRIES, min_size=1, max_size=12).map(lambda entries: cards(*entries))
WITHOUT_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]
ASK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=WITHOUT_SHRINKING,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def forget(owner: User) -> None:
    Contact.objects.filter(owner=owner).delete()
    ImportRow.objects.all().delete()
    ImportJob.objects.all().delete()


@ASK
@given(first=FILES, second=FILES, policy=st.sampled_from(ImportJob.OnConflict))
def test_any_two_files_add_up_and_once_more_changes_nothing(
    owner: User, first: str, second: str, policy: ImportJob.OnConflict
) -> None:
    for text in (first, second):
        job = import_file(owner, text, on_conflict=policy)
        assert job.state == ImportJob.State.COMPLETED, job.last_error
        assert adds_up(job)
        assert job.failed == 0, list(job.rows.values_list("error", flat=True))
    number = Contact.objects.filter(owner=owner).count()
    again = import_file(owner, second)
    assert Contact.objects.filter(owner=owner).count() == number
    assert (again.created, again.updated) == (0, 0), list(
        again.rows.values_list("position", "decision", "reason", "changes")
    )
    forget(owner)


@ASK
@given(known=FILES, text=FILES)
def test_what_the_preview_says_is_what_happens(owner: User, known: str, text: str) -> None:
    import_file(owner, known)
    job = plan_file(owner, text)
    expected = expected_counts(job)
    lifecycle.confirm(job)
    run(job)
    assert {name: getattr(job, name) for name in expected} == expected
    forget(owner)
