"""What a messenger says of somebody, as a contact."""

from __future__ import annotations

from contacts.chats.incoming import IncomingPerson
from contacts.composing import Composer
from contacts.incoming import IncomingContact
from contacts.models import ChatParticipant


def describe(person: IncomingPerson | ChatParticipant, *, network: str, title: str, region: str) -> IncomingContact:
    """Return the person with number, address and handle on `network`; without a name the chat's `title` stands in."""
    composer = Composer(region=region)
    composer.set_line("display_name", person.name or title)
    composer.add_phone(person.phone, label=network, is_primary=True)
    composer.add_email(person.email, label=network, is_primary=True)
    composer.add_handle(person.username, label=network)
    return composer.finish()
