"""What a project's YAML says of its tables on Databricks, and that it says nothing without a profile there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import events
import pytest
import yaml
from events import Document, feature
from harness import CONFIG, write_project
from jinja2 import Environment, StrictUndefined
from jinja2.nativetypes import NativeEnvironment

from mlforge_sql.dbt.online import HOOK
from mlforge_sql.workflows.compile import Compiled, compile_project

LOCAL: Document = CONFIG["profiles"]["dev"]
COLUMNS = {"user_id": "string", "event_time": "timestamp", "amount": "double"}
VELOCITY: Document = {
    "field": "amount",
    "function": "count",
    "windows": ["1d"],
    "name": "velocity",
    "unit": "events",
}


def unity(schema: str = "s", sync_mode: str | None = None) -> Document:
    """A profile on Databricks."""
    store: Document = {"KIND": "unity_catalog", "catalog": "c", "schema": schema}
    online = {"KIND": "databricks_online", "catalog": "c", "schema": "o", "sync_mode": sync_mode}
    return {"offline_store": store, **({"online_store": online} if sync_mode else {})}


def compiled(root: Path, profiles: Mapping[str, Any], **changes: Any) -> Compiled:
    columns = changes.pop("columns", COLUMNS)
    entities = changes.pop("entities", [events.USER])
    features = changes.pop("features", [feature(interval="1d", metrics=[VELOCITY], **changes)])
    source = {"path": None, "table": "c.raw.events", "columns": columns}
    document = events.spec(features, source=source, entities=entities)
    write_project(root, document, {**CONFIG, "profiles": profiles})
    return compile_project(root)


def model(found: Compiled, name: str, target: tuple[str, str] | None = None) -> Any:
    """The properties of a model; for a target's schema and type, as dbt reads them."""
    files = (text for path, text in found.files.items() if path.match("models/*/*.yml"))
    models = (item for text in files for item in yaml.safe_load(text).get("models", ()))
    properties = next(item for item in models if item["name"] == name)
    return rendered(properties, target) if target else properties


def rendered(value: Any, target: tuple[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: rendered(item, target) for key, item in value.items()}
    if isinstance(value, list):
        return [rendered(item, target) for item in value]
    if not isinstance(value, str):
        return value
    schema, engine = target
    about = {"name": "a job's", "type": engine, "database": "c", "schema": schema}
    values = {"target": about}
    if value == HOOK:
        return value
    return NativeEnvironment(undefined=StrictUndefined).from_string(value).render(values)


DEV, BRICKS = ("main", "duckdb"), ("s", "databricks")


def test_nothing_without_a_profile_on_databricks(tmp_path: Path) -> None:
    found = compiled(tmp_path, {"dev": LOCAL}, tags=["core"])
    for name in ("f", "f_current", "int_events__user_id__1d_tiles"):
        properties = model(found, name)
        assert "constraints" not in properties
        assert set(properties["config"]) <= {"contract", "tags", "meta", "materialized"}
        assert "table_tags" not in properties["config"]["meta"]["mlforge"]
    assert "persist_docs" not in found.files[PurePosixPath("dbt_project.yml")]
    assert not any("mlforge_changes" in path.name for path in found.files)


def test_the_key_is_there_for_databricks_alone(tmp_path: Path) -> None:
    found = compiled(tmp_path, {"dev": LOCAL, "databricks": unity()})
    key = {"type": "custom", "name": "f_pk"}
    expression = "primary key (user_id, feature_timestamp timeseries)"
    assert model(found, "f", BRICKS)["constraints"] == [{**key, "expression": expression}]
    assert model(found, "f", DEV)["constraints"] == [{**key, "expression": ""}]
    current = model(found, "f_current", BRICKS)["constraints"]
    assert current[0]["expression"] == "primary key (user_id)"
    for name in ("f", "f_current"):
        columns = model(found, name)["columns"]
        required = [item["name"] for item in columns if item.get("constraints")]
        assert required == ["user_id", "feature_timestamp"]


def test_no_jinja_where_every_profile_is_on_databricks(tmp_path: Path) -> None:
    found = compiled(tmp_path, {"databricks": unity("s", "triggered")}, tags=["core"])
    for path, text in found.files.items():
        if path.parts[0] == "models" and path.suffix == ".yml" and path.name != "_sources.yml":
            plain = re.sub(r"\{\{ mlforge_check_source\('\w+'\) \}\}", "", text.replace(HOOK, ""))
            assert "{{" not in plain, path
    assert model(found, "f_current")["config"]["materialized"] == "incremental"


def test_clustering_and_tags(tmp_path: Path) -> None:
    found = compiled(
        tmp_path, {"databricks": unity()}, tags=["core", "team a", "a-b", "x=y", "it's"]
    )
    config = model(found, "f")["config"]
    assert config["liquid_clustered_by"] == ["user_id", "feature_timestamp"]
    assert config["meta"]["mlforge"]["table_tags"] == ["core", "team a"]
    assert config["tags"] == ["core", "team a", "a-b", "x=y", "it's"]
    assert model(found, "f_current")["config"]["liquid_clustered_by"] == ["user_id"]
    tiles = model(found, "int_events__user_id__1d_tiles")["config"]
    assert tiles["liquid_clustered_by"] == ["user_id", "tick"]
    assert "table_tags" not in tiles["meta"]["mlforge"]


def test_a_unit_alone_is_a_tag_too(tmp_path: Path) -> None:
    found = compiled(tmp_path, {"databricks": unity()})
    assert model(found, "f")["config"]["meta"]["mlforge"]["table_tags"] == []
    units = {item["name"]: item.get("config") for item in model(found, "f")["columns"]}
    assert units["velocity_1d"] == {"meta": {"unit": "events"}}


def test_tables_are_optimized_where_a_profile_asks_for_it(tmp_path: Path) -> None:
    asking = unity("b")
    asking["offline_store"]["optimize"] = True
    found = compiled(tmp_path, {"dev": LOCAL, "a": unity("a"), "b": asking})
    assert PurePosixPath("macros/mlforge_optimize.sql") in found.files
    targets = found.files[PurePosixPath("macros/mlforge_targets.sql")]
    assert "{%- set optimized = ['b'] -%}" in targets


def test_tags_with_a_prefix_or_off(tmp_path: Path) -> None:
    marked, off = unity("a"), unity("b")
    marked["offline_store"]["tag_prefix"] = "mlforge_"
    off["offline_store"]["tags"] = False
    found = compiled(tmp_path, {"a": marked, "b": off, "c": unity("c"), "dev": LOCAL})
    text = found.files[PurePosixPath("macros/mlforge_targets.sql")]
    assert "{%- set tags = {'a': 'mlforge_', 'c': ''} -%}" in text
    assert "{{ mlforge_tag_tables(results) }}" in found.files[PurePosixPath("dbt_project.yml")]


def test_at_most_four_columns_are_clustered(tmp_path: Path) -> None:
    """And none that Delta keeps no statistics of."""
    names = ["k1", "k2", "k3", "k4"]
    columns = {**COLUMNS, **dict.fromkeys(names, "bigint"), "flag": "boolean"}
    entity = {"name": "many", "join_key": ["flag", *names]}
    features = [{**feature(metrics=[VELOCITY], interval="1d"), "entities": ["many"]}]
    found = compiled(
        tmp_path, {"databricks": unity()}, columns=columns, entities=[entity], features=features
    )
    properties = model(found, "f")
    assert properties["config"]["liquid_clustered_by"] == names
    expression = "primary key (flag, k1, k2, k3, k4, feature_timestamp timeseries)"
    assert properties["constraints"][0]["expression"] == expression


def test_keys_that_are_words_of_sql(tmp_path: Path) -> None:
    columns = {**COLUMNS, "order": "string", "Mixed": "string"}
    entity = {"name": "odd", "join_key": ["order", "Mixed"]}
    features = [{**feature("Odd", select={"amount": "amount"}), "entities": ["odd"]}]
    profiles = {"databricks": unity("s", "triggered")}
    found = compiled(tmp_path, profiles, columns=columns, entities=[entity], features=features)
    properties = model(found, "Odd")
    expression = "primary key (`order`, Mixed, feature_timestamp timeseries)"
    constraint = {"type": "custom", "name": "odd_pk", "expression": expression}
    assert properties["constraints"] == [constraint]
    clustered = ["`order`", "Mixed", "feature_timestamp"]
    assert properties["config"]["liquid_clustered_by"] == clustered
    current = model(found, "Odd_current")["config"]
    assert current["liquid_clustered_by"] == ["Mixed"]


@pytest.mark.parametrize("name", ["a b", "x;y", "x,y", "p(q)", "c=d", "x.y", "é"])
def test_label_columns_that_delta_takes_only_with_a_mapping(tmp_path: Path, name: str) -> None:
    labels = {"sql": "select 1", "columns": {"user_id": "string", "t": "timestamp", name: "double"}}
    wanted = {"name": "train", "labels": labels, "timestamp": "t", "features": ["f"]}
    source = {"path": None, "table": "c.raw.events", "columns": COLUMNS}
    document = events.spec([feature(select={"amount": "amount"})], source=source)
    config = {**CONFIG, "profiles": {"databricks": unity()}}
    write_project(tmp_path, {**document, "training_sets": [{**wanted, "tags": ["fraud"]}]}, config)
    found = model(compile_project(tmp_path), "train")["config"]
    mapped = {"delta.columnMapping.mode": "name"} if name not in {"x.y", "é"} else None
    assert found.get("tblproperties") == mapped
    assert found["meta"]["mlforge"]["table_tags"] == ["fraud"]


FOLLOWED = {"delta.enableChangeDataFeed": "true"}


@pytest.mark.parametrize("mode", ["triggered", "continuous"])
def test_current_tables_that_an_online_table_follows(tmp_path: Path, mode: str) -> None:
    """They keep their identity and tell their changes, wherever a profile shares the place."""
    profiles = {
        "dev": LOCAL,
        "databricks": unity("a", mode),
        "same_place": unity("a"),
        "snapshot": unity("b", "snapshot"),
        "offline": unity("c"),
    }
    found = compiled(tmp_path, profiles)

    def config(name: str, engine: str = "databricks") -> Any:
        schema = profiles[name]["offline_store"].get("schema", "main")
        return model(found, "f_current", (schema, engine))["config"]

    for name in ("databricks", "same_place"):
        assert config(name)["materialized"] == "incremental"
        assert config(name)["tblproperties"] == FOLLOWED
        assert config(name)["incremental_strategy"] == "mlforge_changes"
        assert config(name)["unique_key"] == ["user_id"]
        assert config(name)["on_schema_change"] == "append_new_columns"
    for name, engine in (("snapshot", "databricks"), ("offline", "databricks"), ("dev", "duckdb")):
        assert config(name, engine)["materialized"] == "table"
        assert config(name, engine)["tblproperties"] == {}
    assert "materialized" not in model(found, "f")["config"]
    assert "tblproperties" not in model(found, "f")["config"]


def test_current_tables_that_nothing_follows(tmp_path: Path) -> None:
    found = compiled(tmp_path, {"dev": LOCAL, "databricks": unity("a", "snapshot")})
    assert set(model(found, "f_current")["config"]) == {
        "contract",
        "liquid_clustered_by",
        "post_hook",
        "meta",
    }


def test_comments_arrive_as_they_were_written(tmp_path: Path) -> None:
    """dbt-databricks escapes the quotes in a comment, and not the backslashes."""
    text = "It's 5\\6 {{ of }} it\\"
    found = compiled(
        tmp_path,
        {"dev": LOCAL, "databricks": unity()},
        features=[feature(description=text, select={"amount": "amount"})],
    )
    written = model(found, "f")["description"]

    def shown(target: tuple[str, str]) -> str:
        values = {"target": dict(zip(("name", "type"), target, strict=True))}
        return Environment(autoescape=False).from_string(written).render(values)

    assert shown(DEV).startswith(text)
    assert shown(BRICKS).startswith(text.replace("\\", "\\\\"))
    only = compiled(
        tmp_path,
        {"databricks": unity()},
        features=[feature(description=text, select={"amount": "amount"})],
    )
    written = model(only, "f")["description"]
    assert shown(BRICKS).startswith(text.replace("\\", "\\\\"))


def test_comments_are_kept_on_databricks(tmp_path: Path) -> None:
    def docs(profiles: Mapping[str, Any], target: tuple[str, str]) -> Any:
        found = compiled(tmp_path, profiles)
        project = yaml.safe_load(found.files[PurePosixPath("dbt_project.yml")])
        return rendered(project["models"]["test_project"]["features"]["+persist_docs"], target)

    both: Document = {"dev": LOCAL, "databricks": unity()}
    assert docs(both, BRICKS) == {"relation": True, "columns": True}
    assert docs(both, DEV) == {"relation": False, "columns": False}
    assert docs({"databricks": unity()}, BRICKS) == {"relation": True, "columns": True}


# Rows that begin later


def test_later_rows_are_kept_where_they_are_published(tmp_path: Path) -> None:
    profiles = {
        "dev": LOCAL,
        "databricks": unity("a", "triggered"),
        "same_place": unity("A"),
        "snapshot": unity("b", "snapshot"),
        "offline": unity("c"),
    }
    found = compiled(tmp_path, profiles)

    def upcoming(name: str, engine: str = "databricks") -> Any:
        schema = profiles[name]["offline_store"].get("schema", "main")
        return model(found, "f_upcoming", (schema, engine))

    for name in ("databricks", "same_place", "snapshot"):
        assert upcoming(name)["config"]["enabled"] is True
    for name, engine in (("offline", "databricks"), ("dev", "duckdb")):
        assert upcoming(name, engine)["config"]["enabled"] is False
    key = {"type": "custom", "name": "f_upcoming_pk"}
    expression = "primary key (user_id, feature_timestamp)"
    properties = upcoming("databricks")
    assert properties["constraints"] == [{**key, "expression": expression}], "no time series"
    assert properties["config"]["materialized"] == "incremental"
    assert properties["config"]["tblproperties"] == FOLLOWED
    assert properties["config"]["unique_key"] == ["user_id", "feature_timestamp"]
    assert properties["config"]["liquid_clustered_by"] == ["user_id", "feature_timestamp"]
    assert properties["config"]["post_hook"] == [HOOK]
    assert upcoming("snapshot")["config"]["materialized"] == "table"
    meta = {"kind": "upcoming", "feature": "f", "table_tags": []}
    assert properties["config"]["meta"]["mlforge"] == meta


def test_every_profile_publishes(tmp_path: Path) -> None:
    """Then there is nothing to switch off."""
    found = compiled(tmp_path, {"databricks": unity("s", "triggered")})
    assert "enabled" not in model(found, "f_upcoming")["config"]


@pytest.mark.parametrize(
    ("changes", "later"),
    [
        ({"metrics": [VELOCITY]}, True),
        ({"interval": "1d", "metrics": [VELOCITY]}, True),
        ({"select": {"amount": "amount"}}, False),
        ({"select": {"amount": "amount"}, "interval": "1d"}, True),
        ({"metrics": [{**VELOCITY, "windows": "lifetime"}]}, False),
        ({"metrics": [{**VELOCITY, "windows": "lifetime", "offset": "1d"}]}, True),
        ({"metrics": [{**VELOCITY, "windows": "lifetime"}], "interval": "1d"}, True),
    ],
)
@pytest.mark.parametrize("delay", [None, "1h"])
def test_features_that_change_without_an_event(
    tmp_path: Path, changes: Document, later: bool, delay: str | None
) -> None:
    profiles = {"databricks": unity("s", "triggered")}
    source = {"path": None, "table": "c.raw.events", "columns": COLUMNS}
    source |= {"delay": delay} if delay else {}
    write_project(
        tmp_path, events.spec([feature(**changes)], source=source), {**CONFIG, "profiles": profiles}
    )
    found = compile_project(tmp_path)
    assert any(path.name == "f_upcoming.sql" for path in found.files) == (later or bool(delay))


def test_without_an_online_store_on_databricks_there_are_no_hooks(tmp_path: Path) -> None:
    found = compiled(tmp_path, {"dev": LOCAL, "databricks": unity()})
    assert not any("online" in path.name or "upcoming" in path.name for path in found.files)
    assert "mlforge_online" not in "".join(found.files.values())


def test_the_command_line_publishes_instead(tmp_path: Path) -> None:
    """No hook and no macro; the tables are as they must be."""
    profile = unity("s", "triggered")
    profile["online_store"]["publish_via"] = "cli"
    found = compiled(tmp_path, {"databricks": profile})
    assert "mlforge_online" not in "".join(found.files.values())
    assert model(found, "f_upcoming")["config"]["tblproperties"] == FOLLOWED


def test_online_tables_that_sql_reaches_have_a_test(tmp_path: Path) -> None:
    """Where the target's profile names a foreign catalog, and nowhere else; with and without hooks."""
    test = PurePosixPath("tests/generic/mlforge_online_equals.sql")
    for via in ("hook", "cli"):
        profile = unity("s", "triggered")
        profile["online_store"] |= {"foreign_catalog": "lakebase", "publish_via": via}
        found = compiled(tmp_path / via, {"dev": LOCAL, "databricks": profile})
        assert test in found.files
        tested = [
            item["mlforge_online_equals"]
            for name in ("f_current", "f_upcoming")
            for item in model(found, name)["data_tests"]
            if "mlforge_online_equals" in item
        ]
        assert [item["name"] for item in tested] == [
            "f_current__online_equals",
            "f_upcoming__online_equals",
        ]
        assert tested[0]["arguments"] == {
            "table": "f_current",
            "places": {"databricks": {"catalog": "lakebase", "schema": "o"}},
        }
        assert tested[0]["config"] == {
            "severity": "error",
            "enabled": "{{ target.type == 'databricks' and "
            "(target.database ~ '.' ~ target.schema) | lower in ['c.s'] }}",
            "tags": ["mlforge_online"],
            "fail_calc": "coalesce(sum(mlforge_rows), 0)",
            "meta": {"mlforge": {"kind": "online"}},
        }
    found = compiled(tmp_path / "without", {"dev": LOCAL, "databricks": unity("s", "triggered")})
    assert test not in found.files
    assert "mlforge_online_equals" not in "".join(found.files.values())


def test_the_store_is_named_after_the_project(tmp_path: Path) -> None:
    found = compiled(tmp_path, {"dev": LOCAL, "databricks": unity("s", "continuous")})
    text = found.files[PurePosixPath("macros/mlforge_online_settings.sql")]
    assert "'store': 'test-project'" in text
    assert "'mode': 'CONTINUOUS'" in text
    assert "'dev'" not in text
