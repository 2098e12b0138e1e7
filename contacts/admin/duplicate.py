from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from unfold.contrib.filters.admin import DropdownFilter, RadioFilter
from unfold.decorators import action, display

from config.owned_admin import ReadOnlyAdmin
from contacts import duplicates
from contacts.initials import color, initials
from contacts.merging import MergeRefused, Pair, merge
from contacts.models import Contact, DuplicateSuggestion
from contacts.pictures import choose, image_url
from contacts.uniting import CHOSEN

MOST_AT_ONCE = 2_000
FIRST, SECOND, BOTH = "first", "second", "both"


@dataclass(frozen=True)
class Side:
    """One of the two contacts as the merge page shows it."""

    name: str
    contact: Contact
    rows: list[tuple[str, list[str]]]
    image_url: str

    @property
    def initials(self) -> str:
        return initials(self.contact.display_name)

    @property
    def color(self) -> str:
        return color(self.contact.display_name)


@dataclass(frozen=True)
class Choice:
    """A field in which the two differ; `chosen` is the side that is offered."""

    field: str
    label: str
    first: str
    second: str
    chosen: str
    has_both: bool


class StateFilter(RadioFilter):
    title = "state"
    parameter_name = "state"
    all_option = ("", "Open")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("dismissed", "Not the same"), ("all", "Both")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DuplicateSuggestion]) -> QuerySet[DuplicateSuggestion]:
        if self.value() == "all":
            return queryset
        return queryset.filter(state=self.value() or DuplicateSuggestion.State.OPEN)


class ReasonFilter(DropdownFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in DuplicateSuggestion.Reason.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DuplicateSuggestion]) -> QuerySet[DuplicateSuggestion]:
        return queryset.filter(reasons__contains=[self.value()]) if self.value() else queryset


@admin.register(DuplicateSuggestion)
class DuplicateSuggestionAdmin(ReadOnlyAdmin):
    """The review queue: the strongest first, each leading to the page that shows both side by side."""

    list_display = ["pair", "why", "how_sure", "state", "found_at"]
    list_display_links = ["pair"]
    list_select_related = ["first", "second"]
    list_filter = [StateFilter, ReasonFilter]
    sortable_by = ()
    actions = ["merge_certain", "dismiss", "reopen"]
    actions_list = ["look"]

    def has_merge_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.has_perm("contacts.change_contact"))

    @display(description="Contacts")
    def pair(self, suggestion: DuplicateSuggestion) -> str:
        return str(suggestion)

    @display(description="Why")
    def why(self, suggestion: DuplicateSuggestion) -> str:
        return ", ".join(str(DuplicateSuggestion.Reason(reason).label) for reason in suggestion.reasons)

    @display(description="How sure", ordering="strength")
    def how_sure(self, suggestion: DuplicateSuggestion) -> str:
        return "certain" if suggestion.is_certain else f"{suggestion.strength} %"

    # --- The page of one pair -----------------------------------------------------------------------------------------
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        suggestion: DuplicateSuggestion = self.get_owned_or_404(request, object_id)
        if request.method == "POST" and self.has_merge_permission(request):
            return self._decide(request, suggestion)
        sides = [_side(FIRST, suggestion.first), _side(SECOND, suggestion.second)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Are these the same person?",
            "suggestion": suggestion,
            "why": self.why(suggestion),
            "sides": sides,
            "choices": choices(suggestion.first, suggestion.second),
            "may_merge": self.has_merge_permission(request),
        }
        return render(request, "contacts/admin/merge.html", context)

    def _decide(self, request: HttpRequest, suggestion: DuplicateSuggestion) -> HttpResponse:
        queue = HttpResponseRedirect(reverse("admin:contacts_duplicatesuggestion_changelist"))
        if request.POST.get("verb") == "dismiss":
            duplicates.dismiss(DuplicateSuggestion.objects.filter(pk=suggestion.pk))
            messages.success(request, "They are not the same, and will not be suggested again.")
            return queue
        if request.POST.get("verb") != "merge":
            return HttpResponseRedirect(request.path)
        try:
            record = merge(_pair(request, suggestion), owner_id=suggestion.owner_id, now=timezone.now())
        except MergeRefused as error:
            messages.error(request, str(error))
            return queue
        messages.success(request, "Merged. You can undo this for 30 days under Merges.")
        return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=[record.survivor_id]))

    # --- Actions ------------------------------------------------------------------------------------------------------
    @action(description="Look for duplicates now", url_path="look", icon="search", permissions=["merge"])
    def look(self, request: HttpRequest) -> HttpResponse:
        url = reverse("admin:contacts_duplicatesuggestion_changelist")
        if request.method == "POST":
            duplicates.find_duplicates(int(request.user.pk or 0), now=timezone.now())
            messages.success(request, "Your contacts have been compared.")
            return HttpResponseRedirect(url)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Look for duplicates"}
        return render(request, "contacts/admin/look.html", context)

    @admin.action(description="Not the same", permissions=["merge"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[DuplicateSuggestion]) -> None:
        messages.success(request, f"Dismissed: {duplicates.dismiss(_plain(queryset))}.")

    @admin.action(description="Take back into the queue", permissions=["merge"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[DuplicateSuggestion]) -> None:
        messages.success(request, f"Open again: {duplicates.reopen(_plain(queryset))}.")

    @admin.action(description="Merge those that are certain…", permissions=["merge"])
    def merge_certain(self, request: HttpRequest, queryset: QuerySet[DuplicateSuggestion]) -> HttpResponse | None:
        """Ask first; then merge the pairs with the same e-mail address and the same name, 2,000 at a time."""
        found = duplicates.certain(_plain(queryset)).select_related("first", "second").order_by("owner_id", "pk")
        chosen = list(found[:MOST_AT_ONCE])
        if request.POST.get("confirmed"):
            now = timezone.now()
            merged = 0
            for owner_id in sorted({suggestion.owner_id for suggestion in chosen}):
                ids = [suggestion.pk for suggestion in chosen if suggestion.owner_id == owner_id]
                merged += len(duplicates.merge_certain(ids, owner_id=owner_id, now=now))
            messages.success(request, f"Merged: {merged}. You can undo each for 30 days under Merges.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Merge certain pairs",
            "number": len(chosen),
            "shown": chosen[:20],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox": ACTION_CHECKBOX_NAME,
        }
        return render(request, "contacts/admin/merge_certain.html", context)


def choices(first: Contact, second: Contact) -> list[Choice]:
    """Return the fields in which the two differ; what is not blank is offered, and what was written by hand."""
    found = []
    for field in CHOSEN:
        values = [str(getattr(contact, field) or "") for contact in (first, second)]
        if values[0] == values[1]:
            continue
        has_both = field == "notes" and all(values)
        is_second = not values[0] or (
            bool(values[1]) and field in second.locked_fields and field not in first.locked_fields
        )
        chosen = BOTH if has_both else SECOND if is_second else FIRST
        label = str(capfirst(Contact._meta.get_field(field).verbose_name))  # type: ignore[union-attr]
        found.append(Choice(field, label, values[0], values[1], chosen, has_both))
    return found


def _pair(request: HttpRequest, suggestion: DuplicateSuggestion) -> Pair:
    """Read the form: `stays` is the side whose id survives, and each field says whose value it gets."""
    stays = SECOND if request.POST.get("stays") == SECOND else FIRST
    goes = FIRST if stays == SECOND else SECOND
    ids = {FIRST: suggestion.first_id, SECOND: suggestion.second_id}
    return Pair(
        survivor_id=ids[stays],
        loser_id=ids[goes],
        take={field for field in CHOSEN if request.POST.get(field) == goes},
        notes_of_both=request.POST.get("notes") == BOTH,
    )


def _side(name: str, contact: Contact) -> Side:
    chosen = choose(contact.pictures.select_related("photo_job"))
    rows = [
        ("E-mails", [str(email) for email in contact.emails.all()]),
        ("Phones", [phone.raw for phone in contact.phones.all()]),
        ("Addresses", [str(address) for address in contact.addresses.all()]),
        ("Links", [str(link) for link in contact.links.all()]),
        ("Tags", [str(tag) for tag in contact.tags.all()]),
        ("Deals", [str(deal) for deal in contact.deals.all()]),
        ("Sources", [identity.source for identity in contact.identities.all()]),
        ("Timeline", [f"{number} entries"] if (number := contact.events.count()) else []),
    ]
    return Side(name, contact, [row for row in rows if row[1]], image_url(contact) if chosen.picture else "")


def _plain(queryset: QuerySet[DuplicateSuggestion]) -> QuerySet[DuplicateSuggestion]:
    return DuplicateSuggestion.objects.filter(pk__in=queryset.order_by().values("pk"))
