"""Labels of training sets: their keys, names, texts, and where they come from."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path, PurePosixPath

import duckdb
import pytest
from events import USER, at, feature, table
from harness import CONFIG, Run, project_macros
from judged import LABELS, LAST, PORTABLE, SECRET, at_times, document, run, training_set, values

SALE = {"user_id": "VARCHAR", "shop_id": "BIGINT", "event_time": "TIMESTAMP", "amount": "DOUBLE"}


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


def rendered(found: Run, root: Path, portable: frozenset[str], name: str = "fraud") -> str:
    path = PurePosixPath(f"models/training/{name}.sql")
    return project_macros(found.compiled, root, portable=portable).render(
        found.compiled.files[path]
    )
