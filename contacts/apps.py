from __future__ import annotations

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = "Contacts"

    def ready(self) -> None:
        from contacts import media, provenance, relations
        from contacts.chats import entering

        relations.register()
        media.register()
        provenance.register()
        entering.register()
