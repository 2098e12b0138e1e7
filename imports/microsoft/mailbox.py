"""Requests for the contacts of one mailbox, with ids that last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from imports.accounts.sessions import ApiSession, api_session
from imports.models import ProviderAccount

# Ids that stay when a contact is moved to another folder: https://learn.microsoft.com/graph/outlook-immutable-id
IMMUTABLE = 'IdType="ImmutableId"'


class Mailbox:
    """The Graph API for one account; used in a `with` block, by one thread."""

    def __init__(self, account: ProviderAccount) -> None:
        self.account_id = account.pk
        self._api: ApiSession = api_session(account, base_url=settings.MICROSOFT_GRAPH_URL)

    def __enter__(self) -> Mailbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.__exit__()

    def get(self, path: str, *, params: Mapping[str, str | int] | None = None, page_size: int = 0) -> dict[str, Any]:
        """Return the object at `path` below /v1.0."""
        return self._api.get(f"/v1.0{path}", params=params, headers=preferences(page_size))

    def follow(self, link: str, *, page_size: int = 0) -> dict[str, Any]:
        """Return what a next or delta link leads to, word for word; one to another host is refused."""
        return self._api.follow(link, headers=preferences(page_size))

    def batch(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        """Send up to 20 requests as one; each has an answer of its own."""
        return self._api.post("/v1.0/$batch", {"requests": parts}, headers=preferences())


def preferences(page_size: int = 0) -> dict[str, str]:
    """Return the header that every request carries; Graph takes the size of delta pages in it, too."""
    return {"Prefer": f"{IMMUTABLE}, odata.maxpagesize={page_size}" if page_size else IMMUTABLE}
