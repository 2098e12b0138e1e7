"""A check of an address says what would happen, step by step, and stores nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from media_store.admin_check import check_address, show_statistics
from media_store.checking import check_url
from media_store.models import PhotoJob, StoredFile
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
def test_the_pages_show_the_report_and_the_numbers(settings: Any, rf: RequestFactory) -> None:
    user = make_user(is_superuser=True)
    make_photo_job(user, is_stored=True)
    with serving(reply(status="404 Not Found")) as server:
        settings.PHOTO_ALLOWED_HOSTS = [server.pair]
        request = rf.post("/", {"url": server.url()})
        request.user = user
        page = check_address(request).render().content.decode()
    assert "There is nothing at this address." in page
    request = rf.get("/")
    request.user = user
    assert "pictures.example.com" not in page
    assert "1 photos" in show_statistics(request).render().content.decode()
    assert (PhotoJob.objects.count(), StoredFile.objects.count()) == (1, 1)
