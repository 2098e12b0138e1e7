"""Tell the apps above which contacts have new facts, so that what is computed from them follows at once.

The database itself marks a contact when its events are written (migration 0003); a writer that forgets to call this
only makes the apps above notice later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

Listener = Callable[[int, Collection[UUID]], None]

_listeners: list[Listener] = []


def register_listener(listener: Listener) -> None:
    """Let `listener(owner_id, contact_ids)` hear of new facts; called from AppConfig.ready.

    Without contacts it is the owner's deals that changed.
    """
    _listeners.append(listener)


def tell(owner_id: int, contact_ids: Collection[UUID]) -> None:
    """Say that facts of these contacts of one owner were written; call it in the transaction that writes them."""
    if contact_ids:
        for listener in _listeners:
            listener(owner_id, contact_ids)


def tell_of_deals(owner_id: int) -> None:
    """Say that deals of one owner changed that no contact speaks for; call it in the transaction that writes them."""
    for listener in _listeners:
        listener(owner_id, ())
