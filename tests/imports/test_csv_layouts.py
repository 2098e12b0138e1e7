from __future__ import annotations

import pytest

from contacts.incoming import IncomingAddress, IncomingLink, IncomingPhoto
from imports.readers import sniff
from imports.readers.csv import MAPPABLE_FIELDS, inspect
from imports.readers.csv_words import GENERIC
from tests.imports.cards import card, read_record, read_table

GOOGLE = (
    "First Name,Middle Name,Last Name,Nickname,File As,Organization Name,Organization Title,Organization Department,"
    "Birthday,Notes,Photo,Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,Phone 1 - Label,"
    "Phone 1 - Value,Address 1 - Label,Address 1 - Formatted,Address 1 - Street,Address 1 - City,Address 1 - PO Box,"
    "Address 1 - Region,Address 1 - Postal Code,Address 1 - Country,Address 1 - Extended Address,Website 1 - Value,"
    "Custom Field 1 - Value"
)
GOOGLE_OLD = (
    "Name,Given Name,Additional Name,Family Name,Group Membership,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Type,"
    "Phone 1 - Value,Organization 1 - Name,Organization 1 - Title,IM 1 - Service,IM 1 - Value"
)
OUTLOOK = (
    "Title,First Name,Middle Name,Last Name,Suffix,Company,Department,Job Title,Business Street,Business Street 2,"
    "Business City,Business State,Business Postal Code,Business Country/Region,Home Phone,Business Fax,Mobile Phone,"
    "Birthday,Categories,E-mail Address,E-mail Type,E-mail 2 Address,Notes,Priority,Web Page"
)
LINKEDIN = "First Name,Last Name,URL,Email Address,Company,Position,Connected On"


def test_a_row_as_google_writes_it() -> None:
    line = (
        'Zoë,M,Lee,Zo,,Acme,Clerk,Sales,--03-07,"two\nlines",https://example.com/zoe.jpg,* myContacts ::: Friends,'
        "* Work,zoe@example.com ::: zoe@example.org,Home,z@example.net,Mobile,+1 212-555-0100,Home,"
        '"1 Elm St\nSpringfield",1 Elm St,Springfield,PO 7,IL,62704,US,Flat 2,example.com,blue'
    )
    contact = read_record(GOOGLE, line)
    assert (contact.display_name, contact.given_name, contact.family_name) == ("Zoë M Lee", "Zoë", "Lee")
    assert (contact.organization, contact.title, contact.department) == ("Acme", "Clerk", "Sales")
    assert (contact.birthday, contact.notes, contact.nickname) == ("--03-07", "two\nlines", "Zo")
    assert contact.photo == IncomingPhoto(url="https://example.com/zoe.jpg")
    assert contact.tags == ["Friends"]
    assert [(mail.address, mail.label, mail.is_primary) for mail in contact.emails] == [
        ("zoe@example.com", "Work", True),
        ("zoe@example.org", "Work", False),
        ("z@example.net", "Home", False),
    ]
    assert [(phone.e164, phone.label) for phone in contact.phones] == [("+12125550100", "Mobile")]
    assert contact.addresses == [IncomingAddress("Home", "PO 7\nFlat 2\n1 Elm St", "Springfield", "IL", "62704", "US")]
    assert contact.links == [IncomingLink("url", "https://example.com", "")]
    assert contact.extra == {"csv": {"Middle Name": "M", "Custom Field 1 - Value": "blue"}}


def test_a_row_as_google_wrote_it_before() -> None:
    line = "Ann B Lee,Ann,B,Lee,* myContacts ::: Work,* Home,ann@example.com,Mobile,212-555-0100,Acme,Clerk,Skype,ann"
    contact = read_record(GOOGLE_OLD, line)
    assert inspect(f"{GOOGLE_OLD}\n".encode()).name == "google_old"
    assert (contact.display_name, contact.given_name, contact.family_name) == ("Ann B Lee", "Ann", "Lee")
    assert (contact.organization, contact.title, contact.tags) == ("Acme", "Clerk", ["Work"])
    assert (contact.emails[0].label, contact.emails[0].is_primary) == ("Home", True)
    assert contact.links == [IncomingLink("im", "ann", "Skype")]


def test_a_row_as_outlook_writes_it() -> None:
    line = (
        "Dr.,Ann,,Lee,,Acme,Sales,Clerk,1 Elm St,Flat 2,Springfield,IL,62704,USA,212-555-0100,212-555-0101,"
        "212-555-0102,0/0/00,Friends;Work,ann@example.com,SMTP,/o=Acme/ou=x/cn=ann,,Normal,http://example.com"
    )
    contact = read_record(OUTLOOK, line)
    assert inspect(f"{OUTLOOK}\n".encode()).name == "outlook"
    assert (contact.display_name, contact.title, contact.birthday) == ("Ann Lee", "Clerk", "")
    assert contact.addresses == [IncomingAddress("work", "1 Elm St\nFlat 2", "Springfield", "IL", "62704", "USA")]
    assert [phone.label for phone in contact.phones] == ["home", "fax", "mobile"]
    assert contact.tags == ["Friends", "Work"]
    assert [mail.address for mail in contact.emails] == ["ann@example.com"]
    assert contact.extra == {"csv": {"Title": "Dr."}}
    assert ["Exchange" in problem for problem in contact.problems] == [True]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            "Anrede;Vorname;Nachname;Firma;Position;Straße geschäftlich;Ort geschäftlich;Mobiltelefon;E-Mail-Adresse",
            "Frau;Jörg;Möller;Acme;Chef;Weg 1;Köln;0151 12345678;joerg@example.com",
        ),
        (
            "Titre;Prénom;Nom;Société;Titre (poste);Rue (bureau);Ville (bureau);Tél. mobile;Adresse de messagerie",
            "M.;Jörg;Möller;Acme;Chef;Weg 1;Köln;0151 12345678;joerg@example.com",
        ),
        (
            (
                "Título;Nombre;Apellidos;Organización;Puesto;Calle del trabajo;Ciudad de trabajo;Móvil;"
                "Dirección de correo electrónico"
            ),
            "Sr.;Jörg;Möller;Acme;Chef;Weg 1;Köln;0151 12345678;joerg@example.com",
        ),
    ],
)
def test_outlook_in_other_languages_with_its_delimiter_and_encoding(header: str, line: str) -> None:
    data = f"{header}\r\n{line}\r\n".encode("cp1252")
    layout = inspect(data)
    assert (layout.name, layout.delimiter, layout.encoding) == ("outlook", ";", "cp1252")
    (row,) = read_table(data, region="DE")
    assert row.contact is not None
    contact = row.contact
    assert (contact.given_name, contact.family_name, contact.organization) == ("Jörg", "Möller", "Acme")
    assert (contact.title, contact.emails[0].normalized) == ("Chef", "joerg@example.com")
    assert [(phone.e164, phone.label) for phone in contact.phones] == [("+4915112345678", "mobile")]
    assert contact.addresses == [IncomingAddress(label="work", street="Weg 1", city="Köln")]


def test_linkedin_has_notes_before_its_header() -> None:
    notes = 'Notes:\n"When exporting your data, some\naddresses are missing"\n\n'
    data = f"{notes}{LINKEDIN}\nAnn,Lee,https://www.example.com/in/ann,ann@example.com,Acme,CEO,01 Jan 2024\n"
    layout = inspect(data.encode())
    assert (layout.name, layout.header_offset) == ("linkedin", data.index("First Name"))
    (row,) = read_table(data)
    assert row.contact is not None
    assert (row.contact.title, row.contact.organization) == ("CEO", "Acme")
    assert row.contact.links == [IncomingLink("social", "https://www.example.com/in/ann", "LinkedIn")]


def test_a_table_as_tools_write_apples_contacts() -> None:
    header = "First Name,Last Name,Company,iPhone,Home Email,Work Phone"
    contact = read_record(header, "Ann,Lee,Acme,212-555-0100,ann@example.com,212-555-0101")
    assert inspect(header.encode() + b"\n").name == "apple"
    assert [phone.label for phone in contact.phones] == ["mobile", "work"]
    assert contact.emails[0].label == "home"


def test_an_unknown_table_is_guessed_and_can_be_mapped() -> None:
    data = "Kunde,Mail privat,Seit\nAnn Lee,ann@example.com,2020\n"
    layout = inspect(data.encode())
    assert (layout.name, layout.mapping) == ("unknown", {})
    assert layout.sample_rows == [["Ann Lee", "ann@example.com", "2020"]]
    (row,) = read_table(data, mapping={"Kunde": "display_name", "Mail privat": "email.home", "Seit": "tags"})
    assert row.contact is not None
    contact = row.contact
    assert (contact.given_name, contact.family_name, contact.tags) == ("Ann", "Lee", ["2020"])
    assert (contact.emails[0].normalized, contact.emails[0].label) == ("ann@example.com", "home")


def test_a_guess_covers_common_words() -> None:
    header = "Name,E-Mail,Telefon,Company,ID,Work Email,Phone (mobile),Zip Code"
    assert inspect(f"{header}\n".encode()).mapping == {
        "Name": "display_name",
        "E-Mail": "email",
        "Telefon": "phone",
        "Company": "organization",
        "ID": "external_id",
        "Work Email": "email.work",
        "Phone (mobile)": "phone.mobile",
        "Zip Code": "address.postal_code",
    }


def test_every_guessed_field_of_an_unknown_table_can_be_chosen_by_hand() -> None:
    assert set(GENERIC.values()) <= set(MAPPABLE_FIELDS)


@pytest.mark.parametrize("field", sorted(MAPPABLE_FIELDS))
def test_every_field_that_can_be_chosen_is_read(field: str) -> None:
    value = {"birthday": "1980-03-22", "email": "x@example.com"}.get(field.partition(".")[0], "https://example.com/7")
    plain = read_record("A,B", "Ann,", mapping={"A": "display_name", "B": field})
    filled = read_record("A,B", f"Ann,{value}", mapping={"A": "nickname", "B": field})
    assert {**vars_of(plain), "nickname": "Ann"} != vars_of(filled)
    assert "csv" not in filled.extra or field == "middle_name"


def vars_of(contact: object) -> dict[str, object]:
    return {name: getattr(contact, name) for name in contact.__slots__ if name not in ("display_name", "sort_name")}  # type: ignore[attr-defined]


def test_the_fingerprint_is_the_same_for_the_same_columns_in_any_order_and_case() -> None:
    one, two, three = (inspect(head).fingerprint for head in (b"Name,E-mail\n", b"e-mail;NAME\n", b"Name,Phone\n"))
    assert one == two != three


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (card("FN:Ann"), "contacts.csv", "vcard"),
        (b"\r\n begin:vcard\r\n", "", "vcard"),
        (b"Name,Note\nAnn,BEGIN:VCARD\n", "list.csv", "csv"),
        (b"Name,E-mail\n", "LIST.CSV", "csv"),
        (b"Name;E-mail\n", "list.txt", "csv"),
        (b"", "x.vcf", "vcard"),
        (b"\x89PNG", "photo.png", None),
    ],
)
def test_the_kind_of_a_file_is_told_by_content_then_by_name(head: bytes, name: str, kind: str | None) -> None:
    assert sniff(head, name) == kind
