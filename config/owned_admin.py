"""Admin classes that show each person only what is theirs; every admin of the apps is built on these."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib.admin.options import BaseModelAdmin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.http import Http404, HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.views import ChangeList

from config.ownership import choices_for, has_owner

COUNTED_AT_MOST = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than 10,000 rows, so that the first page of a million costs what that of a thousand does."""

    template_name = "kith/pagination.html"

    @cached_property
    def count(self) -> int:
        if not isinstance(self.object_list, models.QuerySet):
            return len(self.object_list)
        return min(self.object_list.order_by()[: COUNTED_AT_MOST + 1].count(), COUNTED_AT_MOST)

    @property
    def is_capped(self) -> bool:
        return self.count == COUNTED_AT_MOST


class OwnedChangeList(ChangeList):
    """Leaves out the count of all rows beside that of the rows found: without a search the two are the same."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class OwnedForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form of an owned row; what it points at must have the same owner, also when a superuser edits."""

    owner_id: ClassVar[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_owner(type(self.instance)) and self.instance.owner_id is None:
            self.instance.owner_id = self.owner_id

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        owner_id = getattr(self.instance, "owner_id", None)
        for name, value in list(cleaned.items()):
            rows = value if isinstance(value, models.QuerySet) else [value]
            if any(isinstance(row, models.Model) and getattr(row, "owner_id", owner_id) != owner_id for row in rows):
                self.add_error(name, ValidationError("This belongs to another user.", code="foreign"))
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """Check unique rules that include the owner too: it is never a field, but always known."""
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions - {"owner"}


class OwnedFields(BaseModelAdmin):  # type: ignore[type-arg]
    """What lists and inlines have in common: rows and choices are limited to the user."""

    owner_lookup = "owner"
    view_on_site = False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        queryset = super().get_queryset(request)
        if getattr(request.user, "is_superuser", False):
            return queryset
        return queryset.filter(**{self.owner_lookup: request.user.pk})

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> models.QuerySet[Any]:
        """Return what a relation may point at; it is both what is offered and what is accepted."""
        queryset = super().get_field_queryset(db, db_field, request)
        if queryset is None:
            queryset = db_field.remote_field.model._default_manager.using(db)
        return choices_for(queryset, request.user)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*(super().get_exclude(request, obj) or []), "owner"]


class SharedFields(OwnedFields):
    """Rows and choices are for everybody who comes in at all; model permissions say who may write."""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super(OwnedFields, self).get_queryset(request)

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> models.QuerySet[Any]:
        found = BaseModelAdmin.get_field_queryset(self, db, db_field, request)
        return db_field.remote_field.model._default_manager.all() if found is None else found


class OwnedAdmin(OwnedFields, ModelAdmin):
    """A ModelAdmin over one user's rows: a foreign id is as unknown as one that never was."""

    form = OwnedForm
    paginator = CappedPaginator
    list_per_page = 25
    list_max_show_all = 25
    show_full_result_count = False
    list_filter_submit = True
    list_filter_sheet = True
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OwnedChangeList

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"owner_id": request.user.pk})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if not change and has_owner(type(obj)):
            obj.owner_id = request.user.pk
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """Rows of an inline belong to the owner of the row that they hang on."""
        if has_owner(formset.model):
            for inline_form in formset.forms:
                inline_form.instance.owner_id = form.instance.owner_id
        super().save_formset(request, form, formset, change)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        """Django would go to the home page with a message; nothing that is not yours is simply not there."""
        raise Http404

    def get_owned_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row for a view of our own, or raise Http404; the user needs at least the right to look."""
        found = self.get_object(request, object_id)
        if found is None or not self.has_view_permission(request, found):
            raise Http404
        return found


class ReadOnlyAdmin(OwnedAdmin):
    """For rows that the system writes: jobs, attempts, journals. People act on them, but never edit them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OwnedTabularInline(OwnedFields, TabularInline):
    extra = 0
    tab = True
    hide_title = True


class OwnedStackedInline(OwnedFields, StackedInline):
    extra = 0
    tab = True


class ReadOnlyInline(OwnedTabularInline):
    """Shows rows that the system writes."""

    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OwnedAutocompleteFilter(AutocompleteSelectFilter):
    """A filter by a relation with many rows; a foreign id in the address is named to nobody."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            for field in choice["form"].fields.values():
                field.queryset = choices_for(field.queryset.all(), self.request.user)
            yield choice
