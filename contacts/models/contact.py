from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models.functions import Coalesce, Lower, Now, NullIf

from contacts.identifiers import uuid7
from contacts.models.organization import Organization
from contacts.models.owned import OwnedModel

NAME_WORDS = SearchVector("sort_name", config="simple")


class Tag(OwnedModel):
    """A label of the owner's own."""

    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="tag_once_per_owner")]

    def __str__(self) -> str:
        return self.name


class Contact(OwnedModel):
    """A person in one owner's hub."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    display_name = models.CharField(max_length=300)
    given_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    family_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    nickname = models.CharField(max_length=150, blank=True, default="", db_default="")
    sort_name = models.CharField(
        max_length=300,
        db_collation="C",
        editable=False,
        help_text="Family name first, casefolded, without accents: the list order.",
    )
    organization = models.ForeignKey(Organization, models.SET_NULL, null=True, blank=True, related_name="contacts")
    title = models.CharField(max_length=200, blank=True, default="", db_default="")
    department = models.CharField(max_length=200, blank=True, default="", db_default="")
    birthday = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        help_text="YYYY-MM-DD, or --MM-DD when the year is unknown.",
    )
    notes = models.TextField(blank=True, default="", db_default="")
    extra = models.JSONField(
        default=dict,
        blank=True,
        db_default={},
        editable=False,
        help_text="What the source says and no field holds.",
    )
    locked_fields = models.JSONField(
        default=list,
        blank=True,
        db_default=[],
        editable=False,
        help_text="Fields edited by hand; imports leave them.",
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="contacts")
    facts_at = models.DateTimeField(null=True, blank=True, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["sort_name", "id"]
        indexes = [
            # The change list, page by page.
            models.Index(fields=["owner", "sort_name", "id"], name="contact_owner_sort"),
            # Search by the beginning of any word of the name: NAME_WORDS @@ 'joh:*'.
            GinIndex(NAME_WORDS, name="contact_name_words"),
        ]

    def __str__(self) -> str:
        return self.display_name


class ContactEmail(OwnedModel):
    """An e-mail address of a contact; `normalized` is the match key."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="emails", db_index=False)
    address = models.CharField(max_length=320)
    normalized = models.CharField(max_length=320, editable=False, db_collation="C")
    label = models.CharField(max_length=60, blank=True, default="", db_default="")
    is_primary = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            # Addresses that cannot be a match key have none, and a person may have several of those.
            models.UniqueConstraint(
                "contact",
                Coalesce(NullIf("normalized", models.Value("")), Lower("address")),
                name="contactemail_once",
            )
        ]
        indexes = [models.Index(fields=["owner", "normalized"], name="contactemail_match")]

    def __str__(self) -> str:
        return self.address


class ContactPhone(OwnedModel):
    """A telephone number as written (`raw`) and, where it can be read, in E.164 form, the match key."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="phones", db_index=False)
    raw = models.CharField(max_length=60)
    e164 = models.CharField(max_length=20, blank=True, default="", db_default="", editable=False, db_collation="C")
    label = models.CharField(max_length=60, blank=True, default="", db_default="")
    is_primary = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "raw"], name="contactphone_once")]
        indexes = [models.Index(fields=["owner", "e164"], name="contactphone_match")]

    def __str__(self) -> str:
        return self.e164 or self.raw


class ContactAddress(OwnedModel):
    """A postal address."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="addresses")
    label = models.CharField(max_length=60, blank=True, default="", db_default="")
    street = models.TextField(blank=True, default="", db_default="")
    city = models.CharField(max_length=200, blank=True, default="", db_default="")
    region = models.CharField(max_length=200, blank=True, default="", db_default="")
    postal_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    country = models.CharField(max_length=100, blank=True, default="", db_default="")

    class Meta:
        verbose_name_plural = "contact addresses"
        indexes = [models.Index(fields=["owner"], name="contactaddress_owner")]

    def __str__(self) -> str:
        parts = (
            self.street.replace("\n", ", "),
            self.postal_code,
            self.city,
            self.region,
            self.country,
        )
        return ", ".join(part for part in parts if part)


class ContactLink(OwnedModel):
    """A web address (http or https only), a messenger name or a social profile."""

    class Kind(models.TextChoices):
        URL = "url", "Web address"
        IM = "im", "Messenger"
        SOCIAL = "social", "Social profile"

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="links")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    value = models.CharField(max_length=2000)
    label = models.CharField(max_length=60, blank=True, default="", db_default="")

    class Meta:
        indexes = [models.Index(fields=["owner"], name="contactlink_owner")]

    def __str__(self) -> str:
        return self.value


class ExternalIdentity(OwnedModel):
    """Who this contact is at a source: the first rung of the match ladder."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="identities")
    source = models.CharField(max_length=16, help_text="google, microsoft, vcard, csv or beeper")
    account_key = models.UUIDField(null=True, blank=True, help_text="The provider account, where there is one.")
    external_id = models.CharField(max_length=255)
    etag = models.CharField(max_length=255, blank=True, default="", db_default="")
    gone_at = models.DateTimeField(
        "gone at the source",
        null=True,
        blank=True,
        help_text="When the source no longer had this person. Contacts stay whatever happens there.",
    )

    class Meta:
        verbose_name_plural = "external identities"
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "source", "account_key", "external_id"],
                name="externalidentity_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.external_id}"
