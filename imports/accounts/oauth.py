"""The three requests of OAuth 2.0 beside the consent page: trade a code, renew a token, take a grant back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from config.jobs.failures import TemporaryFailure, parse_retry_after
from imports.accounts.providers import Identity, OAuthProvider
from imports.accounts.transport import as_failure, guard
from media_store.transport import DeadlinePassed

SECONDS = 10.0
MAX_BYTES = 1_000_000
SHORTEST_LIFE, USUAL_LIFE = 1, 3_600

# What both providers say when the person has to sign in again; everything else is about us or about the moment.
GONE = {"invalid_grant", "interaction_required", "consent_required", "login_required"}
# Done, or gone already: https://datatracker.ietf.org/doc/html/rfc7009#section-2.2, and Google's own 400
REVOKED = {(200, ""), (400, "invalid_token"), (400, "invalid_grant")}
OURS = {"invalid_client", "unauthorized_client"}


class GrantRefused(Exception):
    """The provider does not know this grant any more, or wants the person to sign in again."""


@dataclass(frozen=True, repr=False)
class Tokens:
    """What a token address gave; `refresh_token` and `scopes` are empty where it said nothing of them."""

    access_token: str
    refresh_token: str
    expires_in: int
    scopes: tuple[str, ...]

    def merged_into(self, kept: Mapping[str, Any]) -> dict[str, str]:
        """Return what to store: the old refresh token stays where no new one came, as with Google."""
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token or str(kept.get("refresh_token", "")),
        }


def exchange(provider: OAuthProvider, *, code: str, verifier: str) -> Tokens:
    """Trade the code of a consent for tokens; GrantRefused for a code that is wrong, used or old."""
    with _session(provider) as session:
        return _asked(
            provider,
            lambda: session.fetch_token(
                provider.token_url,
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
                redirect_uri=provider.redirect_uri,
            ),
        )


def refresh(provider: OAuthProvider, refresh_token: str) -> Tokens:
    """Return a new access token; GrantRefused when the grant is gone, TemporaryFailure for everything else."""
    with _session(provider) as session:
        return _asked(
            provider,
            # Without a scope the new token is for all that was granted.
            lambda: session.refresh_token(provider.token_url, refresh_token=refresh_token),
            kept=refresh_token,
        )


def revoke(provider: OAuthProvider, token: str) -> None:
    """Take the whole grant back, if it is still there; TemporaryFailure when the provider does not do it now."""
    with guard(requests.Session(), seconds=SECONDS, max_bytes=MAX_BYTES) as session:
        try:
            answer = session.post(provider.revoke_url, data={"token": token})
        except (requests.RequestException, DeadlinePassed) as error:
            raise as_failure(error, provider=provider.label) from None
    if (answer.status_code, _error_in(answer)) not in REVOKED:
        raise TemporaryFailure(
            f"{provider.label} answered {answer.status_code} when we gave the permission back.",
            code=f"http_{answer.status_code}",
            retry_after=parse_retry_after(answer.headers.get("Retry-After", ""), now=datetime.now(UTC)),
        )


def whoami(provider: OAuthProvider, access_token: str) -> Identity:
    """Ask the provider whose access token this is; TemporaryFailure when it does not say."""
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    with guard(requests.Session(), seconds=SECONDS, max_bytes=MAX_BYTES) as session:
        try:
            answer = session.get(provider.whoami_url, headers=headers)
            answer.raise_for_status()
            return provider.identity(answer.json())
        except requests.HTTPError as error:
            raise _unclear(provider, f"answered {error.response.status_code}") from None
        except (requests.JSONDecodeError, ValueError, AttributeError):
            raise _unclear(provider, "did not say whose account it is") from None
        except (requests.RequestException, DeadlinePassed) as error:
            raise as_failure(error, provider=provider.label) from None


def _session(provider: OAuthProvider) -> OAuth2Session:
    session = OAuth2Session(
        provider.client_id,
        provider.client_secret,
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 (the name of a method)
    )
    for answer in ("access_token_response", "refresh_token_response"):
        session.register_compliance_hook(answer, lambda response: _not_overloaded(provider, response))
    return guard(session, seconds=SECONDS, max_bytes=MAX_BYTES)


def _not_overloaded(provider: OAuthProvider, response: requests.Response) -> requests.Response:
    if response.status_code == 429 or response.status_code >= 500:
        raise TemporaryFailure(
            f"{provider.label} answered {response.status_code} when asked for a token.",
            code=f"http_{response.status_code}",
            retry_after=parse_retry_after(response.headers.get("Retry-After", ""), now=datetime.now(UTC)),
        )
    return response


def _asked(provider: OAuthProvider, ask: Any, *, kept: str = "") -> Tokens:
    try:
        answer = ask()
    except OAuthError as error:
        raise _refusal(provider, str(error.error)) from None
    except (requests.RequestException, DeadlinePassed) as error:
        raise as_failure(error, provider=provider.label) from None
    except (ValueError, TypeError, OverflowError):  # Authlib reads what came as it is
        raise _unclear(provider, "sent an answer that cannot be read") from None
    token, renewed = answer.get("access_token"), answer.get("refresh_token") or ""
    if not isinstance(token, str) or not token or not isinstance(renewed, str):
        raise _unclear(provider, "sent no token")
    scopes = answer.get("scope")
    return Tokens(
        token,
        "" if renewed == kept else renewed,
        _lifetime(answer.get("expires_in")),
        tuple(scopes.split()) if isinstance(scopes, str) else (),
    )


def _error_in(answer: requests.Response) -> str:
    """Return the word by which an answer names an error, whatever its status; empty when it names none."""
    try:
        found = answer.json().get("error")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return "" if found is None else str(found)


def _refusal(provider: OAuthProvider, error: str) -> Exception:
    if error in GONE:
        return GrantRefused(f"{provider.label} answered {error}.")
    if error in OURS:
        names = f"{provider.name.upper()}_CLIENT_ID and {provider.name.upper()}_CLIENT_SECRET"
        return TemporaryFailure(f"{provider.label} does not accept our {names}.", code="client_refused")
    # An error code is one short word; anything else is not worth repeating.
    word = error if error.isascii() and error.isidentifier() and len(error) < 40 else "an error"
    return _unclear(provider, f"answered {word}")


def _unclear(provider: OAuthProvider, what: str) -> TemporaryFailure:
    return TemporaryFailure(f"{provider.label} {what} when we signed in.", code="token_refused")


def _lifetime(value: Any) -> int:
    try:
        return max(SHORTEST_LIFE, int(value))
    except (TypeError, ValueError):
        return USUAL_LIFE
