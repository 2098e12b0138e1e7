"""Mail by IMAP, from a real server (pymap)."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from imap_tools import MailBoxUnencrypted

from config.jobs.draining import drain
from contacts.models import CommunicationEvent
from imports.models import ProviderAccount, SyncRun
from imports.sync import imap, mail_servers
from imports.sync.running import request_sync
from tests.at_once import second_of_two
from tests.factories import make_contact, make_user

pytestmark = pytest.mark.django_db

NAME, PASSWORD = "alice@example.com", "stand-in-token-password"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run pymap with one empty mailbox; its host:port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        "import sys; from pymap.main import main; sys.exit(main())",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-tls",
    ]
    process = subprocess.Popen(
        [*command, "dict", "--demo-user", NAME, "--demo-password", PASSWORD],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("The mail server did not start.")


@pytest.fixture
def mailbox(server: str, settings: Any) -> Iterator[Any]:
    """The test's own hands in the mailbox: empty at first."""
    settings.IMAP_ALLOWED_HOSTS = [server]
    host, port = server.split(":")
    with MailBoxUnencrypted(host, int(port)).login(NAME, PASSWORD) as box:
        for folder in ("Sent", "INBOX"):
            if folder == "Sent" and not box.folder.exists(folder):
                box.folder.create(folder)
            box.folder.set(folder)
            box.delete(box.uids())
        yield box


@pytest.fixture
def owner() -> User:
    owner = make_user("alice")
    make_contact(owner, "Ada", email="ada@example.com")
    return owner


def connect(owner: User, server: str, **fields: Any) -> ProviderAccount:
    known = {"provider": "imap", "address": NAME, "external_id": NAME, "server": server, "is_mail_synced": True}
    account = ProviderAccount(owner=owner, **{**known, **fields})
    account.sealed_tokens = account.seal_tokens({"username": NAME, "password": PASSWORD})
    account.save()
    return account


def put(mailbox: Any, number: int, *, folder: str = "INBOX", hours_ago: float = 1) -> None:
    when = timezone.now() - timedelta(hours=hours_ago)
    letter = EmailMessage()
    sender, recipient = ("ada@example.com", NAME) if folder == "INBOX" else (NAME, "ada@example.com")
    letter["From"], letter["To"], letter["Subject"] = sender, recipient, f"Letter {number}"
    letter["Date"], letter["Message-ID"] = format_datetime(when), f"<imap{number}@mail.example.com>"
    letter.set_content("The text stays where it is.\n" * 100)
    mailbox.append(letter.as_bytes(), folder, dt=when)


def sync(account: ProviderAccount, **options: Any) -> SyncRun:
    account.refresh_from_db()
    run = request_sync(account, kind=SyncRun.Kind.MAIL, **options)
    assert run is not None
    drain("sync", seconds=None, is_ringing=False)
    run.refresh_from_db()
    return run


def events() -> list[tuple[str, str]]:
    return list(CommunicationEvent.objects.order_by("happened_at", "pk").values_list("direction", "subject"))


def test_inbox_and_sent_mail_become_events_and_stay_unread(owner: User, server: str, mailbox: Any) -> None:
    put(mailbox, 1, hours_ago=3)
    put(mailbox, 2, folder="Sent", hours_ago=2)
    put(mailbox, 3, hours_ago=24 * 30)
    run = sync(connect(owner, server))
    assert (run.state, run.written, run.last_error) == ("completed", 2, "")
    assert events() == [("inbound", "Letter 1"), ("outbound", "Letter 2")]
    mailbox.folder.set("INBOX")
    assert not any("\\Seen" in message.flags for message in mailbox.fetch(mark_seen=False))


def test_the_next_run_reads_only_what_has_come(owner: User, server: str, mailbox: Any) -> None:
    put(mailbox, 1)
    account = connect(owner, server)
    sync(account)
    put(mailbox, 2)
    assert sync(account).seen == 1
    assert sync(account).seen == 0
    assert len(events()) == 2


def test_a_folder_that_was_made_anew_is_read_again_without_doubles(owner: User, server: str, mailbox: Any) -> None:
    put(mailbox, 1)
    account = connect(owner, server)
    sync(account)
    account.refresh_from_db()
    account.cursors["mail"]["INBOX"]["validity"] += 1
    account.save()
    assert (sync(account).seen, len(events())) == (1, 1)


def test_a_mailbox_of_several_pages_is_read_to_its_end(
    owner: User, server: str, mailbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "PAGE", 3)
    for number in range(8):
        put(mailbox, number)
    assert (sync(connect(owner, server)).seen, len(events())) == (8, 8)


def test_a_wrong_password_asks_the_owner_to_connect_again(owner: User, server: str, mailbox: Any) -> None:
    account = connect(owner, server)
    account.sealed_tokens = account.seal_tokens({"username": NAME, "password": "wrong"})
    account.save()
    run = sync(account)
    account.refresh_from_db()
    assert (run.state, run.held_reason, account.state) == ("queued", "needs_reconnect", "needs_reconnect")
    assert run.last_error == f"{server} refuses the name or the password of {NAME}."


def test_a_wrong_password_that_is_typed_for_a_working_mailbox_changes_nothing(
    owner: User, server: str, mailbox: Any
) -> None:
    mine: dict[str, Any] = {"server": server, "address": NAME, "username": NAME, "now": timezone.now()}
    known = mail_servers.connect(owner.pk, password=PASSWORD, **mine)
    with pytest.raises(mail_servers.CannotConnect, match="refuses the name or the password"):
        mail_servers.connect(owner.pk, password="wrong", **mine)
    known.refresh_from_db()
    assert (known.state, known.tokens["password"]) == ("connected", PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_a_mailbox_that_is_connected_twice_at_once_is_connected_once_and_the_second_is_told(
    owner: User, server: str, mailbox: Any
) -> None:
    def connecting() -> ProviderAccount:
        return mail_servers.connect(
            owner.pk, server=server, address=NAME, username=NAME, password=PASSWORD, now=timezone.now()
        )

    with second_of_two(connecting) as second:
        connect(owner, server, external_id=f"{server}/{NAME}")
    with pytest.raises(mail_servers.CannotConnect, match="just been connected"):
        second.result()
    assert ProviderAccount.objects.count() == 1


def test_a_run_that_is_taken_up_at_the_end_of_a_folder_keeps_its_place(owner: User, server: str, mailbox: Any) -> None:
    put(mailbox, 1)
    now = timezone.now()
    source = imap.ImapMail(connect(owner, server), since=now - timedelta(days=1), known={}, own=frozenset(), now=now)
    first = next(source.pages({}))
    *_, last = source.pages(first.cursor)
    assert last.account_cursor is not None
    assert last.account_cursor["INBOX"] == first.cursor["here"]["INBOX"]


def test_a_server_of_ones_own_network_must_be_named(owner: User, server: str, mailbox: Any, settings: Any) -> None:
    settings.IMAP_ALLOWED_HOSTS = []
    put(mailbox, 1)
    run = sync(connect(owner, server))
    assert (run.state, run.error_code, events()) == ("failed", "unsafe", [])


@contextmanager
def answering(*lines: bytes) -> Iterator[str]:
    """A server that greets, then answers whatever it is asked with these lines."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connected, _ = listener.accept()
            with connected:
                connected.sendall(b"* OK ready\r\n")
                connected.recv(1_000)
                for line in lines:
                    connected.sendall(line)
                time.sleep(0.2)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize(
    "lines",
    [(b"* CAPABILITY {9999999999}\r\n", b"x" * 1_000), (b"\xff\x00 nonsense\r\n",), ()],
    ids=["a piece of gigabytes", "nonsense", "silence"],
)
def test_a_server_that_lies_or_hangs_up_is_tried_again_later(
    owner: User, settings: Any, lines: tuple[bytes, ...]
) -> None:
    with answering(*lines) as server:
        settings.IMAP_ALLOWED_HOSTS = [server]
        run = sync(connect(owner, server))
    assert (run.state, run.error_code) == ("queued", "connection_failed")


def test_a_server_that_never_ends_is_left_at_the_deadline(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = f"127.0.0.1:{listener.getsockname()[1]}"
        settings.IMAP_ALLOWED_HOSTS = [server]
        begun = time.monotonic()
        run = sync(connect(owner, server))
    assert (run.state, run.error_code) == ("queued", "connection_failed")
    assert time.monotonic() - begun < 5


def test_the_password_is_in_no_error(owner: User, server: str, mailbox: Any, caplog: pytest.LogCaptureFixture) -> None:
    account = connect(owner, server)
    account.sealed_tokens = account.seal_tokens({"username": NAME, "password": f"{PASSWORD}-wrong"})
    account.save()
    run = sync(account)
    assert PASSWORD not in caplog.text + run.last_error + repr(account.__dict__)
