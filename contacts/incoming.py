"""A person as a source describes them: the neutral value between the readers and providers and our models."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class IncomingEmail:
    """`normalized` is the match key, empty when the address cannot be one."""

    address: str
    normalized: str
    label: str = ""
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class IncomingPhone:
    """`raw` is kept as written; `e164` is the match key, empty when the number cannot be read."""

    raw: str
    e164: str
    label: str = ""
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class IncomingAddress:
    label: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class IncomingLink:
    """`kind` is one of ContactLink.Kind; a `url` is http or https."""

    kind: str
    value: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class IncomingPhoto:
    """A picture: by address, by content where the source embeds it, or by `reference`; exactly one of these.

    A reference is `<kind>:<what only that kind of media_store.sources can read>`.
    """

    url: str = ""
    content: bytes = b""
    reference: str = ""


@dataclass(slots=True)
class IncomingContact:
    """Everything about one person that Contact and its rows can hold, already normalised and cut to their lengths.

    `birthday` is YYYY-MM-DD or --MM-DD. `extra` holds what no field does, as JSON values. `problems` are plain
    sentences about parts of the source that could not be used.
    """

    external_id: str = ""
    etag: str = ""
    display_name: str = ""
    given_name: str = ""
    family_name: str = ""
    nickname: str = ""
    sort_name: str = ""
    organization: str = ""
    title: str = ""
    department: str = ""
    birthday: str = ""
    notes: str = ""
    emails: list[IncomingEmail] = field(default_factory=list)
    phones: list[IncomingPhone] = field(default_factory=list)
    addresses: list[IncomingAddress] = field(default_factory=list)
    links: list[IncomingLink] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    extra: dict[str, object] = field(default_factory=dict)
    photo: IncomingPhoto | None = None
    problems: list[str] = field(default_factory=list)

    def is_empty(self) -> bool:
        """Say whether nothing here could name or reach a person."""
        return not (self.display_name or self.emails or self.phones)
