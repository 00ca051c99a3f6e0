"""Keys, names and columns in the leakage audit."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from events import at
from harness import CONFIG

from mlforge_sql.dbt.files import project_files
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.trees import func, number
from mlforge_sql.sql.branches import Branches

if TYPE_CHECKING:
    from sqlglot import exp
from audited import (
    CONTINUOUS,
    EVENTS,
    GRIDDED,
    LABELS,
    LAST,
    MARKED,
    ROWS,
    SPEC,
    audit,
    build,
    named,
)

# Keys and names
PERSON = {"name": "person", "join_key": "person_id", "from_columns": ["First Name", "born"]}


@pytest.mark.parametrize("carried", ["parts", "salted parts", "key"])
def test_personal_columns_are_in_no_difference(tmp_path: Path, carried: str) -> None:
    """Also where the labels have them, and the key is computed from them."""
    spec = deepcopy(SPEC)
    spec["entities"] = [PERSON]
    spec["features"] = [{**GRIDDED, "entities": ["person"]}]
    spec["training_sets"][0]["features"] = ["daily"]
    people = [("Ann", "1990-01-01"), ("O'Hara", "1980-02-29"), (None, None), (None, "1990-01-01")]
    rows = [
        {"First Name": name, "born": born, "event_time": row["event_time"], "amount": row["amount"]}
        for name, born in people
        for row in ROWS
    ]
    schema = {"First Name": "VARCHAR", "born": "DATE"}
    labels: list[dict[str, Any]] = [
        {"First Name": name, "born": born, "marked_at": at("01-03 00:00")} for name, born in people
    ]
    label_schema = {**schema, "marked_at": "TIMESTAMP"}
    if carried == "key":
        import mlforge_sql as mlf

        label_schema = {"person_id": "VARCHAR", "marked_at": "TIMESTAMP"}
        labels = [
            {
                "person_id": mlf.surrogate_key(item["First Name"], item["born"]),
                "marked_at": item["marked_at"],
            }
            for item in labels
        ]
    schemas = ({**schema, "event_time": "TIMESTAMP", "amount": "DOUBLE"}, label_schema)
    salted = carried == "salted parts"
    config = {**CONFIG, **({"surrogate_key_salt_env": "SALT"} if salted else {})}
    env = {"SALT": "it's {{ salt }}"}
    run = build(tmp_path, spec, rows, labels, schemas, config=config, env=env)
    assert audit(run, "daily", env) == []
    run.connection.execute("update judged set daily__amount_count_1d = 77")
    found = audit(run, "daily", env)
    assert len(found) == 4
    assert not [text for text in run.compiled.files.values() if "salt }}" in text]
    assert [row["person_id"] for row in found].count(None) == 1
    shown = ["person_id", "label_time", "feature_column", "in_training_set", "recomputed"]
    assert all(list(row) == shown for row in found)
    assert not [name for name in ("Ann", "O'Hara", "1990") if name in str(found)]


def test_names_that_the_audit_uses_itself(tmp_path: Path) -> None:
    """Keys, columns and times may be called like the audit's own, or anything else."""
    keys = ["label_number", "feature_column", "label_time"]
    time = 'at "{{ x }}"'
    spec: dict[str, Any] = {
        "entities": [{"name": "user", "join_key": keys}],
        "sources": [
            {**EVENTS, "timestamp": time, "delay": "1h"},
            {**MARKED, "timestamp": "sample_order"},
        ],
        "features": [
            {
                "name": "daily",
                "source": "events",
                "entities": ["user"],
                "interval": "1d",
                "ttl": "7d",
                "select": {"amount": "in_last_1d", "odd_one": "rounding + 1", "is_recent": "true"},
                "metrics": [
                    {"windows": ["1d"], "aggregations": {"amount": ["sum", "std", "variance"]}},
                    {
                        "field": "odd_one",
                        "function": "mean",
                        "windows": ["1d"],
                        "name": "recomputed",
                    },
                ],
            },
            {
                "name": "recent",
                "source": "events",
                "entities": ["user"],
                "select": {"age": "rounding", "known_time": "in_last_1d", "is_equal": "kind"},
            },
        ],
        "training_sets": [{"name": "judged", "labels": "marked", "features": ["daily", "recent"]}],
    }
    names = dict.fromkeys(keys, "VARCHAR")
    schema = {
        **names,
        time: "TIMESTAMP",
        "in_last_1d": "DOUBLE",
        "rounding": "DOUBLE",
        "kind": "VARCHAR",
    }
    rows = [
        {
            **dict.fromkeys(keys, "u1"),
            time: row["event_time"],
            "in_last_1d": row["amount"],
            "rounding": 1.0,
            "kind": "a{{b",
        }
        for row in ROWS
    ]
    labels = [
        {**dict.fromkeys(keys, "u1"), "sample_order": row["marked_at"], "tick": 1, "staged": 2}
        for row in LABELS
    ]
    label_schema = {**names, "sample_order": "TIMESTAMP", "tick": "BIGINT", "staged": "BIGINT"}
    run = build(tmp_path, spec, rows, labels, (schema, label_schema))
    assert [audit(run, name) for name in ("daily", "recent")] == [[], []]
    run.connection.execute(
        "update judged set daily__recomputed_1d = 7, recent__age = 9 where sample_order = timestamp '2024-01-03'"
    )
    row, *others = audit(run, "daily")  # three labels have this time
    assert others == [row, row]
    assert list(row) == [
        *keys,
        "mlforge_label_time",
        "mlforge_feature_column",
        "in_training_set",
        "recomputed",
    ]
    assert list(row.values())[3:] == [at("01-03"), "recomputed_1d", "7.0", "2.0"]
    assert len(audit(run, "recent")) == 3


def test_an_audit_branches_where_engines_differ(tmp_path: Path) -> None:
    class Other(DuckDb):
        name = "other"

        def later(self, timestamp: exp.Expr, microseconds: int) -> exp.Expr:
            return func("timestampadd", timestamp, number(microseconds))

    spec = deepcopy(SPEC)
    spec["features"] = [GRIDDED, {**CONTINUOUS, "ttl": "7d"}, LAST]
    compiled = build(tmp_path, spec).compiled
    files = project_files(compiled.project, compiled.plan, Branches((Other(), DuckDb())))
    branches = [
        path.stem
        for path, text in files.items()
        if path.parts[0] == "tests" and "if target.type == 'other' %}" in text
    ]
    tables = [f"audit_feature__{name}" for name in ("daily", "last", "recent")]
    assert branches == [*tables, "audit_judged__recent"]
    text = files[PurePosixPath("tests/audit/audit_judged__recent.sql")]
    assert text.index("config(") < text.index("{%- if target.type")


def test_two_training_sets_whose_audits_have_one_name(tmp_path: Path) -> None:
    spec = deepcopy(SPEC)
    spec["features"] = [{**LAST, "name": "b__c"}, {**LAST, "name": "c"}]
    spec["training_sets"] = [
        {"name": "a", "labels": "marked", "features": ["b__c"]},
        {"name": "a__b", "labels": "marked", "features": ["c"]},
    ]
    run = build(tmp_path, spec)
    names = [path.name for path in run.compiled.files if path.parts[:2] == ("tests", "audit")]
    tables = ["audit_feature__b__c.sql", "audit_feature__c.sql"]
    assert names == ["audit_a__b__c.sql", "audit_a__b__c_2.sql", *tables]


def test_the_columns_that_are_asked_for_are_audited(tmp_path: Path) -> None:
    spec = deepcopy(SPEC)
    spec["training_sets"][0]["features"] = [{"name": "daily", "columns": ["amount_count_2d"]}]
    run = build(tmp_path, spec)
    run.connection.execute("update judged set daily__amount_count_2d = -1")
    found = audit(run, "daily")
    assert {row["feature_column"] for row in found} == {"amount_count_2d"}
    assert len(found) == len(LABELS)


def test_a_ttl_that_is_not_kept_is_found(tmp_path: Path) -> None:
    spec = deepcopy(SPEC)
    spec["features"] = [{**item, "ttl": "2d"} for item in (GRIDDED, CONTINUOUS, LAST)]
    run = build(tmp_path, spec)
    assert [audit(run, name) for name in ("daily", "recent", "last")] == [[], [], []]
    run.connection.execute(
        "update judged set last__last_amount = 5000, daily__amount_sum_1d = 0 where marked_at = timestamp '2024-06-01'"
    )
    assert set(named(audit(run, "last"))) == {("u1", at("06-01"), "last_amount")}
    assert set(named(audit(run, "daily"))) == {("u1", at("06-01"), "amount_sum_1d")}
