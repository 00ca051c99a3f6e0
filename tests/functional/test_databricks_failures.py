"""What goes wrong on Databricks, through ``mlforge build`` and the real adapter.

Each failure is one clear message; the tables are those of before or complete; the next run repairs.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from harness import write_project
from warehouse import StatementError, Warehouse, start_warehouse

from mlforge_sql.cli import main

pytestmark = pytest.mark.functional

CATALOG, CATALOGS, RAW, FEATURES = "lab", "main,lab", "lab.raw", "lab.features"
COLUMNS = {"customer_id": "string", "paid_at": "timestamp", "amount": "double"}
SPEC: dict[str, Any] = {
    "entities": [{"name": "customer", "join_key": "customer_id"}],
    "sources": [
        {
            "name": "payments",
            "table": f"{RAW}.payments",
            "timestamp": "paid_at",
            "columns": COLUMNS,
        }
    ],
    "features": [
        {
            "name": "spend",
            "source": "payments",
            "entities": ["customer"],
            "interval": "1d",
            "metrics": [{"windows": ["1d", "7d"], "aggregations": {"amount": ["sum", "count"]}}],
        },
        {
            "name": "last_payment",
            "source": "payments",
            "entities": ["customer"],
            "select": {"last_amount": "amount"},
        },
    ],
}
FIRST = "('c1', timestamp'2024-01-01 12:00:00', 10d), ('c2', timestamp'2024-01-02 09:00:00', 7d)"
SECOND = f"{FIRST}, ('c1', timestamp'2024-01-03 09:00:00', 100d)"
THIRD = f"{SECOND}, ('c2', timestamp'2024-01-05 18:00:00', 1000d)"
TABLES = ("spend", "spend_current", "last_payment", "last_payment_current")
Rows = dict[str, list[tuple[Any, ...]] | None]


@dataclass(frozen=True)
class Shop:
    """A project whose source and features are in the warehouse."""

    root: Path
    warehouse: Warehouse

    def load(self, rows: str, columns: str = "customer_id, paid_at, amount") -> None:
        self.warehouse.sql(f"create schema if not exists {RAW}")
        self.warehouse.sql(
            f"create or replace table {RAW}.payments as "
            f"select {columns} from values {rows} as t(customer_id, paid_at, amount)"
        )

    def build(self, **environment: str) -> Result:
        runner = CliRunner(
            env={"COLUMNS": "80", "NO_COLOR": "1", **self.warehouse.login(), **environment}
        )
        arguments = ["--project-dir", str(self.root), "build", "--profile", "databricks"]
        without_audits = ["--", "--exclude", "path:tests/audit"]  # which have tests of their own
        return runner.invoke(main, [*arguments, *without_audits])

    def green(self) -> None:
        result = self.build()
        assert result.exit_code == 0, result.output

    def refused(self, **environment: str) -> str:
        """Build, which must fail as a handled problem; what it said, without the progress."""
        result = self.build(**environment)
        assert result.exit_code == 1, result.output
        assert "Traceback" not in result.stderr
        assert not result.stdout
        secrets = {self.warehouse.token, *environment.values()} - {""}
        hidden = [value for name, value in environment.items() if "PATH" in name or "HOST" in name]
        for secret in secrets - set(hidden):
            assert secret not in result.output
            for file in self.root.rglob("*"):
                assert not file.is_file() or secret.encode() not in file.read_bytes(), file
        return " ".join(result.stderr.split())

    def tables(self) -> Rows:
        return {name: self._rows(name) for name in TABLES}

    def _rows(self, table: str) -> list[tuple[Any, ...]] | None:
        try:
            return self.warehouse.sql(f"select * from {FEATURES}.{table} order by all")
        except StatementError as error:
            if not re.search("(TABLE_OR_VIEW|SCHEMA)_NOT_FOUND", str(error)):
                raise
            return None


def shop(
    root: Path,
    warehouse: Warehouse,
    catalog: str = CATALOG,
    spec: Mapping[str, Any] = SPEC,
) -> Shop:
    store = {"KIND": "unity_catalog", "catalog": catalog, "schema": "features"}
    config = {"name": "shop", "profiles": {"databricks": {"offline_store": store}}}
    return Shop(write_project(root / "shop", spec, config), warehouse)


@pytest.fixture(scope="module")
def project(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A project and a warehouse that may be told to refuse; one after the other the tests use it."""
    folder = tmp_path_factory.mktemp("own")
    with start_warehouse(environment, folder, catalogs=CATALOGS) as running:
        made = shop(folder, running)
        made.load(FIRST)
        yield made


@pytest.fixture
def built(project: Shop) -> Shop:
    """The project with all its tables."""
    project.load(FIRST)
    if None in project.tables().values():
        project.green()
    return project


def test_a_wrong_token(project: Shop) -> None:
    said = project.refused(DATABRICKS_TOKEN="dapi-not-this-one")
    assert "error[MF078]: Databricks does not accept the token in DATABRICKS_TOKEN" in said
    assert "= make a new token" in said
    assert "Invalid access token" in said, "the original words"
    assert project.tables() == dict.fromkeys(TABLES)


def test_a_missing_catalog(project: Shop, tmp_path: Path) -> None:
    said = shop(tmp_path, project.warehouse, catalog="nope").refused()
    assert "error[MF079]: the catalog `nope` does not exist, or you may not see it" in said
    assert "change `catalog` of the profile in mlforge.yaml" in said


def test_missing_privileges_and_the_run_that_has_them(project: Shop) -> None:
    for privilege in ("CREATE SCHEMA", "CREATE TABLE"):
        project.warehouse.deny(privilege)
        try:
            said = project.refused()
        finally:
            project.warehouse.allow()
        assert "error[MF079]: " in said
        assert f"the privilege {privilege} is missing" in said
        assert f"grant {privilege.lower()} on ... to ..." in said
        assert project.tables() == dict.fromkeys(TABLES)
    secret = project.warehouse.token
    machine = {"DATABRICKS_CLIENT_ID": "robot", "DATABRICKS_CLIENT_SECRET": secret}
    result = project.build(DATABRICKS_TOKEN="", **machine)
    assert result.exit_code == 0, result.output
    assert secret not in result.output
    assert all(project.tables().values())


def test_a_source_that_changes_under_its_features(built: Shop) -> None:
    """Types that Spark would convert without a word, a lost column; then as it was, with more rows."""
    before = built.tables()
    other = "customer_id, cast(paid_at as date) as paid_at, cast(amount as string) as amount"
    built.load(SECOND, columns=other)
    said = built.refused()
    assert (
        "error[MF079]: model `stg_payments`: the source `payments` (lab.raw.payments) is not as it was compiled: "
        "`paid_at` is date, not timestamp, `amount` is string, not double"
    ) in said
    assert "say what it is now in the source's `columns:`" in said
    assert built.tables() == before

    built.load(SECOND, columns="customer_id, paid_at, amount as total")
    said = built.refused()
    assert "is not as it was compiled: `amount` is missing" in said
    assert built.tables() == before

    built.load(SECOND)
    built.green()
    assert changed(before, built.tables())


def test_a_declared_number_that_the_table_has_no_room_for(built: Shop, tmp_path: Path) -> None:
    """Doubles that are the nearest of a decimal are that decimal; others are counted, and none is told."""
    document = deepcopy(SPEC)
    document["sources"][0]["columns"] = {**COLUMNS, "amount": "decimal(18,2)"}
    exact = shop(tmp_path, built.warehouse, spec=document)
    exact.load(
        "('c1', timestamp'2024-01-01 12:00:00', 0.1d), ('c1', timestamp'2024-01-01 13:00:00', 0.2d)"
    )
    exact.green()
    before = exact.tables()
    assert {row[2] for row in before["spend"] or ()} == {Decimal("0.30"), None}

    exact.load(
        f"{SECOND}, ('c3', timestamp'2024-01-05 18:00:00', 8675309.125d), ('c4', null, 1e300d)"
    )
    said = exact.refused()
    assert (
        "error[MF079]: model `stg_payments`: the source `payments` (lab.raw.payments) is not as it was compiled: "
        "`amount` is not decimal(18,2) in 2 rows"
    ) in said
    assert "8675309" not in said
    assert exact.tables() == before
    exact.load(FIRST, columns="customer_id, paid_at, cast(amount as bigint) as amount")
    exact.green()
    built.load(SECOND)
    built.green()


def changed(before: Rows, after: Rows) -> bool:
    return all(after[name] and after[name] != before[name] for name in TABLES)


# A warehouse that stops ------------------------------------------------------------------------


class Wire:
    """A way to the warehouse that can be cut, so that the warehouse and its tables stay."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def cut(self) -> None:
        for end in (self._listening, *self._open):
            with suppress(OSError):  # gone already
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(timeout=30)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            self._open += [near, far]
            for ends in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=self._carry, args=ends))
                self._threads[-1].start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def wire(warehouse: Warehouse) -> Iterator[Wire]:
    made = Wire(warehouse.port)
    try:
        yield made
    finally:
        made.cut()


def wait_for_statement(warehouse: Warehouse, text: str, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if any(text in item["sql"].lower() for item in warehouse.statements()):
            return
        time.sleep(0.05)
    raise AssertionError(f"no statement with {text}")


def test_a_warehouse_that_cannot_be_reached_any_more(built: Shop) -> None:
    """Cut off in the middle: each table is the old or the new one, and the next run repairs."""
    project = built
    before = project.tables()
    project.load(THIRD)
    with wire(project.warehouse) as line:
        (project.warehouse.folder / "data" / "statements.jsonl").write_text("", "utf-8")

        def cut() -> None:
            wait_for_statement(project.warehouse, "tiles`")
            line.cut()

        cutting = threading.Thread(target=cut)
        cutting.start()
        started = time.monotonic()
        said = project.refused(DATABRICKS_HOST=f"https://127.0.0.1:{line.port}/")
        cutting.join()
    assert time.monotonic() - started < 400, "minutes, not dbt's quarter of an hour"
    assert "error[MF077]: " in said
    assert "the SQL warehouse stopped answering" in said
    assert "run the same command again" in said
    left = project.tables()
    project.green()
    after = project.tables()
    assert changed(before, after)
    for name in TABLES:
        assert left[name] in (before[name], after[name]), name


def test_a_warehouse_that_dies(built: Shop) -> None:
    """It dies at a statement; no table has a version that was not finished. The last test."""
    dying = built.warehouse
    before = versions(dying)
    assert {f"lab__features.db/{name}" for name in TABLES} <= set(before)
    dying.stop_at("create or replace table `lab`.`features`.`spend`")
    started = time.monotonic()
    said = built.refused()
    assert time.monotonic() - started < 400, "minutes, not dbt's quarter of an hour"
    assert not dying.running
    assert "error[MF077]: " in said
    assert "`spend`" in said
    assert "the SQL warehouse stopped answering" in said
    assert "not built, because of what failed before: " in said
    after = versions(dying)
    name = "lab__features.db/spend"
    assert after[name] == before[name], "the old table is still the last version"
    assert all(complete(dying, table) for table in after)


def versions(warehouse: Warehouse) -> dict[str, list[str]]:
    """The versions of every Delta table on disk."""
    tables = warehouse.folder / "data" / "tables"
    return {
        str(log.parent.relative_to(tables)): sorted(file.name for file in log.glob("*.json"))
        for log in tables.rglob("_delta_log")
    }


def complete(warehouse: Warehouse, table: str) -> bool:
    """Whether every file of a table's versions is on disk."""
    folder = warehouse.folder / "data" / "tables" / table
    for file in (folder / "_delta_log").glob("*.json"):
        for line in file.read_text("utf-8").splitlines():
            added = json.loads(line).get("add")
            if added and not (folder / added["path"]).is_file():
                return False
    return True
