"""Only a valid certificate for the very name counts, and nothing leads from https back to http."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from media_store.fetching import Fetched, FetchError, fetch
from tests.media_store.network import FakeNames
from tests.media_store.servers import reply

NAME = "pictures.example.com"


@dataclass
class Authority:
    """A certificate authority that signs for the tests."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "authority.pem"

    def issue(self, name: str, *, days: int = 1) -> Path:
        """Return a file with a key and a certificate for `name`."""
        file = self.folder / f"{name}{days}.pem"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{file}.key", "-out", f"{file}.csr")  # fmt: skip
        openssl("x509", "-req", "-in", f"{file}.csr", "-CA", self.certificate, "-CAkey", self.folder / "authority.key",
                "-copy_extensions", "copy", "-days", str(days), "-out", f"{file}.crt")  # fmt: skip
        file.write_bytes(Path(f"{file}.key").read_bytes() + Path(f"{file}.crt").read_bytes())
        return file


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
            "-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign", "-keyout",
            authority.folder / "authority.key", "-out", authority.certificate)  # fmt: skip
    return authority


@pytest.fixture
def authority(signing: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The authority, which downloads trust during the test."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(signing.certificate))
    return signing


@contextmanager
def secure(certificate: Path, content: bytes, asked_for: list[str | None]) -> Iterator[int]:
    """Serve `content` once over TLS; gives the port and notes the names that clients ask for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: asked_for.append(name)

    def accept() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection, context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(65_536)
                tls.sendall(content)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def get(certificate: Path, names: FakeNames, *, content: bytes = b"") -> tuple[Fetched, list[str | None]]:
    names.table[NAME] = [["127.0.0.1"]]
    asked_for: list[str | None] = []
    with secure(certificate, content or reply(b"picture"), asked_for) as port:
        pair = f"{NAME}:{port}"
        return fetch(f"https://{pair}/", allowed_hosts=[pair], max_bytes=99, deadline_seconds=5), asked_for


def test_a_valid_certificate_is_accepted_and_asked_for_by_name(authority: Authority, names: FakeNames) -> None:
    fetched, asked_for = get(authority.issue(NAME), names)
    assert fetched.content == b"picture"
    assert asked_for == [NAME]


@pytest.mark.parametrize(("name", "days"), [("other.example.com", 1), (NAME, -1)], ids=["another name", "expired"])
def test_a_certificate_for_another_name_or_time_is_refused(
    name: str, days: int, authority: Authority, names: FakeNames
) -> None:
    with pytest.raises(FetchError) as caught:
        get(authority.issue(name, days=days), names)
    assert caught.value.verdict == "tls_error"


def test_a_certificate_that_nobody_vouches_for_is_refused(signing: Authority, names: FakeNames) -> None:
    with pytest.raises(FetchError) as caught:
        get(signing.issue(NAME), names)
    assert caught.value.verdict == "tls_error"


def test_a_redirect_from_https_to_http_is_refused(authority: Authority, names: FakeNames) -> None:
    names.table["elsewhere.example.com"] = [["93.184.215.14"]]
    with pytest.raises(FetchError, match="from https to http") as caught:
        get(authority.issue(NAME), names, content=reply(status="302 Found", Location="http://elsewhere.example.com/"))
    assert caught.value.verdict == "unsafe"
    assert "elsewhere.example.com" not in names.asked
