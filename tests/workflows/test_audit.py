"""The leakage audit: planted faults are found and named, honest tables are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from decimal import Decimal, localcontext
from pathlib import Path, PurePosixPath
from statistics import variance
from typing import TYPE_CHECKING, Any

import pytest
from events import at, table
from harness import CONFIG, Run, compile_and_run, project_macros, write_parquet, write_project

from mlforge_sql.dbt.files import project_files
from mlforge_sql.dbt.macros import MacroError
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.trees import func, number
from mlforge_sql.sql.branches import Branches

if TYPE_CHECKING:
    from sqlglot import exp

USER = {"name": "user", "join_key": "user_id"}
EVENTS = {"name": "events", "timestamp": "event_time", "path": "data/events.parquet"}
MARKED = {"name": "marked", "timestamp": "marked_at", "path": "data/labels.parquet"}
EVENT_SCHEMA = {"user_id": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
LABEL_SCHEMA = {"user_id": "VARCHAR", "marked_at": "TIMESTAMP"}

METRICS = [{"windows": ["1d", "2d"], "aggregations": {"amount": ["sum", "count"]}}]
GRIDDED = {
    "name": "daily",
    "source": "events",
    "entities": ["user"],
    "interval": "1d",
    "metrics": METRICS,
}
CONTINUOUS = {"name": "recent", "source": "events", "entities": ["user"], "metrics": METRICS}
LAST = {
    "name": "last",
    "source": "events",
    "entities": ["user"],
    "select": {"last_amount": "amount"},
}
SPEC: dict[str, Any] = {
    "entities": [USER],
    "sources": [EVENTS, MARKED],
    "features": [GRIDDED, CONTINUOUS, LAST],
    "training_sets": [
        {"name": "judged", "labels": "marked", "features": ["daily", "recent", "last"]}
    ],
}
ROWS = table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 10.0),
    ("u1", at("01-02 09:00"), 100.0),
    ("u1", at("01-02 18:00"), 1000.0),
    ("u1", at("01-03 00:00"), 5000.0),
    ("u2", at("01-01 00:00"), 7.0),
)
LABELS = table(
    "user_id marked_at",
    ("u1", at("01-02 09:00")),  # at an event's own time
    ("u1", at("01-03 00:00")),  # the same, and at a tick
    ("u1", at("01-03 09:00")),  # an event of a day before is in the window, for the last time
    ("u1", at("01-03 20:00")),  # between exits
    ("u1", at("01-05 08:00")),  # what is left is 5000 in the window of 2d
    ("u1", at("06-01 00:00")),  # long after the last event
    ("u2", at("01-01 00:00")),
    ("u2", at("01-02 00:00")),
    ("nobody", at("01-03 00:00")),
    (None, at("01-03 00:00")),
    ("u1", None),
)


def build(
    root: Path,
    spec: Mapping[str, Any] = SPEC,
    rows: Sequence[Mapping[str, Any]] = ROWS,
    labels: Sequence[Mapping[str, Any]] = LABELS,
    schemas: tuple[Mapping[str, str], Mapping[str, str]] = (EVENT_SCHEMA, LABEL_SCHEMA),
    config: Mapping[str, Any] = CONFIG,
    **options: Any,
) -> Run:
    write_project(root, deepcopy(dict(spec)), config)
    write_parquet(root / "data" / "events.parquet", schemas[0], rows)
    write_parquet(root / "data" / "labels.parquet", schemas[1], labels)
    return compile_and_run(root, **options)


def audit(
    run: Run,
    feature: str,
    env: Mapping[str, str] | None = None,
    *,
    of: str = "judged",
    **variables: Any,
) -> list[dict[str, Any]]:
    """The rows that the audit of a feature finds: in the training set, or in its own table."""
    path, text = next(
        item for item in run.compiled.files.items() if item[0].stem == f"audit_{of}__{feature}"
    )
    assert path.parts[:2] == ("tests", "audit")
    macros = project_macros(run.compiled, run.compiled.root, env=env, variables=variables)
    found = run.connection.execute(macros.render(text))
    names = [item[0] for item in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def plant(run: Run, *statements: str) -> None:
    """Change feature tables, and build the training set again."""
    text = next(text for path, text in run.compiled.files.items() if path.name == "judged.sql")
    sql = project_macros(run.compiled, run.compiled.root).render(text)
    for statement in (*statements, "drop table judged", f"create table judged as {sql}"):
        run.connection.execute(statement)


def named(
    rows: Sequence[Mapping[str, Any]],
) -> dict[tuple[Any, ...], tuple[str | None, str | None]]:
    """User, time and column of each difference, and both values."""
    return {
        (row["user_id"], row["label_time"], row["feature_column"]): (
            row["in_training_set"],
            row["recomputed"],
        )
        for row in rows
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return build(tmp_path)


def test_an_honest_project_has_no_differences(run: Run) -> None:
    names = {path.name for path in run.compiled.files if path.parts[:2] == ("tests", "audit")}
    features = ("daily", "recent", "last")
    assert names == {f"audit_{of}__{name}.sql" for name in features for of in ("judged", "feature")}
    assert [audit(run, name) for name in ("daily", "recent", "last")] == [[], [], []]
    plant(run)
    assert [audit(run, name) for name in ("daily", "recent", "last")] == [[], [], []]


def test_rows_a_tick_early_are_found(run: Run) -> None:
    plant(run, "update daily set feature_timestamp = feature_timestamp - interval '1 day'")
    found = named(audit(run, "daily"))
    assert found["u1", at("01-03 00:00"), "amount_sum_1d"] == ("5000.0", "1100.0")
    assert found["u1", at("01-02 09:00"), "amount_count_1d"] == ("2", "1")
    assert found["u2", at("01-01 00:00"), "amount_sum_2d"] == ("7.0", None)
    assert not [key for key in found if key[0] not in {"u1", "u2"} or key[1] in {None, at("06-01")}]
    assert audit(run, "recent") == audit(run, "last") == []


def test_rows_a_tick_late_are_found(run: Run) -> None:
    plant(run, "update daily set feature_timestamp = feature_timestamp + interval '1 day'")
    found = named(audit(run, "daily"))
    assert found["u1", at("01-03 00:00"), "amount_sum_1d"] == ("10.0", "1100.0")
    assert found["u1", at("01-05 08:00"), "amount_sum_2d"] == ("6100.0", "5000.0")


@pytest.mark.parametrize("feature", ["recent", "last"])
def test_an_event_that_is_seen_at_its_own_time_is_found(tmp_path: Path, feature: str) -> None:
    """The continuous features are built with `<=` instead of `<`."""
    run = build(tmp_path, edit={"('' if inclusive else ' + 1')": "''"})
    found = named(audit(run, feature))
    column = "amount_sum_1d" if feature == "recent" else "last_amount"
    expected = "10.0"
    seen = "110.0" if feature == "recent" else "100.0"
    assert found["u1", at("01-02 09:00"), column] == (seen, expected)
    assert {key[1] for key in found} <= {
        *(at(text) for text in ("01-02 09:00", "01-03 00:00", "01-03 09:00")),
        *(at(text) for text in ("01-01 00:00", "01-02 00:00")),
    }
    assert audit(run, "daily") == []


def test_an_event_on_a_tick_that_is_seen_at_the_tick_is_found(tmp_path: Path) -> None:
    late = "event_time - interval \\'1 microsecond\\'"
    run = build(tmp_path, edit={"mlforge_tick('event_time'": f"mlforge_tick('{late}'"})
    found = named(audit(run, "daily"))
    assert found["u1", at("01-03 00:00"), "amount_sum_1d"] == ("6100.0", "1100.0")
    assert found["u2", at("01-01 00:00"), "amount_count_2d"] == ("1", "0")


@pytest.mark.parametrize(
    ("feature", "row", "label", "column", "values"),
    [
        ("daily", "01-05 00:00:00", "01-05 08:00", "amount_sum_1d", ("5000.0", None)),
        ("daily", "01-06 00:00:00", "06-01 00:00", "amount_count_2d", ("1", "0")),
        ("recent", "01-03 18:00:00.000001", "01-03 20:00", "amount_sum_1d", ("6000.0", "5000.0")),
        ("recent", "01-05 00:00:00.000001", "06-01 00:00", "amount_sum_2d", ("5000.0", None)),
    ],
)
def test_a_missing_exit_is_found(
    run: Run, feature: str, row: str, label: str, column: str, values: tuple[str, str | None]
) -> None:
    where = f"user_id = 'u1' and feature_timestamp = timestamp '2024-{row}'"
    assert run.connection.execute(f"select count(*) from {feature} where {where}").fetchone() == (
        1,
    )
    plant(run, f"delete from {feature} where {where}")
    found = named(audit(run, feature))
    assert found["u1", at(label), column] == values
    assert {key[:2] for key in found} <= {("u1", at(label)), ("u1", at("01-05 08:00"))}


@pytest.mark.parametrize(
    ("feature", "row", "before", "label", "column"),
    [
        ("daily", "01-03", "01-02", "01-03 00:00", "amount_sum_1d"),
        (
            "recent",
            "01-03 18:00:00.000001",
            "01-03 09:00:00.000001",
            "01-03 20:00",
            "amount_count_1d",
        ),
        ("last", "01-03 00:00:00.000001", "01-02 18:00:00.000001", "06-01 00:00", "last_amount"),
    ],
)
def test_a_stale_value_is_found(
    run: Run, feature: str, row: str, before: str, label: str, column: str
) -> None:
    old = f"select {column} from {feature} where user_id = 'u1' and feature_timestamp = timestamp '2024-{before}'"
    plant(
        run,
        f"update {feature} set {column} = ({old}) where user_id = 'u1' and feature_timestamp = timestamp '2024-{row}'",
    )
    found = named(audit(run, feature))
    assert ("u1", at(label), column) in found
    assert {key[2] for key in found} == {column}


def test_a_value_for_a_label_that_has_none_is_found(run: Run) -> None:
    """Labels without a key, without a time, and of nobody are in the sample too."""
    run.connection.execute("update judged set daily__amount_count_1d = 1 where user_id is null")
    run.connection.execute("update judged set daily__amount_sum_1d = 1 where marked_at is null")
    run.connection.execute("update judged set last__last_amount = 0 where user_id = 'nobody'")
    assert named(audit(run, "daily")) == {
        (None, at("01-03 00:00"), "amount_count_1d"): ("1", "0"),
        ("u1", None, "amount_sum_1d"): ("1.0", None),
    }
    assert set(named(audit(run, "last"))) == {("nobody", at("01-03 00:00"), "last_amount")}


def test_all_labels_without_keys_and_no_labels(tmp_path: Path) -> None:
    nameless = table("user_id marked_at", (None, at("01-03 00:00")), (None, None))
    for index, labels in enumerate(([], nameless)):
        run = build(tmp_path / str(index), labels=labels)
        assert [audit(run, name) for name in ("daily", "recent", "last")] == [[], [], []]
    plant(run, "insert into daily select null, timestamp '2020-01-01', 1, 1, 1, 1")
    assert audit(run, "daily") == []


# The sample


def all_wrong(tmp_path: Path, **training_set: Any) -> Run:
    spec = deepcopy(SPEC)
    spec["training_sets"][0] |= training_set
    labels = [{"user_id": f"u{n}", "marked_at": at("01-03 00:00")} for n in range(200)]
    run = build(tmp_path, spec, labels=labels)
    run.connection.execute("update judged set last__last_amount = -1")
    return run


def users(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    return {row["user_id"] for row in rows}


def test_the_sample_is_as_large_as_it_is_told_to_be(tmp_path: Path) -> None:
    run = all_wrong(tmp_path / "default")
    assert len(users(audit(run, "last"))) == 200
    assert len(users(audit(run, "last", mlforge_audit_rows=17))) == 17
    run = all_wrong(tmp_path / "less", audit_rows=30)
    assert len(users(audit(run, "last"))) == 30
    assert len(users(audit(run, "last", mlforge_audit_rows="40"))) == 40


@pytest.mark.parametrize("rows", ["0", 0, "all", "10k", "", "-1"])
def test_a_size_that_is_none_fails(tmp_path: Path, rows: Any) -> None:
    run = all_wrong(tmp_path)
    with pytest.raises(
        MacroError, match=r"'mlforge_audit_rows' is '.*'; it must be a whole number"
    ):
        audit(run, "last", mlforge_audit_rows=rows)


def test_the_seed_chooses_the_sample(tmp_path: Path) -> None:
    run = all_wrong(tmp_path, audit_rows=20)
    first, other = audit(run, "last"), audit(run, "last", mlforge_audit_seed=1)
    assert users(first) == users(audit(run, "last", mlforge_audit_seed=0))
    assert users(other) == users(audit(run, "last", mlforge_audit_seed=1))
    assert len(users(first) & users(other)) < 10
    run.connection.execute("create table again as select * from judged order by user_id desc")
    run.connection.execute("drop table judged")
    run.connection.execute("alter table again rename to judged")
    assert users(audit(run, "last")) == users(first), "whatever the order of the rows"


def test_rare_entities_are_in_the_sample(tmp_path: Path) -> None:
    """A thousand labels of one user, one each of ten others: a sample of twenty has all eleven."""
    spec = deepcopy(SPEC)
    spec["features"] = [LAST]
    spec["training_sets"] = [
        {"name": "judged", "labels": "marked", "features": ["last"], "audit_rows": 20}
    ]
    labels = [
        {"user_id": "hot", "marked_at": datetime(2024, 1, 1 + n % 28, n % 24, n % 60)}
        for n in range(1000)
    ]
    labels += [{"user_id": f"u{n}", "marked_at": at("01-03 00:00")} for n in range(10)]
    run = build(tmp_path, spec, ROWS, labels)
    run.connection.execute("update judged set last__last_amount = -1")
    for seed in range(3):
        found = [row["user_id"] for row in audit(run, "last", mlforge_audit_seed=seed)]
        assert len(found) == 20
        assert set(found) == {"hot", *(f"u{n}" for n in range(10))}


# Values


FUNCTIONS = ("sum", "mean", "count", "std", "variance", "min", "max")


def many(tmp_path: Path, kind: str) -> Run:
    """2000 events of one user, their values far from zero or around it."""
    aggregations = {"amount": list(FUNCTIONS)}
    metrics = [{"windows": ["1d", "lifetime"], "aggregations": aggregations}]
    spec = deepcopy(SPEC)
    spec["features"] = [{**GRIDDED, "metrics": metrics}, {**CONTINUOUS, "metrics": metrics}]
    spec["training_sets"][0]["features"] = ["daily", "recent"]
    rows = [
        {
            "user_id": "u1",
            "event_time": datetime(2024, 1, 1 + n // 100, n % 24, n % 60),
            "amount": n * 7919 % 997
            if kind == "BIGINT"
            else f"{1000 + n * 7919 % 997}.{n % 100:02d}",
        }
        for n in range(2000)
    ]
    labels = [{"user_id": "u1", "marked_at": datetime(2024, 1, 20, 13, 30)}]
    return build(tmp_path, spec, rows, labels, ({**EVENT_SCHEMA, "amount": kind}, LABEL_SCHEMA))


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT", "BIGINT", "DECIMAL(12,2)"])
def test_a_small_error_is_found_and_rounding_is_not(tmp_path: Path, kind: str) -> None:
    run = many(tmp_path, kind)
    exact = {"count", "min", "max"} | (set() if kind in {"DOUBLE", "FLOAT"} else {"sum"})
    for feature in ("daily", "recent"):
        assert audit(run, feature) == []
        for window in ("1d", "lifetime"):
            for function in FUNCTIONS:
                column = f"amount_{function}_{window}"
                stored = f"{feature}__{column}"
                run.connection.execute("create or replace temp table kept as select * from judged")
                change = f'"{stored}" + 1' if function in exact else f'"{stored}" * (1 + 1e-6)'
                run.connection.execute(f'update judged set "{stored}" = {change}')
                found = audit(run, feature)
                assert [row["feature_column"] for row in found] == [column], (column, found)
                run.connection.execute(f"update judged set {stored} = (select {stored} from kept)")
                if function not in exact:
                    run.connection.execute(f"update judged set {stored} = {stored} * (1 + 1e-12)")
                    assert audit(run, feature) == [], column
                    run.connection.execute(f"update judged set {stored} = null")
                    assert len(audit(run, feature)) == 1, column
                run.connection.execute(f"update judged set {stored} = (select {stored} from kept)")


def test_nan_and_infinity_are_equal_to_themselves_alone(tmp_path: Path) -> None:
    spec = deepcopy(SPEC)
    metrics = [{"windows": ["1d"], "aggregations": {"amount": list(FUNCTIONS)}}]
    spec["features"] = [{**GRIDDED, "metrics": metrics}, {**CONTINUOUS, "metrics": metrics}]
    spec["training_sets"][0]["features"] = ["daily", "recent"]
    amounts = {"nan": float("nan"), "inf": float("inf"), "both": float("-inf")}
    rows = table(
        "user_id event_time amount",
        *((user, at("01-01 12:00"), amount) for user, amount in amounts.items()),
        *((user, at("01-01 13:00"), 5.0) for user in amounts),
        ("both", at("01-01 13:00"), float("inf")),
        ("zero", at("01-01 13:00"), 0.0),
        ("zero", at("01-01 14:00"), -0.0),
    )
    labels = [{"user_id": user, "marked_at": at("01-02 00:00")} for user in (*amounts, "zero")]
    run = build(tmp_path, spec, rows, labels)
    assert [audit(run, name) for name in ("daily", "recent")] == [[], []]
    run.connection.execute(
        "update judged set daily__amount_min_1d = -daily__amount_min_1d where user_id = 'zero'"
    )
    assert audit(run, "daily") == [], "0 and -0 are equal"
    columns = [f"amount_{name}_1d" for name in ("sum", "mean", "max")]
    for wrong in ("5", "'nan'::double", "'inf'::double", "null"):
        for column in columns:
            run.connection.execute(f"update judged set daily__{column} = {wrong}")
        users_found = {(row["user_id"], row["feature_column"]) for row in audit(run, "daily")}
        right: dict[str, set[str]] = {
            "5": set(),
            "'nan'::double": {"nan", "both"},
            "'inf'::double": {"inf"},
            "null": set(),
        }
        for column in columns:
            missing = {*amounts, "zero"} - {user for user, name in users_found if name == column}
            same = right[wrong]
            if column == "amount_max_1d":
                same = {"'nan'::double": {"nan"}, "'inf'::double": {"inf", "both"}}.get(
                    wrong, set()
                )
            assert missing == same, (wrong, column)


@pytest.mark.parametrize("kind", ["DOUBLE", "BIGINT", "DECIMAL(18,2)"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_what_is_outside_the_window_hides_nothing(tmp_path: Path, kind: str, place: str) -> None:
    """A std that is wrong by 0.4 % is found beside an outlier of 1e12 that is not in its window."""
    spec = deepcopy(SPEC)
    metrics = [{"windows": ["1d"], "aggregations": {"amount": ["std", "variance"]}}]
    spec["features"] = [{**GRIDDED, "metrics": metrics}, {**CONTINUOUS, "metrics": metrics}]
    spec["training_sets"][0]["features"] = ["daily", "recent"]
    outlier = at("01-01 12:00") if place == "before" else at("01-09 12:00")
    rows = table(
        "user_id event_time amount",
        *(("u1", datetime(2024, 1, 4, hour), 100 + hour % 5) for hour in range(24)),
        ("u1", outlier, 10**12),
    )
    labels = [{"user_id": "u1", "marked_at": at("01-05 00:00")}]
    run = build(tmp_path, spec, rows, labels, ({**EVENT_SCHEMA, "amount": kind}, LABEL_SCHEMA))
    for feature in ("daily", "recent"):
        assert audit(run, feature) == []
        for column in ("amount_std_1d", "amount_variance_1d"):
            stored = f"{feature}__{column}"
            run.connection.execute("create or replace temp table kept as from judged")
            run.connection.execute(f"update judged set {stored} = {stored} * 1.004")
            assert [row["feature_column"] for row in audit(run, feature)] == [column]
            run.connection.execute(f"update judged set {stored} = (select {stored} from kept)")


@pytest.mark.parametrize(
    ("kind", "amounts"),
    [
        ("BIGINT", [1_700_000_000_000_000_000 + 37 * n for n in range(3)]),
        ("BIGINT", [2**62 + n % 10 for n in range(30)]),
        ("BIGINT", [-(2**63), 2**63 - 1, 5]),
        ("DECIMAL(38,10)", [f"{10**20 + n % 10}.0000000001" for n in range(30)]),
        ("DECIMAL(38,10)", ["9" * 28, "-" + "9" * 28, "1"]),
        ("DECIMAL(6,6)", ["0.000001", "0.000002", "-0.999999"]),
        ("BOOLEAN", [True, False, True]),
    ],
)
def test_integers_and_decimals_exactly(tmp_path: Path, kind: str, amounts: list[Any]) -> None:
    spec = deepcopy(SPEC)
    metrics = [
        {"field": "amount", "function": name, "windows": ["lifetime"], "name": name}
        for name in ("std", "variance")
    ]
    spec["features"] = [{**CONTINUOUS, "metrics": metrics}]
    spec["training_sets"][0]["features"] = ["recent"]
    rows = [
        {"user_id": "u1", "event_time": datetime(2024, 1, 1, 0, 0, n), "amount": amount}
        for n, amount in enumerate(amounts)
    ]
    labels = [{"user_id": "u1", "marked_at": at("01-05 00:00")}]
    run = build(tmp_path, spec, rows, labels, ({**EVENT_SCHEMA, "amount": kind}, LABEL_SCHEMA))
    with localcontext(prec=200):
        exact = variance([Decimal(str(plain(item))) for item in amounts])
        both = (float(exact.sqrt()), float(exact))
    change = "update judged set recent__std_lifetime = ? * ?, recent__variance_lifetime = ? * ?"
    for factor, found in ((1.0, 0), (1 + 1e-12, 0), (1 - 3e-9, 2)):
        run.connection.execute(change, [both[0], factor, both[1], factor])
        assert len(audit(run, "recent")) == found, (factor, both, audit(run, "recent"))


def plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def test_doubles_that_overflow_in_some_orders_only(tmp_path: Path) -> None:
    """The feature adds them up without an overflow, and so does the audit; an infinite value is wrong."""
    spec = deepcopy(SPEC)
    metrics = [{"windows": ["1d"], "aggregations": {"amount": ["sum", "mean"]}}]
    spec["features"] = [{**CONTINUOUS, "metrics": metrics}]
    spec["training_sets"][0]["features"] = ["recent"]
    amounts = (1.5e308, -1.5e308, 1.2e308, 0.0, -1.2e308, 1.5e308)
    rows = table(
        "user_id event_time amount",
        *(("u1", at(f"01-01 12:0{n}"), amount) for n, amount in enumerate(amounts)),
    )
    labels = [{"user_id": "u1", "marked_at": at("01-02 00:00")}]
    run = build(tmp_path, spec, rows, labels)
    assert audit(run, "recent") == audit(run, "recent", of="feature") == []
    change = "update judged set recent__amount_sum_1d = {0}, recent__amount_mean_1d = {0} / {1}"
    for value, found in (
        ("1.5e308::double", 0),
        ("1.4e308::double", 2),
        ("'inf'::double", 2),
        ("'nan'::double", 2),
        ("5", 2),
        ("null", 2),
    ):
        run.connection.execute(change.format(value, len(amounts)))
        assert len(audit(run, "recent")) == found, value


@pytest.mark.parametrize(
    ("type_name", "near"), [("decimal(38,0)", "1"), ("double", "1e5"), ("decimal(20,0)", "1")]
)
def test_sums_of_a_type_of_their_own(tmp_path: Path, type_name: str, near: str) -> None:
    """Exactly, and as doubles to nine digits; both are too large for 64 bits."""
    spec = deepcopy(SPEC)
    metric = {"field": "amount", "function": "sum", "windows": ["1d"], "type": type_name}
    spec["features"] = [{**GRIDDED, "metrics": [metric]}, {**CONTINUOUS, "metrics": [metric]}]
    spec["training_sets"][0]["features"] = ["daily", "recent"]
    rows = table(
        "user_id event_time amount",
        *(("u1", at(f"01-01 12:0{n}"), 5 * 10**18 + n) for n in range(4)),
    )
    labels = [{"user_id": "u1", "marked_at": at("01-02 00:00")}]
    types = ({**EVENT_SCHEMA, "amount": "BIGINT"}, LABEL_SCHEMA)
    run = build(tmp_path, spec, rows, labels, types)
    for feature in ("daily", "recent"):
        assert audit(run, feature) == audit(run, feature, of="feature") == []
        stored = f"{feature}__amount_sum_1d"
        for change, found in ((near, type_name != "double"), ("1e13", True)):
            run.connection.execute("create or replace temp table kept as from judged")
            run.connection.execute(f"update judged set {stored} = {stored} + {change}")
            assert len(audit(run, feature)) == found, (feature, change)
            run.connection.execute(f"update judged set {stored} = (select {stored} from kept)")


def test_events_that_are_at_no_instant_count_nowhere(tmp_path: Path) -> None:
    spec = deepcopy(SPEC)
    metrics = [{"windows": ["lifetime"], "aggregations": {"amount": ["count", "sum"]}}]
    spec["features"] = [{**GRIDDED, "metrics": metrics}, {**CONTINUOUS, "metrics": metrics}, LAST]
    rows = [
        *ROWS,
        *(
            {"user_id": "u1", "event_time": time, "amount": 3.0}
            for time in ("-infinity", "infinity", None)
        ),
        {"user_id": None, "event_time": at("01-01 00:00"), "amount": 3.0},
    ]
    run = build(tmp_path, spec, rows)
    assert [audit(run, name) for name in ("daily", "recent", "last")] == [[], [], []]


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
