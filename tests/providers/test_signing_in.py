"""Consent pages and token addresses follow OAuth 2.0 with PKCE, and Google and Microsoft each have their own ways."""

from __future__ import annotations

import pytest
import requests

from tests.providers.asking import CALLBACK, answered, authorize_address, connections, exchange, refresh, signed_in
from tests.providers.google import CONTACTS, USERINFO_EMAIL, GoogleStandIn, google_stand_in
from tests.providers.grants import MARKER
from tests.providers.microsoft import MicrosoftStandIn, microsoft_stand_in

BOTH = f"{CONTACTS} {USERINFO_EMAIL}"
GRAPH = "offline_access User.Read Contacts.Read"


def code_from(google: GoogleStandIn, **changed: str) -> str:
    return answered(google.consent(authorize_address(google, "GOOGLE_AUTH_URL", **changed)))["code"]


def token_address(google: GoogleStandIn) -> str:
    return google.settings()["GOOGLE_TOKEN_URL"]


def test_a_code_comes_back_with_the_state_and_buys_tokens_once() -> None:
    with google_stand_in() as google:
        location = google.consent(authorize_address(google, "GOOGLE_AUTH_URL"))
        assert location.startswith(f"{CALLBACK}?")
        assert answered(location)["state"] == "the state"
        first = exchange(google, token_address(google), answered(location)["code"])
        second = exchange(google, token_address(google), answered(location)["code"])
        assert first.status_code == 200
        assert MARKER in first.json()["access_token"]
        assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changed", "status", "error"),
    [
        ({"code_verifier": "another-verifier-of-enough-characters-to-be-allowed"}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": f"{CALLBACK}/"}, 400, "redirect_uri_mismatch"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_code_is_refused_to_a_client_that_cannot_prove_itself(
    changed: dict[str, str], status: int, error: str
) -> None:
    with google_stand_in() as google:
        answer = exchange(google, token_address(google), code_from(google), **changed)
        assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_only_a_registered_redirect_address_gets_a_page() -> None:
    with google_stand_in(redirect_uris=[CALLBACK]) as google:
        good = requests.get(authorize_address(google, "GOOGLE_AUTH_URL"), timeout=10)
        near = authorize_address(google, "GOOGLE_AUTH_URL", redirect_uri=f"{CALLBACK}?next=/")
        bad = requests.get(near, allow_redirects=False, timeout=10)
        assert 'id="consent"' in good.text
        assert (bad.status_code, "Location" in bad.headers) == (400, False)


def test_an_authorisation_without_pkce_is_sent_back() -> None:
    with google_stand_in() as google:
        location = google.consent(authorize_address(google, "GOOGLE_AUTH_URL", code_challenge_method="plain"))
        assert answered(location) == {"error": "invalid_request", "state": "the state"}


def test_denying_or_unticking_everything_is_access_denied() -> None:
    with google_stand_in() as google:
        address = authorize_address(google, "GOOGLE_AUTH_URL")
        assert answered(google.consent(address, decision="deny"))["error"] == "access_denied"
        assert answered(google.consent(address, without=[CONTACTS]))["error"] == "access_denied"


def test_an_unticked_scope_is_missing_from_the_token() -> None:
    with google_stand_in() as google:
        location = google.consent(authorize_address(google, "GOOGLE_AUTH_URL", scope=BOTH), without=[CONTACTS])
        token = exchange(google, token_address(google), answered(location)["code"]).json()
        assert token["scope"] == USERINFO_EMAIL
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token['access_token']}"
        refused = connections(session, google)
        assert refused.status_code == 403
        assert refused.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
        who = session.get(google.settings()["GOOGLE_USERINFO_URL"], timeout=10)
        assert who.json()["email"] == "mara@example.com"


def test_a_person_chooses_among_several_accounts() -> None:
    with google_stand_in(accounts=["mara@example.com", "ida@example.com"]) as google:
        address = authorize_address(google, "GOOGLE_AUTH_URL", scope=USERINFO_EMAIL)
        code = answered(google.consent(address, account="ida@example.com"))["code"]
        token = exchange(google, token_address(google), code).json()["access_token"]
        who = requests.get(
            google.settings()["GOOGLE_USERINFO_URL"], headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        assert who.json()["email"] == "ida@example.com"


def test_google_sends_a_refresh_token_once_unless_consent_is_forced() -> None:
    with google_stand_in() as google:
        answers = [
            exchange(google, token_address(google), code_from(google, **changed)).json()
            for changed in ({"access_type": "online"}, {}, {}, {"prompt": "consent"})
        ]
        google.revoke()
        answers.append(exchange(google, token_address(google), code_from(google)).json())
        assert ["refresh_token" in answer for answer in answers] == [False, False, False, True, True]


def test_google_keeps_the_refresh_token_and_renews_the_access_token() -> None:
    with google_stand_in(expires_in=0) as google:
        token = google.granted(CONTACTS)
        old = signed_in(google)
        assert connections(old, google).status_code == 401
        renewed = refresh(google, token_address(google), token["refresh_token"]).json()
        assert "refresh_token" not in renewed
        assert renewed["access_token"] != token["access_token"]


def test_access_tokens_can_be_made_old_at_once() -> None:
    with google_stand_in() as google:
        session = signed_in(google)
        before = connections(session, google).status_code
        google.expire_access_tokens()
        assert (before, connections(session, google).status_code) == (200, 401)


def test_revoking_either_token_ends_the_whole_grant() -> None:
    with google_stand_in() as google:
        for kind in ("access_token", "refresh_token"):
            token = google.granted(CONTACTS)
            session = signed_in(google)
            address = google.settings()["GOOGLE_REVOKE_URL"]
            assert requests.post(address, data={"token": token[kind]}, timeout=10).status_code == 200
            assert connections(session, google).status_code == 401
            refused = refresh(google, token_address(google), token["refresh_token"])
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
            assert requests.post(address, data={"token": token[kind]}, timeout=10).status_code == 400


@pytest.mark.parametrize("lives", [True, False])
def test_microsoft_rotates_the_refresh_token(*, lives: bool) -> None:
    with microsoft_stand_in(old_refresh_tokens_live=lives) as microsoft:
        address = microsoft_token_address(microsoft)
        first = microsoft.granted("Contacts.Read")["refresh_token"]
        second = refresh(microsoft, address, first).json()["refresh_token"]
        assert second != first
        assert refresh(microsoft, address, second).status_code == 200
        assert refresh(microsoft, address, first).status_code == (200 if lives else 400)


def test_microsoft_gives_a_refresh_token_for_offline_access_only() -> None:
    with microsoft_stand_in() as microsoft:
        microsoft.settings()
        answers = []
        for scope in (GRAPH, "User.Read Contacts.Read"):
            base = f"{microsoft.address}/common/oauth2/v2.0/authorize"
            query = authorize_address(microsoft, "MICROSOFT_AUTHORITY_URL", scope=scope).partition("?")[2]
            code = answered(microsoft.consent(f"{base}?{query}"))["code"]
            answers.append(exchange(microsoft, microsoft_token_address(microsoft), code).json())
        assert ["refresh_token" in answer for answer in answers] == [True, False]
        assert answers[0]["scope"].split() == sorted(GRAPH.split())


def microsoft_token_address(microsoft: MicrosoftStandIn) -> str:
    return f"{microsoft.settings()['MICROSOFT_AUTHORITY_URL']}/common/oauth2/v2.0/token"
