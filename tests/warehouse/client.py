"""Start and use the local Databricks SQL warehouse from tests that know neither Spark nor Java.

environment = ensure_environment(Path("~/.cache/warehouse").expanduser())
if environment is not None:
    with start_warehouse(environment, tmp_path) as warehouse:
        warehouse.sql("select 1 as one")            # [(1,)]
        run_dbt(env=warehouse.environment())        # profile: warehouse.dbt_target("main", "s")
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from warehouse.api_client import ApiClient
from warehouse.delta_history import MAINTENANCE
from warehouse.environment import HERE

HTTP_PATH = "/sql/1.0/warehouses/local"
POSTGRES = "LOCAL_WAREHOUSE_POSTGRES"
_STOP_SECONDS = 20
_LOG_LINES = 30


class WarehouseStartError(Exception):
    """The warehouse did not become ready; the text ends with its log."""


class StatementError(Exception):
    """A refused statement: the warehouse's text and SQLSTATE."""

    def __init__(self, text: str, state: str | None) -> None:
        super().__init__(text)
        self.state = state


@dataclass
class Connection:
    """A session of its own, through the real connector in a process of its own."""

    process: subprocess.Popen[str]

    def sql(self, text: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement; its rows as tuples."""
        rows = self.arrow(text, parameters)
        return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))

    def arrow(self, text: str, parameters: Any = None) -> Any:
        """Run a statement; its rows as a pyarrow table."""
        import pyarrow as pa

        request = json.dumps({"sql": text, "parameters": parameters})
        answer = self._ask(request)
        if "error" in answer:
            raise StatementError(answer["error"], answer.get("state"))
        with pa.ipc.open_stream(base64.b64decode(answer["rows"])) as stream:
            return stream.read_all()

    def _ask(self, request: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            lines = self.process.stderr.read().strip().splitlines() or ["no answer"]
            raise StatementError(lines[-1], None)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the session and its process."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@dataclass
class Warehouse(ApiClient):
    """A running warehouse."""

    process: subprocess.Popen[bytes]
    python: Path
    start_seconds: float
    http_path: str = HTTP_PATH
    _connections: list[Connection] = field(default_factory=list)
    _first: Connection | None = None

    def environment(self) -> dict[str, str]:
        """Variables by which dbt's process trusts the certificate."""
        file = str(self.certificate)
        return {"SSL_CERT_FILE": file, "REQUESTS_CA_BUNDLE": file}

    def login(self) -> dict[str, str]:
        """Variables by which a compiled profile finds it and logs in, trust included."""
        return {
            **self.environment(),
            "DATABRICKS_HOST": self.url,
            "DATABRICKS_HTTP_PATH": self.http_path,
            "DATABRICKS_TOKEN": self.token,
        }

    def dbt_target(self, catalog: str, schema: str, threads: int = 4) -> dict[str, Any]:
        """An output of `profiles.yml`; on port 443 the last entry is not needed."""
        return {
            "type": "databricks",
            "host": self.host if self.port == 443 else f"{self.host}:{self.port}",
            "http_path": self.http_path,
            "catalog": catalog,
            "schema": schema,
            "token": self.token,
            "threads": threads,
            "session_properties": {"timezone": "UTC"},
            "connection_parameters": {
                "_connection_uri": f"{self.url}{self.http_path}",
                "_tls_trusted_ca_file": str(self.certificate),
                "enable_telemetry": False,
            },
        }

    def connect(
        self, catalog: str = "main", schema: str = "default", token: str | None = None
    ) -> Connection:
        """Another session."""
        options = {
            "--host": self.host,
            "--port": str(self.port),
            "--certificate": str(self.certificate),
            "--token": token or self.token,
            "--http-path": self.http_path,
            "--catalog": catalog,
            "--schema": schema,
        }
        connection = Connection(
            subprocess.Popen(
                [
                    str(self.python),
                    "-m",
                    "warehouse.local_warehouse.query_worker",
                    *(part for option in options.items() for part in option),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(HERE.parent)},
            )
        )
        self._connections.append(connection)
        return connection

    def sql(self, text: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement in the warehouse's first session; its rows as tuples."""
        if self._first is None:
            self._first = self.connect()
        return self._first.sql(text, parameters)

    def data_version(self, table: str) -> int:
        """The newest Delta version of a table that changed a row: what `wait_online` waits for."""
        history = self.sql(f"select version, operation from (describe history {table})")
        return max(int(row[0]) for row in history if row[1] not in MAINTENANCE)

    def statements(self) -> list[dict[str, Any]]:
        """The log: sql, route (`spark` or a rule's name), seconds, error, state."""
        lines = (self.folder / "data" / "statements.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def reset(self) -> None:
        """Drop every schema and table, clear the log, all switches off."""
        self._disconnect()
        self.control("reset")

    def deny(self, privilege: str) -> None:
        """Refuse `CREATE SCHEMA`, `CREATE TABLE`, `MODIFY`, `SELECT`, `MANAGE`, ... from now on."""
        self.control("deny", {"privilege": privilege})

    def allow(self) -> None:
        """Refuse nothing any more."""
        self.control("allow")

    def stop_at(self, text: str) -> None:
        """Die, as in a crash, when a statement with this text arrives."""
        self.control("stop", {"at": text})

    def stop_after(self, statements: int) -> None:
        """Die, as in a crash, after this many more statements."""
        self.control("stop", {"after": statements})

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End the process and its children (Java), by their process group."""
        self._disconnect()
        _end(self.process)

    def _disconnect(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._first = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_warehouse(
    environment: Path,
    folder: Path,
    timeout_seconds: float = 120,
    port: int = 0,
    catalogs: str = "main,dev",
    postgres: str | None = None,
) -> Warehouse:
    """Start it with its data below `folder`; returns when it answers.

    Args:
        environment: What `ensure_environment` gave.
        folder: Where its data, logs and certificate go.
        timeout_seconds: How long it may take.
        port: 0 takes any free port.
        catalogs: Their names, with commas between them; the first is the default.
        postgres: DSN of the server behind online stores, in which each catalog gets a database of
            its own; without it there are no online stores.

    Raises:
        WarehouseStartError: It is not ready in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready, log = folder / "ready.json", folder / "warehouse.log"
    ready.unlink(missing_ok=True)
    token, python = f"dapi{secrets.token_hex(16)}", environment / "bin" / "python"
    options = {
        "--port": str(port),
        "--data": str(folder / "data"),
        "--certificates": str(folder / "certificates"),
        "--token": token,
        "--catalogs": catalogs,
        "--delta-jar": str(environment / "delta.jar"),
        "--ready-file": str(ready),
    }
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                str(python),
                "-m",
                "warehouse.local_warehouse",
                "--stop-with-input",
                *(part for option in options.items() for part in option),
            ],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(HERE.parent), POSTGRES: postgres or ""},
            start_new_session=True,
        )
    try:
        document = _wait_until_ready(process, ready, started + timeout_seconds, log)
        warehouse = Warehouse(
            process=process,
            python=python,
            folder=folder,
            host=document["host"],
            port=document["port"],
            token=token,
            certificate=Path(document["certificate"]),
            postgres=postgres,
            start_seconds=round(time.monotonic() - started, 1),
        )
        _wait_until_healthy(warehouse, started + timeout_seconds, log)
    except BaseException:
        _end(process)
        raise
    return warehouse


def _wait_until_ready(
    process: subprocess.Popen[bytes], ready: Path, until: float, log: Path
) -> dict[str, Any]:
    while not ready.exists():
        if process.poll() is not None:
            raise WarehouseStartError(f"it ended with {process.returncode}\n{_tail(log)}")
        if time.monotonic() > until:
            raise WarehouseStartError(f"it was not ready in time\n{_tail(log)}")
        time.sleep(0.1)
    document: dict[str, Any] = json.loads(ready.read_text("utf-8"))
    return document


def _wait_until_healthy(warehouse: Warehouse, until: float, log: Path) -> None:
    while True:
        try:
            warehouse.control("health")
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > until:
                raise WarehouseStartError(f"it does not answer: {error}\n{_tail(log)}") from error
            time.sleep(0.1)
        else:
            return


def _tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived it
    process.wait()
    stdin: IO[bytes] | None = process.stdin
    if stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
