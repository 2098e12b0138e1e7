"""Google's stand-in lists, syncs and refuses as the People API does."""

from __future__ import annotations

import io
import tracemalloc

import pytest
import requests
from PIL import Image

from tests.providers import photos
from tests.providers.asking import EVERYTHING, all_connections, connections, signed_in
from tests.providers.google import CONTACTS, google_stand_in
from tests.providers.people import Person


def test_all_pages_together_are_everybody_once() -> None:
    with google_stand_in(people=101) as google:
        pages = all_connections(signed_in(google), google, pageSize=25)
        people = [person["resourceName"] for page in pages for person in page["connections"]]
        assert len(set(people)) == len(people) == 101
        assert [page["totalItems"] for page in pages] == [101] * 5
        assert ["nextSyncToken" in page for page in pages] == [False] * 4 + [True]


def test_the_made_up_people_have_every_field_and_every_oddity() -> None:
    with google_stand_in(people=120) as google:
        people = all_connections(signed_in(google), google, pageSize=1000)[0]["connections"]
        assert {field for person in people for field in person} >= set(EVERYTHING.split(","))
        assert any("names" not in person and "emailAddresses" not in person for person in people)
        assert max(len(person["names"][0]["displayName"]) for person in people if "names" in person) == 500
        assert {photo.get("default", False) for person in people for photo in person["photos"]} == {True, False}
        assert any(len(person.get("emailAddresses", ())) > 1 for person in people)
        assert any("year" not in person["birthdays"][0]["date"] for person in people if "birthdays" in person)


def test_the_same_seed_gives_the_same_people() -> None:
    lists = []
    for _ in range(2):
        with google_stand_in(people=30) as google:
            people = all_connections(signed_in(google), google, personFields="names,emailAddresses")
            lists.append([person for page in people for person in page["connections"]])
    assert lists[0] == lists[1]


def test_only_the_fields_asked_for_come_back() -> None:
    with google_stand_in(people=20) as google:
        people = all_connections(signed_in(google), google, personFields="names", pageSize=100)[0]["connections"]
        assert {field for person in people for field in person} == {"resourceName", "etag", "names"}


@pytest.mark.parametrize(
    "changed",
    [
        {"personFields": ""},
        {"personFields": "names,shoeSize"},
        {"pageSize": 1001},
        {"pageSize": -1},
        {"pageToken": "made-up"},
        {"syncToken": "made-up"},
        {"maxResults": 10},
    ],
)
def test_a_wrong_call_is_an_invalid_argument(changed: dict[str, str]) -> None:
    with google_stand_in() as google:
        answer = connections(signed_in(google), google, **changed)
        assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_page_and_sync_tokens_hold_for_the_parameters_of_the_first_call() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        pages = all_connections(session, google)
        page_token, sync_token = pages[0]["nextPageToken"], pages[-1]["nextSyncToken"]
        assert connections(session, google, pageToken=page_token).status_code == 200
        assert connections(session, google, pageToken=page_token, pageSize=11).status_code == 400
        assert connections(session, google, syncToken=sync_token).status_code == 200
        assert connections(session, google, syncToken=sync_token, personFields="names").status_code == 400
        google.kill_page_tokens()
        assert connections(session, google, pageToken=page_token).status_code == 400


def test_a_sync_brings_what_changed_and_nothing_else() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        pages = all_connections(session, google)
        before = [person["resourceName"] for page in pages for person in page["connections"]]
        google.change_person(3, title="Chief of everything")
        google.delete_person(5)
        google.rename_person(7)
        google.add_person(Person(given_name="New", family_name="Example"))
        changes = all_connections(session, google, syncToken=pages[-1]["nextSyncToken"], pageSize=10)
        people = [person for page in changes for person in page["connections"]]
        assert people[0]["organizations"][0]["title"] == "Chief of everything"
        assert (people[1]["resourceName"], people[1]["metadata"]["deleted"]) == (before[5], True)
        assert people[2]["metadata"]["previousResourceNames"] == [before[7]]
        assert people[2]["resourceName"] not in before
        assert people[3]["names"][0]["displayName"] == "New Example"
        again = connections(session, google, syncToken=changes[-1]["nextSyncToken"]).json()
        assert "connections" not in again
        assert all_connections(session, google)[0]["totalItems"] == 25


def test_what_changes_during_a_listing_is_in_the_next_sync() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        first = connections(session, google).json()
        google.change_person(0, title="Changed behind the cursor")
        second = connections(session, google, pageToken=first["nextPageToken"]).json()
        last = connections(session, google, pageToken=second["nextPageToken"]).json()
        changes = connections(session, google, syncToken=last["nextSyncToken"]).json()
        assert [person["resourceName"] for person in changes["connections"]] == [
            first["connections"][0]["resourceName"]
        ]


def test_changes_come_in_pages_too() -> None:
    with google_stand_in(people=40) as google:
        session = signed_in(google)
        token = all_connections(session, google)[-1]["nextSyncToken"]
        for number in range(25):
            google.change_person(number, notes="Changed")
        pages = all_connections(session, google, syncToken=token)
        assert [len(page["connections"]) for page in pages] == [10, 10, 5]
        assert "totalItems" not in pages[0]


@pytest.mark.parametrize("status", [400, 410])
def test_an_old_sync_token_is_refused_with_its_reason(status: int) -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        token = all_connections(session, google)[-1]["nextSyncToken"]
        google.expire_sync_tokens(status=status)
        answer = connections(session, google, syncToken=token)
        assert answer.status_code == status
        assert answer.json()["error"]["details"][0]["reason"] == "EXPIRED_SYNC_TOKEN"
        fresh = all_connections(session, google)[-1]["nextSyncToken"]
        assert connections(session, google, syncToken=fresh).status_code == 200


def test_other_contacts_need_their_own_scope_and_know_fewer_fields() -> None:
    with google_stand_in(other_people=12) as google:
        address = f"{google.address}/v1/otherContacts"
        asked = {"readMask": "names,emailAddresses,phoneNumbers,photos,metadata", "pageSize": "10"}
        assert signed_in(google, CONTACTS).get(address, params=asked, timeout=10).status_code == 403
        session = signed_in(google)
        first = session.get(address, params=asked, timeout=10).json()
        rest = session.get(address, params={**asked, "pageToken": first["nextPageToken"]}, timeout=10).json()
        assert (len(first["otherContacts"]), len(rest["otherContacts"]), first["totalSize"]) == (10, 2, 12)
        assert first["otherContacts"][0]["resourceName"].startswith("otherContacts/c")
        assert session.get(address, params={"readMask": "birthdays"}, timeout=10).status_code == 400


def test_groups_give_memberships_their_names() -> None:
    with google_stand_in(people=60) as google:
        session = signed_in(google)
        answer = session.get(f"{google.address}/v1/contactGroups", params={"pageSize": "1000"}, timeout=10).json()
        known = {group["resourceName"]: group["formattedName"] for group in answer["contactGroups"]}
        people = all_connections(session, google, pageSize=100)[0]["connections"]
        worn = {
            known[one["contactGroupMembership"]["contactGroupResourceName"]]
            for person in people
            for one in person["memberships"]
        }
        assert {"My Contacts", "Friends", "Customers 2026"} <= worn


def test_pictures_come_in_the_size_asked_for_and_differ_between_people() -> None:
    with google_stand_in(people=10) as google:
        people = all_connections(signed_in(google), google)[0]["connections"]
        urls = [person["photos"][0]["url"] for person in people]
        first, second = (requests.get(f"{url}?sz=240", timeout=10) for url in urls[:2])
        assert Image.open(io.BytesIO(first.content)).size == (240, 240)
        assert first.content != second.content
        again = requests.get(f"{urls[0]}?sz=240", headers={"If-None-Match": first.headers["ETag"]}, timeout=10)
        assert again.status_code == 304
        assert [requests.get(url, timeout=10).status_code for url in urls].count(404) == 1


def test_no_two_people_have_the_same_picture_and_each_keeps_theirs() -> None:
    pictures = [photos.portrait(f"google {number}-0", size=32) for number in range(2 * photos.FACES)]
    assert len(set(pictures)) == len(pictures)
    assert photos.portrait("google 0-0", size=32) == pictures[0]


def test_a_changed_picture_has_another_address() -> None:
    with google_stand_in(people=1) as google:
        session = signed_in(google)
        before = connections(session, google).json()["connections"][0]["photos"]
        google.change_person(0, photo_version=1)
        assert connections(session, google).json()["connections"][0]["photos"] != before


def test_each_account_has_people_of_its_own() -> None:
    with google_stand_in(accounts=["mara@example.com", "ida@example.com"]) as google:
        found = [
            connections(signed_in(google, account=account), google, personFields="emailAddresses").json()["connections"]
            for account in google.accounts
        ]
        assert found[0][0]["emailAddresses"] != found[1][0]["emailAddresses"]


def test_a_hundred_thousand_people_are_made_only_as_they_are_asked_for() -> None:
    with google_stand_in(people=100_000, checked=False) as google:
        session = signed_in(google)
        tracemalloc.start()
        try:
            token: dict[str, str] = {}
            for _ in range(4):
                page = connections(session, google, pageSize=100, **token).json()
                token = {"pageToken": page["nextPageToken"]}
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert page["totalItems"] == 100_000
        assert peak < 6_000_000
