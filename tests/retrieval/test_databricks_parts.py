"""What reads training data from a SQL warehouse, part by part, without one."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from databricks.sql import exc
from harness import write_parquet, write_project
from hypothesis import given
from hypothesis import strategies as st
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC
from two_stores import config

from mlforge_sql.dbt.files import FileSet, macro_files
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.keys import surrogate_key
from mlforge_sql.plan.nodes import Plan
from mlforge_sql.retrieval.databricks import upload as uploads
from mlforge_sql.retrieval.databricks.arrow import alike
from mlforge_sql.retrieval.databricks.encoding import encoded
from mlforge_sql.retrieval.databricks.paging import beside, in_order
from mlforge_sql.retrieval.databricks.rows import Paged
from mlforge_sql.retrieval.databricks.upload import (
    SentColumn,
    Upload,
    chunks,
    insertion,
)
from mlforge_sql.retrieval.joiners import joiner_of
from mlforge_sql.retrieval.joining import Join
from mlforge_sql.retrieval.labels import arrow_labels
from mlforge_sql.retrieval.wanted import resolve_wanted
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.sql.branches import Branches
from mlforge_sql.stores.databricks.problems import problem
from mlforge_sql.stores.databricks.session import Session
from mlforge_sql.stores.databricks.store import (
    DatabricksStore,
    open_databricks,
    scratch_place,
)
from mlforge_sql.types import BIGINT, TEXT, parse_type
from mlforge_sql.workflows.compile import plan_project

TEMPORARY = "create temporary table `mlforge_labels_"


# Batches


@given(st.lists(st.text(max_size=40), max_size=60), st.integers(10, 200))
def test_chunks_are_all_rows_in_order_and_short(values: list[str], limit: int) -> None:
    batch = pa.RecordBatch.from_pydict(
        {"k": pa.array(values, pa.string()), "t": range(len(values))}
    )
    saved, uploads.BATCH_TEXT = uploads.BATCH_TEXT, limit
    try:
        found = list(chunks(batch))
    finally:
        uploads.BATCH_TEXT = saved
    assert [item for _, text in found for item in json.loads(text["c0"])] == values
    assert [item for _, text in found for item in json.loads(text["c1"])] == list(
        range(len(values))
    )
    for count, text in found:
        assert count == len(json.loads(text["c0"])) > 0
        assert count == 1 or sum(map(len, text.values())) <= limit


def test_a_statement_has_a_parameter_for_each_column_and_no_value() -> None:
    columns = [
        SentColumn("it`s", TEXT, encoded("labels.x", TEXT)),
        SentColumn("day", parse_type("date"), encoded("labels.y", parse_type("date"))),
    ]
    assert insertion("`t`", columns) == (
        "insert into `t`\n"
        "select\n"
        "    cast(:first as bigint) + place,\n"
        "    label.c0,\n"
        "    date_from_unix_date(cast(label.c1 as int))\n"
        "from (\n"
        "    select posexplode(arrays_zip(c0, c1)) as (place, label)\n"
        "    from (\n"
        "        select\n"
        "        from_json(:c0, 'array<string>', map('mode', 'FAILFAST')) as c0,\n"
        "        from_json(:c1, 'array<bigint>', map('mode', 'FAILFAST')) as c1\n"
        "    ) as sent\n"
        ") as labels"
    )


YEAR_9999 = 253_402_300_799_999_999
YEAR_1 = -62_135_596_800_000_000


@pytest.mark.parametrize(
    ("sql", "kind", "sent"),
    [
        ("'it''s'", "text", "it's"),
        ("null::varchar", "text", None),
        ("12::tinyint", "bigint", 12),
        ("3000000000::bigint", "integer", None),
        ("170141183460469231731687303715884105727::hugeint", "hugeint", "170141183460469231731687303715884105727"),
        ("1.50::decimal(10, 2)", "decimal(4, 2)", "1.50"),
        ("123456.78::decimal(10, 2)", "decimal(4, 2)", None),
        ("true", "boolean", True),
        ("date '1969-12-31'", "date", -1),
        ("date 'infinity'", "date", None),
        ("0.1::double", "double", "0.1"),
        ("'nan'::double", "double", "nan"),
        ("timestamp '1970-01-01 00:00:00.000001'", "timestamp", 1),
        ("timestamp '1969-12-31 23:59:59.999999'", "timestamp", -1),
        ("timestamp 'infinity'", "timestamp", YEAR_9999),
        ("timestamp '-infinity'", "timestamp", YEAR_1),
        ("timestamp '12000-01-01'", "timestamp", YEAR_9999),
        ("timestamp '0044-03-15 (BC)'", "timestamp", YEAR_1),
        ("null::timestamp", "timestamp", None),
    ],
)  # fmt: skip
def test_what_is_sent_of_a_value(sql: str, kind: str, sent: Any) -> None:
    with duckdb.connect() as connection:
        found = connection.sql(f"select {encoded(sql, parse_type(kind)).sent}").to_arrow_table()
    values = found.column(0).to_pylist()
    assert json.loads(json.dumps(values)) == [sent]


# The order of rows


def numbered(*numbers: int | None) -> pa.Table:
    return pa.table({"n": pa.array(numbers, pa.int64()), "x": pa.array(numbers, pa.int64())})


def test_pages_in_order() -> None:
    found = list(in_order([numbered(0, 1), numbered(2), numbered()], "n", 3))
    assert pa.concat_tables(found).to_pydict() == {"x": [0, 1, 2]}


@pytest.mark.parametrize(
    ("pages", "rows"),
    [
        ([numbered(1, 0)], 2),
        ([numbered(0, 0)], 2),
        ([numbered(0, None)], 2),
        ([numbered(0), numbered(0)], 2),
        ([numbered(0, 1)], 3),
        ([numbered()], 1),
    ],
    ids=["another order", "twice", "without a number", "again", "too few", "none"],
)
def test_pages_that_are_mixed_up(pages: list[pa.Table], rows: int) -> None:
    with pytest.raises(RetrievalError, match=r"MF096.*did not give back every label once"):
        list(in_order(pages, "n", rows))


sizes = st.lists(st.integers(0, 5), min_size=1, max_size=8)


@given(sizes, sizes)
def test_pages_side_by_side(left: list[int], right: list[int]) -> None:
    longer = sum(left) - sum(right)
    (right if longer > 0 else left).append(abs(longer))
    rows = sum(left)

    def cut(name: str, parts: list[int]) -> Iterator[pa.Table]:
        start = 0
        for part in parts:
            yield pa.table({name: pa.array(range(start, start + part), pa.int64())})
            start += part

    found = pa.concat_tables(beside(cut("a", left), cut("b", right)))
    assert found.to_pydict() == {"a": list(range(rows)), "b": list(range(rows))}


@pytest.mark.parametrize(("left", "right"), [(2, 3), (3, 2)])
def test_sides_of_different_length(left: int, right: int) -> None:
    with pytest.raises(RetrievalError, match="MF096"):
        list(beside([numbered(*range(left))], [pa.table({"y": range(right)})]))


# Types


def test_types_are_those_of_duckdb() -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    schema = pa.schema(
        [
            pa.field("own", pa.timestamp("us", "UTC"), nullable=False),
            pa.field("f__at", pa.timestamp("us", "UTC")),
            pa.field("f__zoned", pa.timestamp("us", "UTC")),
            pa.field("f__n", pa.int32(), nullable=False),
        ]
    )
    table = pa.Table.from_pylist(
        [{"own": at, "f__at": None, "f__zoned": at, "f__n": 1}], schema=schema
    )
    types = {"f__at": pa.timestamp("us"), "f__zoned": pa.timestamp("us", "Etc/UTC"), "f__n": pa.int64()}  # fmt: skip
    found = alike(table, types)
    assert found.schema == pa.schema(
        [
            ("own", pa.timestamp("us")),
            ("f__at", pa.timestamp("us")),
            ("f__zoned", pa.timestamp("us", "Etc/UTC")),
            ("f__n", pa.int64()),
        ]
    )
    assert found["own"].to_pylist() == [datetime(2024, 1, 1)]


# Tables on the warehouse


@dataclass
class Recorder(Session):
    """A session that notes statements, and refuses those with a certain text."""

    connection: Any = None
    refused: tuple[str, ...] = ()
    dies_at: str | None = None
    tables: tuple[str, ...] = ()
    statements: list[str] = field(default_factory=list)
    parameters: list[Mapping[str, Any]] = field(default_factory=list)

    def run(self, text: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.statements.append(text)
        if parameters:
            self.parameters.append(parameters)
        self.lost = self.lost or (self.dies_at is not None and self.dies_at in text)
        if self.lost or any(item in text for item in self.refused):
            raise RetrievalError([Diagnostic("MF096", "refused")])

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        self.run(text)
        return [("s", name, False) for name in self.tables]

    def pages(self, text: str) -> Generator[pa.Table, None, None]:
        self.run(text)
        yield pa.table({"x": [1 // 0]})


def an_upload(session: Session, schema: tuple[str, str] | None = None) -> Upload:
    columns = [SentColumn("shop", BIGINT, encoded("shop", BIGINT))]
    return Upload(session, "mlforge_row", columns, schema, ("c", "s"))


BATCHES = [pa.RecordBatch.from_pydict({"c0": [7, None]}), pa.RecordBatch.from_pydict({"c0": [9]})]


def test_a_temporary_table_and_its_end() -> None:
    session = Recorder()
    upload = an_upload(session)
    with upload.of(BATCHES):
        assert upload.rows == 3
        assert len(session.statements) == 3
    assert session.statements[0].startswith(TEMPORARY)
    assert session.statements[0].endswith("(`mlforge_row` bigint, `shop` bigint)")
    assert session.parameters == [{"first": 0, "c0": "[7,null]"}, {"first": 2, "c0": "[9]"}]
    assert session.statements[-1] == f"drop table if exists {upload.relation}"


def test_a_schema_of_choice() -> None:
    session = Recorder()
    with an_upload(session, ("lab", "scratch")).of(BATCHES):
        pass
    assert session.statements[0] == "show tables in `lab`.`scratch` like 'mlforge_labels_*'"
    assert session.statements[1].startswith("create table `lab`.`scratch`.`mlforge_labels_2")
    assert session.statements[1].endswith(
        "comment 'Labels of a training set that mlforge is reading. Safe to drop.'"
    )


def test_where_there_are_no_temporary_tables() -> None:
    session = Recorder(refused=("create temporary table",))
    with an_upload(session).of(BATCHES):
        pass
    kinds = [text.split("`")[0] for text in session.statements]
    assert kinds == ["create temporary table ", "show tables in ", "create table ", "insert into ", "insert into ", "drop table if exists "]  # fmt: skip
    assert "`c`.`s`.`mlforge_labels_" in session.statements[2]


def test_a_schema_where_nothing_can_be_created() -> None:
    session = Recorder(refused=("create",))
    with pytest.raises(RetrievalError) as caught, an_upload(session).of(BATCHES):
        pass
    assert str(caught.value) == (
        "error[MF097]: local labels cannot be put into `c.s`: refused; have CREATE TABLE granted "
        "there, name another schema as `scratch_schema` of the profile's offline store, or give the "
        "labels as a table"
    )


def test_what_killed_runs_left_is_dropped() -> None:
    old = datetime.now(UTC) - timedelta(days=1, minutes=1)
    young = datetime.now(UTC) - timedelta(hours=23)
    stale = f"mlforge_labels_{old:%Y%m%dt%H%M%S}_0a1b2c3d"
    mine = (f"mlforge_labels_{young:%Y%m%dt%H%M%S}_0a1b2c3d", "mlforge_labels_of_mine", "labels")
    session = Recorder(tables=(*mine, stale), refused=("drop table if exists `a`.`b`.`mlforge",))
    with an_upload(session, ("a", "b")).of(BATCHES):
        pass
    dropped = [text for text in session.statements if text.startswith("drop")]
    assert dropped[0] == f"drop table if exists `a`.`b`.`{stale}`", "that it cannot is no problem"
    assert len(dropped) == 2


@pytest.mark.parametrize("error", [RetrievalError([]), KeyboardInterrupt(), ValueError()])
def test_the_table_is_dropped_whatever_happens(error: BaseException) -> None:
    session = Recorder()
    with pytest.raises(type(error)), an_upload(session).of(BATCHES):
        raise error
    assert session.statements[-1].startswith("drop table if exists `mlforge_labels_")


def test_the_table_is_dropped_when_a_batch_is_refused() -> None:
    session = Recorder(refused=("insert",))
    with pytest.raises(RetrievalError), an_upload(session).of(BATCHES):
        pytest.fail("it is not there")
    assert session.statements[-1].startswith("drop table if exists `mlforge_labels_")


@pytest.mark.parametrize("when", ["create", "insert"])
def test_nothing_is_asked_of_a_warehouse_that_is_gone(when: str) -> None:
    session = Recorder(dies_at=when)
    with pytest.raises(RetrievalError), an_upload(session).of(BATCHES):
        pass
    assert [text.split()[0] for text in session.statements] == ["create", "insert"][: 1 + (when == "insert")]  # fmt: skip


# The profile


def profile(**keys: str) -> UnityCatalogStore:
    return UnityCatalogStore.model_validate(
        {"KIND": "unity_catalog", "catalog": "main", "schema": "ml", **keys}
    )


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ({}, None),
        ({"scratch_schema": "tmp"}, ("main", "tmp")),
        ({"scratch_schema": "lab.tmp"}, ("lab", "tmp")),
        ({"scratch_schema": "`my.lab`.tmp"}, ("my.lab", "tmp")),
    ],
)
def test_where_labels_go(named: dict[str, str], place: tuple[str, str] | None) -> None:
    assert scratch_place(profile(**named)) == place


def test_the_connector_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "databricks.sql", None)
    monkeypatch.setenv("DATABRICKS_HOST", "nowhere.invalid")
    monkeypatch.setenv("DATABRICKS_HTTP_PATH", "/sql/1.0/warehouses/x")
    monkeypatch.setenv("DATABRICKS_TOKEN", "secret-token")
    for name in ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RetrievalError) as caught:
        open_databricks("databricks", profile())
    assert str(caught.value) == (
        "error[MF095]: databricks-sql-connector is not installed; "
        "pip install 'mlforge-sql[databricks]'"
    )


# Errors


SALTED = (
    "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` instead. SQLSTATE: 22012\n"
    "== SQL (line 2, position 1) ==\nselect 'pepper and salt' / 0\n^^^"
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exc.ServerOperationError(SALTED), "error[MF063]: Division by zero."),
        (
            exc.ServerOperationError("[SOMETHING_NEW] It is dapi-secret. SQLSTATE: 42KST\n\n== SQL =="),
            "error[MF096]: the SQL warehouse says: It is <DATABRICKS_TOKEN>.",
        ),
        (exc.Error("closed"), "error[MF096]: the SQL warehouse says: closed"),
    ],
    ids=["a value", "something new", "the connector's own"],
)  # fmt: skip
def test_errors_without_statement_and_secrets(
    error: exc.Error, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-secret")
    assert str(problem(error)) == said


def test_a_login_that_is_refused() -> None:
    error = exc.RequestError("Error during request to server", {"http-code": 401})
    found = problem(error).diagnostics[0]
    assert found.code == "MF078"
    assert found.hint is not None
    assert "make a new token" in found.hint


def test_the_statement_is_not_in_a_traceback() -> None:
    class Cursor(SimpleNamespace):
        def execute(self, _text: str, _parameters: Any) -> None:
            raise exc.ServerOperationError(SALTED)

        def close(self) -> None:
            return None

    session = Session(SimpleNamespace(cursor=Cursor))
    with pytest.raises(RetrievalError) as caught:
        session.run("select 'pepper and salt' / 0")
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def test_a_statement_that_is_not_waited_for_is_cancelled() -> None:
    called: list[str] = []

    class Cursor(SimpleNamespace):
        def execute(self, _text: str, _parameters: Any) -> None:
            raise KeyboardInterrupt

        def cancel(self) -> None:
            called.append("cancel")

        def close(self) -> None:
            called.append("close")

    session = Session(SimpleNamespace(cursor=Cursor))
    with pytest.raises(KeyboardInterrupt):
        session.run("select 1")
    assert called == ["cancel", "close"]


def test_a_warehouse_that_is_gone_is_not_asked_to_end_the_session() -> None:
    state = SimpleNamespace(is_open=True)

    def ask() -> None:
        pytest.fail("it takes seconds, and nobody answers")

    session = Session(SimpleNamespace(session=state, close=ask))
    session.lost = True
    session.close()
    assert not state.is_open


def test_the_salt_stays_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_SALT", "pepper")
    settings = config("s") | {"surrogate_key_salt_env": "KEY_SALT"}
    write_project(tmp_path, SPEC, settings)
    write_parquet(tmp_path / "data" / "events.parquet", SCHEMA, ROWS)
    write_parquet(tmp_path / "data" / "labels.parquet", LABEL_SCHEMA, LABELS)
    project, plan = plan_project(tmp_path)
    requests = resolve_wanted(project, ["spend"])
    macros = partial(compiled_macros, plan)
    session = Recorder()
    store = DatabricksStore("databricks", session, profile())
    labels = arrow_labels(store.local, pa.Table.from_pylist(LABELS[:2]))
    rows = joiner_of(store).join(labels, Join.of(requests, Timestamp("taken"), macros), own=False)
    with pytest.raises(ZeroDivisionError):
        rows.table()
    born = LABELS[0]["born"]
    keys = [surrogate_key(name, born, salt="pepper") for name in ("name 0", "name 1")]
    assert json.loads(session.parameters[0]["c0"]) == keys
    assert "pepper" not in json.dumps([session.statements, session.parameters])
    assert "mlforge_row" in session.statements[-2], "the query of the features"
    assert session.statements[-1].startswith("drop table")


def compiled_macros(plan: Plan, dialect: Dialect) -> FileSet:
    return macro_files(plan, Branches((dialect,)))


@pytest.mark.parametrize("read", [0, 1, 2])
def test_a_stream_that_nobody_reads_to_its_end_lets_go_of_the_store(read: int) -> None:
    ended: list[str] = []

    @dataclass(frozen=True)
    class TwoPages(Paged):
        def pages(self) -> Generator[pa.Table, None, None]:
            try:
                yield pa.table({"a": [1]})
                yield pa.table({"a": [2]})
            finally:
                ended.append("what the warehouse has of it")

        def close(self) -> None:
            pass

    store: Any = SimpleNamespace(close=lambda: ended.append("the session"))
    nothing: Any = None
    reader = TwoPages(store, nothing, nothing).reader()
    assert [reader.read_next_batch()["a"].to_pylist() for _ in range(read)] == [[1], [2]][:read]
    assert not ended
    del reader
    assert ended == ["what the warehouse has of it", "the session"]
