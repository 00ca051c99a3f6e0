"""Features that share source, keys, interval and filter share their tiles: planned across features."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import events
import pytest
from events import Document, at, feature

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.plan.nodes import Plan, Rolling, Tiles
from mlforge_sql.workflows.compile import Compiled, compile_project

EXAMPLE = Path(__file__).parents[2] / "example_project"

SCHEMA = {**events.SCHEMA, "shop_id": "BIGINT", "price": "DECIMAL(10,2)", "kind": "VARCHAR"}
USER = {"name": "user", "join_key": "user_id"}
SHOP = {"name": "shop", "join_key": "shop_id"}
PAIR = {"name": "pair", "join_key": ["user_id", "shop_id"]}
PAIR_TURNED = {"name": "pair_turned", "join_key": ["shop_id", "user_id"]}


def sums(windows: list[str] | None = None, functions: list[str] | None = None, field: str = "amount") -> list[Document]:  # fmt: skip
    return [{"windows": windows or ["7d"], "aggregations": {field: functions or ["sum"]}}]


def daily(name: str, **keys: Any) -> Document:
    return feature(name, **{"interval": "1d", "metrics": sums(), **keys})


def plan_of(
    root: Path, features: list[Document], sources: list[Document] | None = None, **source: Any
) -> Plan:
    document = events.spec(features, entities=[USER, SHOP, PAIR, PAIR_TURNED], source=source)
    document["sources"] += sources or []
    row = dict.fromkeys(SCHEMA)
    return events.run(root, document, [row], SCHEMA).compiled.plan


def tiles_of(plan: Plan) -> dict[str, str]:
    """Feature -> the tiles model that it reads."""
    found = {}
    for node in plan.features:
        if isinstance(node, Rolling):
            assert node.tiles is not None, f"{node.name} computes its own tiles"
            found[node.name] = node.tiles
    assert {item.name for item in plan.tiles} == set(found.values())
    for item in plan.tiles:
        assert set(item.features) == {name for name, tiles in found.items() if tiles == item.name}
    return found


def shared(plan: Plan) -> bool:
    return len(set(tiles_of(plan).values())) == 1


# The example project


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    root = tmp_path_factory.mktemp("tiles") / "example"
    ignore = shutil.ignore_patterns("data", "dbt", "feature_store", "__pycache__")
    shutil.copytree(EXAMPLE, root, ignore=ignore)
    command = [sys.executable, "generate_data.py", "--rows", "500", "--out", "data"]
    subprocess.run(command, cwd=root, check=True, capture_output=True, timeout=60)
    return compile_project(root)


def test_customer_features_of_the_example_share_one_model(example: Compiled) -> None:
    tiles = tiles_of(example.plan)
    assert tiles["customer_spend"] == tiles["customer_velocity"]
    assert tiles["merchant_spend"] != tiles["customer_spend"]
    assert len(example.plan.tiles) == 3  # customer, merchant, customer at merchant
    node = next(item for item in example.plan.tiles if item.name == tiles["customer_spend"])
    assert node.features == ("customer_spend", "customer_velocity")
    kinds = [(item.kind, item.value.sql if item.value else None) for item in node.measures]
    assert sorted(kinds, key=str) == [
        (MeasureKind.CENTER, "amount"),
        (MeasureKind.COUNT, "amount"),
        (MeasureKind.DEVIATIONS, "amount"),
        (MeasureKind.FROM_CENTER, "amount"),
        (MeasureKind.MAX, "amount"),
        (MeasureKind.MIN, "amount"),
        (MeasureKind.ROWS, None),
        (MeasureKind.SUM, "amount"),
    ]


def test_there_is_one_file_for_shared_tiles(example: Compiled) -> None:
    files = [path for path in example.files if path.name.endswith("_tiles.sql")]
    assert len(files) == len(example.plan.tiles) == 3
    for name in ("customer_spend", "customer_velocity"):
        text = next(text for path, text in example.files.items() if path.name == f"{name}.sql")
        assert f"ref('{tiles_of(example.plan)[name]}')" in text


def test_a_feature_that_reads_only_tiles_still_waits_for_its_validators(example: Compiled) -> None:
    """They run on the input, which the SQL does not read."""
    text = next(t for path, t in example.files.items() if path.name == "customer_velocity.sql")
    assert "ref('int_customer_velocity__input')" in text


# What is shared


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({}, {"metrics": sums(["30d", "lifetime"], ["mean", "max"])}),
        ({}, {"metrics": sums(field="price")}),
        ({}, {"metrics": [{**sums()[0], "offset": "1d", "where": "kind = 'a'"}]}),
        ({}, {"tags": ["x"], "description": "another", "version": 2}),
        ({}, {"validators": {"amount": ["not_null"]}}),
        ({"where": "amount > 1"}, {"where": "amount > 1"}),
        ({"where": "amount > 1"}, {"where": "AMOUNT  >  1"}),
        ({"interval": "24h"}, {"interval": "1d"}),
        ({"interval": "1w"}, {"interval": "7d"}),
        ({"entities": ["pair"]}, {"entities": ["user", "shop"]}),
        ({"entities": ["pair"]}, {"entities": ["pair_turned"]}),
        ({}, {"select": {"twice": "amount * 2"}, "metrics": sums(field="twice")}),
    ],
    ids=["same", "windows", "field", "metric_where", "about", "validators", "where", "spelling", "24h", "1w_7d", "pair", "turned", "select"],
)  # fmt: skip
def test_shared(tmp_path: Path, first: Document, second: Document) -> None:
    assert shared(plan_of(tmp_path, [daily("a", **first), daily("b", **second)]))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"where": "amount > 1"}),
        ({"where": "amount > 1"}, {"where": "amount > 2"}),
        ({"where": "kind = 'a'"}, {"where": "kind = 'A'"}),
        ({}, {"interval": "1h", "metrics": sums(["1h"])}),
        ({}, {"interval": "7d"}),
        ({}, {"entities": ["shop"]}),
        ({}, {"entities": ["pair"]}),
        ({}, {"source": "others"}),
    ],
    ids=["where", "where_value", "where_case", "interval", "week", "keys", "more_keys", "source"],
)
def test_not_shared(tmp_path: Path, first: Document, second: Document) -> None:
    others = {"name": "others", "path": events.PARQUET, "timestamp": "event_time", "delay": "1h"}
    plan = plan_of(tmp_path, [daily("a", **first), daily("b", **second)], [others])
    assert not shared(plan)
    assert len(plan.tiles) == 2


def test_continuous_and_latest_features_have_no_tiles(tmp_path: Path) -> None:
    features = [
        feature("continuous", metrics=sums()),
        feature("latest", interval="1d", select={"last_amount": "amount"}),
    ]
    plan = plan_of(tmp_path, features)
    assert plan.tiles == ()


def test_7d_is_a_week_from_monday(tmp_path: Path) -> None:
    """Also the instants are the same, not only the name of the model."""
    row = {**dict.fromkeys(SCHEMA), "user_id": "u1", "event_time": at("01-07 23:00"), "amount": 1.0}
    features = [daily(f"every_{interval}", interval=interval) for interval in ("1w", "7d", "168h")]
    run = events.run(tmp_path, events.spec(features, entities=[USER]), [row], SCHEMA)
    assert shared(run.compiled.plan)
    tables = [run.rows(item["name"], "feature_timestamp") for item in features]
    assert tables[0] == tables[1] == tables[2]
    assert tables[0][0]["feature_timestamp"] == at("01-08")


# Measures


def measures(plan: Plan) -> list[tuple[str, str, str | None, str | None]]:
    (tiles,) = plan.tiles
    return [
        (
            item.name,
            str(item.kind),
            item.value.sql if item.value else None,
            item.where.sql if item.where else None,
        )
        for item in tiles.measures
    ]


def test_measures_are_there_once(tmp_path: Path) -> None:
    """A mean is a sum and a count; windows and offsets add nothing; a spread is three numbers and the count."""
    everything = ["sum", "count", "mean", "min", "max", "std", "variance"]
    features = [
        daily("a", metrics=sums(["7d", "30d"], everything)),
        daily("b", metrics=sums(["1d", "lifetime"], ["mean"])),
        daily("c", metrics=[{**sums()[0], "offset": "1d"}]),
        daily(
            "d", metrics=[{"field": "amount", "function": "sum", "windows": ["1d"], "name": "s"}]
        ),
        daily("e", metrics=[{"field": "*", "function": "count", "windows": ["1d"]}]),
        daily("f", metrics=[{"field": "*", "function": "count", "windows": ["2d"], "name": "n"}]),
    ]
    found = measures(plan_of(tmp_path, features))
    assert [item[1:] for item in found] == [
        ("sum", "amount", None),
        ("count", "amount", None),
        ("min", "amount", None),
        ("max", "amount", None),
        ("center", "amount", None),
        ("from_center", "amount", None),
        ("deviations", "amount", None),
        ("rows", None, None),
    ]
    assert len({item[0] for item in found}) == len(found)


def test_measures_of_a_filter_or_an_expression_are_others(tmp_path: Path) -> None:
    """Two features may call different things `amount`; equal expressions are one measure."""
    features = [
        daily("a"),
        daily("b", metrics=[{**sums()[0], "where": "kind = 'a'"}]),
        daily("c", metrics=[{**sums()[0], "where": "KIND='a'"}]),
        daily("d", select={"amount": "amount * 2"}),
        daily("e", select={"twice": "amount*2"}, metrics=sums(field="twice")),
        daily("f", select={"amount": "price"}),
        daily("g", metrics=sums(field="price")),
    ]
    found = measures(plan_of(tmp_path, features))
    assert [item[1:] for item in found] == [
        ("sum", "amount", None),
        ("sum", "amount", "kind = 'a'"),
        ("sum", "amount * 2", None),
        ("sum", "price", None),
        ("rows", None, None),  # for the account of the rows
    ]
    assert len({item[0].casefold() for item in found}) == len(found)


def test_features_that_share_have_their_own_values(tmp_path: Path) -> None:
    """Sharing changes nothing: the same rows as each feature compiled alone."""
    rows = [
        {**dict.fromkeys(SCHEMA), "user_id": f"u{n % 3}", "shop_id": n % 2, "kind": "ab"[n % 2],
         "event_time": at(f"01-{1 + n % 9:02} 0{n % 7}:00"), "amount": float(n)}
        for n in range(60)
    ]  # fmt: skip
    features = [
        daily("a"),
        daily("b", metrics=sums(["1d", "7d"], ["sum", "mean", "max"])),
        daily("c", metrics=[{**sums()[0], "where": "kind = 'a'"}]),
        daily("d", select={"amount": "amount * 2"}),
        daily("e", entities=["shop"]),
        daily("f", where="amount > 20"),
    ]
    entities = [USER, SHOP]
    together = events.run(tmp_path / "all", events.spec(features, entities=entities), rows, SCHEMA)
    assert len(together.compiled.plan.tiles) == 3
    for item in features:
        name = item["name"]
        alone = events.run(tmp_path / name, events.spec([item], entities=entities), rows, SCHEMA)
        assert together.rows(name, "1, 2") == alone.rows(name, "1, 2")
        assert together.rows(name)


# Names


def names(plan: Plan) -> list[str]:
    return [item.name for item in plan.tiles]


def test_names_are_stable(tmp_path: Path) -> None:
    """Another feature, another order of the features or of their keys: the same names."""
    features = [
        daily("a"),
        daily("b", where="amount > 1"),
        daily("c", entities=["pair"]),
        daily("d", interval="1w"),
    ]
    first = tiles_of(plan_of(tmp_path / "1", features))
    again = tiles_of(plan_of(tmp_path / "2", features))
    turned = tiles_of(plan_of(tmp_path / "3", features[::-1]))
    more = tiles_of(plan_of(tmp_path / "4", [daily("z", metrics=sums(["1d"], ["max"])), *features]))
    assert first == again == turned
    assert {name: more[name] for name in first} == first
    assert first["a"] == "int_events__user_id__1d_tiles"
    assert len(set(first.values())) == 4


def test_names_of_measures_do_not_depend_on_other_features(tmp_path: Path) -> None:
    alone = measures(plan_of(tmp_path / "1", [daily("a")]))
    both = measures(plan_of(tmp_path / "2", [daily("a"), daily("b", metrics=sums(field="price"))]))
    assert alone[0] == both[0]
    assert alone[0][0] == "amount_sum"


def test_names_are_different_whatever_their_case(tmp_path: Path) -> None:
    """File systems and engines do not tell `A` from `a`."""
    features = [
        daily(f"f{number}", where=where)
        for number, where in enumerate(["kind = 'a'", "kind = 'A'", "amount > 1", "amount > 2"])
    ]
    found = names(plan_of(tmp_path, features))
    assert len({name.casefold() for name in found}) == 4


def test_sources_and_keys_whose_names_run_together(tmp_path: Path) -> None:
    """`a` + `b__c` and `a__b` + `c` would both be `a__b__c`."""
    schema = {"b__c": "VARCHAR", "c": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    document = {
        "entities": [{"name": "x", "join_key": "b__c"}, {"name": "y", "join_key": "c"}],
        "sources": [
            {"name": name, "path": events.PARQUET, "timestamp": "event_time"}
            for name in ("a", "a__b")
        ],
        "features": [
            {**daily("f"), "source": "a", "entities": ["x"]},
            {**daily("g"), "source": "a__b", "entities": ["y"]},
        ],
    }
    row = {"b__c": "p", "c": "q", "event_time": at("01-01"), "amount": 1.0}
    run = events.run(tmp_path, document, [row], schema)
    tiles: tuple[Tiles, ...] = run.compiled.plan.tiles
    assert len({item.name for item in tiles}) == 2
    assert [row["b__c"] for row in run.rows("f")] == ["p", "p"]
    assert [row["c"] for row in run.rows("g")] == ["q", "q"]
