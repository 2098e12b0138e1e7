"""A check of an address says what would happen, step by step, and stores nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from media_store.admin_check import check_address
from media_store.checking import check_url
from media_store.hosts import remember_failures
from media_store.models import PhotoHost, PhotoJob, StoredFile
from tests.factories import draw_image, make_photo_job, make_user
from tests.media_store.network import FakeNames
from tests.media_store.servers import reply, serving


def test_every_step_of_a_good_address_is_told(settings: Any) -> None:
    with serving(reply(draw_image(), Content_Type="text/html")) as server:
        settings.PHOTO_ALLOWED_HOSTS = [server.pair]
        report = check_url(server.url())
    steps = ["parse", "resolve", "address", "connect", "answer", "body", "sniff", "decode"]
    assert [step.name for step in report.steps] == steps
    assert report.is_good
    assert all(step.is_good and step.detail for step in report.steps)


@pytest.mark.parametrize(
    ("answer", "step", "verdict"),
    [
        (reply(status="404 Not Found"), "body", "gone"),
        (reply(b"<html>"), "sniff", "not_an_image"),
        (reply(draw_image()[:900]), "decode", "not_an_image"),
        (reply(status="302 Found", Location="http://10.0.0.1/"), "address", "unsafe"),
        (reply(status="302 Found", Location="ftp://example.com/"), "parse", "unsafe"),
    ],
)
def test_the_step_that_ends_it_says_why(answer: bytes, step: str, verdict: str, settings: Any) -> None:
    with serving(answer) as server:
        settings.PHOTO_ALLOWED_HOSTS = [server.pair]
        report = check_url(server.url())
    assert (report.steps[-1].name, report.verdict) == (step, verdict)
    assert not report.steps[-1].is_good


def test_an_address_inside_ends_before_a_connection(names: FakeNames, dialled: list[str]) -> None:
    names.table["intranet.example.com"] = [["10.0.0.7"]]
    report = check_url("http://intranet.example.com/a.jpg")
    assert [step.name for step in report.steps] == ["parse", "resolve", "address"]
    assert report.steps[1].detail == "10.0.0.7"
    assert check_url("gopher://example.com/").steps[0].name == "parse"
    assert dialled == []


@pytest.mark.django_db
def test_the_page_shows_the_report_and_stores_nothing(settings: Any, rf: RequestFactory) -> None:
    user = make_user(is_superuser=True)
    make_photo_job(user, is_stored=True)
    with serving(reply(status="404 Not Found")) as server:
        settings.PHOTO_ALLOWED_HOSTS = [server.pair]
        request = rf.post("/", {"url": server.url()})
        request.user = user
        page = check_address(request).render().content.decode()
    assert "There is nothing at this address." in page
    assert "Gone at the source" in page
    assert "ended here" in page
    assert (PhotoJob.objects.count(), StoredFile.objects.count()) == (1, 1)


@pytest.mark.django_db
def test_what_a_photo_job_would_wait_for_is_told_too(client: Client, names: FakeNames, dialled: list[str]) -> None:
    now = timezone.now()
    client.force_login(make_user(is_superuser=True))
    url = "https://pictures.example.com/a.jpg"
    names.table["pictures.example.com"] = [["93.184.215.14"]]

    def page() -> str:
        return str(client.post(reverse("admin:media_store_check"), {"url": url}).content.decode())

    assert "would not ask" not in page()
    PhotoHost.objects.create(host="pictures.example.com", blocked_until=now + timedelta(hours=1))
    assert "pictures.example.com asked to be left alone until" in page()
    remember_failures([(url, "gone")])
    assert "Gone at the source: this address failed before and rests until" in page()


@pytest.mark.django_db
def test_the_page_of_a_photo_checks_its_address(client: Client, names: FakeNames) -> None:
    user = make_user(is_superuser=True)
    client.force_login(user)
    job = make_photo_job(user, source_url="https://inside.example.com/a.jpg")
    names.table["inside.example.com"] = [["10.0.0.1"]]
    page = client.get(reverse("admin:media_store_photojob_change", args=[job.pk])).content.decode()
    assert f'formaction="{reverse("admin:media_store_check")}"' in page
    assert f'name="url" value="{job.source_url}"' in page
    report = client.post(reverse("admin:media_store_check"), {"url": job.source_url, "index": 0}).content.decode()
    assert "leads to a network that is not public" in report
