"""Odd names: each works end to end, with the right values, or is refused with a code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import events
import pytest
from events import Document, Rows, at, feature
from harness import write_parquet, write_project

from mlforge_sql.dbt.headers import is_ours
from mlforge_sql.errors import SpecErrors
from mlforge_sql.workflows.compile import compile_project
from mlforge_sql.workflows.compile import write_project as write_dbt

ODD_COLUMNS = [
    "order",
    "group",
    "select",
    "Amount",
    "a b",
    'x"y',
    "x'y",
    "x`y",
    "x\\y",
    "x.y",
    "x;y",
    "x--y",
    "/*x*/",
    "1x",
    "%",
    "%s",
    "é",
    "🙂",
    "{{ jinja }}",
    "{% raw %}",
    "{# note #}",
    "{}}",
    "$1",
    "?",
    ":x",
    "@x",
    "true",
    "null",
    "end",
    "current_date",
]
INTERNAL_COLUMNS = [
    "tick",
    "shift",
    "is_change_point",
    "feature_timestamp",
    "mlforge_rank",
    "observed_1",
    "ticked",
    "events",
    "tiles",
    "centered",
    "change_points",
    "timeline",
    "windowed",
    "final",
    "ranked",
    "history",
    "last_rows",
    "last_1d",
    "m_sum",
    "m_sum_1d",
    "m_1d",
]
"""Names that the compiled SQL gives to things of its own."""

FUNCTIONS = ["sum", "count", "mean", "min", "max", "std", "variance"]


def schema_with(column: str) -> dict[str, str]:
    return {"user_id": "VARCHAR", "event_time": "TIMESTAMP", column: "DOUBLE"}


def rows_with(column: str) -> Rows:
    return [
        {"user_id": "u1", "event_time": at("01-01 12:00"), column: 1.0},
        {"user_id": "u1", "event_time": at("01-01 18:00"), column: 4.0},
        {"user_id": "u1", "event_time": at("01-03 12:00"), column: -2.0},
    ]


def named(column: str) -> list[Document]:
    return [
        {"field": column, "function": name, "windows": ["1d"], "name": f"m_{name}"}
        for name in FUNCTIONS
    ]


def windows_table(*instants: str) -> Rows:
    first = (
        5.0,
        2,
        2.5,
        1.0,
        4.0,
        pytest.approx(4.5**0.5, rel=1e-12),
        pytest.approx(4.5, rel=1e-12),
    )
    second = (-2.0, 1, -2.0, -2.0, -2.0, None, None)
    empty = (None, 0, None, None, None, None, None)
    values = [first, empty, second, empty] if len(instants) == 4 else [first, second, empty]
    names = " ".join(f"m_{name}_1d" for name in FUNCTIONS)
    return events.steps(names, *((at, *row) for at, row in zip(instants, values, strict=True)))


@pytest.mark.parametrize("column", [*ODD_COLUMNS, *INTERNAL_COLUMNS])
def test_a_column_of_the_source(tmp_path: Path, column: str) -> None:
    """As the field of named aggregates, in a filter, as a latest value, in order and dedupe."""
    quoted = '"' + column.replace('"', '""') + '"'
    where = f"{quoted} > 0"
    latest = {"select": {"last_value": column}, "tie_breaker": [column]}
    document = events.spec(
        [
            feature("gridded", interval="1d", metrics=named(column)),
            feature(
                "filtered",
                where=where,
                metrics=[*named(column)[4:6], {**named(column)[1], "where": where}],
            ),
            feature("latest", **latest),
        ],
        source={"dedupe": {"key": ["user_id", "event_time"], "order_by": [column]}},
    )
    rows = rows_with(column)
    smaller = {**rows[1], column: 3.0}  # goes: dedupe keeps the larger
    run = events.run(tmp_path, document, [smaller, *rows], schema_with(column))
    gridded = ["01-02", "01-03", "01-04", "01-05"]
    assert run.rows("gridded", "2") == windows_table(*gridded)
    counts = [row["m_count_1d"] for row in run.rows("filtered", "2")]
    assert counts == ([1, 2, 1, 0] if where != "true" else [1, 2, 1, 0, 1, 0])
    assert [row["last_value"] for row in run.rows("latest", "2")] == [1.0, 4.0, -2.0]


@pytest.mark.parametrize("column", INTERNAL_COLUMNS)
def test_a_column_that_no_feature_uses(tmp_path: Path, column: str) -> None:
    """It is in the source, so it is in staging; it must not be taken for one of ours."""
    rows = [{**row, column: 7} for row in rows_with("amount")]
    later = {**rows[1], "amount": 3.0}  # goes: dedupe keeps the larger amount
    document = events.spec(
        [
            feature("gridded", interval="1d", metrics=named("amount")),
            feature("latest", select={"last_value": "amount"}),
        ],
        source={"dedupe": {"key": ["user_id", "event_time"], "order_by": ["amount"]}},
    )
    schema = {column: "BIGINT", **events.SCHEMA}
    run = events.run_or_codes(tmp_path, document, [later, *rows], schema)
    if isinstance(run, set):
        assert run == {"MF036"}
        return
    assert run.rows("gridded", "2") == windows_table("01-02", "01-03", "01-04", "01-05")
    assert [row["last_value"] for row in run.rows("latest", "2")] == [1.0, 4.0, -2.0]


def check_refused(root: Path, refused: Document, column: str, code: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        events.run(root, events.spec([refused]), rows_with(column), schema_with(column))
    assert {item.code for item in caught.value.diagnostics} == {code}
    assert all(item.location is not None for item in caught.value.diagnostics)


def test_a_column_called_star_cannot_be_a_field(tmp_path: Path) -> None:
    """`*` counts rows."""
    check_refused(tmp_path, feature(metrics=named("*")), "*", "MF032")


@pytest.mark.parametrize("column", ["order", "group", "select", "é1", "Amount", "A", "a b", 'x"y'])
def test_names_of_feature_columns_are_portable_or_refused(tmp_path: Path, column: str) -> None:
    """`<field>_<function>_<window>` must be letters, digits and `_`."""
    metrics = [{"windows": ["1d"], "aggregations": {column: ["sum"]}}]
    document = events.spec([feature(interval="1d", metrics=metrics)])
    if column.isascii() and column.replace("_", "").isalnum():
        run = events.run(tmp_path, document, rows_with(column), schema_with(column))
        assert [row[f"{column}_sum_1d"] for row in run.rows("f", "2")] == [5.0, None, -2.0, None]
    else:
        check_refused(tmp_path, document["features"][0], column, "MF036")


@pytest.mark.parametrize(
    "name",
    [
        "order",
        "group",
        "select",
        "Order",
        "final",
        "windowed",
        "change_points",
        "ticked",
        "_",
        "x1",
    ],
)
def test_names_of_features_and_their_columns(tmp_path: Path, name: str) -> None:
    """A feature, a metric and a latest value may be called so."""
    column = "amount"
    document = events.spec(
        [
            feature(name, interval="1d", metrics=[{**named(column)[0], "name": name}]),
            feature("latest", select={name: column}),
        ]
    )
    run = events.run(tmp_path, document, rows_with(column))
    assert [row[f"{name}_1d"] for row in run.rows(name, "2")] == [5.0, None, -2.0, None]
    assert [row[name] for row in run.rows("latest", "2")] == [1.0, 4.0, -2.0]
    assert run.rows(f"{name}_current")[0][f"{name}_1d"] is None


@pytest.mark.parametrize(
    "name", ["", "a b", "1x", "x-y", 'x"y', "é", "🙂", "{{ x }}", "a.b", "a/b", "../x"]
)
@pytest.mark.parametrize("what", ["feature", "source", "entity", "key", "aggregate", "select"])
def test_names_that_cannot_be_files_or_columns(tmp_path: Path, what: str, name: str) -> None:
    document = events.spec(
        [feature(metrics=named("amount")[:1]), feature("g", select={"x": "amount"})]
    )
    match what:
        case "feature":
            document["features"][0]["name"] = name
        case "source":
            document["sources"][0]["name"] = name
        case "entity":
            document["entities"][0]["name"] = name
        case "key":
            document["entities"][0]["join_key"] = name
        case "aggregate":
            document["features"][0]["metrics"][0]["name"] = name
        case _:
            document["features"][1]["select"] = {name: "amount"}
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, document, [])
    assert "MF014" in {item.code for item in caught.value.diagnostics}


@pytest.mark.parametrize("key", ["order", "group", "select", "User", "final", "events", "tiles", "ticked", "observed_1", "mlforge_rank", "m_sum", "m_sum_1d", "history", "last_rows", "source", "value"])  # fmt: skip
def test_names_of_join_keys(tmp_path: Path, key: str) -> None:
    """Feature tables have the key under its own name, or the name is refused."""
    schema = {key: "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    rows = [{key: row.pop("user_id"), **row} for row in rows_with("amount")]
    document = events.spec(
        [
            feature("gridded", interval="1d", metrics=named("amount")[:6]),
            feature("continuous", metrics=named("amount")[:6]),
            feature("latest", select={"last_value": "amount"}),
        ],
        entities=[{"name": "user", "join_key": key}],
    )
    run = events.run_or_codes(tmp_path, document, rows, schema)
    if isinstance(run, set):
        assert run == {"MF036"}
        return
    for table, sums in [("gridded", [5.0, None, -2.0, None]), ("continuous", [1.0, 5.0, 4.0, None, -2.0, None])]:  # fmt: skip
        found = run.rows(table, "feature_timestamp")
        assert {row[key] for row in found} == {"u1"}
        assert [row["m_sum_1d"] for row in found] == sums
        assert list(found[0])[:2] == [key, "feature_timestamp"]
    assert run.rows("latest_current") == [
        {key: "u1", "feature_timestamp": at("01-03 12:00:00.000001"), "last_value": -2.0}
    ]


@pytest.mark.parametrize(
    "key",
    ["tick", "observed_1", "is_change_point", "feature_timestamp", "Tick", "mlforge_until"],
)
def test_reserved_join_keys(tmp_path: Path, key: str) -> None:
    schema = {key: "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    document = events.spec(
        [feature(metrics=named("amount")[:1])], entities=[{"name": "user", "join_key": key}]
    )
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, document, [], schema)
    assert [item.code for item in caught.value.diagnostics] == ["MF036"]


@pytest.mark.parametrize("name", ["mlforge_until", "MLFORGE_UNTIL", "mlforge_early"])
def test_names_of_online_tables_and_their_lookups(tmp_path: Path, name: str) -> None:
    document = events.spec([feature(select={name: "amount"})])
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, document, [])
    assert [item.code for item in caught.value.diagnostics] == ["MF036"]


@pytest.mark.parametrize("time", ["order", "Event Time", "{{ at }}", 'x"y', "tick", "feature_timestamp", "mlforge_rank"])  # fmt: skip
def test_names_of_the_event_time(tmp_path: Path, time: str) -> None:
    schema = {"user_id": "VARCHAR", time: "TIMESTAMP", "amount": "DOUBLE"}
    rows = [{time: row.pop("event_time"), **row} for row in rows_with("amount")]
    document = events.spec(
        [
            feature("gridded", interval="1d", metrics=named("amount")),
            feature("continuous", metrics=named("amount")[5:]),
            feature("latest", select={"last_value": "amount"}),
        ],
        source={"timestamp": time, "dedupe": {"key": ["user_id", time]}},
    )
    run = events.run_or_codes(tmp_path, document, rows, schema)
    if isinstance(run, set):
        assert run == {"MF036"}
        return
    assert run.rows("gridded", "2") == windows_table("01-02", "01-03", "01-04", "01-05")
    assert [row["last_value"] for row in run.rows("latest", "2")] == [1.0, 4.0, -2.0]


TEXTS = [
    "it's",
    "''",
    "{{",
    "}}",
    "{{ x }}",
    "{%",
    "%}",
    "{% raw %}",
    "{#",
    "{# x #}",
    "{}}",
    "{{{",
    "}}}",
    "{'}}",
    "{{ '",
    "{{ \"",
    "\\",
    "\\n",
    "a\nb",
    "--",
    "/*",
    ";",
    "%s",
    "%",
    '"',
    "`",
    "$$",
    "é",
    "🙂",
    "UPPER lower",
    "not x is null",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_in_a_filter_arrives_as_written(tmp_path: Path, text: str) -> None:
    schema = {**events.SCHEMA, "kind": "VARCHAR"}
    rows = [
        {**row, "kind": kind}
        for row, kind in zip(rows_with("amount"), [text, "x", text], strict=True)
    ]
    literal = "'" + text.replace("'", "''") + "'"
    where = f"kind = {literal}"
    count: Document = {"field": "*", "function": "count", "windows": ["lifetime"], "name": "n"}
    kinds = {**count, "field": "kind", "function": "max", "default": text}
    features = [
        feature("gridded", interval="1d", metrics=[{**count, "where": where}]),
        feature("filtered", where=where, metrics=[count]),
        feature("latest", select={"is_it": where, "same": literal}),
        feature("defaulted", metrics=[{**kinds, "windows": ["1d"], "where": "kind = 'x'"}]),
    ]
    source = {"where": f"kind = 'x' or {where}"}  # all rows, unless the text has changed
    run = events.run(tmp_path, events.spec(features, source=source), rows, schema)
    assert [row["n_lifetime"] for row in run.rows("gridded", "2")] == [1, 2]
    assert [row["n_lifetime"] for row in run.rows("filtered", "2")] == [1, 2]
    last = [(row["is_it"], row["same"]) for row in run.rows("latest", "2")]
    assert last == [(True, text), (False, text), (True, text)]
    found = [row["n_1d"] for row in run.rows("defaulted", "2")]
    assert found == [text, "x", "x", text, text, text]


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("amount > {{ var('x') }}", "MF040"),
        ("{% if true %} amount > 1 {% endif %}", "MF040"),
        ("amount > 1; drop table x", "MF041"),
        ("amount > (select 1)", "MF042"),
        ("amount > avg(amount)", "MF042"),
        ("amount > row_number() over ()", "MF042"),
        ("event_time < now()", "MF042"),
        ("random() > 0.5", "MF042"),
        ("amount +", "MF040"),
        ("", "MF040"),
        ("amount", "MF043"),
        ("amnt > 1", "MF022"),
        ("amount > 'a' || ?", "MF040"),
    ],
)
def test_sql_that_is_refused(tmp_path: Path, where: str, code: str) -> None:
    document = events.spec([feature(where=where, metrics=named("amount")[:1])])
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, document, [])
    assert [item.code for item in caught.value.diagnostics] == [code]


def test_names_differ_by_more_than_case(tmp_path: Path) -> None:
    features = [feature("spend", select={"x": "amount"}), feature("Spend", select={"x": "amount"})]
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec(features), [])
    assert [item.code for item in caught.value.diagnostics] == ["MF013"]


@pytest.mark.parametrize("name", ["stg_events", "int_f__input", "f_current", "_mlforge_metadata"])  # fmt: skip
def test_names_of_models_are_taken_once(tmp_path: Path, name: str) -> None:
    """A feature cannot have the name of a model that another spec compiles to."""
    features = [
        feature("f", interval="1d", metrics=named("amount")[:1]),
        feature(name, select={"x": "amount"}),
    ]
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec(features), rows_with("amount"))
    assert {item.code for item in caught.value.diagnostics} == {"MF013"}


def test_tiles_make_way_for_a_feature_of_their_name(tmp_path: Path) -> None:
    name = "int_events__user_id__1d_tiles"
    features = [
        feature("f", interval="1d", metrics=named("amount")[:1]),
        feature(name, select={"x": "amount"}),
    ]
    run = events.run(tmp_path, events.spec(features), rows_with("amount"))
    assert [item.name for item in run.compiled.plan.tiles] == [f"{name}_"]
    assert run.rows(name)
    assert run.rows("f")


def test_case_of_a_name_does_not_matter(tmp_path: Path) -> None:
    """Columns are found whatever their case, and keep the source's spelling."""
    metrics = [{"windows": ["1d"], "aggregations": {"AMOUNT": ["sum"]}}]
    document = events.spec(
        [feature(interval="1d", where='"Amount" > -1', metrics=metrics)],
        source={"timestamp": "EVENT_TIME"},
    )
    run = events.run(tmp_path, document, rows_with("Amount"), schema_with("Amount"))
    found = run.rows("f", "2")
    (column,) = set(found[0]) - {"user_id", "feature_timestamp"}
    assert column.casefold() == "amount_sum_1d"
    assert [row[column] for row in found] == [5.0, None]


# The same through dbt itself: its YAML, its contracts, its tests

DBT = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]


def odd_project(root: Path) -> None:
    columns = ["a b", "order", "Amount", 'x"y', "{{ jinja }}", "🙂", "it's"]
    schema = {"group": "VARCHAR", "Event Time": "TIMESTAMP", "kind": "VARCHAR"}
    schema |= dict.fromkeys(columns, "DOUBLE")
    rows = [
        {
            "group": row["user_id"],
            "Event Time": row["event_time"],
            "kind": "{{ it's }}",
            **dict.fromkeys(columns, row["amount"]),
        }
        for row in rows_with("amount")
    ]
    text = "{{ it's }} {% x %} {# #} %"
    metrics = [
        {"field": column, "function": name, "windows": ["1d"], "name": f"m{at}_{name}", "description": text, "unit": text}
        for at, column in enumerate(columns)
        for name in ("sum", "std")
    ]  # fmt: skip
    bounds: list[Any] = ["not_null", {"greater_than": -10}, {"in_range": {"min": -3, "max": 9}}]
    rules: Document = dict.fromkeys(columns, bounds)
    rules |= {"kind": [{"is_in": ["{{ it's }}", "b"]}, {"matches_regex": "^\\{\\{ it's"}]}
    ours = {"source": "events", "entities": ["select"], "description": text, "tags": ["a b", text]}
    document = {
        "entities": [{"name": "select", "join_key": "group"}],
        "sources": [
            {
                "name": "events",
                "path": "data/100 %.parquet",
                "timestamp": "Event Time",
                "description": text,
                "where": "kind <> '{{ 1 }}'",
                "dedupe": {"key": ["group", "Event Time"], "order_by": ["a b", "{{ jinja }}"]},
            }
        ],
        "features": [
            {"name": "order", "interval": "1d", "metrics": metrics, "validators": rules, **ours},
            {"name": "group", "metrics": metrics, **ours},
            {"name": "select", "interval": "1d", "select": {"order": '"a b"', "table": "{{ jinja }}", "Mixed": "kind"}, **ours},
            {"name": "final", "metrics": metrics[:1], **ours},
            {"name": "history", "select": {"x": "kind"}, **ours},
            {"name": "tiles", "interval": "1d", "metrics": metrics[:2], **ours},
        ],
    }  # fmt: skip
    write_project(root, document)
    write_parquet(root / "data" / "100 %.parquet", schema, rows)
    write_dbt(compile_project(root))


@pytest.mark.functional
def test_odd_names_build_with_dbt(tmp_path: Path) -> None:
    odd_project(tmp_path)
    (tmp_path / "feature_store").mkdir(exist_ok=True)
    for command in (["--warn-error", "parse", "--no-partial-parse"], ["build"]):
        done = subprocess.run(
            [*DBT, *command, "--profiles-dir", "."],
            cwd=tmp_path / "dbt",
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "WARN" not in done.stdout.replace("WARN=0", "")
    with duckdb.connect(
        str(tmp_path / "feature_store" / "features.duckdb"), read_only=True
    ) as found:
        sums = [
            found.execute(f'select m{at}_sum_1d from "order" order by feature_timestamp').fetchall()
            for at in range(7)
        ]
        assert sums == [[(5.0,), (None,), (-2.0,), (None,)]] * 7
        spreads = found.execute(
            'select m4_std_1d from "group" order by feature_timestamp'
        ).fetchall()
        assert [row[0] for row in spreads] == [
            None,
            pytest.approx(4.5**0.5),
            None,
            None,
            None,
            None,
        ]
        last = found.execute(
            'select "group", "order", "table", "Mixed" from select_current'
        ).fetchall()
        assert last == [("u1", -2.0, -2.0, "{{ it's }}")]
        assert found.execute("select x from history_current").fetchall() == [("{{ it's }}",)]
        built = found.execute(
            "select feature, row_count from _mlforge_metadata order by 1"
        ).fetchall()
        counts = {"final": 6, "group": 6, "history": 3, "order": 4, "select": 2, "tiles": 4}
        assert built == sorted(counts.items())


@pytest.mark.parametrize("key", ["amount_sum_1d", "velocity_count_1d"])
def test_join_keys_named_like_windowed_measures(tmp_path: Path, key: str) -> None:
    schema = {key: "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    metrics = [
        {"field": "amount", "function": "sum", "windows": ["1d"], "name": "amount"},
        {"field": "amount", "function": "count", "windows": ["1d"], "name": "velocity"},
    ]
    document = events.spec(
        [feature("f", interval="1d", metrics=metrics)],
        entities=[{"name": "user", "join_key": key}],
    )
    rows = [{key: "u1", "event_time": at("01-01 12:00"), "amount": 2.0}]
    first = events.run(tmp_path, document, rows, schema).rows("f", "feature_timestamp")[0]
    assert (first[key], first["amount_1d"], first["velocity_1d"]) == ("u1", 2.0, 1)


def test_a_source_with_every_name_of_a_tick(tmp_path: Path) -> None:
    extra = {"tick": "BIGINT", "mlforge_tick": "BIGINT"}
    schema = {"user_id": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE", **extra}
    metrics = [{"windows": ["1d"], "aggregations": {"amount": ["sum", "std"]}}]
    features = [feature("f", interval="1d", metrics=metrics), feature("g", select={"x": "amount"})]
    row = {
        "user_id": "u1",
        "event_time": at("01-01 12:00"),
        "amount": 2.0,
        "tick": 7,
        "mlforge_tick": 7,
    }
    run = events.run(tmp_path, events.spec(features), [row], schema)
    assert [item["amount_sum_1d"] for item in run.rows("f", "feature_timestamp")] == [2.0, None]
    assert [item["feature_timestamp"] for item in run.rows("g")] == [at("01-01 12:00:00.000001")]


def test_file_names_do_not_run(tmp_path: Path) -> None:
    """A spec file's name stands in the header of what is compiled from it."""
    root = write_project(tmp_path, events.spec([feature("f", select={"x": "amount"})]))
    events_file = root / "data" / "events.parquet"
    write_parquet(
        events_file, {"user_id": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}, []
    )
    (root / "features" / "spec.yml").rename(root / "features" / "a{{ 1 + 1 }}\nb.yml")
    for text in compile_project(root).files.values():
        first = text.split("\n", 1)[0]
        assert is_ours(first)
        assert "{{" not in first
