"""The example project through real dbt on DuckDB: rows, metadata, `as_of`, validators, both parsers."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from harness import Run, compile_and_run

from mlforge_sql.workflows.compile import Compiled, compile_project, write_project

pytestmark = pytest.mark.functional

EXAMPLE = Path(__file__).parents[2] / "example_project"
DBT = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
FEATURES = (
    "customer_latest_transaction",
    "customer_merchant_affinity",
    "customer_spend",
    "customer_velocity",
    "merchant_spend",
)
KEYS = {
    "customer_merchant_affinity": ("customer_id", "merchant_id"),
    "merchant_spend": ("merchant_id",),
}
AS_OF = datetime(2024, 7, 1, 12, 30)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Result:
    """One dbt command: what it printed and what it says about each node."""

    done: subprocess.CompletedProcess[str]
    results: dict[str, dict[str, Any]]
    invocation_id: str

    @property
    def output(self) -> str:
        return self.done.stdout + self.done.stderr

    def of(self, name: str) -> dict[str, Any]:
        """The result of the model or test of this name."""
        (found,) = (item for node, item in self.results.items() if name in node.split("."))
        return found

    def statuses(self) -> set[str]:
        return {item["status"] for item in self.results.values()}


def dbt(root: Path, *arguments: str) -> Result:
    """Run dbt as a user would, in the compiled folder."""
    report = root / "dbt" / "target" / "run_results.json"
    report.unlink(missing_ok=True)
    done = subprocess.run(
        [*DBT, "--no-use-colors", *arguments, "--profiles-dir", "."],
        cwd=root / "dbt",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if not report.is_file():
        return Result(done, {}, "")
    content = json.loads(report.read_text(encoding="utf-8"))
    results = {item["unique_id"]: item for item in content["results"]}
    return Result(done, results, content["metadata"]["invocation_id"])


def copy_example(root: Path, rows: int = 2_000) -> Compiled:
    ignore = shutil.ignore_patterns("data", "dbt", "feature_store", "__pycache__")
    shutil.copytree(EXAMPLE, root, ignore=ignore)
    command = [sys.executable, "generate_data.py", "--rows", str(rows), "--out", "data"]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=60)
    return compile_and_write(root)


def compile_and_write(root: Path) -> Compiled:
    compiled = compile_project(root)
    write_project(compiled)
    return compiled


def query(root: Path, sql: str) -> Rows:
    file = root / "feature_store" / "features.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(sql)
        names = [item[0] for item in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def tables(root: Path) -> set[str]:
    return {
        row["table_name"]
        for row in query(root, "select table_name from duckdb_tables() where schema_name = 'main'")
    }


def close(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return type(left) is type(right) and bool(left == right)


def check_same(left: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert list(one) == list(other), "columns and their order"
        assert all(close(one[name], other[name]) for name in one), (one, other)


# A clean build, then another one with `as_of`


@dataclass(frozen=True)
class Builds:
    """The example, built twice."""

    root: Path
    compiled: Compiled
    harness: Run
    first: Result
    second: Result
    after_first: dict[str, Rows]
    started: datetime


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    root = tmp_path_factory.mktemp("functional") / "example"
    compiled = copy_example(root)
    started = datetime.now(UTC).replace(tzinfo=None)
    first = dbt(root, "build")
    assert first.done.returncode == 0, first.output
    kept = {name: query(root, f"select * from {name} order by all") for name in tables(root)}
    second = dbt(root, "build", "--vars", f"{{as_of: '{AS_OF.isoformat()}Z'}}")
    assert second.done.returncode == 0, second.output
    harness = compile_and_run(root, as_of=AS_OF)
    return Builds(root, compiled, harness, first, second, kept, started)


def test_build_is_green(builds: Builds) -> None:
    for build in (builds.first, builds.second):
        assert build.statuses() <= {"success", "pass", "no-op"}, build.output  # exposures
    tests = [name for name in builds.first.results if name.startswith("test.")]
    validators = sum(len(item.rules) for item in builds.compiled.project.features)
    assert validators >= 10
    assert len(tests) > validators


@pytest.mark.parametrize("feature", FEATURES)
def test_feature_tables_equal_those_of_the_harness(builds: Builds, feature: str) -> None:
    """What all other tests run is what dbt builds."""
    found = builds.after_first[feature]
    assert len(found) > 100
    check_same(found, builds.harness.rows(feature, "all"))


@pytest.mark.parametrize("feature", FEATURES)
def test_a_second_build_gives_the_same_tables(builds: Builds, feature: str) -> None:
    check_same(
        query(builds.root, f"select * from {feature} order by all"), builds.after_first[feature]
    )


@pytest.mark.parametrize("feature", FEATURES)
def test_current_is_the_step_function_at_as_of(builds: Builds, feature: str) -> None:
    keys = KEYS.get(feature, ("customer_id",))
    history = query(builds.root, f"select * from {feature} order by feature_timestamp")
    expected: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in history:
        if row["feature_timestamp"] <= AS_OF:
            expected[tuple(row[name] for name in keys)] = row
    found = query(builds.root, f"select * from {feature}_current")
    by_key = {tuple(row[name] for name in keys): row for row in found}
    assert len(by_key) == len(found), "one row for each entity"
    assert by_key == expected
    assert 0 < len(found) < len({tuple(row[name] for name in keys) for row in history})
    ordered = query(builds.root, f"select * from {feature}_current order by all")
    check_same(ordered, builds.harness.rows(f"{feature}_current", "all"))


@pytest.mark.parametrize("feature", FEATURES)
def test_current_is_now_by_default(builds: Builds, feature: str) -> None:
    """The data is of 2024: today every entity has its last row."""
    keys = ", ".join(KEYS.get(feature, ("customer_id",)))
    sql = f"select * from {feature} qualify row_number() over (partition by {keys} order by feature_timestamp desc) = 1 order by all"
    check_same(builds.after_first[f"{feature}_current"], query(builds.root, sql))


def test_metadata_has_a_row_for_each_feature_and_run(builds: Builds) -> None:
    found = query(builds.root, "select * from _mlforge_metadata")
    runs = [builds.first.invocation_id, builds.second.invocation_id]
    assert len(set(runs)) == 2
    expected = {(feature, run) for feature in FEATURES for run in runs}
    assert {(row["feature"], row["run_id"]) for row in found} == expected
    assert len(found) == len(expected)
    for row in found:
        name = row["feature"]
        assert row["row_count"] == len(builds.after_first[name])
        assert row["version"] == 1
        assert row["spec_hash"] == meta_of(builds.compiled, name)["spec_hash"]
        assert row["profile"] == "dev"
        assert (row["delta_version"], row["delta_timestamp"]) == (None, None)
    at = {row["run_id"]: row["built_at"] for row in found}
    assert builds.started - timedelta(seconds=1) <= at[runs[0]] < at[runs[1]]
    assert at[runs[1]] <= datetime.now(UTC).replace(tzinfo=None)


def test_the_first_build_left_its_metadata(builds: Builds) -> None:
    first = builds.after_first["_mlforge_metadata"]
    assert sorted(row["feature"] for row in first) == list(FEATURES)
    assert {row["run_id"] for row in first} == {builds.first.invocation_id}
    assert [
        row for row in query(builds.root, "select * from _mlforge_metadata") if row in first
    ] != []


def meta_of(compiled: Compiled, feature: str) -> dict[str, Any]:
    text = next(text for path, text in compiled.files.items() if path.name == f"{feature}.yml")
    found: dict[str, Any] = yaml.safe_load(text)["models"][0]["config"]["meta"]["mlforge"]
    return found


def test_no_source_column_of_a_key_is_in_a_table(builds: Builds) -> None:
    """Names and birthdays stay in views over the source."""
    stored = query(
        builds.root,
        "select table_name, column_name from duckdb_columns() where not internal and table_name in (select table_name from duckdb_tables())",
    )
    assert {row["table_name"] for row in stored} >= set(FEATURES)
    assert not [
        row for row in stored if row["column_name"] in {"first_name", "last_name", "date_of_birth"}
    ]


def test_primary_keys_and_types(builds: Builds) -> None:
    types = query(
        builds.root,
        "select column_name, data_type, is_nullable from duckdb_columns() where table_name = 'customer_spend' order by column_index",
    )
    assert [tuple(row.values()) for row in types[:3]] == [
        ("customer_id", "VARCHAR", False),
        ("feature_timestamp", "TIMESTAMP", False),
        ("amount_sum_7d", "DOUBLE", True),
    ]
    for feature in FEATURES:
        keys = ", ".join((*KEYS.get(feature, ("customer_id",)), "feature_timestamp"))
        (row,) = query(
            builds.root, f"select count(*) - count(distinct ({keys})) as repeated from {feature}"
        )
        assert row["repeated"] == 0


def test_v1_parser_is_clean(builds: Builds) -> None:
    done = dbt(builds.root, "--warn-error", "parse", "--no-partial-parse")
    assert done.done.returncode == 0, done.output
    assert "warn" not in done.output.lower().replace("--warn-error", "")
    assert "deprecat" not in done.output.lower()


def strict_parse(root: Path) -> None:
    """The stricter v2 parser finds nothing to say about a copy of the project."""
    parser = Path(sys.executable).parent / "dbt-core-experimental-parser"
    assert parser.is_file(), "pip install dbt-core-experimental-parser"
    copy = root.parent / f"{root.name}_v2"
    shutil.copytree(root / "dbt", copy / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    done = subprocess.run(
        [str(parser), "parse", "--profiles-dir", ".", "--target", "dev"],
        cwd=copy / "dbt",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "Finished 'parse' successfully" in output, output
    assert "warning" not in output.lower(), output
    assert "error" not in output.lower(), output


def test_v2_parser_is_clean(builds: Builds) -> None:
    strict_parse(builds.root)


# A build of bad rows


@dataclass(frozen=True)
class Broken:
    """The example after a clean build, with bad rows in its source."""

    root: Path
    result: Result
    before: dict[str, Rows]


NULL_KEYS = 3


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """One negative amount, and three rows that belong to no customer."""
    root = tmp_path_factory.mktemp("broken") / "example"
    copy_example(root, rows=300)
    data = root / "data" / "transactions.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create table t as select * from '{data}'")
        connection.execute(
            "update t set amount = -1 where transaction_id = (select min(transaction_id) from t)"
        )
        connection.execute(
            "update t set first_name = null, last_name = null, date_of_birth = null where transaction_id in "
            f"(select transaction_id from t order by transaction_id desc limit {NULL_KEYS})"
        )
        connection.execute(f"copy t to '{data}' (format parquet)")
    compile_and_write(root)
    result = dbt(root, "build")
    before = {name: query(root, f"select * from {name} order by all") for name in tables(root)}
    return Broken(root, result, before)


def test_a_violated_validator_stops_its_feature(broken: Broken) -> None:
    assert broken.result.done.returncode == 1, broken.result.output
    violated = broken.result.of("customer_spend__amount__greater_than_or_equal")
    assert (violated["status"], violated["failures"]) == ("fail", 1)
    for feature in ("customer_spend", "merchant_spend", "customer_merchant_affinity"):
        assert broken.result.of(feature)["status"] == "skipped", feature
        assert broken.result.of(f"{feature}_current")["status"] == "skipped", feature
        assert feature not in broken.before
        assert f"{feature}_current" not in broken.before


def test_a_violated_validator_stops_no_other_feature(broken: Broken) -> None:
    """`customer_velocity` reads the same tiles and has no such validator."""
    (row,) = broken.before["_mlforge_metadata"]
    assert row["feature"] == "customer_velocity"
    assert row["row_count"] == len(broken.before["customer_velocity"]) > 0
    assert broken.result.of("customer_velocity_current")["status"] == "success"
    check_same(
        broken.before["customer_velocity"],
        compile_and_run(broken.root).rows("customer_velocity", "all"),
    )


def test_rows_without_a_key_are_counted_and_no_error(broken: Broken) -> None:
    counted = broken.result.of("customer_velocity__rows_without_key_or_time")
    assert (counted["status"], counted["failures"]) == ("warn", NULL_KEYS)
    assert f"Got {NULL_KEYS} results" in broken.result.output
    assert all(row["customer_id"] is not None for row in broken.before["customer_velocity"])


def test_not_null_of_a_key_is_an_error_where_it_is_declared(broken: Broken) -> None:
    """`customer_latest_transaction` says `customer_id: [not_null]`."""
    declared = broken.result.of("customer_latest_transaction__customer_id__not_null")
    assert (declared["status"], declared["failures"]) == ("fail", NULL_KEYS)
    assert broken.result.of("customer_latest_transaction")["status"] == "skipped"


def test_what_failed_names_nobody(broken: Broken) -> None:
    """Neither dbt's output nor its logs have a name or a birthday of the source."""
    data = broken.root / "data" / "transactions.parquet"
    with duckdb.connect() as connection:
        people = connection.execute(
            f"select distinct last_name from '{data}' where last_name is not null"
        ).fetchall()
    log = (broken.root / "dbt" / "logs" / "dbt.log").read_text(encoding="utf-8")
    written = broken.result.output + log
    names = {row[0] for row in people if len(row[0]) > 3}
    assert len(names) > 10
    assert not [name for name in names if f"'{name}'" in written or f" {name} " in written]


def test_a_repaired_source_builds_and_records(broken: Broken) -> None:
    """The next build of good rows makes the missing tables; this one is last in the file.

    It records into a table of the form that earlier versions made.
    """
    with duckdb.connect(str(broken.root / "feature_store" / "features.duckdb")) as connection:
        connection.execute(
            "create table old as select * exclude (profile, delta_version, delta_timestamp) from _mlforge_metadata; "
            "drop table _mlforge_metadata; "
            "create table _mlforge_metadata (feature varchar not null, version integer, spec_hash varchar, "
            "row_count bigint not null, built_at timestamp not null, run_id varchar not null, primary key (feature, run_id)); "
            "insert into _mlforge_metadata from old; drop table old"
        )
    data = broken.root / "data" / "transactions.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"create table t as select * from '{data}' where amount > 0 and first_name is not null"
        )
        connection.execute(f"copy t to '{data}' (format parquet)")
    result = dbt(broken.root, "build")
    assert result.done.returncode == 0, result.output
    assert tables(broken.root) >= {*FEATURES, *(f"{name}_current" for name in FEATURES)}
    found = query(broken.root, "select * from _mlforge_metadata")
    assert len(found) == 1 + len(FEATURES)
    assert [row["profile"] for row in found if row["run_id"] != result.invocation_id] == [None]
    assert {row["profile"] for row in found if row["run_id"] == result.invocation_id} == {"dev"}
    latest = {
        row["feature"]: row["row_count"] for row in found if row["run_id"] == result.invocation_id
    }
    assert set(latest) == set(FEATURES)
    for name, rows in latest.items():
        assert query(broken.root, f"select count(*) as n from {name}") == [{"n": rows}]
