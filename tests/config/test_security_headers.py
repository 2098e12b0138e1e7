from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def policy(header: str) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in header.split(";") if part.strip())


def test_the_admins_policy_allows_what_unfold_needs_and_no_more(client: Client) -> None:
    csp = policy(client.get(reverse("admin:login"))["Content-Security-Policy"])
    assert csp["script-src"] == "'self' 'unsafe-eval'"
    assert csp["style-src"] == "'self' 'unsafe-inline'"
    assert csp["default-src"] == csp["form-action"] == "'self'"
    assert csp["object-src"] == csp["base-uri"] == csp["frame-ancestors"] == "'none'"


def test_other_addresses_have_the_strict_policy(client: Client) -> None:
    header = client.get("/")["Content-Security-Policy"]
    assert "unsafe" not in header
    assert policy(header)["default-src"] == "'self'"


def test_every_answer_says_how_it_may_be_used(client: Client) -> None:
    response = client.get(reverse("admin:login"))
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"


def test_pages_are_compressed(client: Client) -> None:
    response = client.get(reverse("admin:login"), headers={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
