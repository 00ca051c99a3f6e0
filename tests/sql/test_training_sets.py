"""Training sets by example: expected rows written by hand, the macros used by hand, the files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import duckdb
import events
import pytest
import yaml
from events import SCHEMA, USER, Document, Rows, at, feature, table
from harness import CONFIG, Run, project_macros, write_parquet, write_project

from mlforge_sql.dbt.macros import MacroError, Macros
from mlforge_sql.errors import SpecErrors
from mlforge_sql.workflows.compile import Compiled, compile_project

PORTABLE = frozenset({"mlforge_asof_joins"})
EXAMPLE: Rows = table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 10.0),
    ("u1", at("01-02 09:00"), 100.0),
    ("u1", at("01-02 18:00"), 1000.0),
    ("u1", at("01-03 00:00"), 5000.0),
)
LABELS = {"user_id": "VARCHAR", "label_time": "TIMESTAMP", "row_id": "BIGINT"}
SALE = {"user_id": "VARCHAR", "shop_id": "BIGINT", "event_time": "TIMESTAMP", "amount": "DOUBLE"}


@pytest.fixture(params=["native", "portable"])
def portable(request: pytest.FixtureRequest) -> frozenset[str]:
    """Both formulations of the join."""
    return PORTABLE if request.param == "portable" else frozenset()


def sums(*windows: str, functions: Sequence[str] = ("sum", "count"), **keys: Any) -> Document:
    return {"windows": list(windows), "aggregations": {"amount": list(functions)}, **keys}


DAILY = feature("daily", interval="1d", metrics=[sums("1d"), sums("2d")])
EXACT = feature("exact", metrics=[sums("1d")])
LAST = feature("last", select={"amount": "amount", "seen_at": "event_time"})


def training_set(*features: Any, name: str = "fraud", **keys: Any) -> Document:
    return {
        "name": name,
        "labels": "labels",
        "timestamp": "label_time",
        "features": list(features),
        **keys,
    }


def document(
    features: Sequence[Document],
    *training_sets: Document,
    entities: Sequence[Document] = (USER,),
    **labels: Any,
) -> Document:
    """The project of these tests: the source `labels` beside the source `events`."""
    found = events.spec(features, entities=entities)
    source = {"name": "labels", "path": "data/labels.parquet", "timestamp": "label_time"}
    found["sources"].append(source | labels)
    return {**found, "training_sets": list(training_sets)}


def run(
    root: Path,
    spec: Document,
    labels: Rows,
    schema: dict[str, str] | None = None,
    *,
    rows: Rows = EXAMPLE,
    rows_schema: dict[str, str] = SCHEMA,
    **options: Any,
) -> Run:
    """Write the project, its events and its labels; compile and run it."""
    write_parquet(root / "data" / "labels.parquet", schema or LABELS, labels)
    return events.run(root, spec, rows, rows_schema, **options)


def at_times(*times: str, user: str | None = "u1") -> Rows:
    """A label of one user at each time."""
    return [
        {"user_id": user, "label_time": at(text), "row_id": number}
        for number, text in enumerate(times)
    ]


def values(found: Run, columns: str, name: str = "fraud") -> list[tuple[Any, ...]]:
    """Some columns of a training set, by row id."""
    return [tuple(row[item] for item in columns.split()) for row in found.rows(name, "row_id")]


def check_labels(expected: dict[str, tuple[Any, ...]], found: list[tuple[Any, ...]]) -> None:
    assert dict(zip(expected, found, strict=True)) == expected


# The worked example of the contract, by label


def test_gridded_example(tmp_path: Path, portable: frozenset[str]) -> None:
    expected = {
        "01-01 12:00": (None, 0, None, 0),
        "01-01 23:59:59.999999": (None, 0, None, 0),
        "01-02 00:00": (10.0, 1, 10.0, 1),
        "01-02 23:59:59.999999": (10.0, 1, 10.0, 1),
        "01-03 00:00": (1100.0, 2, 1110.0, 3),
        "01-03 00:00:00.000001": (1100.0, 2, 1110.0, 3),
        "01-04 00:00": (5000.0, 1, 6100.0, 3),
        "01-04 23:59:59.999999": (5000.0, 1, 6100.0, 3),
        "01-05 00:00": (None, 0, 5000.0, 1),
        "01-06 00:00": (None, 0, None, 0),
        "2030-01-01 00:00": (None, 0, None, 0),
    }
    spec = document([DAILY], training_set("daily"))
    found = run(tmp_path, spec, at_times(*expected), portable=portable)
    columns = "daily__amount_sum_1d daily__amount_count_1d daily__amount_sum_2d daily__amount_count_2d"  # fmt: skip
    check_labels(expected, values(found, columns))


def test_continuous_example(tmp_path: Path, portable: frozenset[str]) -> None:
    expected = {
        "01-01 12:00": (None, 0, None),
        "01-01 12:00:00.000001": (10.0, 1, 10.0),
        "01-02 09:00": (10.0, 1, 10.0),
        "01-02 09:00:00.000001": (110.0, 2, 100.0),
        "01-02 12:00": (110.0, 2, 100.0),
        "01-02 12:00:00.000001": (100.0, 1, 100.0),
        "01-02 18:00:00.000001": (1100.0, 2, 1000.0),
        "01-03 00:00": (1100.0, 2, 1000.0),
        "01-03 00:00:00.000001": (6100.0, 3, 5000.0),
        "01-03 09:00": (6100.0, 3, 5000.0),
        "01-03 09:00:00.000001": (6000.0, 2, 5000.0),
        "01-03 18:00:00.000001": (5000.0, 1, 5000.0),
        "01-04 00:00": (5000.0, 1, 5000.0),
        "01-04 00:00:00.000001": (None, 0, 5000.0),
        "1969-12-31 00:00": (None, 0, None),
    }
    spec = document([EXACT, LAST], training_set("exact", "last:amount"))
    found = run(tmp_path, spec, at_times(*expected), portable=portable)
    check_labels(
        expected, values(found, "exact__amount_sum_1d exact__amount_count_1d last__amount")
    )


def test_labels_without_key_time_or_events_get_the_empty_values(
    tmp_path: Path, portable: frozenset[str]
) -> None:
    with_default = feature("kept", metrics=[{**sums("1d", functions=["sum", "count"]), "default": 7}])  # fmt: skip
    labels = table(
        "user_id label_time row_id",
        (None, at("01-03 12:00"), 0),
        ("u1", None, 1),
        ("u2", at("01-03 12:00"), 2),
        (None, None, 3),
        ("u1", at("01-03 12:00"), 4),
    )
    spec = document([EXACT, with_default, LAST], training_set("exact", "kept", "last"))
    found = run(tmp_path, spec, labels, portable=portable)
    columns = "exact__amount_sum_1d exact__amount_count_1d kept__amount_sum_1d kept__amount_count_1d last__amount last__seen_at"  # fmt: skip
    empty: tuple[Any, ...] = (None, 0, 7.0, 7, None, None)
    known = (6000.0, 2, 6000.0, 2, 5000.0, at("01-03 00:00"))
    assert values(found, columns) == [*[empty] * 4, known]


def test_every_label_once_in_its_own_columns(tmp_path: Path, portable: frozenset[str]) -> None:
    schema = {"amount": "VARCHAR", "label_time": "TIMESTAMP", "last": "BIGINT", "User_ID": "VARCHAR", "row_id": "BIGINT"}  # fmt: skip
    row = {"amount": "own", "label_time": at("01-05 00:00"), "last": 3, "User_ID": "u1", "row_id": 1}  # fmt: skip
    spec = document([LAST], training_set({"name": "last", "columns": ["seen_at", "amount"]}))
    found = run(tmp_path, spec, [row, row, row], schema, portable=portable)
    whole = {**row, "last__seen_at": at("01-03 00:00"), "last__amount": 5000.0}
    assert found.rows("fraud") == [whole] * 3
    assert list(found.rows("fraud")[0]) == [*schema, "last__seen_at", "last__amount"]


def test_no_labels(tmp_path: Path, portable: frozenset[str]) -> None:
    found = run(tmp_path, document([LAST], training_set("last")), [], portable=portable)
    assert found.rows("fraud") == []
    assert [item[0] for item in found.connection.execute("from fraud").description or []] == [
        *LABELS,
        "last__amount",
        "last__seen_at",
    ]


def test_rows_older_than_the_ttl_do_not_hold(tmp_path: Path, portable: frozenset[str]) -> None:
    expected = {
        "01-06 00:00": (None, 0, None),
        "01-05 00:00:00.000001": (None, 0, 5000.0),
        "01-05 00:00:00.000002": (None, 0, None),
        "01-03 18:00:00.000001": (5000.0, 1, 5000.0),
        "01-03 23:00:00.000001": (5000.0, 1, 5000.0),
        "01-03 23:00:00.000002": (None, 0, 5000.0),
    }
    features = [{**EXACT, "ttl": "5h"}, {**LAST, "ttl": "2d"}]
    spec = document(features, training_set("exact", "last:amount"))
    found = run(tmp_path, spec, at_times(*expected), portable=portable)
    check_labels(
        expected, values(found, "exact__amount_sum_1d exact__amount_count_1d last__amount")
    )


@pytest.mark.parametrize(
    ("kind", "value", "time"),
    [
        ("TIMESTAMPTZ", "2024-01-03 02:00:00+02:00", {}),
        ("DATE", date(2024, 1, 3), {}),
        ("TIMESTAMP_NS", "2024-01-03 00:00:00.000000999", {}),
        ("TIMESTAMP_S", "2024-01-03 00:00:00", {}),
        ("VARCHAR", "2024-01-03", {}),
        ("VARCHAR", "2024-01-03 00:00:00", {}),
        ("VARCHAR", "2024-01-03T00:00:00Z", {}),
        ("VARCHAR", "2024-01-02T19:00:00-05:00", {}),
        ("VARCHAR", "03/01/24", {"format": "%d/%m/%y"}),
        ("BIGINT", 1704240000, {"unit": "s"}),
    ],
)
def test_a_time_however_it_is_stored(
    tmp_path: Path, portable: frozenset[str], kind: str, value: Any, time: Document
) -> None:
    schema = {**LABELS, "label_time": kind, "loaded_at": "TIMESTAMP"}
    row = {"user_id": "u1", "label_time": value, "row_id": 1, "loaded_at": None}
    spec = document(
        [EXACT],
        training_set("exact", timestamp={"column": "label_time", **time}),
        timestamp="loaded_at",
    )
    found = run(tmp_path, spec, [row], schema, portable=portable)
    assert values(found, "exact__amount_sum_1d") == [(1100.0,)]  # without the event at midnight


def test_parts_of_a_microsecond_are_cut_off_towards_the_past(
    tmp_path: Path, portable: frozenset[str]
) -> None:
    rows = table("user_id event_time amount", ("u1", at("1969-12-31 12:00"), 10.0))
    schema = {**LABELS, "label_time": "TIMESTAMP_NS"}
    labels = [
        {"user_id": "u1", "row_id": number, "label_time": f"1969-12-31 12:00:00.{digits}"}
        for number, digits in enumerate(["000000999", "000001000", "000001999"])
    ]
    spec = document([LAST], training_set("last:amount"))
    found = run(tmp_path, spec, labels, schema, rows=rows, portable=portable)
    assert values(found, "last__amount") == [(None,), (10.0,), (10.0,)]


# Keys


def sales(root: Path, portable: frozenset[str]) -> Run:
    """Features of users, of shops, and of both, and labels that have parts of the keys."""
    rows = table(
        "user_id shop_id event_time amount",
        ("u1", 1, at("01-01 00:00"), 1.0),
        ("u1", 2, at("01-02 00:00"), 20.0),
        ("u2", 1, at("01-03 00:00"), 300.0),
    )
    labels = [
        {"user_id": user, "shop_id": shop, "label_time": at("01-04 00:00"), "row_id": number}
        for number, (user, shop) in enumerate(
            [("u1", 1), ("u1", 2), ("u2", 2), ("u2", None), (None, 1), (None, None)]
        )
    ]
    last = {"select": {"amount": "amount"}}
    features = [
        feature("of_pair", entities=["pair"], **last),
        feature("of_user", **last),
        feature("of_shop", entities=["shop"], **last),
        feature("of_turned", entities=["turned"], **last),
        feature("user_again", **last),
    ]
    entities = [
        USER,
        {"name": "shop", "join_key": "shop_id"},
        {"name": "pair", "join_key": ["user_id", "shop_id"]},
        {"name": "turned", "join_key": ["shop_id", "user_id"]},
    ]
    spec = document(features, training_set(*(item["name"] for item in features)), entities=entities)
    schema = {**LABELS, "shop_id": "BIGINT"}
    return run(root, spec, labels, schema, rows=rows, rows_schema=SALE, portable=portable)


def test_features_of_several_keys(tmp_path: Path, portable: frozenset[str]) -> None:
    found = sales(tmp_path, portable)
    columns = "of_pair__amount of_user__amount of_shop__amount of_turned__amount user_again__amount"
    assert values(found, columns) == [
        (1.0, 20.0, 300.0, 1.0, 20.0),
        (20.0, 20.0, 20.0, 20.0, 20.0),
        (None, 300.0, 20.0, None, 300.0),
        (None, 300.0, None, None, 300.0),
        (None, None, 300.0, None, None),
        (None, None, None, None, None),
    ]


def test_one_pass_for_each_set_of_keys(tmp_path: Path) -> None:
    found = sales(tmp_path, frozenset())
    native = rendered(found, tmp_path, frozenset())
    assert native.count("asof left join") == 5
    assert "window" not in native
    text = rendered(found, tmp_path, PORTABLE)
    assert text.count("window mlforge_history as") == 3
    assert "asof" not in text


SECRET = {"name": "user", "join_key": "user_key", "from_columns": ["user_id"]}


def test_a_surrogate_key_is_computed_unless_the_labels_have_it(
    tmp_path: Path, portable: frozenset[str]
) -> None:
    by_key = training_set("last:amount", name="by_key", labels={"model": "keyed", "columns": {"USER_KEY": "text", "label_time": "timestamp", "row_id": "bigint"}})  # fmt: skip
    spec = document([LAST], training_set("last:amount"), by_key, entities=[SECRET])
    labels = [*at_times("01-05 00:00"), {**at_times("01-05 00:00", user=None)[0], "row_id": 1}]
    connection = duckdb.connect()
    connection.execute(
        "create table keyed as select sha256('2:u1') as \"USER_KEY\", "
        "timestamp '2024-01-05' as label_time, 1::bigint as row_id"
    )
    found = run(tmp_path, spec, labels, portable=portable, connection=connection)
    assert values(found, "last__amount") == [(5000.0,), (None,)]
    assert values(found, "last__amount", "by_key") == [(5000.0,)]
    assert "user_key" not in found.rows("fraud")[0]


@pytest.mark.parametrize(
    ("in_events", "in_labels", "price"),
    [
        ("DECIMAL(12,2)", "DECIMAL(38,2)", "0.50"),
        ("DECIMAL(12,2)", "DECIMAL(2,2)", "0.50"),
        ("DECIMAL(2,2)", "DECIMAL(12,2)", "0.50"),
        ("DECIMAL(2,2)", "DECIMAL(12,2)", "12.50"),
        ("BIGINT", "TINYINT", "5"),
        ("TINYINT", "UBIGINT", "5000000000"),
    ],
)
@pytest.mark.parametrize("is_computed", [False, True])
def test_numbers_of_other_widths_are_the_same_key(
    tmp_path: Path,
    portable: frozenset[str],
    in_events: str,
    in_labels: str,
    price: str,
    is_computed: bool,
) -> None:
    own = "0.50" if "DECIMAL" in in_events else "5"
    entity = (
        {"name": "user", "join_key": "price_key", "from_columns": ["price"]}
        if is_computed
        else {"name": "user", "join_key": "price"}
    )
    rows = table("price event_time amount", (own, at("01-01 00:00"), 10.0))
    labels = table(
        "price label_time row_id", (own, at("01-02 00:00"), 1), (price, at("01-02 00:00"), 2)
    )
    events_schema = {"price": in_events, "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    schema = {"price": in_labels, "label_time": "TIMESTAMP", "row_id": "BIGINT"}
    spec = document([LAST], training_set("last:amount"), entities=[entity])
    found = run(
        tmp_path, spec, labels, schema, rows=rows, rows_schema=events_schema, portable=portable
    )
    assert values(found, "last__amount") == [(10.0,), (10.0 if price == own else None,)]


@pytest.mark.parametrize("salt", ["plain", "it's", "two\nlines"])
def test_a_salted_key(
    tmp_path: Path, portable: frozenset[str], monkeypatch: pytest.MonkeyPatch, salt: str
) -> None:
    monkeypatch.setenv("SALT", salt)
    config = {**CONFIG, "surrogate_key_salt_env": "SALT"}
    spec = document([LAST], training_set("last:amount"), entities=[SECRET])
    found = run(
        tmp_path, spec, at_times("01-05 00:00"), config=config, env={"SALT": salt}, portable=portable
    )  # fmt: skip
    assert values(found, "last__amount") == [(5000.0,)]


@pytest.mark.parametrize("name", ["mlforge_time", "mlforge_key_1", "mlforge_label", "labels"])
def test_labels_may_have_columns_of_any_name(
    tmp_path: Path, portable: frozenset[str], name: str
) -> None:
    own = "TIMESTAMP" if name == "mlforge_time" else "VARCHAR"
    value = datetime(1999, 1, 1) if name == "mlforge_time" else "own"
    row = {"user_id": "u1", "label_time": "2024-01-05", "row_id": 1, "loaded_at": None, name: value}
    schema = {**LABELS, "label_time": "VARCHAR", "loaded_at": "TIMESTAMP", name: own}
    spec = document([LAST], training_set("last:amount"), entities=[SECRET], timestamp="loaded_at")
    found = run(tmp_path, spec, [row], schema, portable=portable)
    assert found.rows("fraud") == [{**row, "last__amount": 5000.0}]


# Texts: of a spec, inside a Jinja string, inside SQL


@pytest.mark.parametrize(
    "text", ["it's", 'say "so"', "a\\b", "a\\n", "{{ x }}", "a }} b", "{% x %}", "{# x #}", "a\nb"]
)
def test_a_default_is_any_text(tmp_path: Path, portable: frozenset[str], text: str) -> None:
    metric = {"field": "user_id", "function": "max", "name": "m", "windows": ["1d"]}
    entity = {"name": "user", "join_key": "amount_id"}
    rows = [{"amount_id": 1, "user_id": "u1", "event_time": at("01-01 00:00")}]
    labels = table("amount_id label_time row_id", (2, at("01-01 12:00"), 1), (1, at("01-09 00:00"), 2))  # fmt: skip
    found = run(
        tmp_path,
        document(
            [feature(metrics=[{**metric, "default": text}])],
            training_set("f"),
            entities=[entity],
        ),
        labels,
        {"amount_id": "BIGINT", "label_time": "TIMESTAMP", "row_id": "BIGINT"},
        rows=rows,
        rows_schema={"amount_id": "BIGINT", "user_id": "VARCHAR", "event_time": "TIMESTAMP"},
        portable=portable,
    )
    assert values(found, "f__m_1d") == [(text,), (text,)]


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("%Y '%m' %d", "2024 '01' 05"),
        ("%Y\\%m\\%d", "2024\\01\\05"),
        ("%Y{{%m}}%d", "2024{{01}}05"),
        ("%Y{#%m#}%d", "2024{#01#}05"),
        ("%Y\n%m %d", "2024\n01 05"),
    ],
)
def test_a_format_is_any_text(
    tmp_path: Path, portable: frozenset[str], pattern: str, value: str
) -> None:
    spec = document(
        [LAST],
        training_set("last:amount"),
        timestamp={"column": "label_time", "format": pattern},
    )
    row = {"user_id": "u1", "label_time": value, "row_id": 1}
    schema = {**LABELS, "label_time": "VARCHAR"}
    found = run(tmp_path, spec, [row], schema, portable=portable)
    assert found.rows("fraud") == [{**row, "last__amount": 5000.0}]


@pytest.mark.parametrize(
    "name", ["it's", 'say "so"', "a\\b", "{{ x }}", "{% x %}", "{# x #}", "a\nb"]
)
def test_a_column_has_any_name(tmp_path: Path, portable: frozenset[str], name: str) -> None:
    entity = {"name": "user", "join_key": "user_key", "from_columns": [name]}
    rows = [{name: "u1", "event_time": at("01-01 00:00"), "amount": 5.0}]
    row = {name: "u1", f"{name} time": "2024-01-05", "row_id": 1, "loaded_at": None}
    schema = {
        name: "VARCHAR",
        f"{name} time": "VARCHAR",
        "row_id": "BIGINT",
        "loaded_at": "TIMESTAMP",
    }
    spec = document(
        [LAST],
        training_set("last:amount", timestamp={"column": f"{name} time", "format": "%Y-%m-%d"}),
        entities=[entity],
        timestamp="loaded_at",
    )
    found = run(
        tmp_path,
        spec,
        [row],
        schema,
        rows=rows,
        rows_schema={name: "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"},
        portable=portable,
    )
    assert found.rows("fraud") == [{**row, "last__amount": 5.0}]


# Where labels come from


def test_labels_of_a_query_and_of_a_model(tmp_path: Path, portable: frozenset[str]) -> None:
    columns = {"user_id": "text", "label_time": "timestamp", "row_id": "bigint"}
    by_model = training_set("last:amount", name="by_model", labels={"model": "chargebacks", "columns": columns})  # fmt: skip
    query = "select user_id, label_time, row_id from {{ ref('chargebacks') }} where row_id > 0;"
    by_sql = training_set("last:amount", name="by_sql", labels={"sql": query, "columns": columns})
    spec = document([LAST], by_model, by_sql)
    connection = duckdb.connect()
    connection.execute(
        "create table chargebacks as select 'u1' as user_id, timestamp '2024-01-02' as label_time, "
        "unnest(range(2)) as row_id"
    )
    found = run(tmp_path, spec, [], portable=portable, connection=connection)
    row = {"user_id": "u1", "label_time": at("01-02 00:00"), "last__amount": 10.0}
    assert found.rows("by_model", "row_id") == [{**row, "row_id": 0}, {**row, "row_id": 1}]
    assert found.rows("by_sql") == [{**row, "row_id": 1}]
    assert PurePosixPath("models/intermediate/int_by_sql__labels.sql") in found.compiled.files
    assert not [path for path in found.compiled.files if path.name == "int_by_model__labels.sql"]


def test_filter_and_dedupe_of_the_source_hold_for_its_labels(
    tmp_path: Path, portable: frozenset[str]
) -> None:
    labels = table(
        "user_id label_time row_id",
        ("u1", at("01-02 00:00"), 1),
        ("u1", at("01-05 00:00"), 1),
        ("u2", at("01-05 00:00"), 2),
        ("u1", at("01-05 00:00"), None),
        ("u1", at("01-05 00:00"), None),
    )
    spec = document(
        [LAST],
        training_set("last:amount"),
        where="user_id = 'u1'",
        dedupe={"key": "row_id", "order_by": "label_time"},
    )
    found = run(tmp_path, spec, labels, portable=portable)
    row = {"user_id": "u1", "label_time": at("01-05 00:00"), "last__amount": 5000.0}
    assert found.rows("fraud", "row_id") == [
        {**row, "row_id": 1},
        {**row, "row_id": None},
        {**row, "row_id": None},
    ]


def test_the_sources_own_time_is_the_labels_time(tmp_path: Path, portable: frozenset[str]) -> None:
    fraud = training_set("last:amount")
    del fraud["timestamp"]
    spec = document([LAST], fraud, timestamp={"column": "label_time", "unit": "s"}, delay="1d")
    schema = {**LABELS, "label_time": "BIGINT"}
    row = {"user_id": "u1", "label_time": 1704240000, "row_id": 1}
    found = run(tmp_path, spec, [row], schema, portable=portable)
    assert found.rows("fraud") == [{**row, "last__amount": 1000.0}]


# The files


def compiled_text(found: Compiled, path: str) -> str:
    return found.files[PurePosixPath(path)]


def test_the_contract_has_the_types_of_the_table(tmp_path: Path, portable: frozenset[str]) -> None:
    schema = {**LABELS, "price": "DECIMAL(7,3)", "at_tz": "TIMESTAMPTZ", "many": "VARCHAR[]", "day": "DATE", "Odd name": "INTEGER", "ns": "TIMESTAMP_NS", "flag": "BOOLEAN", "small": "TINYINT", "real": "FLOAT"}  # fmt: skip
    spec = document([DAILY, LAST], training_set("daily", "last"))
    found = run(tmp_path, spec, [], schema, portable=portable)
    text = compiled_text(found.compiled, "models/training/fraud.yml")
    (model,) = yaml.safe_load(text)["models"]
    assert model["config"]["contract"] == {"enforced": True}
    declared = [(item["name"], item["data_type"]) for item in model["columns"]]
    real = found.connection.execute("describe fraud").fetchall()
    assert [name for name, _ in declared] == [row[0] for row in real]
    typed = ", ".join(f"null::{kind}" for _, kind in declared)
    types = found.connection.execute(f"describe select {typed}").fetchall()
    assert [row[1] for row in types] == [row[1] for row in real]


def test_the_properties_of_a_training_set(tmp_path: Path) -> None:
    fraud = training_set(
        "last",
        description="Frauds, {{ ours }}.",
        tags=["core"],
        owner={"name": "Risk", "email": "risk@example.com"},
    )
    spec = document([LAST], fraud, training_set("last:amount", name="plain"))
    found = run(tmp_path, spec, []).compiled
    (model,) = yaml.safe_load(compiled_text(found, "models/training/fraud.yml"))["models"]
    assert model["config"]["tags"] == ["core"]
    about = model["config"]["meta"]["mlforge"]
    assert about["timestamp"] == "label_time"
    assert about["features"] == ["last"]
    (test,) = model["data_tests"]
    assert test["mlforge_same_rows"]["arguments"] == {
        "other": "ref('int_fraud__labels')",
        "columns": [name for name, _ in found.plan.training_sets[0].columns],
    }
    exposures = yaml.safe_load(compiled_text(found, "models/training/_training.exposures.yml"))[
        "exposures"
    ]
    first, second = exposures
    assert (first["name"], first["type"], first["depends_on"]) == ("fraud", "ml", ["ref('fraud')"])
    assert first["owner"] == {"name": "Risk", "email": "risk@example.com"}
    assert second["owner"] == {"name": "test_project"}
    macros = project_macros(found, tmp_path)
    assert macros.render(first["description"]) == "Frauds, {{ ours }}."
    assert macros.render(model["description"]).startswith("Frauds, {{ ours }}. Every label once")


def test_no_training_set_no_files_of_it(tmp_path: Path) -> None:
    spec = document([LAST])
    found = run(tmp_path, spec, []).compiled
    assert not [path for path in found.files if "training" in path.parts]


IN_YAML = """\
training_sets:
  - name: fraud
    description: What is trained on.
    labels: labels
    timestamp: label_time
    features: [daily, "last:amount", {name: exact, columns: [amount_sum_1d]}]
    audit_rows: 10
    owner: {name: Risk, email: risk@example.com}
    tags: [core]
  - name: queried
    labels: {sql: select 1 as a, columns: {user_id: text, t: text}}
    timestamp: {column: t, format: "%Y"}
    features: last
"""
IN_PYTHON = """\
import mlforge_sql as mlf
from mlforge_sql.spec.training_set import FeatureSpec, Labels, Owner, TrainingSet

TrainingSet(
    name="fraud",
    description="What is trained on.",
    labels="labels",
    timestamp=mlf.Timestamp("label_time"),
    features=["daily", "last:amount", FeatureSpec("exact", columns=["amount_sum_1d"])],
    audit_rows=10,
    owner=Owner(name="Risk", email="risk@example.com"),
    tags=["core"],
)
queried = TrainingSet(
    name="queried",
    labels=Labels(sql="select 1 as a", columns={"user_id": "text", "t": "text"}),
    timestamp=mlf.Timestamp("t", format="%Y"),
    features="last",
)
"""


def test_python_and_yaml_say_the_same(tmp_path: Path) -> None:
    files = {}
    for name, text in (("training.yml", IN_YAML), ("training.py", IN_PYTHON)):
        root = tmp_path / name.replace(".", "_")
        spec = document([DAILY, EXACT, LAST])
        del spec["training_sets"]
        write_project(root, spec)
        write_parquet(root / "data" / "labels.parquet", LABELS, [])
        write_parquet(root / events.PARQUET, SCHEMA, [])
        (root / "features" / name).write_text(text, encoding="utf-8")
        found = compile_project(root).files
        # headers have a hash of the text with the file's name in it
        files[name] = {
            path: re.sub(r" \([0-9a-f]{12}\)", "", body.replace(name, "here"), count=1)
            for path, body in found.items()
        }
    assert files["training.yml"] == files["training.py"]
    assert PurePosixPath("models/training/queried.sql") in files["training.py"]


# Names that meet


def codes(root: Path, spec: Document) -> set[str]:
    write_parquet(root / "data" / "labels.parquet", LABELS, [])
    write_parquet(root / events.PARQUET, SCHEMA, [])
    write_project(root, spec)
    try:
        compile_project(root)
    except SpecErrors as errors:
        return {item.code for item in errors.diagnostics}
    return set()


def test_columns_of_two_features_with_one_name(tmp_path: Path) -> None:
    features = [
        feature("a", select={"b__c": "amount"}),
        feature("a__b", select={"c": "amount"}),
    ]
    assert codes(tmp_path, document(features, training_set("a", "a__b")))


def test_a_training_set_that_is_its_own_labels(tmp_path: Path) -> None:
    labels = {"model": "itself", "columns": {"user_id": "text", "label_time": "timestamp"}}
    itself = training_set("last", name="itself", labels=labels)
    assert codes(tmp_path, document([LAST], itself))


def test_a_query_without_text_and_a_column_without_name(tmp_path: Path) -> None:
    columns = {"user_id": "text", "label_time": "timestamp"}
    empty = training_set("last", name="empty", labels={"sql": " ", "columns": columns})
    assert codes(tmp_path / "sql", document([LAST], empty))
    nameless = training_set("last", labels={"model": "rows", "columns": {**columns, "": "text"}})
    assert codes(tmp_path / "column", document([LAST], nameless))


def test_a_training_set_called_as_the_file_of_exposures(tmp_path: Path) -> None:
    spec = document([LAST], training_set("last", name="_exposures"))
    assert not codes(tmp_path, spec)
    compiled = compile_project(tmp_path)
    assert "models" in yaml.safe_load(compiled_text(compiled, "models/training/_exposures.yml"))
    exposures = compiled_text(compiled, "models/training/_training.exposures.yml")
    assert "exposures" in yaml.safe_load(exposures)


# The macros, by hand


@pytest.fixture
def project(tmp_path: Path) -> Run:
    """Features without training sets, and tables that no spec names."""
    features = [DAILY, EXACT, {**LAST, "ttl": "2d"}]
    found = events.run(tmp_path, events.spec(features, entities=[SECRET]), EXAMPLE)
    found.connection.execute(
        "create table orders as select * from (values "
        "(1, 'EUR', timestamp '2024-01-02 00:00'), (2, 'EUR', timestamp '2024-01-01 23:59:59.999999'), "
        "(3, 'USD', timestamp '2024-01-09 00:00'), (4, null, timestamp '2024-01-09 00:00'), "
        "(5, 'EUR', null), (6, 'EUR', timestamp '2024-01-09 00:00'), (6, 'EUR', timestamp '2024-01-09 00:00')"
        ") as orders(id, currency, ordered_at)"
    )
    found.connection.execute(
        "create table rates as select * from (values "
        "('EUR', timestamp '2024-01-02 00:00', 1.5::double, 'b'), ('EUR', timestamp '2024-01-04 00:00', 2.5, 'c')"
        ") as rates(code, valid_from, rate, bank)"
    )
    found.connection.execute(
        "create table chargebacks as select 'u1' as user_id, timestamp '2024-01-05' as label_time, 1 as row_id"
    )
    return found


@pytest.fixture
def macros(project: Run, tmp_path: Path, portable: frozenset[str]) -> Macros:
    """The project's macros in either formulation."""
    return project_macros(project.compiled, tmp_path, portable=portable)


@pytest.fixture
def native(project: Run, tmp_path: Path) -> Macros:
    """The project's macros as they are on DuckDB."""
    return project_macros(project.compiled, tmp_path)


def queried(project: Run, sql: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = project.connection.execute(sql).fetchall()
    return found


def test_asof_join_by_names(project: Run, native: Macros) -> None:
    sql = native.render(
        "select id, ordered_at, code, rate from ({{ asof_join("
        "'select id, currency as code, ordered_at from orders', ref('rates'), ['code'], 'ordered_at', "
        "'valid_from', ['rate'], empty={'rate': '-1.0'}) }}) as priced order by id"
    )
    assert [(row[0], row[3]) for row in queried(project, sql)] == [
        (1, 1.5),
        (2, -1.0),
        (3, -1.0),
        (4, -1.0),
        (5, -1.0),
        (6, 2.5),
        (6, 2.5),
    ]


def test_asof_join_by_mappings_prefix_and_ttl(project: Run, native: Macros) -> None:
    start = (
        "asof_join(ref('orders'), ref('rates'), {'currency': 'code'}, 'ordered_at', 'valid_from'"
    )
    sql = native.render(f"{{{{ {start}, ['bank', 'rate'], prefix='of_') }}}}")
    found = project.connection.execute(sql)
    assert [item[0] for item in found.description or []] == ["id", "currency", "ordered_at", "of_bank", "of_rate"]  # fmt: skip
    sql = native.render(f"{{{{ {start}, {{'rate': 'the rate', 'bank': 'b'}}, ttl='5d') }}}}")
    assert queried(project, f'select id, "the rate", b from ({sql}) where b is not null order by id') == [
        (1, 1.5, "b"),
        (6, 2.5, "c"),
        (6, 2.5, "c"),
    ]  # fmt: skip
    sql = native.render(f"{{{{ {start}, ['rate'], ttl='119h') }}}}")
    assert queried(project, f"select id from ({sql}) where rate is not null") == [(1,)]


def test_asof_join_of_a_cte(project: Run, native: Macros) -> None:
    sql = native.render(
        "with late as (select * from orders where id > 5), known as (from rates) select id, rate from ("
        "{{ asof_join('late', 'known', {'currency': 'code'}, 'ordered_at', 'valid_from', ['rate']) }})"
    )
    assert queried(project, sql) == [(6, 2.5), (6, 2.5)]


def test_a_ttl_that_is_no_duration(native: Macros) -> None:
    said = macro_error(
        native,
        "{{ asof_join(ref('orders'), ref('rates'), ['code'], 'a', 'b', ['rate'], ttl='soon') }}",
    )
    assert (
        said
        == "'soon' is not a duration: write a whole number above 0 and s, m, h, d or w, such as 7d."
    )


COLUMNS = "label_columns={'user_id': 'text', 'label_time': 'timestamp', 'row_id': 'integer'}"


@pytest.mark.parametrize(
    "labels", ["ref('chargebacks')", "'select * from chargebacks'", "'from chargebacks'", "'cte'"]
)
def test_training_set_of_any_labels(project: Run, macros: Macros, labels: str) -> None:
    wanted = "['exact:amount_count_1d', {'name': 'last', 'columns': ['amount']}, {'name': 'exact'}]"
    sql = macros.render(
        "with cte as (select * from chargebacks) select * from ("
        f"{{{{ training_set({labels}, 'label_time', {wanted}, {COLUMNS}) }}}})"
    )
    found = project.connection.execute(sql)
    assert [item[0] for item in found.description or []] == [
        *("user_id", "label_time", "row_id"),
        *("exact__amount_count_1d", "exact__amount_sum_1d", "last__amount"),
    ]
    assert found.fetchall() == [("u1", at("01-05 00:00"), 1, 0, None, 5000.0)]


def test_training_set_of_a_cte_needs_keys_and_a_timestamp(project: Run, native: Macros) -> None:
    sql = native.render(
        "with cte as (select sha256('2:u1') as user_key, timestamp '2024-01-03' as t) "
        "select * exclude (user_key) from ({{ training_set('cte', 't', ['exact']) }})"
    )
    assert queried(project, sql) == [(at("01-03 00:00"), 1100.0, 2)]


class Relation:
    """As dbt's own: no text, but it has one."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return f'"{self._name}"'


def test_training_set_asks_for_columns(project: Run, native: Macros) -> None:
    asked: list[str] = []

    def columns(query: str) -> list[SimpleNamespace]:
        asked.append(query)
        found = project.connection.execute(f"describe {query}").fetchall()
        return [SimpleNamespace(name=row[0], dtype=row[1]) for row in found]

    native._context["adapter"].get_column_schema_from_query = columns
    native._context["ref"] = Relation
    query = "'select user_id, label_time::timestamptz as t from chargebacks'"
    sql = native.render(f"{{{{ training_set({query}, 't', ['last:amount']) }}}}")
    assert [row[-1] for row in queried(project, sql)] == [5000.0]
    assert len(asked) == 1
    sql = native.render("{{ training_set(ref('chargebacks'), 'label_time', ['last:amount']) }}")
    assert [row[-1] for row in queried(project, sql)] == [5000.0]
    assert len(asked) == 2


def test_the_instant_may_be_sql(project: Run, macros: Macros) -> None:
    sql = macros.render(
        "{{ training_set('select user_id, 3 as day from chargebacks', 'day', ['exact:amount_sum_1d'], "
        "label_columns={'user_id': 'text', 'day': 'integer'}, "
        "label_instant='make_timestamp(2024, 1, labels.day, 0, 0, 0)') }}"
    )
    assert queried(project, sql) == [("u1", 3, 1100.0)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            f"'label_time', ['exat'], {COLUMNS}",
            "training_set: unknown feature 'exat'. Known features: daily, exact, last",
        ),
        (
            f"'label_time', ['exact:amount'], {COLUMNS}",
            "training_set: feature 'exact' has no column 'amount'. It has: amount_sum_1d, amount_count_1d",
        ),
        (
            f"'label_time', [{{'name': 'exact', 'columns': ['x']}}], {COLUMNS}",
            "training_set: feature 'exact' has no column 'x'. It has: amount_sum_1d, amount_count_1d",
        ),
        (f"'label_time', [], {COLUMNS}", "training_set: no features are asked for"),
        (
            "'label_time', ['exact'], {'label_time': 'timestamp', 'user': 'text'}",
            (
                "training_set: feature 'exact' needs the column 'user_key', or user_id to compute "
                "it from. The labels have: label_time, user"
            ),
        ),
        (
            f"'labeltime', ['exact'], {COLUMNS}",
            "training_set: the labels have no column 'labeltime'. They have: user_id, label_time, row_id",
        ),
        (
            "'t', ['exact'], {'user_id': 'text', 't': 'bigint'}",
            (
                "training_set: label_time is bigint; it must be a timestamp, a date or ISO text. "
                "Give its SQL as label_instant."
            ),
        ),
        (
            "'t', ['last'], {'user_id': 'text', 't': 'date', 'Last__Amount': 'text'}",
            "training_set: the labels already have a column 'last__amount'. Rename it, or leave it out.",
        ),
    ],
)
def test_what_training_set_says(macros: Macros, arguments: str, said: str) -> None:
    assert macro_error(macros, f"{{{{ training_set(ref('chargebacks'), {arguments}) }}}}") == said


LOCAL = "select 'u1' as user_id, {} from (select timestamp '2024-01-02 18:30' as t)"


@pytest.mark.parametrize(
    ("stored", "time", "types", "more"),
    [
        ("t as at", "'at'", "{'user_id': 'text', 'at': 'timestamp'}", ""),
        ("t::text as at", "'at'", "{'user_id': 'text', 'at': 'text'}", ""),
        ("t::timestamp_ns as at", "'AT'", "{'user_id': 'text', 'at': 'timestamp_ns'}", ""),
        ("'2024-01-02 18:30+01' as at", "'at'", "{'user_id': 'text', 'at': 'text'}", ""),
        ("'2024-01-02T17:30Z' as at", "'at'", "{'user_id': 'text', 'at': 'varchar(20)'}", ""),
        ("t::date as d, t::time as c", "['d', 'c']", "{'user_id': 'text', 'd': 'date', 'c': 'time'}", ""),
        ("t::date as d, '18:30' as c", "['d', 'c']", "{'user_id': 'text', 'd': 'date', 'c': 'text'}", ""),
        ("30 as at", "'at'", "{'user_id': 'text', 'at': 'integer'}", ", label_instant='make_timestamp(2024, 1, 2, 18, labels.at, 0)'"),
    ],
)  # fmt: skip
def test_label_times_in_a_zone(
    project: Run, macros: Macros, stored: str, time: str, types: str, more: str
) -> None:
    """18:30 in Berlin is 17:30 UTC: before the event of 18:00."""
    query = LOCAL.format(stored).replace("'", "\\'")
    sql = macros.render(
        f"{{{{ training_set('{query}', {time}, ['exact:amount_sum_1d'], {types}, timezone='Europe/Berlin'{more}) }}}}"
    )
    assert [row[-1] for row in queried(project, sql)] == [100.0]


def test_asof_join_in_a_zone(project: Run, native: Macros) -> None:
    """Row 2, a microsecond before midnight, is an hour earlier still, and so is row 1, at midnight."""
    start = "asof_join(ref('orders'), ref('rates'), {'currency': 'code'}, 'ordered_at', 'valid_from', ['rate']"
    sql = native.render(f"{{{{ {start}, timezone='Europe/Berlin') }}}}")
    assert queried(project, f"select id from ({sql}) where rate is not null") == [(6,), (6,)]
    sql = native.render(f"{{{{ {start}, timezone='America/Chicago') }}}}")
    found = queried(project, f"select id from ({sql}) where rate is not null order by id")
    assert found == [(1,), (2,), (6,), (6,)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            f"'label_time', ['exact'], {COLUMNS}, timezone='CET'",
            "'CET' is not the IANA name of a time zone. Write the zone of a place, such as Europe/Berlin.",
        ),
        (
            "'t', ['exact'], {'user_id': 'text', 't': 'timestamp_tz'}, timezone='Europe/Berlin'",
            "training_set: label_time is timestamp_tz, whose instants are known. Leave timezone out.",
        ),
        (
            "['t', 'u'], ['exact'], {'user_id': 'text', 't': 'date'}",
            "training_set: the labels have no column 'u'. They have: user_id, t",
        ),
    ],
)
def test_what_training_set_says_of_zones(macros: Macros, arguments: str, said: str) -> None:
    assert macro_error(macros, f"{{{{ training_set(ref('chargebacks'), {arguments}) }}}}") == said


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "timestamp_ns", "date", "varchar"])
def test_an_infinite_label_time_is_no_instant(
    project: Run, macros: Macros, kind: str, sign: str
) -> None:
    query = f"select \\'u1\\' as user_id, cast(\\'{sign}infinity\\' as {kind}) as t"
    types = f"{{'user_id': 'text', 't': '{kind}'}}"
    wanted = "['exact', 'daily:amount_count_1d', 'last']"
    sql = macros.render(f"{{{{ training_set('{query}', 't', {wanted}, {types}) }}}}")
    ((*_, total, count, daily, last, seen),) = queried(project, sql)
    assert (total, count, daily, last, seen) == (None, 0, 0, None, None)


def rendered(found: Run, root: Path, portable: frozenset[str], name: str = "fraud") -> str:
    path = PurePosixPath(f"models/training/{name}.sql")
    return project_macros(found.compiled, root, portable=portable).render(
        found.compiled.files[path]
    )


def macro_error(macros: Macros, text: str) -> str:
    with pytest.raises(MacroError) as error:
        macros.render(text)
    return str(error.value)


def test_rows_without_key_or_time_hold_for_nobody(tmp_path: Path, portable: frozenset[str]) -> None:
    spec = document([LAST], training_set("last"))
    labels = at_times("01-05 00:00") + at_times("01-05 00:00", user=None)
    found = run(tmp_path, spec, labels, portable=portable)
    for key, time in (("null", "timestamp '2024-01-04'"), ("'u1'", "null")):
        found.connection.execute(f"insert into last values ({key}, {time}, -1, null)")
    text = next(text for path, text in found.compiled.files.items() if path.name == "fraud.sql")
    sql = project_macros(found.compiled, tmp_path, portable=portable).render(text)
    rows = found.connection.execute(f"select user_id, last__amount from ({sql})").fetchall()
    assert sorted(rows, key=str) == [("u1", 5000.0), (None, None)]
