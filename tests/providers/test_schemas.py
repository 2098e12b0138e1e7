"""A stand-in that does not answer as the provider's schema says fails the test that uses it."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any

import pytest
import requests

from tests.providers import schemas
from tests.providers.asking import connections, graph, signed_in
from tests.providers.beeper import beeper_stand_in
from tests.providers.exchange import Answer, Request
from tests.providers.google import GoogleStandIn
from tests.providers.graph_schemas import SHAPES
from tests.providers.microsoft import MicrosoftStandIn
from tests.providers.serving import standing

PERSON: dict[str, Any] = {"resourceName": "people/c1", "names": [{"displayName": "Ada"}]}
CONTACT_ID = "AAMkAGI2AAAAAAAAAAAA="


@pytest.mark.parametrize(
    "wrong",
    [
        {"shoeSize": 43},
        {"names": {"displayName": "Ada"}},
        {"names": []},
        {"birthdays": [{"date": {"year": "1984"}}]},
        {"metadata": {"objectType": "CAT"}},
        {"metadata": {"sources": [{"updateTime": "yesterday"}]}},
    ],
)
def test_googles_discovery_document_refuses_what_it_does_not_know(wrong: dict[str, Any]) -> None:
    schema = schemas.google("ListConnectionsResponse")
    schemas.check({"connections": [PERSON], "totalItems": 1}, schema)
    with pytest.raises(ValueError, match=r"\$\.connections\[0\]"):
        schemas.check({"connections": [{**PERSON, **wrong}]}, schema)


@pytest.mark.parametrize(
    "wrong",
    [{"shoeSize": 43}, {"id": ""}, {"emailAddresses": ["a@example.com"]}, {"categories": None}, {"birthday": "1.2.84"}],
)
def test_graphs_schemas_refuse_what_is_not_documented(wrong: dict[str, Any]) -> None:
    page = {"@odata.context": "https://graph.example.net/", "value": [{"id": CONTACT_ID}]}
    schemas.check(page, SHAPES["contacts"])
    with pytest.raises(ValueError, match="value"):
        schemas.check({**page, "value": [{"id": CONTACT_ID, **wrong}]}, SHAPES["contacts"])


def test_a_delta_page_has_one_link_only() -> None:
    links = {"@odata.nextLink": "https://graph.example.net/a", "@odata.deltaLink": "https://graph.example.net/b"}
    page = {"@odata.context": "https://graph.example.net/", "value": []}
    with pytest.raises(ValueError, match="should not be valid"):
        schemas.check({**page, **links}, SHAPES["delta"])


@pytest.mark.parametrize(
    "wrong", [{"shoeSize": 43}, {"type": "crowd"}, {"unreadCount": "3"}, {"lastActivity": "today"}, {"title": None}]
)
def test_beepers_models_refuse_what_they_do_not_know(wrong: dict[str, Any]) -> None:
    with beeper_stand_in(chats=1) as beeper:
        answer = beeper.answer_chat(_request(beeper.access_token), "!chat000000:beeper.local")
    schemas.check_beeper(json.dumps(answer.payload).encode(), model="Chat")
    with pytest.raises(ValueError, match=next(iter(wrong))):
        schemas.check_beeper(json.dumps({**answer.payload, **wrong}).encode(), model="Chat")


class _WrongGoogle(GoogleStandIn):
    def answer_connections(self, request: Request) -> Answer:
        return Answer(payload={"people": []}, shape="ListConnectionsResponse")


class _BrokenMicrosoft(MicrosoftStandIn):
    def answer_me(self, request: Request) -> Answer:
        raise RuntimeError("out of order")


def test_a_wrong_answer_fails_the_test_at_the_end_of_the_block() -> None:
    with pytest.raises(AssertionError, match="'people' was unexpected"), standing(_WrongGoogle()) as google:
        assert connections(signed_in(google), google).status_code == 200


def test_a_mistake_inside_a_stand_in_fails_the_test_too() -> None:
    with (
        pytest.raises(AssertionError, match="out of order"),
        standing(_BrokenMicrosoft()) as microsoft,
        pytest.raises(requests.ConnectionError),
    ):
        signed_in(microsoft).get(graph(microsoft, "/me"), timeout=10)


def _request(token: str) -> Request:
    headers = Message()
    headers["Authorization"] = f"Bearer {token}"
    return Request("GET", "/v1/chats/x", "", headers, b"", 0.0)
