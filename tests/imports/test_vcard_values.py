from __future__ import annotations

import base64

import pytest

from contacts.incoming import IncomingAddress, IncomingLink, IncomingPhoto
from imports.readers import sniff
from tests.imports.cards import PICTURE, card, read_card, read_cards

ENCODED = base64.b64encode(PICTURE * 12).decode()


def test_a_card_as_an_iphone_writes_it() -> None:
    contact = read_card(
        "N:Doe;John;Quincy;Mr.;Jr.",
        "FN:Mr. John Quincy Doe Jr.",
        "NICKNAME:Johnny",
        "ORG:Acme;Accounting;Payroll",
        "TITLE:Clerk",
        "item1.EMAIL;type=INTERNET;type=pref:John@Example.com",
        "TEL;type=CELL;type=VOICE;type=pref:212-555-0100",
        "TEL;type=WORK;type=FAX:212-555-0101",
        "item2.TEL:212-555-0102",
        "item2.X-ABLabel:_$!<AssistantPhone>!$_",
        "item3.ADR;type=HOME;type=pref:;;1 Elm St\\nFlat 2;Springfield;IL;62704;USA",
        "item3.X-ABADR:us",
        "item4.URL;type=pref:http\\://example.com",
        "item4.X-ABLabel:_$!<HomePage>!$_",
        "item5.X-ABDATE:2001-02-03",
        "item5.X-ABLabel:_$!<Anniversary>!$_",
        "BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-07",
        "UID:abc",
        end="\r\r\n",
    )
    assert (contact.display_name, contact.given_name, contact.family_name) == ("Mr. John Quincy Doe Jr.", "John", "Doe")
    assert (contact.organization, contact.department, contact.title) == ("Acme", "Accounting, Payroll", "Clerk")
    assert [(mail.normalized, mail.label, mail.is_primary) for mail in contact.emails] == [
        ("john@example.com", "", True)
    ]
    assert [(phone.e164, phone.label) for phone in contact.phones] == [
        ("+12125550100", "mobile"),
        ("+12125550101", "work fax"),
        ("+12125550102", "AssistantPhone"),
    ]
    assert contact.addresses == [IncomingAddress("home", "1 Elm St\nFlat 2", "Springfield", "IL", "62704", "USA")]
    assert contact.links == [IncomingLink("url", "http://example.com", "HomePage")]
    assert (contact.birthday, contact.external_id, contact.nickname) == ("--03-07", "abc", "Johnny")
    assert contact.extra == {
        "vcard": [
            ["N", {}, "Doe;John;Quincy;Mr.;Jr."],
            ["item5.X-ABDATE", {}, "2001-02-03"],
            ["item5.X-ABLABEL", {}, "_$!<Anniversary>!$_"],
        ]
    }
    assert contact.problems == []


def test_a_card_as_an_android_telephone_writes_it() -> None:
    contact = read_card(
        "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=91u=C3=B1ez;Jos=C3=A9=",
        "=20Mar=C3=ADa;;;",
        "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Jos=C3=A9=20Mar=C3=ADa=20=",
        "=C3=91u=C3=B1ez",
        "TEL;CELL;PREF:212-555-0100",
        "EMAIL;PREF;WORK:jose@example.com",
        "URL:www.example.com",
        "CATEGORIES:My Contacts,Friends",
        f"PHOTO;ENCODING=BASE64;JPEG:{ENCODED[:60]}",
        f" {ENCODED[60:120]}",
        f" {ENCODED[120:]}",
        "",
        "TEL;X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,=C3=91):212-555-0101",
        version="2.1",
    )
    assert (contact.given_name, contact.family_name) == ("José María", "Ñuñez")
    assert contact.display_name == "José María Ñuñez"
    assert [phone.label for phone in contact.phones] == ["mobile", "Ñ"]
    assert contact.links[0].value == "https://www.example.com"
    assert contact.tags == ["Friends"]
    assert contact.photo == IncomingPhoto(content=PICTURE * 12)


@pytest.mark.parametrize(
    "lines",
    [
        (f"PHOTO;ENCODING=b;TYPE=JPEG:{ENCODED[:50]}", f" {ENCODED[50:]}"),
        (f"PHOTO;ENCODING=b;TYPE=JPEG:{ENCODED[:50]}", ENCODED[50:]),
        ("PHOTO;TYPE=JPEG;ENCODING=BASE64:", f" {ENCODED}", ""),
        ("PHOTO;BASE64:", ENCODED[:60], ENCODED[60:], ""),
        (f"PHOTO;ENCODING=b:data:image/jpeg;base64,{ENCODED[:50]}", ENCODED[50:]),
        (f"PHOTO:data:image/jpeg;base64\\,{ENCODED}".replace("\\", ""),),
        (f"PHOTO;ENCODING=b;TYPE=JPEG:{ENCODED.rstrip('=')}",),
    ],
)
def test_an_embedded_picture_is_found_however_it_is_continued(lines: tuple[str, ...]) -> None:
    contact = read_card("FN:Ann Lee", *lines, "TITLE:Clerk")
    assert contact.photo == IncomingPhoto(content=PICTURE * 12)
    assert (contact.title, contact.problems) == ("Clerk", [])


@pytest.mark.parametrize("line", ["PHOTO;VALUE=uri:https://example.com/a.jpg", "PHOTO:https://example.com/a.jpg"])
def test_a_picture_by_address_is_kept_as_address(line: str) -> None:
    assert read_card("FN:Ann", line).photo == IncomingPhoto(url="https://example.com/a.jpg")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("PHOTO;ENCODING=b:AAAA*AAA", "broken base64"),
        ("PHOTO;ENCODING=b:A", "broken base64"),
        ("PHOTO;ENCODING=b:", "empty"),
        ("PHOTO;VALUE=uri:file:///etc/passwd", "not a web address"),
        ("PHOTO;VALUE=uri:javascript:alert(1)", "not a web address"),
        ("PHOTO:data:image/svg+xml,<svg/>", "not in base64"),
        ("URL:javascript:alert(1)", "not a web address"),
        ("EMAIL:nobody", "not an e-mail address"),
        ("BDAY:03/04/1980", "birthday"),
        ("LOGO;ENCODING=b:AAAA", "LOGO was left out"),
        ("just some words", "could not be read"),
    ],
)
def test_what_cannot_be_used_costs_itself_and_is_told(line: str, problem: str) -> None:
    contact = read_card("FN:Ann", line, "TITLE:Clerk")
    assert (contact.display_name, contact.title, contact.photo, contact.links) == ("Ann", "Clerk", None, [])
    assert [problem in sentence for sentence in contact.problems] == [True]


def test_lines_are_unfolded_at_spaces_and_tabs() -> None:
    assert read_card("FN:Ann", "NOTE:one", "  two", "\t three").notes == "one two three"


def test_escapes_and_structured_values() -> None:
    contact = read_card(
        "N:O\\;Neil;Ann",
        "ORG:A\\;B;C\\,D",
        "NOTE:a\\, b\\; c\\nd \\\\ C:\\dir",
        "CATEGORIES:x\\,y,z",
        "ADR;WORK:PO Box 7;Suite 2;1 Elm St;Springfield",
    )
    assert (contact.family_name, contact.given_name) == ("O;Neil", "Ann")
    assert (contact.organization, contact.department) == ("A;B", "C,D")
    assert contact.notes == "a, b; c\nd \\ C:\\dir"
    assert contact.tags == ["x,y", "z"]
    assert contact.addresses[0].street == "PO Box 7\nSuite 2\n1 Elm St"


def test_parameters_in_quotes_may_hold_colons_and_semicolons() -> None:
    contact = read_card('TEL;TYPE="cell,pref";X-NOTE="a:b;c":212-555-0100')
    assert (contact.phones[0].raw, contact.phones[0].label) == ("212-555-0100", "mobile")
    assert contact.phones[0].is_primary


def test_messengers_and_profiles_become_links() -> None:
    contact = read_card(
        "FN:Ann",
        "X-SOCIALPROFILE;type=twitter:https://social.example.com/ann",
        "IMPP;X-SERVICE-TYPE=Jabber:xmpp:ann@example.com",
        "X-SKYPE:ann.lee",
        "X-messaging/xmpp-All:ann@example.org",
    )
    assert contact.links == [
        IncomingLink("social", "https://social.example.com/ann", "twitter"),
        IncomingLink("im", "ann@example.com", "Jabber"),
        IncomingLink("im", "ann.lee", "Skype"),
        IncomingLink("im", "ann@example.org", "Jabber"),
    ]


def test_the_agent_of_a_card_stays_out_of_it() -> None:
    inner = ("BEGIN:VCARD", "FN:Agent", "EMAIL:agent@example.com", "END:VCARD")
    for lines in (("AGENT:", *inner), ("AGENT:BEGIN:VCARD", *inner[1:])):
        contact = read_card("FN:Boss", *lines, "EMAIL:boss@example.com", version="2.1")
        assert contact.display_name == "Boss"
        assert [mail.address for mail in contact.emails] == ["boss@example.com"]
        assert contact.extra["vcard"] == [["AGENT", {}, "\n".join(inner)]]


def test_a_version_4_card_without_n_is_split_by_its_name() -> None:
    contact = read_card("FN:Ann Lee", "TEL;VALUE=uri;PREF=1:tel:+1-212-555-0100", "KIND:individual", version="4.0")
    assert (contact.given_name, contact.family_name) == ("Ann", "Lee")
    assert contact.phones[0].e164 == "+12125550100"


def test_unknown_properties_are_kept_with_their_escapes_for_a_later_export() -> None:
    contact = read_card("FN:Ann", "ROLE;LANGUAGE=en:a\\;b", "X-THING;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab")
    assert contact.extra["vcard"] == [["ROLE", {"LANGUAGE": ["en"]}, "a\\;b"], ["X-THING", {}, "a\\nb"]]


def test_a_revision_is_the_etag() -> None:
    assert read_card("FN:Ann", "REV:20120305T131933Z").etag == "20120305T131933Z"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_encoding_of_the_file_is_found(encoding: str) -> None:
    data = (card("FN:Zoë 😀 Łuk") + card("FN:Мария")).decode().encode(encoding)
    names = [row.contact.display_name for row in read_cards(data) if row.contact]
    assert names == ["Zoë 😀 Łuk", "Мария"]
    assert sniff(data, "") == "vcard"


def test_each_property_may_have_its_own_charset() -> None:
    data = (
        b"BEGIN:VCARD\nVERSION:2.1\n"
        b"FN;CHARSET=ISO-8859-1:Jos\xe9\n"
        b"N;CHARSET=UTF-8:M\xc3\xbcller;\xc3\xa9a\n"
        b"ORG;CHARSET=WINDOWS-1251:\xcc\xe8\xf0\n"
        b"TITLE;CHARSET=unicode_escape:\\u0041\xe9\n"
        b"NOTE:\x93quoted\x94\n"
        b"END:VCARD\n"
    )
    (row,) = read_cards(data)
    assert row.contact is not None
    contact = row.contact
    assert (contact.display_name, contact.family_name, contact.given_name) == ("José", "Müller", "éa")
    assert (contact.organization, contact.title, contact.notes) == ("Мир", "\\u0041é", "“quoted”")


def test_a_fold_inside_a_character_is_mended() -> None:
    (row,) = read_cards(b"BEGIN:VCARD\r\nFN:Zo\xc3\r\n \xab\r\nEND:VCARD\r\n")
    assert row.contact is not None
    assert row.contact.display_name == "Zoë"
