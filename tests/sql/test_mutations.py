"""The oracle check can fail: every small break of the compiled SQL is noticed.

Each mutation edits the SQL of a fixed project whose events lie on the edges of its windows. The
unedited SQL passes the same check.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import pytest
from strategies import SCHEMA, GeneratedProject
from test_rule_of_time import build, check_feature

if TYPE_CHECKING:
    from harness import Run

Document: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[str], str]


# Fixed datasets


def event(user: str | None, time: str | None, amount: float | None = 1.0, **rest: Any) -> Document:
    row: Document = dict.fromkeys(SCHEMA)
    return row | {
        "user_id": user,
        "shop_id": 1,
        "event_time": None if time is None else datetime.fromisoformat(f"2024-{time}"),
        "amount": amount,
        "quantity": 1,
        "price": Decimal("1.50"),
        "kind": "a",
        "flag": True,
        **rest,
    }


ROWS = [
    # exactly a day apart, and a microsecond less and more than a day
    event("u1", "01-01 12:00", 1.0),
    event("u1", "01-02 12:00", 2.0),
    event("u1", "01-03 11:59:59.999999", 4.0),
    event("u1", "01-04 12:00:00.000001", 8.0),
    # on a tick, and a microsecond beside it; Sunday, then Monday
    event("u2", "01-07 23:59:59.999999", 16.0),
    event("u2", "01-08", 32.0, kind="b"),
    event("u2", "01-08 00:00:00.000001", 64.0, flag=False),
    # a gap longer than every window, ties, NULL fields
    event("u1", "03-01 06:00", 128.0, quantity=3, kind="b"),
    event("u1", "03-01 06:00", 256.0, quantity=2, kind="c"),
    event("u1", "03-01 06:00", 512.0, quantity=None, kind="d"),
    event("u1", "03-01 07:00", 1024.0, quantity=0, shop_id=2),
    event("u1", "03-01 18:00", None, flag=None),
    # rows that enter no table
    event(None, "01-02 12:00", 2048.0),
    event("u1", None, 4096.0),
    event("u1", "01-02 13:00", 8192.0, shop_id=None),
]


def metric(windows: list[str], functions: list[str]) -> Document:
    return {"windows": windows, "aggregations": {"amount": functions}}


ENTITIES: dict[str, Document] = {
    "user": {"name": "user", "join_key": "user_id"},
    "pair": {"name": "pair", "join_key": ["user_id", "shop_id"]},
    "person": {"name": "person", "join_key": "person_id", "from_columns": ["kind", "shop_id"]},
}


def project(
    feature: Document, entity: str = "user", source: Document | None = None
) -> GeneratedProject:
    """A project with one feature over the fixed rows."""
    events = {"name": "events", "path": "data/events.parquet", "timestamp": "event_time"}
    spec = {
        "entities": [ENTITIES[entity]],
        "sources": [events | (source or {})],
        "features": [{"name": "f", "source": "events", "entities": [entity], **feature}],
    }
    return GeneratedProject(spec=spec, rows=ROWS, schema=dict(SCHEMA))


def shifted(functions: list[str], offset: str) -> list[Document]:
    one = {"field": "amount", "windows": ["1d"], "offset": offset}
    return [{**one, "function": function} for function in functions]


EXACT = ["sum", "count", "mean", "min", "max"]
ALL = [*EXACT, "std", "variance"]
EVENTWISE = {
    "metrics": [
        {
            "windows": ["1d", "lifetime"],
            "aggregations": {
                "kind": [
                    "count_distinct",
                    "first",
                    "last",
                    "mode",
                    "arg_max(amount)",
                    "arg_min(amount)",
                ]
            },
        }
    ],
    "tie_breaker": ["quantity"],
}
LATEST = {"select": {"last_amount": "amount", "last_kind": "kind"}, "tie_breaker": ["quantity"]}

PROJECTS: dict[str, GeneratedProject] = {
    "gridded": project({"interval": "1d", "metrics": [metric(["1d", "2d"], EXACT)]}),
    "gridded_std": project({"interval": "1d", "metrics": [metric(["1d", "2d"], ALL)]}),
    "gridded_offset": project({"interval": "1d", "metrics": shifted(EXACT, "1d")}),
    "three": project({"interval": "1d", "metrics": [metric(["3d"], ALL)]}),
    "endless": project({"interval": "1d", "metrics": [metric(["1d", "lifetime"], EXACT)]}),
    "weekly": project({"interval": "1w", "metrics": [metric(["1w"], EXACT)]}),
    "continuous": project({"metrics": [metric(["1d", "2d"], EXACT)]}),
    "continuous_std": project({"metrics": [metric(["1d"], ALL)]}),
    "continuous_offset": project({"metrics": shifted(EXACT, "12h")}),
    "inclusive": project({"boundary": "inclusive", "metrics": [metric(["1d"], EXACT)]}),
    "lifetime": project({"metrics": [metric(["lifetime"], ALL)]}),
    "delay": project({"interval": "1d", "metrics": [metric(["1d"], EXACT)]}, source={"delay": "1h"}),
    "continuous_delay": project({"metrics": [metric(["1d"], EXACT)]}, source={"delay": "1h"}),
    "wheres": project(
        {
            "interval": "1d",
            "where": "kind in ('a', 'b')",
            "metrics": [
                {"field": "*", "function": "count", "windows": ["2d"], "name": "m", "where": "flag"},
                {"field": "amount", "function": "std", "windows": ["2d"], "where": "flag"},
                {"field": "amount", "function": "sum", "windows": ["1d"], "default": -1},
            ],
        },
        source={"where": "amount > 10"},
    ),
    "pair": project({"metrics": [metric(["1d"], EXACT)]}, "pair"),
    "surrogate": project({"interval": "1d", "metrics": [metric(["1d"], EXACT)]}, "person"),
    "eventwise": project(EVENTWISE),
    "eventwise_gridded": project({"interval": "1d", **EVENTWISE}),
    "latest": project(LATEST),
    "latest_gridded": project({"interval": "1d", **LATEST}),
    "latest_delay": project({"boundary": "inclusive", **LATEST}, source={"delay": "1h"}),
}  # fmt: skip


@cache
def compiled_texts(name: str) -> tuple[str, ...]:
    run = build(PROJECTS[name])
    run.connection.close()
    return tuple(text for path, text in run.compiled.files.items() if path.suffix == ".sql")


def check(run: Run, name: str) -> None:
    assert all(row["feature_timestamp"] is not None for row in run.rows("f")), "primary key"
    check_feature(run, PROJECTS[name], PROJECTS[name].spec["features"][0])


# Edits of a model's text


def swap(old: str, new: str) -> Edit:
    """Every occurrence of a text."""
    return lambda text: text.replace(old, new)


def regex(pattern: str, new: str | Callable[[re.Match[str]], str]) -> Edit:
    """Every match of a pattern."""
    return lambda text: re.sub(pattern, new, text)


def frame_start(by: int) -> Edit:
    """Windows that begin so many ticks too late (or, below zero, too early)."""

    def moved(match: re.Match[str]) -> str:
        length = 0 if match[1] == "current row" else int(match[1].split()[0])
        return f"between {length - by} preceding and"

    return regex(r"between (current row|\d+ preceding) and", moved)


def frame_end(by: int) -> Edit:
    """Windows that end so many ticks too early (or, below zero, too late)."""

    def moved(match: re.Match[str]) -> str:
        length = 0 if match[1] == "current row" else int(match[1].split()[0])
        end = length + by
        return f"preceding and {end} preceding" if end >= 0 else f"preceding and {-end} following"

    return regex(r"preceding and (current row|\d+ preceding)", moved)


SHIFTS = re.compile(r"\(values ((?:\(\d+\)(?:, )?)+)\)")


def moved_points(change: Callable[[list[int]], list[int]]) -> Edit:
    """Change the ticks by which an event's tick is moved to get change points."""

    def edited(match: re.Match[str]) -> str:
        shifts = change([int(item) for item in re.findall(r"\d+", match[1])])
        return "(values " + ", ".join(f"({item})" for item in shifts) + ")"

    return lambda text: SHIFTS.sub(edited, text)


def without_filter_of(column: str) -> Edit:
    return regex(rf"(?:\w+\.)?{column} is not null", "true")


@dataclass(frozen=True)
class Mutation:
    """An edit and the projects in which the check must notice it; windows are frames where there is a choice."""

    name: str
    edit: Edit
    projects: tuple[str, ...]
    windows: str = "sliding"


GRIDDED = ("gridded", "weekly")
CONTINUOUS = ("continuous", "inclusive")
EVENTWISES = ("eventwise", "eventwise_gridded")
MUTATIONS = (
    # `<` to `<=` at either end of a window
    Mutation("start_too_early", frame_start(-1), (*GRIDDED, *CONTINUOUS, "gridded_offset", "continuous_offset")),
    Mutation("start_too_late", frame_start(1), (*CONTINUOUS, "gridded_offset", "continuous_offset")),
    Mutation("end_too_early", frame_end(1), (*CONTINUOUS, "gridded_offset", "continuous_offset")),
    Mutation("end_too_late", frame_end(-1), ("gridded_offset", "continuous_offset")),
    Mutation("sees_its_own_time", swap("('' if inclusive else ' + 1')", "''"), ("continuous_std", "lifetime", "latest")),
    Mutation("does_not_see_its_own_time", swap("('' if inclusive else ' + 1')", "' + 1'"), ("inclusive", "latest_delay")),
    Mutation("sees_the_running_tick", swap("' // ' ~ unit ~ ' + 1'", "' // ' ~ unit"), ("gridded_offset", "latest_gridded")),
    Mutation("a_tick_late", swap("' // ' ~ unit ~ ' + 1'", "' // ' ~ unit ~ ' + 2'"), ("gridded_offset", "latest_gridded")),
    Mutation("weeks_from_thursday", swap("345600000000 if test_project.mlforge_microseconds(interval) % 604800000000 == 0 else 0", "0"), ("weekly",)),
    Mutation("no_anchor", swap("(test_project.mlforge_tick_zero(interval) if interval else 0) + ", ""), ("weekly",)),
    # rows of the step function
    Mutation("no_exits", moved_points(lambda shifts: shifts[:1]), ("gridded", "gridded_std", "continuous_std")),
    Mutation("no_last_exit", moved_points(lambda shifts: shifts[:-1]), ("gridded", "gridded_std", "continuous_std")),
    Mutation("no_entries", moved_points(lambda shifts: shifts[1:]), ("gridded", "gridded_std", "continuous_std")),
    Mutation("one_exit_too_soon", moved_points(lambda shifts: [*shifts[:-1], shifts[-1] - 1]), CONTINUOUS),
    Mutation("exits_without_tiles", swap("left join tiles", "inner join tiles"), ("gridded", "continuous")),
    Mutation("rows_twice", swap("select distinct", "select"), ("gridded", "continuous")),
    Mutation("every_event_a_row", regex(r"where\n        (spread\.)?is_change_point", "where\n        true"), ("gridded_std", "gridded_offset", "continuous_offset")),
    # delay
    Mutation("no_delay", swap("(test_project.mlforge_microseconds(delay) if delay else 0)", "0"), ("delay", "continuous_delay")),
    Mutation("delay_too_short", swap("(test_project.mlforge_microseconds(delay) if delay else 0)", "(test_project.mlforge_microseconds(delay) - 1 if delay else 0)"), ("latest_delay",)),
    # rows that cannot count
    Mutation("null_keys", without_filter_of("user_id"), ("gridded", "continuous_std", "latest")),
    Mutation("null_second_key", without_filter_of("shop_id"), ("pair",)),
    Mutation("null_times", without_filter_of("tick"), ("gridded", "continuous", "latest")),
    # ties
    Mutation("first_of_a_tick", swap("event_time desc nulls last", "event_time"), ("latest_gridded",)),
    Mutation("no_time_order", swap("event_time desc nulls last, ", ""), ("latest_gridded",)),
    Mutation("smallest_tie", swap("quantity desc nulls last", "quantity"), ("latest",)),
    Mutation("null_ties_first", swap("quantity desc nulls last", "quantity desc nulls first"), ("latest",)),
    Mutation("no_tie_breaker", swap("quantity desc nulls last, ", ""), ("latest",)),
    Mutation("second_row", swap("mlforge_rank = 1", "mlforge_rank = 2"), ("latest",)),
    Mutation("all_rows", swap("mlforge_rank = 1", "mlforge_rank > 0"), ("latest",)),
    # values
    Mutation("population_std", swap("stddev_samp", "stddev_pop"), ("gridded_std", "lifetime")),
    Mutation("population_variance", swap("var_samp", "var_pop"), ("gridded_std", "lifetime")),
    Mutation("null_fields_count", swap("count(amount)", "count(*)"), ("gridded", "lifetime")),
    Mutation("min_is_max", swap("min(amount_min)", "max(amount_min)"), ("gridded", "lifetime")),
    Mutation("empty_counts_null", regex(r"coalesce\((.+), 0\) as", r"\1 as"), ("gridded", "continuous")),
    Mutation("empty_sum_zero", swap("sum(amount_sum) over last_1d", "coalesce(sum(amount_sum) over last_1d, 0)"), ("gridded", "continuous")),
    Mutation("no_default", swap("cast(-1 as double)", "null"), ("wheres",)),
    Mutation("no_metric_where", regex(r" filter \(where\s+flag\)", ""), ("wheres",)),
    Mutation("no_observation_where", regex(r"case\s+when\s+flag\s+then amount", "case when true then amount"), ("wheres",)),
    Mutation("no_feature_where", regex(r"kind in \('a', 'b'\)", "true"), ("wheres",)),
    Mutation("no_source_where", swap("amount > 10", "true"), ("wheres",)),
    # states of single events
    Mutation("still_there", regex(r"(before \+ \d+) <= ", r"\1 < "), EVENTWISES),
    Mutation("new_every_time", regex(r"\S+before \+ \d+ <= \S+", "true"), ("eventwise",)),
    Mutation("never_gone", swap("then -1", "then 0"), EVENTWISES),
    Mutation("gone_although_it_is_back", regex(r"after >= ", "after <> "), ("eventwise_gridded",)),
    Mutation("back_too_late", regex(r"after >= ", "after > "), EVENTWISES),
    Mutation("first_that_has_left", regex(r"(kind_place_left_1d) \+ 1", r"\1"), EVENTWISES),
    Mutation("last_but_one", regex(r"= (kind_place_totals.kind_place_entered_1d)", r"= \1 - 1"), EVENTWISES),
    Mutation("first_of_an_empty_window", swap("kind_place_entered_1d > kind_place_totals.kind_place_left_1d", "kind_place_entered_1d >= 0"), EVENTWISES),
    Mutation("largest_of_the_most_frequent", swap("4294967295 - kind_mode_counts.value_rank", "kind_mode_counts.value_rank"), EVENTWISES),
    Mutation("always_there", regex(r", -1\)", ", 0)"), EVENTWISES),
    Mutation("even_intervals", regex(r"first_whole % 2 = 1", "first_whole % 2 = 0"), EVENTWISES),
    Mutation("no_last_interval", regex(r"after_whole % 2 = 1", "false"), EVENTWISES),
    Mutation("single_points_only", regex(r"length\(bin\(\w+ - \w+\)\)", "1"), ("eventwise",)),
    Mutation("points_ask_for_single_points", swap("length(bin(point_count))", "1"), ("eventwise",)),
    Mutation("smallest_for_largest", regex(r"order by amount \+ 0 asc nulls first", "order by amount + 0 desc nulls last"), EVENTWISES),
    Mutation("largest_for_smallest", regex(r"order by amount \+ 0 desc nulls last", "order by amount + 0 asc nulls first"), EVENTWISES),
    Mutation("enters_late", regex(r"(shifts\.enters) as tick", r"\1 + 1 as tick"), ("eventwise",)),
    Mutation("ties_the_other_way", swap("quantity asc nulls first", "quantity desc nulls last"), ("eventwise",)),
    Mutation("null_ties_last", swap("quantity asc nulls first", "quantity asc nulls last"), ("eventwise",)),
    Mutation("no_time_order_of_places", swap("event_time asc nulls first, ", ""), EVENTWISES),
    # surrogate keys
    Mutation("null_part_empty", swap("'~'", "''"), ("surrogate",)),
    Mutation("no_separators", swap(" || ':' || ", " || "), ("surrogate",)),
)  # fmt: skip


def merged(name: str, edit: Edit, *projects: str) -> Mutation:
    """A mutation of merged windows."""
    return Mutation(name, edit, projects, "merged")


MERGED = (
    merged("wrong_lag", swap("far ~ ', ' ~ of[0] ~ ')", "far ~ ', ' ~ (of[0] + 1) ~ ')"), "gridded", "gridded_std"),
    merged("no_lag", swap("far ~ ', ' ~ of[0] ~ ')", "far ~ ', 0)"), "gridded", "gridded_std"),
    merged("wrong_chain", regex(r"mlforge_merged\(3, of=\[1, 2\]", "mlforge_merged(3, of=[1, 1]"), "three"),
    merged("tail_too_short", regex(r"least\(next_tick, tick \+ (\d+)\)", lambda m: f"least(next_tick, tick + {int(m[1]) - 1})"), "gridded", "gridded_offset", "gridded_std", "three"),
    merged("no_gaps", regex(r"least\(next_tick, tick \+ \d+\)", "tick + 1"), "gridded", "gridded_offset", "three"),
    merged("tails_go_on", swap("then null when", "then tick + 1 when"), "gridded", "three"),
    merged("rows_without_a_change", regex(r"where\n        is_change_point", "where\n        true"), "three", "gridded_offset"),
    merged("no_entries", regex(r"is_tile\s+or ", ""), "gridded", "three"),
    merged("no_last_exit", regex(r"\s+or lag\(is_tile, [23], false\) over \(\{\{ [^}]* \}\}\)", ""), "gridded", "three"),
    merged("offset_too_short", regex(r"lag\((amount_\w+_in_1), 1\)", r"lag(\1, 0)"), "gridded_offset"),
    merged("empty_is_zero", swap("case when cell = tick then amount_sum end", "case when cell = tick then amount_sum else 0 end"), "gridded"),
    merged("a_tile_stays", swap("case when cell = tick then amount_max end", "amount_max"), "gridded"),
    merged("min_is_max", swap("least(' ~ name ~ near", "greatest(' ~ name ~ near"), "gridded"),
    merged("max_is_min", swap("greatest(' ~ name ~ near", "least(' ~ name ~ near"), "gridded"),
    merged("only_the_near_sum", swap("'coalesce(' ~ a ~ ' + ' ~ b ~ ', '", "'coalesce('"), "gridded"),
    merged("means_apart_do_not_count", swap("' + ' ~ apart ~ ' * ' ~ apart ~ ' * '", "' + 0 * ' ~ apart ~ ' * '"), "gridded_std"),
    merged("population", regex(r"(deviations_in_\d) / \(\s*(\w+) - 1\s*\)", r"\1 / \2"), "gridded_std"),
    merged("mean_in_the_wrong_place", swap("' * ' ~ share ~ ', ' ~ d1", "', ' ~ d1"), "three"),
    merged("total_of_all_but_one", swap("'list_sum(' ~ values", "'list_sum(' ~ values ~ '[1:-2]'"), "three"),
    merged("deviations_from_the_center", swap("~ center ~ ' - ' ~ distance ~ ')'", "~ center ~ ')'"), "three"),
    merged("lifetime_without_the_past", swap("sum(amount_sum) over so_far", "amount_sum"), "endless"),
)  # fmt: skip


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.parametrize("windows", ["sliding", "merged"])
def test_the_unedited_sql_passes(name: str, windows: str) -> None:
    check(build(PROJECTS[name], windows=windows), name)


@pytest.mark.parametrize(
    ("name", "mutation"),
    [
        pytest.param(name, mutation, id=f"{mutation.name}-{name}")
        for mutation in (*MUTATIONS, *MERGED)
        for name in mutation.projects
    ],
)
def test_the_check_notices(name: str, mutation: Mutation) -> None:
    edits = {
        text: mutation.edit(text) for text in compiled_texts(name) if mutation.edit(text) != text
    }
    assert edits, "the edit changes nothing"
    run = build(PROJECTS[name], edit=edits, windows=mutation.windows)
    with pytest.raises(AssertionError):
        check(run, name)


def test_tiles_out_of_order_stop_the_feature() -> None:
    """Merged windows go by the order of rows: the query sorts them, and notices where that is lost."""
    name = "gridded"
    lost = {
        " order by ' ~ quoted | join(', ') ~ ', ' ~ tick ~ ') as in_order'": " order by random()) as in_order'"
    }
    assert any(key in text for text in compiled_texts(name) for key in lost)
    with pytest.raises(duckdb.Error, match="tiles are not in order"):
        build(PROJECTS[name], edit=lost)


def test_every_project_is_mutated() -> None:
    assert {name for item in (*MUTATIONS, *MERGED) for name in item.projects} == set(PROJECTS)


def test_current_at_as_of_notices_a_strict_comparison() -> None:
    """`<_current` at the very instant of a row holds that row."""
    instant = datetime(2024, 1, 3)
    row = {"user_id": "u1", "feature_timestamp": instant, "amount_sum_1d": 8194.0}
    spec = project({"interval": "1d", "metrics": [metric(["1d"], ["sum"])]})
    assert row in build(spec, as_of=instant).rows("f_current")
    edited = build(spec, as_of=instant, edit={"feature_timestamp <= ": "feature_timestamp < "})
    assert row not in edited.rows("f_current")
    assert row not in build(spec, as_of=instant - timedelta(microseconds=1)).rows("f_current")
