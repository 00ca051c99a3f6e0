"""Tables on the local warehouse through the real adapter: keys, comments, tags, and changes that are real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from warehouse_dbt import WarehouseProject

if TYPE_CHECKING:
    from warehouse import Warehouse

pytestmark = pytest.mark.functional

PLACE = "main.delta_tables"
TABLE, CURRENT = f"{PLACE}.payments_latest", f"{PLACE}.payments_latest_current"
COLUMNS = {"customer_id": "string", "at": "timestamp", "amount": "double", "note": "string"}


def profile(schema: str, sync_mode: str | None) -> dict[str, Any]:
    store = {"KIND": "unity_catalog", "catalog": "main", "schema": schema}
    online = {
        "KIND": "databricks_online",
        "catalog": "main",
        "schema": "o",
        "sync_mode": sync_mode,
        "publish_via": "cli",
    }
    return {"offline_store": store, **({"online_store": online} if sync_mode else {})}


CONFIG = {
    "name": "delta_tables",
    "profiles": {
        "online": profile("delta_tables", "triggered"),
        "offline": profile("delta_tables_offline", None),
        "dev": {"offline_store": {"KIND": "local", "path": "./store"}},
    },
}


def spec(description: str = "The customer's \\ last payment: 5%.", **select: str) -> dict[str, Any]:
    return {
        "entities": [{"name": "customer", "join_key": "customer_id"}],
        "sources": [
            {
                "name": "payments",
                "table": "main.delta_tables_raw.payments",
                "timestamp": "at",
                "columns": COLUMNS,
                "freshness": {"warn_after": "1d", "error_after": "36500d"},
            }
        ],
        "features": [
            {
                "name": "payments_latest",
                "description": description,
                "source": "payments",
                "entities": ["customer"],
                "tags": ["core", "team a", "not-a-key"],
                "select": {"amount": "amount", "note": "note", **select},
            }
        ],
    }


@pytest.fixture(scope="module")
def project(
    shared_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WarehouseProject]:
    root = tmp_path_factory.mktemp("delta_tables")
    with WarehouseProject(root, shared_warehouse) as found:
        found.sql("create schema main.delta_tables_raw")
        found.sql(
            "create table main.delta_tables_raw.payments as select * from values "
            "('c1', timestamp '2024-01-01 10:00:00', 1.5D, 'a'), "
            "('c1', timestamp '2024-01-02 10:00:00', 2.5D, null), "
            "('c2', timestamp '2024-01-01 11:00:00', double('NaN'), 'b'), "
            "('c3', timestamp '2024-01-01 12:00:00', null, 'c') as rows (customer_id, at, amount, note)"
        )
        found.write(spec(), CONFIG)
        found.green("build", target="online")
        yield found
        for schema in ("delta_tables_raw", "delta_tables", "delta_tables_offline"):
            found.sql(f"drop schema if exists main.{schema} cascade")


def table_id(project: WarehouseProject, table: str) -> str:
    ((found,),) = project.sql(f"select id from (describe detail {table})")
    return str(found)


def version(project: WarehouseProject, table: str) -> int:
    ((found,),) = project.sql(f"select max(version) from (describe history {table})")
    return int(found)


def changes(project: WarehouseProject, since: int) -> list[tuple[Any, ...]]:
    """The change data feed after a version."""
    if version(project, CURRENT) == since:
        return []
    return project.sql(
        "select customer_id, amount, note, _change_type "
        f"from table_changes('{CURRENT}', {since + 1}) order by all"
    )


# The key, clustering, comments and tags


def test_the_keys(project: WarehouseProject) -> None:
    """What Databricks' feature lookups need: a key with a time series, no column of it nullable."""
    rows = project.sql(
        "select table_name, column_name from main.information_schema.key_column_usage "
        "where table_schema = 'delta_tables' order by table_name, ordinal_position"
    )
    assert rows == [
        ("payments_latest", "customer_id"),
        ("payments_latest", "feature_timestamp"),
        ("payments_latest_current", "customer_id"),
    ]
    described = dict(row[:2] for row in project.sql(f"describe extended {TABLE}"))
    assert (
        described["payments_latest_pk"]
        == "PRIMARY KEY (`customer_id`, `feature_timestamp` TIMESERIES)"
    )
    assert described["feature_timestamp"] == "timestamp"
    described = dict(row[:2] for row in project.sql(f"describe extended {CURRENT}"))
    assert described["payments_latest_current_pk"] == "PRIMARY KEY (`customer_id`)"
    nullable = project.sql(
        "select table_name, column_name from main.information_schema.columns "
        "where table_schema = 'delta_tables' and table_name like 'payments%' and is_nullable = 'NO' order by all"
    )
    assert nullable == [
        (table, name)
        for table in ("payments_latest", "payments_latest_current")
        for name in ("customer_id", "feature_timestamp")
    ]


def test_clustering(project: WarehouseProject) -> None:
    for table, columns in (
        (TABLE, ["customer_id", "feature_timestamp"]),
        (CURRENT, ["customer_id"]),
    ):
        assert project.sql(f"select clusteringColumns from (describe detail {table})") == [
            (columns,)
        ]


def test_comments_and_tags(project: WarehouseProject) -> None:
    rows = {row[0]: row[1] for row in project.sql(f"describe extended {TABLE}")}
    assert rows["Comment"].startswith("The customer's \\ last payment: 5%. A row holds from")
    comments = {row[0]: row[2] for row in project.sql(f"describe {TABLE}")}
    assert comments["feature_timestamp"] == "Instant (UTC) from which the row holds"
    operations = project.sql(f"select operation from (describe history {TABLE})")
    assert operations.count(("CHANGE COLUMNS",)) == 1, "all comments in one statement"
    tags = project.sql(
        "select table_name, tag_name, tag_value from main.information_schema.table_tags "
        "where schema_name = 'delta_tables' order by all"
    )
    assert tags == [
        (table, tag, "")
        for table in ("payments_latest", "payments_latest_current")
        for tag in ("core", "team a")
    ]


def test_documentation_and_freshness(project: WarehouseProject) -> None:
    project.green("docs", "generate", target="online")
    nodes = project.artifact("catalog.json")["nodes"]
    columns = nodes["model.delta_tables.payments_latest"]["columns"]
    assert list(columns) == ["customer_id", "feature_timestamp", "amount", "note"]
    assert "WARN freshness of" in project.green("source", "freshness", target="online")
    (found,) = project.artifact("sources.json")["results"]
    assert found["max_loaded_at"].startswith("2024-01-02T10:00:00")


# The record of builds


def test_metadata(project: WarehouseProject) -> None:
    """With the version of the build, in a table that an older build has made without it."""
    metadata = f"{PLACE}._mlforge_metadata"
    first = project.sql(f"select feature, profile, delta_version from {metadata}")
    assert first == [("payments_latest", "online", version(project, TABLE))]
    project.sql(
        f"create or replace table {metadata} as select * except (profile, delta_version, delta_timestamp) from {metadata}"
    )
    project.green("run", "--select", "payments_latest", target="online")
    rows = project.sql(
        f"select profile, delta_version, delta_timestamp, row_count from {metadata} order by built_at"
    )
    assert rows[0] == (None, None, None, 4)
    ((at,),) = project.sql(f"select max(timestamp) from (describe history {TABLE})")
    assert rows[1:] == [("online", version(project, TABLE), at, 4)]
    pinned = project.sql(f"select count(*) from {TABLE} version as of {rows[1][1]}")
    assert pinned == [(4,)]


# The table that an online table follows


def test_a_build_without_changes_writes_none(project: WarehouseProject) -> None:
    """NULL and NaN are equal to themselves."""
    before, identity = version(project, CURRENT), table_id(project, CURRENT)
    project.green("build", target="online")  # all of it: the second build is as green as the first
    assert changes(project, before) == []
    assert table_id(project, CURRENT) == identity
    operations = project.sql(
        f"select operation from (describe history {CURRENT}) where version > {before} order by version"
    )
    assert ("MERGE",) in operations
    assert not any("CLUSTER" in row[0] or "CONSTRAINT" in row[0] for row in operations)


def test_only_what_changed_is_a_change(project: WarehouseProject) -> None:
    before, identity = version(project, CURRENT), table_id(project, CURRENT)
    raw = "main.delta_tables_raw.payments"
    project.sql(
        f"insert into {raw} values ('c1', timestamp '2024-01-03', 9D, 'z'), ('c4', timestamp '2024-01-03', 4D, 'n')"
    )
    project.sql(f"delete from {raw} where customer_id = 'c3'")
    project.green("run", target="online")
    assert changes(project, before) == [
        ("c1", 2.5, None, "update_preimage"),
        ("c1", 9.0, "z", "update_postimage"),
        ("c3", None, "c", "delete"),
        ("c4", 4.0, "n", "insert"),
    ]
    assert table_id(project, CURRENT) == identity
    rows = project.sql(f"select customer_id, note from {CURRENT} order by 1")
    assert rows == [("c1", "z"), ("c2", "b"), ("c4", "n")]


def test_a_new_column_is_added(project: WarehouseProject) -> None:
    """The feature's own table is written anew; the current one keeps its identity."""
    before, identity = version(project, CURRENT), table_id(project, CURRENT)
    project.write(spec(doubled="amount * 2"))
    project.green("run", target="online")
    assert table_id(project, CURRENT) == identity
    rows = project.sql(
        f"select customer_id, doubled from {CURRENT} where not isnan(doubled) order by 1"
    )
    assert rows == [("c1", 18.0), ("c4", 8.0)]
    kinds = [row[-1] for row in changes(project, before)]
    assert sorted(kinds) == ["update_postimage"] * 3 + ["update_preimage"] * 3
    keys = project.sql(
        "select constraint_name from main.information_schema.table_constraints "
        "where table_schema = 'delta_tables' and constraint_type = 'PRIMARY KEY' order by 1"
    )
    assert keys == [("payments_latest_current_pk",), ("payments_latest_pk",)]


def test_another_type_needs_a_full_refresh(project: WarehouseProject) -> None:
    """A merge would round a double to an integer without a word."""
    project.write(spec(doubled="amount > 2"))
    identity = table_id(project, CURRENT)
    success, shown = project.dbt("run", target="online")
    assert not success
    message = " ".join(shown.split())
    assert "has the column 'doubled' as double, and now it is boolean" in message
    assert "dbt build --select payments_latest_current --full-refresh" in message
    assert table_id(project, CURRENT) == identity
    project.green("run", "--select", "payments_latest_current", "--full-refresh", target="online")
    assert table_id(project, CURRENT) != identity
    assert project.sql(f"select doubled from {CURRENT} where customer_id = 'c1'") == [(True,)]
    properties = dict(project.sql(f"show tblproperties {CURRENT}"))
    assert properties["delta.enableChangeDataFeed"] == "true"


def test_a_profile_without_an_online_table(project: WarehouseProject) -> None:
    """Plain tables, in a schema that dbt creates."""
    project.green("run", target="offline")
    table = "main.delta_tables_offline.payments_latest_current"
    assert "delta.enableChangeDataFeed" not in dict(project.sql(f"show tblproperties {table}"))
    operations = project.sql(f"select operation from (describe history {table})")
    assert [row for row in operations if row[0] == "MERGE"] == []
    assert project.sql(f"select count(*) from {table}") == [(3,)]
