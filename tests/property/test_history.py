"""The history property: events that become visible later change nothing before.

A project is built with the events up to some moment, and then with all of them. At every instant at
which no further event is visible, both say the same: to the last bit, but for doubles, whose sums may
be added in another order.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import oracle
import strategies
from examples import examples
from harness import write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stored_times import PLAIN, PORTABLE, StoredTime
from test_rule_of_time import Readable, Tolerance, at, build, instants, same, steps_of
from warehouse import Warehouse
from warehouse_harness import CONFIG, WarehouseRun, load_table, run_on_warehouse

from mlforge_sql.workflows.compile import compile_project

PROJECTS = examples(__file__)
"""How many projects are built, twice each."""

COMPARED = 20
"""How many values are compared at least, over all drawn projects."""

ON_DATABRICKS = max(1, PROJECTS // 10)
"""How many projects are built on the warehouse, twice each."""

LATER = 10**9
"""How many times larger the amounts of later events are in some projects."""


@st.composite
def histories(
    draw: st.DrawFn, stored: Sequence[StoredTime] = (PLAIN,)
) -> tuple[strategies.GeneratedProject, strategies.GeneratedProject]:
    """A project with the events up to a moment, and with all of them."""
    project = draw(strategies.projects(stored).filter(lambda found: len(times(found.rows)) > 1))
    moment = draw(st.sampled_from(times(project.rows)[:-1]))
    factor = draw(st.sampled_from([1.0, 1.0, -1.0, float(LATER), 1e16]))
    rows = [
        row if is_early(row, moment) else {**row, "amount": scaled(row["amount"], factor)}
        for row in project.rows
    ]
    kept = [at for at, row in enumerate(rows) if is_early(row, moment)]
    written = tuple(project.times[at] for at in kept) if project.times else ()
    early = replace(project, rows=[rows[at] for at in kept], times=written)
    return early, replace(project, rows=rows)


def times(rows: Sequence[Mapping[str, Any]]) -> list[datetime]:
    return sorted({row[strategies.TIME] for row in rows if row[strategies.TIME] is not None})


def is_early(row: Mapping[str, Any], moment: datetime) -> bool:
    return row[strategies.TIME] is None or row[strategies.TIME] <= moment


def scaled(amount: Any, factor: float) -> float | None:
    return None if amount is None else amount * factor


def bits(value: Any) -> Any:
    """A value as what it is stored as: -0.0 is not 0.0, and NaN is itself."""
    return struct.pack("d", value) if isinstance(value, float) else value


def unchanged(
    column: oracle.Column | None, before: Any, after: Any, events: Sequence[oracle.Event]
) -> bool:
    """To the bit; sums of doubles to the digits that the order of additions leaves."""
    if type(before) is not type(after) or bits(before) == bits(after):
        return bits(before) == bits(after) and type(before) is type(after)
    if column is not None and column.by is not None:
        return same(column, before, after, Tolerance.of(column, list(events)))
    if column is None or column.field != "amount":
        return False
    if column.function not in {"sum", "mean", "std", "variance"} or not math.isfinite(before):
        return False
    sizes = [abs(float(row["amount"])) for _, row in events if row["amount"] is not None]  # type: ignore[arg-type]  # doubles
    digits = (
        8
        * sys.float_info.epsilon
        * (sum(sizes) if column.function in {"sum", "mean"} else max(sizes) * len(sizes))
    )
    if column.function == "variance":
        digits *= 2 * math.sqrt(before) + digits
    return math.isclose(before, after, rel_tol=1e-12, abs_tol=digits)


def check_history(
    early: Readable,
    late: Readable,
    before: strategies.GeneratedProject,
    after: strategies.GeneratedProject,
) -> int:
    """Compare every feature at every instant up to which the same events are visible."""
    compared = 0
    for feature in before.spec["features"]:
        keys = tuple(strategies.join_keys(strategies.feature_entity(before, feature)))
        clock, delay = strategies.oracle_clock(feature), strategies.oracle_delay(before)
        columns = {item.name: item for item in strategies.oracle_columns(feature)}
        events = strategies.oracle_events(before, feature)
        known = oracle.microseconds(times(before.rows)[-1])
        later = [oracle.microseconds(time) for time in times(after.rows)]
        end = min(oracle.first_visible(e, clock, delay) for e in later if e > known)
        first, second = (steps_of(run, feature["name"], keys) for run in (early, late))
        for key, found in events.items():
            points = oracle.change_points(list(columns.values()), found, clock, delay)
            for instant in instants(points, len(found)):
                if instant >= end:
                    continue
                left, right = at(first.get(key, []), instant), at(second.get(key, []), instant)
                assert (left is None) == (right is None), (feature, key, instant)
                for name in left or {}:
                    pair = (left and left[name], right and right[name])
                    same = unchanged(columns.get(name), *pair, found)
                    assert same, (feature, key, instant, name, pair)
                    compared += 1
    return compared


def test_later_events_change_nothing_before() -> None:
    compared = 0

    @settings(
        max_examples=PROJECTS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(histories())
    def check(pair: tuple[strategies.GeneratedProject, strategies.GeneratedProject]) -> None:
        nonlocal compared
        early, late = (build(project) for project in pair)
        compared += check_history(early, late, *pair)
        early.connection.close()
        late.connection.close()

    check()
    assert compared > COMPARED


def test_later_events_change_nothing_before_on_databricks(
    tmp_path: Path, shared_warehouse: Warehouse
) -> None:
    connection = shared_warehouse.connect()
    compared = 0

    def built(project: strategies.GeneratedProject, schema: str) -> WarehouseRun:
        root = write_project(tmp_path / schema, project.spec, CONFIG)
        write_parquet(root / "data" / "events.parquet", project.file_schema, project.file_rows)
        connection.sql(f"create schema main.{schema}")
        table = f"main.{schema}.{strategies.SOURCE}"
        load_table(connection, table, project.file_schema, project.file_rows)
        return run_on_warehouse(compile_project(root), connection, f"main.{schema}")

    @settings(
        max_examples=ON_DATABRICKS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(histories(PORTABLE))
    def check(pair: tuple[strategies.GeneratedProject, strategies.GeneratedProject]) -> None:
        nonlocal compared
        name = f"history_{compared}_{uuid4().hex}"
        early, late = (built(item, f"{name}_{n}") for n, item in enumerate(pair))
        compared += check_history(early, late, *pair)

    check()
    assert compared > 0
