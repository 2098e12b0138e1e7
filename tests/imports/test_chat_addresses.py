"""What is asked for is Beeper's own media and nothing else, however an address is written."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from config.jobs.failures import PermanentFailure
from imports.beeper.client import Client
from imports.beeper.connection import AddressRefused, Connection, checked_address
from imports.beeper.media import place_of, read_data
from media_store.fetching import FetchError
from tests.imports.chat_kit import beeper_at_work
from tests.providers.chats import MEDIA

SERVER = Connection("http://192.0.2.10:23373", "api-token", "http://192.0.2.10:8080/files", "media token&")
ALONE = Connection("http://192.0.2.10:23373", "api-token")
HOME = "/Users/mara/Library/Application Support/BeeperTexts/media"


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        (f"file://{HOME.replace(' ', '%20')}/local/4%20a.jpg", "local/4%20a.jpg"),
        (f"file://localhost{HOME.replace(' ', '%20')}/x", "x"),
        (f"{HOME}/local/100% sure?.jpg", "local/100%25%20sure%3F.jpg"),
        ("/home/mara/.config/BeeperTexts/media/a/media/b.jpg", "a/media/b.jpg"),
        (r"C:\Users\mara\AppData\Roaming\BeeperTexts\media\local\7", "local/7"),
        ("file:///C:/Users/mara/AppData/Roaming/BeeperTexts/media/local/7", "local/7"),
        ("file:///srv/media/pictures/7", "pictures/7"),
    ],
)
def test_a_local_path_becomes_one_below_the_media_server(address: str, asked: str) -> None:
    place = place_of(address, SERVER)
    assert place.url == f"http://192.0.2.10:8080/files/{asked}?token=media%20token%26"
    assert place.headers == {}


def test_without_a_media_server_beeper_is_asked_for_the_path_that_was_checked() -> None:
    for address in (f"file://{HOME.replace(' ', '%20')}/local/4", f"{HOME}/local/4"):
        place = place_of(address, ALONE)
        parts = urlsplit(place.url)
        assert (parts.netloc, parts.path) == ("192.0.2.10:23373", "/v1/assets/serve")
        assert parse_qs(parts.query) == {"url": [f"file://{HOME.replace(' ', '%20')}/local/4"]}
        assert place.headers == {"Authorization": "Bearer api-token"}


@pytest.mark.parametrize("address", ["mxc://beeper.local/abc", "localmxc://local-whatsapp/a/b?encryptionInfoJSON=e30"])
def test_matrix_addresses_are_asked_of_beeper_word_for_word(address: str) -> None:
    for connection in (SERVER, ALONE):
        place = place_of(address, connection)
        assert place.url.startswith("http://192.0.2.10:23373/v1/assets/serve?url=")
        assert parse_qs(urlsplit(place.url).query)["url"] == [address]


TRICKS = [
    f"{MEDIA}/../../.ssh/id_rsa",
    f"{MEDIA}/local/..",
    f"{MEDIA}/./x",
    f"{MEDIA}//etc/passwd",
    f"file://{MEDIA.replace(' ', '%20')}/../secret",
    f"file://{MEDIA.replace(' ', '%20')}/%2e%2e/secret",
    f"file://{MEDIA.replace(' ', '%20')}/%2E%2E%2Fsecret",
    f"file://{MEDIA.replace(' ', '%20')}/%252e%252e/secret",
    f"file://{MEDIA.replace(' ', '%20')}/%25252e%25252e%25252fsecret",
    f"file://{MEDIA.replace(' ', '%20')}/a%252fb",
    f"file://{MEDIA.replace(' ', '%20')}/a%5c..%5cb",
    f"file://{MEDIA.replace(' ', '%20')}/a%00.jpg",
    f"{MEDIA}/%2e%2e/secret",
    f"{MEDIA}/a\\..\\b",
    f"{MEDIA}/a\0b",
    f"{MEDIA}/a\nb",
    f"{MEDIA}/..%2f..%2fsecret",
]
ELSEWHERE = [
    "file:///etc/passwd",
    "file://etc/passwd",
    "/etc/passwd",
    "/Users/mara/Pictures/holiday.jpg",
    "/Users/mara/BeeperTexts/mediation/x",
    "file://192.0.2.99/Users/mara/BeeperTexts/media/x",
    "file://mara@localhost/Users/mara/BeeperTexts/media/x",
    f"file://{MEDIA.replace(' ', '%20')}/x?token=1",
    f"file://{MEDIA.replace(' ', '%20')}/x#part",
    r"\\192.0.2.99\BeeperTexts\media\x",
    "BeeperTexts/media/x",
    "../media/x",
    "media/x",
    "ftp://192.0.2.99/media/x",
    "gopher://192.0.2.99/media/x",
    "javascript:alert(1)",
    "blob:http://localhost/media/x",
    "mxc://beeper.local/../../etc/passwd",
    "mxc://beeper.local/%2e%2e/secret",
    "mxc://beeper.local/a%252fb",
    "mxc://mara@beeper.local/x",
    "mxc://beeper.local",
    "mxc://beeper.local/",
    "mxc:///x",
    "mxc://beeper.local/a b",
    "mxc://beeper.local/a#b",
    "mxc://beeper.local/a?\x01",
    "mxc:/etc/passwd",
    "localmxc:///etc/passwd",
    "",
]


@pytest.mark.parametrize("address", TRICKS + ELSEWHERE)
@pytest.mark.parametrize("connection", [SERVER, ALONE], ids=["media server", "beeper"])
def test_no_trick_leads_out_of_the_media_folder(address: str, connection: Connection) -> None:
    with pytest.raises(FetchError) as caught:
        place_of(address, connection)
    assert caught.value.verdict == "unsafe"
    for secret in ("api-token", "media token"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("address", ["file:///srv/media/pictures/7", "/home/mara/media/7", "/home/mara/beep/media/7"])
def test_beeper_itself_is_asked_only_for_its_own_folder(address: str) -> None:
    with pytest.raises(FetchError, match="not in Beeper's media folder"):
        place_of(address, ALONE)


def test_whatever_is_asked_of_the_media_server_stays_below_its_address() -> None:
    for address in (f"{MEDIA}/a/b", f"{MEDIA}/%41/b", "/x/media/a;b/c", "/x/media/a@192.0.2.99/b", "/x/media/:80/b"):
        parts = urlsplit(place_of(address, SERVER).url)
        assert parts.netloc == "192.0.2.10:8080"
        assert parts.path.startswith("/files/")
        assert ".." not in unquote(unquote(parts.path)).split("/")


def test_a_picture_in_its_own_address_is_decoded() -> None:
    content = bytes(range(200))
    encoded = base64.b64encode(content).decode()
    for address in (
        f"data:image/png;base64,{encoded}",
        f"DATA:;BASE64,{encoded}",
        f"data:;base64,{encoded[:9]} {encoded[9:]}",
    ):
        assert read_data(address, max_bytes=1_000) == content
    assert read_data("data:,a%20b", max_bytes=1_000) == b"a b"


@pytest.mark.parametrize(
    ("address", "verdict"),
    [
        ("data:image/png;base64,@@@", "not_an_image"),
        ("data:image/png;base64", "not_an_image"),
        ("data:image/png;base64," + "A" * 4_000, "too_large"),
        ("data:" + "x" * 500 + ",a", "not_an_image"),
    ],
)
def test_a_data_address_that_is_none_says_so(address: str, verdict: str) -> None:
    with pytest.raises(FetchError) as caught:
        read_data(address, max_bytes=1_000)
    assert caught.value.verdict == verdict


@pytest.mark.parametrize(
    "address",
    [
        "http://192.0.2.99:23373",
        "http://127.0.0.1:5432",
        "http://169.254.169.254/",
        "https://192.0.2.10:23373@192.0.2.99",
        "http://192.0.2.10:23373?x=1",
        "ftp://192.0.2.10:23373",
        "http://[::1]:23373",
        "192.0.2.10:23373",
        "http://192.0.2.10:99999",
    ],
)
def test_a_member_can_connect_no_server_that_the_settings_do_not_name(address: str, settings: object) -> None:
    settings.PHOTO_ALLOWED_HOSTS = ["192.0.2.10:23373"]  # type: ignore[attr-defined]
    settings.BEEPER_BASE_URL = "http://localhost:23373"  # type: ignore[attr-defined]
    settings.BEEPER_MEDIA_SERVER = ""  # type: ignore[attr-defined]
    with pytest.raises(AddressRefused):
        checked_address(address)
    assert checked_address("http://192.0.2.10:23373/") == "http://192.0.2.10:23373"
    assert checked_address("http://LOCALHOST:23373") == "http://LOCALHOST:23373"


@pytest.mark.parametrize("chat_id", ["../../assets/serve?url=file:///etc/passwd", "..", "a/b", "a?b", "a#b", "%2e%2e"])
def test_an_id_of_a_chat_leads_to_no_other_address(chat_id: str) -> None:
    with beeper_at_work(chats=1) as beeper:
        settings = beeper.settings()
        connection = Connection(settings["BEEPER_BASE_URL"], settings["BEEPER_ACCESS_TOKEN"])
        with Client(connection) as client, pytest.raises(PermanentFailure):
            client.messages(chat_id)
        raw = [request.path for request in beeper.requests]
        assert raw == [f"/v1/chats/{unquote(chat_id) if '%' not in chat_id else chat_id}/messages"]
        assert beeper.count("serve") == 0
