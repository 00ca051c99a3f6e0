"""Values in the leakage audit: what is equal, and what is an error of rounding."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from decimal import Decimal, localcontext
from pathlib import Path
from statistics import variance
from typing import Any

import pytest
from audited import CONTINUOUS, EVENT_SCHEMA, GRIDDED, LABEL_SCHEMA, LAST, ROWS, SPEC, audit, build
from events import at, table
from harness import Run

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
