"""What a person has written into a hub, and where it must be after merges were made and undone.

Contacts are known by their ids; a merge makes the loser's facts the survivor's until it is undone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

from contacts.models import Contact, MergeRecord


@dataclass
class Written:
    """What a person wrote on one contact: the title, e-mail addresses, ids of notes."""

    title: str | None = None
    is_chosen: bool = False  # the title was not typed here: it came by a merge
    emails: set[str] = field(default_factory=set)
    notes: set[int] = field(default_factory=set)


@dataclass
class Merge:
    """One merge, with what is needed to take the facts apart again."""

    record: MergeRecord
    survivor: UUID
    loser: UUID
    taken: Written
    before: Written
    title_after: str | None
    is_rewritten: bool = False

    @property
    def emails_added(self) -> set[str]:
        return self.taken.emails - self.before.emails


class Person:
    """Keeps `facts` by contact, and the merges that can be undone."""

    def __init__(self) -> None:
        self.facts: dict[UUID, Written] = {}
        self.merges: list[Merge] = []

    def of(self, contact: UUID) -> Written:
        return self.facts.setdefault(contact, Written())

    def write_title(self, contact: UUID, title: str) -> None:
        written = self.of(contact)
        written.title, written.is_chosen = title, False
        for merge in self.merges:
            merge.is_rewritten |= merge.survivor == contact

    def merge(self, record: MergeRecord, *, survivor: Contact, loser: UUID, chosen: str | None) -> None:
        """`chosen` is the title that a person has decided on by this merge; None where there was nothing to decide.

        What was written on the loser goes before what an import wrote on the survivor, but a blank before nothing.
        """
        kept, taken = self.of(survivor.pk), self.facts.pop(loser, Written())
        before = replace(kept, emails=set(kept.emails), notes=set(kept.notes))
        if chosen is not None:
            kept.title, kept.is_chosen = chosen, True
        elif kept.title is None and (taken.title or not survivor.title):
            kept.title, kept.is_chosen = taken.title, True
        kept.emails |= taken.emails
        kept.notes |= taken.notes
        self.merges.append(Merge(record, survivor.pk, loser, taken, before, kept.title))

    def is_last(self, merge: Merge) -> bool:
        """Say whether no later merge stands on this one."""
        later = self.merges[self.merges.index(merge) + 1 :]
        return not any(merge.survivor in (other.survivor, other.loser) for other in later)

    def unmerge(self, merge: Merge) -> None:
        """Part the two; a title that was written since stays with the survivor."""
        kept = self.of(merge.survivor)
        if not merge.is_rewritten:
            kept.title, kept.is_chosen = merge.before.title, merge.before.is_chosen
        kept.emails -= merge.emails_added
        kept.notes -= merge.taken.notes
        self.facts[merge.loser] = merge.taken
        self.merges.remove(merge)

    def forget(self, contact: UUID) -> None:
        """The contact was erased, and whoever had been merged into it."""
        self.facts.pop(contact, None)
        self.merges = [merge for merge in self.merges if contact not in (merge.survivor, merge.loser)]
