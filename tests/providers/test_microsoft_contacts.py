"""Microsoft's stand-in lists folders, contacts, changes and photos as Graph does, and holds a client to its limits."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from PIL import Image

from tests.providers.asking import followed, graph, signed_in
from tests.providers.faults import throttled
from tests.providers.microsoft import MicrosoftStandIn, microsoft_stand_in
from tests.providers.people import Person

IMMUTABLE = 'IdType="ImmutableId"'


def values(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for page in pages for item in page["value"]]


def delta(session: requests.Session, microsoft: MicrosoftStandIn, **headers: str) -> list[dict[str, Any]]:
    wanted = {"Prefer": f"{IMMUTABLE}, odata.maxpagesize=7", **headers}
    return followed(session, graph(microsoft, "/me/contactFolders/contacts/contacts/delta"), **wanted)


def test_the_folders_together_hold_everybody_once() -> None:
    with microsoft_stand_in(people=60) as microsoft:
        session = signed_in(microsoft)
        below = values(followed(session, graph(microsoft, "/me/contactFolders")))
        children = values(followed(session, graph(microsoft, f"/me/contactFolders/{below[0]['id']}/childFolders")))
        assert [folder["displayName"] for folder in below + children] == ["Customers", "Old customers"]
        paths = ["/me/contacts", *(f"/me/contactFolders/{folder['id']}/contacts" for folder in below + children)]
        listed = [values(followed(session, graph(microsoft, f"{path}?$top=25"))) for path in paths]
        assert [len(people) for people in listed] == [54, 3, 3]
        assert len({person["id"] for people in listed for person in people}) == 60
        assert children[0]["parentFolderId"] == below[0]["id"] == listed[1][0]["parentFolderId"]


def test_a_page_holds_ten_unless_more_are_asked_for() -> None:
    with microsoft_stand_in(people=25) as microsoft:
        session = signed_in(microsoft)
        assert [len(page["value"]) for page in followed(session, graph(microsoft, "/me/contacts"))] == [10, 10, 2]
        assert session.get(graph(microsoft, "/me/contacts?$top=1001"), timeout=10).status_code == 400


def test_a_next_link_must_come_back_as_it_was() -> None:
    with microsoft_stand_in(people=25) as microsoft:
        session = signed_in(microsoft)
        link = session.get(graph(microsoft, "/me/contacts?$top=5"), timeout=10).json()["@odata.nextLink"]
        assert session.get(link, timeout=10).status_code == 200
        assert session.get(f"{link}&$select=id", timeout=10).status_code == 400
        assert session.get(link.replace("top=5", "top=6"), timeout=10).status_code == 400
        assert session.get(link[:-8], timeout=10).status_code == 400


def test_selected_fields_come_alone_with_the_id() -> None:
    with microsoft_stand_in(people=5) as microsoft:
        session = signed_in(microsoft)
        person = values(followed(session, graph(microsoft, "/me/contacts?$select=displayName,categories")))[0]
        assert set(person) == {"@odata.etag", "id", "displayName", "categories"}
        assert session.get(graph(microsoft, "/me/contacts?$select=shoeSize"), timeout=10).status_code == 400


def test_an_immutable_id_survives_a_move_and_the_usual_one_does_not() -> None:
    with microsoft_stand_in(people=[Person(given_name="Ada", family_name="Example")]) as microsoft:
        session = signed_in(microsoft)
        folder = values(followed(session, graph(microsoft, "/me/contactFolders")))[0]["id"]
        ids = []
        for path in ("/me/contacts", f"/me/contactFolders/{folder}/contacts"):
            for headers in ({}, {"Prefer": IMMUTABLE}):
                answer = session.get(graph(microsoft, path), headers=headers, timeout=10)
                assert answer.headers.get("Preference-Applied") == headers.get("Prefer")
                ids.append(answer.json()["value"][0]["id"])
            microsoft.change_person(0, folder=1)
        usual, immutable, usual_after, immutable_after = ids
        assert immutable == immutable_after
        assert len({usual, usual_after, immutable}) == 3
        assert session.get(graph(microsoft, f"/me/contacts/{usual}"), timeout=10).status_code == 404
        assert session.get(graph(microsoft, f"/me/contacts/{immutable}"), timeout=10).status_code == 200


def test_a_delta_link_brings_what_changed_in_its_folder() -> None:
    with microsoft_stand_in(people=30) as microsoft:
        session = signed_in(microsoft)
        pages = delta(session, microsoft)
        people = values(pages)
        assert [len(page["value"]) for page in pages] == [7, 7, 7, 5]
        assert ["@odata.deltaLink" in page for page in pages] == [False, False, False, True]
        microsoft.change_person(0, title="Chief of everything")
        microsoft.delete_person(1)
        microsoft.change_person(2, folder=1)
        microsoft.change_person(3, notes="Somebody in another folder")
        microsoft.add_person(Person(given_name="New"))
        after = followed(session, pages[-1]["@odata.deltaLink"], Prefer=IMMUTABLE)
        changed = values(after)
        assert [item.get("jobTitle") for item in changed] == ["Chief of everything", None, None, None]
        assert [item["id"] for item in changed[:3]] == [person["id"] for person in people[:3]]
        assert ["@removed" in item for item in changed] == [False, True, True, False]
        assert values(followed(session, after[-1]["@odata.deltaLink"], Prefer=IMMUTABLE)) == []


@pytest.mark.parametrize("code", ["SyncStateNotFound", "resyncRequired"])
def test_a_forgotten_delta_link_is_gone_until_a_full_run(code: str) -> None:
    with microsoft_stand_in() as microsoft:
        session = signed_in(microsoft)
        link = delta(session, microsoft)[-1]["@odata.deltaLink"]
        microsoft.lose_sync_state(code=code)
        answer = session.get(link, timeout=10)
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, code)
        assert session.get(delta(session, microsoft)[-1]["@odata.deltaLink"], timeout=10).status_code == 200


def test_a_photo_is_bytes_or_a_single_pixel_or_not_found() -> None:
    with microsoft_stand_in(people=[Person(photo="portrait"), Person(photo="pixel"), Person()]) as microsoft:
        session = signed_in(microsoft)
        ids = [person["id"] for person in values(followed(session, graph(microsoft, "/me/contacts")))]
        found = [session.get(graph(microsoft, f"/me/contacts/{one}/photo/$value"), timeout=10) for one in ids]
        about = session.get(graph(microsoft, f"/me/contacts/{ids[0]}/photo"), timeout=10).json()
        assert [answer.status_code for answer in found] == [200, 200, 404]
        assert [Image.open(io.BytesIO(answer.content)).size for answer in found[:2]] == [(240, 240), (1, 1)]
        assert (about["width"], about["@odata.mediaContentType"]) == (240, "image/jpeg")


def test_a_batch_answers_each_part_out_of_order() -> None:
    with microsoft_stand_in(people=6) as microsoft:
        session = signed_in(microsoft)
        ids = [person["id"] for person in values(followed(session, graph(microsoft, "/me/contacts")))]
        microsoft.fault("photo", throttled(retry_after=7))
        parts = [
            {"id": str(at), "method": "GET", "url": f"/me/contacts/{one}/photo/$value"} for at, one in enumerate(ids)
        ]
        answer = session.post(graph(microsoft, "/$batch"), json={"requests": parts}, timeout=10)
        answers = {part["id"]: part for part in answer.json()["responses"]}
        assert answer.status_code == 200
        assert [part["id"] for part in answer.json()["responses"]] != sorted(answers)
        assert [answers[str(at)]["status"] for at in range(5)] == [429, 200, 404, 404, 200]
        assert answers["0"]["headers"]["Retry-After"] == "7"
        assert Image.open(io.BytesIO(base64.b64decode(answers["1"]["body"]))).format == "JPEG"
        assert microsoft.count("photo") == 5


def test_a_batch_holds_twenty_requests() -> None:
    with microsoft_stand_in() as microsoft:
        parts = [{"id": str(at), "method": "GET", "url": "/me"} for at in range(21)]
        address, session = graph(microsoft, "/$batch"), signed_in(microsoft)
        assert session.post(address, json={"requests": parts}, timeout=10).status_code == 400
        assert session.post(address, json={"requests": parts[:20]}, timeout=10).status_code == 200


@pytest.mark.parametrize(("callers", "refused"), [(4, 0), (6, 2)])
def test_a_mailbox_takes_four_requests_at_once(callers: int, refused: int) -> None:
    with microsoft_stand_in(latency=0.3) as microsoft:
        session = signed_in(microsoft)
        with ThreadPoolExecutor(callers) as threads:
            asked = [threads.submit(session.get, graph(microsoft, "/me"), timeout=10) for _ in range(callers)]
            answers = [one.result() for one in asked]
        assert [answer.status_code for answer in answers].count(429) == refused
        assert {answer.headers.get("Retry-After") for answer in answers if answer.status_code == 429} <= {"1"}
        assert min(microsoft.peak, 5) == min(callers, 5)
        assert len(microsoft.requests) == callers


def test_other_mailboxes_have_room_of_their_own() -> None:
    with microsoft_stand_in(latency=0.3, accounts=["mara@example.com", "ida@example.com"]) as microsoft:
        sessions = [signed_in(microsoft, account=account) for account in microsoft.accounts]
        with ThreadPoolExecutor(6) as threads:
            asked = [threads.submit(sessions[at % 2].get, graph(microsoft, "/me"), timeout=10) for at in range(6)]
            assert [one.result().status_code for one in asked] == [200] * 6


def test_graph_wants_a_living_token_with_the_scope() -> None:
    with microsoft_stand_in() as microsoft:
        assert requests.get(graph(microsoft, "/me"), timeout=10).status_code == 401
        session = signed_in(microsoft, "User.Read")
        me = session.get(graph(microsoft, "/me"), timeout=10).json()
        assert me["mail"] == "mara@outlook.example.com"
        assert session.get(graph(microsoft, "/me/contacts"), timeout=10).status_code == 403
