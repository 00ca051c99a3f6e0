"""Whether a host answers, in bounded time: closed, silent, unknown, not TLS, not trusted."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mlforge_sql.databricks_workspace.reach import Silence, check_reachable, reach
from mlforge_sql.errors import SpecErrors

CHECK = "check DATABRICKS_HOST for a typing mistake, and the network: VPN, firewall, proxy"
ADMITTED = f"{CHECK}; a workspace may also admit only the addresses of its IP access list"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


class _NotFound(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _NotFound) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody has signed."""
    file = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(tmp_path / "key.pem"), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return file


def answering(server: HTTPServer, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    return f"127.0.0.1:{server.server_address[1]}"


def test_a_closed_port(closed: str) -> None:
    assert reach(closed) == Silence(f"`{closed}` refuses connections", CHECK)


def test_a_silent_port_within_the_time(silent: str) -> None:
    started = time.monotonic()
    found = reach(silent, seconds=1)
    assert time.monotonic() - started < 3
    assert found == Silence(f"`{silent}` did not answer within 1 seconds", ADMITTED)


def test_a_server_that_trickles_is_too_slow(closed: str) -> None:
    """Each byte comes in time and the answer never does."""
    port = int(closed.rsplit(":", 1)[1])
    with socket.create_server(("127.0.0.1", port)) as listening:
        done = threading.Event()

        def trickle() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"\x16\x03\x03\x3f\xff")  # a TLS record that goes on and on
                while not done.wait(0.2):
                    connection.sendall(b"\x02")

        thread = threading.Thread(target=trickle)
        thread.start()
        started = time.monotonic()
        found = reach(closed, seconds=1)
        seconds = time.monotonic() - started
        done.set()
        thread.join()
    assert found is not None
    assert seconds < 3


def test_an_unknown_name() -> None:
    found = reach("nowhere.invalid")
    assert found == Silence("the name `nowhere.invalid` cannot be found", CHECK)
    assert reach("nowhere.invalid:8443") == found


@pytest.mark.parametrize(
    "host", ["adb-1.azuredatabricks.net?o=1", "a b", "", "host:port", "user@host", "-a.invalid"]
)
def test_what_is_no_host(host: str) -> None:
    hint = "write only the workspace's name into DATABRICKS_HOST: `dbc-1234.cloud.databricks.com`"
    assert reach(host) == Silence(f"`{host}` is not the address of a host", hint)


def test_plain_http(server: HTTPServer) -> None:
    host = f"127.0.0.1:{server.server_address[1]}"
    assert reach(host) == Silence(f"`{host}` does not speak TLS as a workspace does", CHECK)


def test_a_certificate_that_is_not_trusted_and_one_that_is(
    server: HTTPServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = answering(server, certificate)
    assert reach(host) == Silence(
        f"the certificate of `{host}` is not trusted here",
        "name the authority's certificates, a file, in SSL_CERT_FILE and in REQUESTS_CA_BUNDLE",
    )
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert reach(host) is None, "it answers, if only 404"


def test_a_proxy_that_leads_nowhere(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{closed}")
    assert reach("nowhere.invalid") == Silence(
        "the proxy does not lead to `nowhere.invalid`: Connection refused",
        "check HTTPS_PROXY and NO_PROXY",
    )


def test_as_a_diagnostic() -> None:
    with pytest.raises(SpecErrors) as raised:
        check_reachable("nowhere.invalid")
    (problem,) = raised.value.diagnostics
    assert (problem.code, problem.hint) == ("MF077", CHECK)
