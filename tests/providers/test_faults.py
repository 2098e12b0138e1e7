"""Each scripted fault reaches the client as the provider would send it, once, and then all is well again."""

from __future__ import annotations

import time

import pytest
import requests

from tests.providers import faults
from tests.providers.asking import EVERYTHING, all_connections, connections, followed, graph, refresh, signed_in
from tests.providers.google import CONTACTS, google_stand_in
from tests.providers.microsoft import microsoft_stand_in


@pytest.mark.parametrize(
    ("fault", "status", "word"),
    [
        (faults.throttled(), 429, "RESOURCE_EXHAUSTED"),
        (faults.quota(), 403, "rateLimitExceeded"),
        (faults.quota("userRateLimitExceeded"), 403, "userRateLimitExceeded"),
        (faults.forbidden(), 403, "insufficientPermissions"),
        (faults.unauthorized(), 401, "UNAUTHENTICATED"),
        (faults.broken(502), 502, "<html>"),
        (faults.first_page_quota(), 429, "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_refusal_comes_once(fault: faults.Fault, status: int, word: str) -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        google.fault("connections", fault)
        refused = connections(session, google)
        assert (refused.status_code, word in refused.text) == (status, True)
        assert "Retry-After" not in refused.headers
        assert connections(session, google).status_code == 200
        assert [request.status for request in google.requests] == [status, 200]


def test_throttling_can_say_for_how_long() -> None:
    with google_stand_in() as google, microsoft_stand_in() as microsoft:
        google.fault("connections", faults.throttled(retry_after=30))
        microsoft.fault("contacts", faults.throttled(retry_after=30))
        answers = [
            connections(signed_in(google), google),
            signed_in(microsoft).get(graph(microsoft, "/me/contacts"), timeout=10),
        ]
        assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(429, "30")] * 2


def test_faults_come_in_order_and_forever_means_forever() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        google.fault("connections", faults.usual(), faults.broken(), faults.usual(), faults.forever(faults.quota()))
        statuses = [connections(session, google).status_code for _ in range(6)]
        assert statuses == [200, 503, 200, 403, 403, 403]


def test_a_fault_that_does_not_apply_waits_for_its_request() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        google.fault("connections", faults.expired_sync_token(410))
        pages = all_connections(session, google)
        expired = connections(session, google, syncToken=pages[-1]["nextSyncToken"])
        assert (expired.status_code, "EXPIRED_SYNC_TOKEN" in expired.text) == (410, True)
        google.fault("connections", faults.dead_page_token())
        first = connections(session, google).json()
        assert connections(session, google, pageToken=first["nextPageToken"]).status_code == 400


def test_the_first_page_quota_spares_later_pages_and_syncs() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        pages = all_connections(session, google)
        google.fault("connections", faults.first_page_quota(retry_after=60))
        assert connections(session, google, pageToken=pages[0]["nextPageToken"]).status_code == 200
        assert connections(session, google, syncToken=pages[-1]["nextSyncToken"]).status_code == 200
        assert connections(session, google).status_code == 429


def test_a_connection_can_end_in_the_middle() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        google.fault("connections", faults.cut())
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            connections(session, google)
        assert connections(session, google).status_code == 200


def test_json_can_end_in_the_middle() -> None:
    with google_stand_in() as google:
        google.fault("connections", faults.truncated())
        answer = connections(signed_in(google), google)
        assert answer.status_code == 200
        with pytest.raises(requests.exceptions.JSONDecodeError):
            answer.json()


def test_types_can_be_wrong_for_a_page_or_one_item() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        google.fault("connections", faults.wrong_types(), faults.bad_item({"names": "Ada"}, index=2))
        assert connections(session, google).json()["connections"] == "not a list"
        people = connections(session, google).json()["connections"]
        assert (people[2], len(people)) == ({"names": "Ada"}, 10)


def test_an_empty_page_leads_on_to_what_it_left_out() -> None:
    with google_stand_in() as google, microsoft_stand_in() as microsoft:
        session = signed_in(google)
        whole = [person for page in all_connections(session, google) for person in page["connections"]]
        google.fault("connections", faults.usual(), faults.empty_page(), faults.usual(), faults.empty_page())
        pages = all_connections(session, google)
        assert [len(page.get("connections", ())) for page in pages] == [10, 0, 10, 0, 5]
        assert [person for page in pages for person in page.get("connections", ())] == whole
        microsoft.fault("contacts", faults.empty_page())
        lengths = [len(page["value"]) for page in followed(signed_in(microsoft), graph(microsoft, "/me/contacts"))]
        assert lengths == [0, 10, 10, 2]


def test_a_page_can_come_twice() -> None:
    with google_stand_in() as google, microsoft_stand_in() as microsoft:
        google.fault("connections", faults.repeated_page())
        pages = all_connections(signed_in(google), google)
        assert pages[0]["connections"] == pages[1]["connections"]
        assert [len(page["connections"]) for page in pages] == [10, 10, 10, 5]
        microsoft.fault("delta", faults.repeated_page())
        address = graph(microsoft, "/me/contactFolders/contacts/contacts/delta")
        twice = followed(signed_in(microsoft), address)
        assert twice[0]["value"] == twice[1]["value"]
        assert "@odata.deltaLink" in twice[-1]


def test_a_next_link_can_lead_to_a_foreign_host() -> None:
    with microsoft_stand_in() as microsoft:
        microsoft.fault("contacts", faults.foreign_next())
        answer = signed_in(microsoft).get(graph(microsoft, "/me/contacts"), timeout=10).json()
        assert answer["@odata.nextLink"].startswith("https://graph.example.net/")


def test_graph_forgets_its_state_only_where_there_was_one() -> None:
    with microsoft_stand_in() as microsoft:
        session = signed_in(microsoft)
        address = graph(microsoft, "/me/contactFolders/contacts/contacts/delta")
        microsoft.fault("delta", faults.sync_state_lost("resyncRequired"))
        first = session.get(address, timeout=10)
        lost = session.get(first.json()["@odata.nextLink"], timeout=10)
        assert (first.status_code, lost.status_code, lost.json()["error"]["code"]) == (200, 410, "resyncRequired")


def test_a_body_can_drip() -> None:
    with google_stand_in(people=1) as google:
        session = signed_in(google)
        google.fault("connections", faults.drip(0.02))
        started = time.monotonic()
        answer = connections(session, google, personFields="names")
        assert time.monotonic() - started >= 0.02 * len(answer.content) / 16


def test_latency_comes_before_every_answer() -> None:
    with google_stand_in(latency=0.1) as google:
        started = time.monotonic()
        connections(signed_in(google), google)
        assert time.monotonic() - started >= 0.1
        assert google.busy_seconds < 0.1


def test_a_refresh_can_find_the_permission_gone() -> None:
    with google_stand_in() as google:
        token = google.granted(CONTACTS)["refresh_token"]
        google.fault("token", faults.invalid_grant())
        address = google.settings()["GOOGLE_TOKEN_URL"]
        answers = [refresh(google, address, token) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [400, 200]
        assert answers[0].json()["error"] == "invalid_grant"


def test_requests_are_kept_with_all_that_was_sent() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        connections(session, google)
        request = google.requests[0]
        assert (request.method, request.path, request.route) == ("GET", "/v1/people/me/connections", "connections")
        assert request.headers["Authorization"] == session.headers["Authorization"]
        assert request.parameter("personFields") == EVERYTHING
        assert google.count("connections") == 1


def test_a_fault_for_an_unknown_route_is_a_mistake() -> None:
    with google_stand_in() as google, pytest.raises(LookupError):
        google.fault("conections", faults.throttled())
