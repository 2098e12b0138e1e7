"""Why a row is what it is: codes that are stored with each row and shown as sentences."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A code of at most 30 characters: `ImportRow.reason`, and from ALREADY_GONE on `ImportRow.undo_reason`."""

    EMPTY_ROW = "empty_row"
    NO_NAME_OR_ADDRESS = "no_name_or_address"
    NOT_A_PERSON = "not_a_person"
    BROKEN_CARD = "broken_card"
    TOO_LONG = "too_long"
    BAD_ENCODING = "bad_encoding"
    BROKEN_ENTRY = "broken_entry"
    TOO_MANY_COLUMNS_IN_ROW = "too_many_columns_in_row"

    NEW = "new"
    KITH_ID = "kith_id"
    EXTERNAL_IDENTITY = "external_identity"
    VCARD_UID = "vcard_uid"
    LINKED_CHAT = "linked_chat"
    EMAIL = "email"
    PHONE = "phone"
    CONFLICT = "conflict"
    SHARED_ADDRESS = "shared_address"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    LISTED_AGAIN = "listed_again"
    GONE_AT_SOURCE = "gone_at_source"
    NOBODY_HERE = "nobody_here"
    DESELECTED = "deselected"
    CHANGED_SINCE = "changed_since"
    DATABASE_ERROR = "database_error"
    ERASED = "erased"

    ALREADY_GONE = "already_gone"
    EDITED = "edited"
    LATER_IMPORT = "later_import"
    BY_HAND = "by_hand"
    PICTURE_CHOSEN = "picture_chosen"
    MERGED = "merged"

    @property
    def sentence(self) -> str:
        """The code in plain words."""
        return SENTENCES[self]


SENTENCES = {
    Reason.EMPTY_ROW: "There is nothing in this row.",
    Reason.NO_NAME_OR_ADDRESS: "It has no name, e-mail address or phone number.",
    Reason.NOT_A_PERSON: "It is not a person but a group or another kind of entry.",
    Reason.BROKEN_CARD: "The card is damaged and cannot be read.",
    Reason.TOO_LONG: "It is longer than an entry may be.",
    Reason.BAD_ENCODING: "Its text cannot be decoded.",
    Reason.BROKEN_ENTRY: "The provider sent an entry that cannot be read.",
    Reason.TOO_MANY_COLUMNS_IN_ROW: "It has more cells than the header has columns.",
    Reason.NEW: "Nobody with this identity, e-mail address or phone number is known.",
    Reason.KITH_ID: "The entry was exported from this very contact, or from one that was merged into it.",
    Reason.EXTERNAL_IDENTITY: "The contact came from the same entry of this source before.",
    Reason.VCARD_UID: "The contact has the same vCard UID.",
    Reason.LINKED_CHAT: "The chat with this person is linked to the contact.",
    Reason.EMAIL: "The contact has one of the e-mail addresses, and the names agree.",
    Reason.PHONE: "The contact has one of the phone numbers, and the names agree.",
    Reason.CONFLICT: "Identity, e-mail and phone point to different contacts; the stronger one was taken.",
    Reason.SHARED_ADDRESS: "Somebody with another name has the same e-mail address or phone number.",
    Reason.DUPLICATE_IN_FILE: "An earlier entry of this file is the same person and took over these values.",
    Reason.LISTED_AGAIN: "The provider listed the same person again; what it said last was taken.",
    Reason.GONE_AT_SOURCE: "The person was deleted at the source. A contact that came from there stays, with a mark.",
    Reason.NOBODY_HERE: "You have said of the chat with this person that it is with nobody here.",
    Reason.DESELECTED: "It was not selected.",
    Reason.CHANGED_SINCE: "The contact was changed, added or deleted after the preview. Import it again.",
    Reason.DATABASE_ERROR: "The database refused the values.",
    Reason.ERASED: "The person was deleted or erased, and the content of this row with them.",
    Reason.ALREADY_GONE: "The contact was deleted before.",
    Reason.EDITED: "It is no longer what the import wrote: something was changed, added or removed since.",
    Reason.LATER_IMPORT: "A later import wrote to the same contact.",
    Reason.BY_HAND: "Something hangs on it that a person wrote or decided: a note, a call, a deal, a chat, a reminder.",
    Reason.PICTURE_CHOSEN: "A person uploaded, pinned or blocked a picture of the contact, or it has another one now.",
    Reason.MERGED: "The contact was merged with another one since.",
}


def sentence_of(code: str) -> str:
    """Return the sentence of a code as it is stored; the code itself when it is not known (any more)."""
    return SENTENCES[Reason(code)] if code in SENTENCES else code
