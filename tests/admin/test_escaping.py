"""What strangers write is text on every page: never markup, never a link that runs."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test import Client

from imports.models import ImportJob
from media_store.models import PhotoJob
from tests.admin.rows import MAKERS
from tests.admin.test_isolation import body_of, urls_of

HOSTILE = "\"><script>hurt()</script>'{{7*7}}<img src=x onerror=hurt()>"
RUNNING_LINK = re.compile(r"""(href|src|action)=["']?\s*javascript:""", re.IGNORECASE)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", MAKERS, ids=lambda model: model._meta.label)
def test_hostile_text_is_escaped_on_every_page(
    model: type[models.Model], admin_user: User, admin_client: Client
) -> None:
    row = MAKERS[model](admin_user, HOSTILE)
    seen = 0
    for url in urls_of(model, row.pk):
        response = admin_client.get(url)
        if response.status_code != 200 or "html" not in response["Content-Type"]:
            continue
        body = body_of(response)
        assert "<script>hurt" not in body, url
        assert "<img src=x" not in body, url
        assert "49<img" not in body, url
        seen += "hurt()" in body
    assert seen or model.__name__ in ("UserProfile", "OrmQ", "HealthProfile")


def test_a_source_address_that_would_run_is_only_text(admin_user: User, admin_client: Client) -> None:
    job = MAKERS[PhotoJob](admin_user, "javascript:hurt()")
    for url in urls_of(PhotoJob, job.pk):
        response = admin_client.get(url)
        if response.status_code == 200:
            assert not RUNNING_LINK.search(body_of(response)), url


def test_a_remote_picture_is_never_loaded(admin_user: User, admin_client: Client) -> None:
    job = MAKERS[PhotoJob](admin_user, "https://tracker.example.com/p.gif")
    bodies = [body_of(r) for url in urls_of(PhotoJob, job.pk) if (r := admin_client.get(url)).status_code == 200]
    assert any("https://tracker.example.com/p.gif" in body for body in bodies)
    assert not any(re.search(r"<img[^>]+tracker", body) for body in bodies)
    assert not any('href="https://tracker' in body for body in bodies)


def test_the_failed_rows_cannot_run_in_a_spreadsheet(admin_user: User, admin_client: Client) -> None:
    job = MAKERS[ImportJob](admin_user, "=cmd|' /C calc'!A0")
    response = admin_client.get(f"/admin/imports/importjob/{job.pk}/failed.csv")
    lines = body_of(response).splitlines()
    assert len(lines) == 2
    assert "'=cmd|" in lines[1]
    assert not re.search(r"(^|,)\"?=", lines[1])
