"""The leakage audit through real dbt: it runs with every build, and keeps what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from events import at, table
from harness import write_parquet, write_project
from test_dbt_build import Result, compile_and_write, dbt, query, strict_parse

pytestmark = pytest.mark.functional

METRICS = [{"windows": ["1d", "7d"], "aggregations": {"amount": ["sum", "count", "std"]}}]
SPEC: dict[str, Any] = {
    "entities": [
        {"name": "user", "join_key": "user_id", "from_columns": ["first_name", "born"]},
        {"name": "shop", "join_key": "shop_id"},
    ],
    "sources": [
        {"name": "payments", "timestamp": "paid_at", "path": "data/payments.parquet"},
        {"name": "marked", "timestamp": "marked_at", "path": "data/marked.parquet"},
    ],
    "features": [
        {
            "name": "daily",
            "source": "payments",
            "entities": ["user"],
            "interval": "1d",
            "where": "shop_id <> '{{ x }}'",
            "metrics": METRICS,
        },
        {"name": "recent", "source": "payments", "entities": ["shop"], "metrics": METRICS},
        {
            "name": "last",
            "source": "payments",
            "entities": ["user", "shop"],
            "ttl": "30d",
            "select": {"last_amount": "amount", "doubled": "amount * 2"},
        },
    ],
    "training_sets": [
        {
            "name": "judged",
            "labels": "marked",
            "features": ["daily", "recent", {"name": "last", "columns": ["doubled"]}],
            "audit_rows": 50,
        }
    ],
}
AUDITS = {f"audit_judged__{name}" for name in ("daily", "recent", "last")}
TABLES = {f"audit_feature__{name}" for name in ("daily", "recent", "last")}
COUNTED = ("stg_payments", "int_judged__labels", "daily", "recent", "last")
ROWS_OF = {f"rows_of__{name}" for name in COUNTED}


@dataclass(frozen=True)
class Audited:
    """A project that was built, and then its training set again from a table with a fault."""

    root: Path
    honest: Result
    faulty: Result


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    root = write_project(tmp_path_factory.mktemp("audited") / "project", SPEC)
    payments = table(
        "first_name born shop_id paid_at amount",
        ("Ann", "1990-01-01", "s1", at("01-01 12:00"), 10.0),
        ("Ann", "1990-01-01", "s1", at("01-02 09:00"), 100.0),
        ("O'Hara", "1980-02-29", "s2", at("01-02 18:00"), 1000.0),
        ("Ann", "1990-01-01", "{{ x }}", at("01-03 00:00"), 5000.0),
    )
    people = {"first_name": "VARCHAR", "born": "DATE", "shop_id": "VARCHAR"}
    schema = {**people, "paid_at": "TIMESTAMP", "amount": "DOUBLE"}
    write_parquet(root / "data" / "payments.parquet", schema, payments)
    marked = table(
        "first_name born shop_id marked_at",
        ("Ann", "1990-01-01", "s1", at("01-02 09:00")),
        ("Ann", "1990-01-01", "s1", at("01-03 10:00")),
        ("O'Hara", "1980-02-29", "s2", at("06-01 00:00")),
        (None, None, None, at("01-03 10:00")),
    )
    write_parquet(root / "data" / "marked.parquet", {**people, "marked_at": "TIMESTAMP"}, marked)
    compile_and_write(root)
    honest = dbt(root, "build")
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        connection.execute(
            "update daily set feature_timestamp = feature_timestamp - interval '1 day'"
        )
    again = dbt(root, "run", "--select", "judged")
    assert again.done.returncode == 0, again.output
    faulty = dbt(root, "test", "--select", "tag:mlforge_audit")
    return Audited(root, honest, faulty)


def test_every_build_audits_its_training_sets_and_tables(audited: Audited) -> None:
    assert audited.honest.done.returncode == 0, audited.honest.output
    for name in (AUDITS | TABLES | ROWS_OF) | {"daily__no_nulls", "recent__no_nulls"}:
        found = audited.honest.of(name)
        assert (found["status"], found["failures"]) == ("pass", 0), name


def test_a_planted_fault_fails_its_audits_alone(audited: Audited) -> None:
    assert audited.faulty.done.returncode == 1, audited.faulty.output
    tests = [name for name in audited.faulty.results if name.startswith("test.")]
    assert len(tests) == len(AUDITS | TABLES), "the tag selects the audits"
    wrong = {"audit_judged__daily", "audit_feature__daily"}
    for name in wrong:
        assert audited.faulty.of(name)["status"] == "fail", name
    for name in (AUDITS | TABLES) - wrong:
        assert audited.faulty.of(name)["status"] == "pass", name


def test_what_differs_is_kept_in_a_table_that_names_nobody(audited: Audited) -> None:
    rows = query(audited.root, "select * from main._mlforge_audit_judged__daily")
    assert rows
    assert list(rows[0]) == [
        *("user_id", "label_time", "feature_column", "in_training_set", "recomputed")
    ]
    found = {(row["label_time"], row["feature_column"]): row for row in rows}
    row = found[at("01-02 09:00"), "amount_sum_1d"]
    assert (row["in_training_set"], row["recomputed"]) == ("100.0", "10.0")
    assert len(row["user_id"]) == 64
    assert not [name for name in ("Ann", "Hara", "1990", "1980") if name in str(rows)]


def test_both_parsers_are_clean(audited: Audited) -> None:
    done = dbt(audited.root, "--warn-error", "parse", "--no-partial-parse")
    assert done.done.returncode == 0, done.output
    assert "deprecat" not in done.output.lower()
    strict_parse(audited.root)
