from __future__ import annotations

import json

import pyarrow as pa
import pytest

from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.rules import RULES
from warehouse.tests.stand_in import ORDERS, TOTALS, RecordingEngine, StandIn

PRIMARY_KEY = (
    "alter table main.shop.orders add constraint orders_pk "
    "primary key (order_id, created_at timeseries)"
)


def test_rules_have_names_of_their_own() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))


# Namespaces -------------------------------------------------------------------------------------


def test_use_catalog_goes_to_the_default_schema() -> None:
    stand_in = StandIn()
    assert stand_in.run("use catalog `dev`") == "use_catalog"
    assert (stand_in.session.catalog, stand_in.session.schema) == ("dev", "default")


def test_use_schema_needs_an_existing_schema() -> None:
    stand_in = StandIn()
    assert stand_in.run("use schema main.default") == "use_schema"
    assert stand_in.session.schema == "default"
    with pytest.raises(WarehouseError, match="SCHEMA_NOT_FOUND"):
        stand_in.run("use nowhere")


@pytest.mark.parametrize("sql", ["set timezone = 'Asia/Tokyo'", "set time zone 'Asia/Tokyo'"])
def test_the_time_zone_is_the_sessions(sql: str) -> None:
    stand_in = StandIn()
    assert stand_in.run(sql) in {"set_parameter", "set_time_zone"}
    assert stand_in.engine.settings == {"timezone": "Asia/Tokyo"}


def test_unknown_parameters_are_refused() -> None:
    with pytest.raises(WarehouseError, match=r"Configuration spark\.x is not available"):
        StandIn().run("set spark.x = 1")


def test_show_catalogs() -> None:
    rows = StandIn().rows("show catalogs")
    assert [row["catalog"] for row in rows] == ["main", "dev", "system"]


def test_show_schemas() -> None:
    assert StandIn().rows("show schemas in `main` like 's*'") == [{"databaseName": "shop"}]


def test_show_tables_has_views_too() -> None:
    rows = StandIn().rows("show tables in main.shop")
    assert [row["tableName"] for row in rows] == ["customers", "orders", "totals"]
    assert rows[0] == {"database": "shop", "tableName": "customers", "isTemporary": False}


def test_show_views() -> None:
    assert [row["viewName"] for row in StandIn().rows("show views in shop")] == ["totals"]


def test_managed_location_is_left_out() -> None:
    sent = StandIn().sent("create schema main.lab managed location 's3://somewhere'")
    assert sent == "create schema `main__lab`"


def test_drop_schema_forgets_its_tables() -> None:
    stand_in = StandIn()
    stand_in.run(PRIMARY_KEY)
    assert stand_in.run("drop schema if exists main.shop cascade") == "drop_schema"
    assert ORDERS not in stand_in.session.governance.notes


def test_catalogs_and_volumes_cannot_be_made() -> None:
    with pytest.raises(WarehouseError, match="cannot create or change a VOLUME"):
        StandIn().run("create volume main.shop.files")


# Describe ---------------------------------------------------------------------------------------


def described() -> RecordingEngine:
    rows = {
        "col_name": ["order_id", "# Detailed Table Information", "Catalog", "Type", "Comment"],
        "data_type": ["bigint", "", "spark_catalog", "MANAGED", "All orders"],
        "comment": [None, "", "", "", ""],
    }
    return RecordingEngine(answers={"describe table extended": pa.table(rows)})


def test_describe_as_json() -> None:
    stand_in = StandIn(described())
    stand_in.run(PRIMARY_KEY)
    rows = stand_in.rows("describe table extended main.shop.orders as json")
    document = json.loads(rows[0]["json_metadata"])
    assert document["table_constraints"] == (
        "[(orders_pk,PRIMARY KEY (`order_id`, `created_at` TIMESERIES))]"
    )
    assert document["comment"] == "All orders"
    assert document["columns"] == [
        {"name": "order_id", "type": {"name": "bigint"}, "nullable": False},
        {
            "name": "created_at",
            "type": {"name": "timestamp_ltz"},
            "nullable": False,
            "comment": "When",
        },
        {
            "name": "amount",
            "type": {"name": "decimal", "precision": 10, "scale": 2},
            "nullable": True,
        },
    ]


def test_describe_extended_has_the_catalog_and_the_keys() -> None:
    stand_in = StandIn(described())
    stand_in.run(PRIMARY_KEY)
    rows = stand_in.rows("desc extended orders")
    values = {row["col_name"]: row["data_type"] for row in rows}
    assert values["Catalog"] == "main"
    assert values["orders_pk"].startswith("PRIMARY KEY (`order_id`")


def test_show_table_extended() -> None:
    rows = StandIn().rows("show table extended in main.shop like 'orders|nothing'")
    assert [row["tableName"] for row in rows] == ["orders"]
    assert "Type: MANAGED\nProvider: delta\nComment: All orders" in rows[0]["information"]


def test_show_tblproperties_adds_the_notes() -> None:
    stand_in = StandIn()
    rows = pa.table({"key": ["a", "delta.constraints.__not_null_x"], "value": ["1", "x"]})
    stand_in.engine.answers["tblproperties"] = rows
    assert stand_in.run("alter table orders cluster by auto") == "cluster_by_auto"
    assert stand_in.rows("show tblproperties main.shop.orders") == [
        {"key": "a", "value": "1"},
        {"key": "clusterByAuto", "value": "true"},
    ]


# Information schema -----------------------------------------------------------------------------


def information(stand_in: StandIn, view: str) -> list[dict[str, object]]:
    stand_in.run(f"select * from main.information_schema.{view}")
    rows: list[dict[str, object]] = stand_in.engine.shown[
        f"__main_information_schema_{view}"
    ].to_pylist()
    return rows


def test_information_schema_tables_and_views() -> None:
    stand_in = StandIn()
    tables = {row["table_name"]: row["table_type"] for row in information(stand_in, "tables")}
    assert tables == {"orders": "MANAGED", "customers": "MANAGED", "totals": "VIEW"}
    assert information(stand_in, "views")[0]["view_definition"] == "select 1 as order_id"


def test_information_schema_columns() -> None:
    first = information(StandIn(), "columns")[2]
    assert (first["column_name"], first["full_data_type"]) == ("amount", "decimal(10,2)")
    assert (first["data_type"], first["is_nullable"]) == ("DECIMAL", "YES")


@pytest.mark.parametrize(
    ("condition", "tables"),
    [
        ("table_name = 'orders'", {"orders"}),
        ("table_schema = 'default' and table_name in ('orders', 'TOTALS')", {"orders", "totals"}),
        ("table_name = 'orders' or table_name like 't%'", {"orders", "customers", "totals"}),
        ("not table_name = 'orders'", {"orders", "customers", "totals"}),
        ("table_name = 'or''ders'", {"orders", "customers", "totals"}),
    ],
)
def test_a_question_about_some_tables_looks_at_no_other(condition: str, tables: set[str]) -> None:
    stand_in = StandIn()
    stand_in.run(f"select * from main.information_schema.columns where {condition}")
    shown = stand_in.engine.shown["__main_information_schema_columns"].to_pylist()
    assert {row["table_name"] for row in shown} == tables


def test_information_schema_keys() -> None:
    stand_in = StandIn()
    stand_in.run(PRIMARY_KEY)
    stand_in.run("alter table customers add foreign key (order_id, created_at) references orders")
    assert [row["constraint_type"] for row in information(stand_in, "table_constraints")] == [
        "PRIMARY KEY",
        "FOREIGN KEY",
    ]
    usage = information(stand_in, "key_column_usage")
    assert [row["column_name"] for row in usage[:2]] == ["order_id", "created_at"]
    parent = information(stand_in, "referential_constraints")[0]
    assert parent["unique_constraint_name"] == "orders_pk"


def test_unknown_views_of_the_information_schema_fail() -> None:
    with pytest.raises(WarehouseError, match="does not have this view"):
        StandIn().run("select * from system.information_schema.lineage")


@pytest.mark.parametrize("view", ["catalogs", "schemata", "column_masks", "row_filters"])
def test_other_views_of_the_information_schema(view: str) -> None:
    assert StandIn().run(f"select * from information_schema.{view}") == "spark"


# Tags, grants, comments -------------------------------------------------------------------------


def test_tags_of_a_table() -> None:
    stand_in = StandIn()
    assert (
        stand_in.run("alter table orders set tags ('team' = 'growth', 'a'='it\\'s')") == "set_tags"
    )
    assert stand_in.run("alter table orders unset tags ('team')") == "unset_tags"
    assert information(stand_in, "table_tags")[0]["tag_value"] == "it's"


def test_tags_of_a_column() -> None:
    stand_in = StandIn()
    route = stand_in.run("alter table orders alter column `amount` set tags ('unit' = 'usd')")
    assert route == "set_column_tags"
    assert information(stand_in, "column_tags")[0]["column_name"] == "amount"
    assert stand_in.run("alter table orders alter column amount unset tags ('unit')") == (
        "unset_column_tags"
    )
    assert information(stand_in, "column_tags") == []


def test_grants_are_listed() -> None:
    stand_in = StandIn()
    assert stand_in.run("grant select, modify on table main.shop.orders to `team@x.org`") == "grant"
    stand_in.run("revoke modify on table orders from `team@x.org`")
    assert stand_in.rows("show grants on table main.shop.orders") == [
        {
            "Principal": "team@x.org",
            "ActionType": "SELECT",
            "ObjectType": "TABLE",
            "ObjectKey": "main.shop.orders",
        }
    ]


def test_owners_do_not_matter() -> None:
    assert StandIn().run("alter table orders set owner to `me`") == "set_owner"


def test_comment_on_a_tables_column() -> None:
    sent = StandIn().sent("comment on column main.shop.orders.amount is 'it\\'s'")
    assert sent == "alter table `main__shop`.`orders` alter column `amount` comment 'it\\'s'"


def test_comment_on_a_views_column_makes_the_view_again() -> None:
    sent = StandIn().sent("comment on column main.shop.totals.amount is 'Money'")
    assert sent == (
        "create or replace view `main__shop`.`totals` (`order_id`, `created_at` comment 'When', "
        "`amount` comment 'Money') as select 1 as order_id"
    )


@pytest.mark.parametrize("kind", ["view", "table"])
def test_comment_on_a_view(kind: str) -> None:
    sent = StandIn().sent(f"comment on {kind} main.shop.totals is null")
    assert sent == "alter view `main__shop`.`totals` set tblproperties ('comment' = '')"


def test_comment_on_a_table_is_sparks() -> None:
    assert StandIn().run("comment on table main.shop.orders is 'x'") == "spark"


# Constraints ------------------------------------------------------------------------------------


def test_primary_key_with_time_series() -> None:
    stand_in = StandIn()
    assert stand_in.run(PRIMARY_KEY) == "add_key"
    key = stand_in.session.notes(ORDERS).primary_key
    assert key is not None
    assert (key.columns, key.time_series) == (("order_id", "created_at"), "created_at")


def test_a_second_primary_key_is_refused() -> None:
    stand_in = StandIn()
    stand_in.run(PRIMARY_KEY)
    with pytest.raises(WarehouseError, match="already has a primary key"):
        stand_in.run("alter table orders add primary key (order_id)")


def test_a_nullable_primary_key_is_refused() -> None:
    with pytest.raises(WarehouseError, match="PRIMARY_KEY_COLUMN_NULLABLE"):
        StandIn(RecordingEngine(nullable=True)).run(PRIMARY_KEY)


def test_a_foreign_key_needs_a_parents_key() -> None:
    with pytest.raises(WarehouseError, match="has no primary key"):
        StandIn().run("alter table customers add foreign key (order_id) references orders")


@pytest.mark.parametrize(
    ("sql", "route"),
    [
        ("alter table orders drop constraint if exists orders_pk", "drop_key"),
        ("alter table orders drop primary key if exists cascade", "drop_primary_key"),
    ],
)
def test_keys_can_be_dropped(sql: str, route: str) -> None:
    stand_in = StandIn()
    stand_in.run(PRIMARY_KEY)
    assert stand_in.run(sql) == route
    assert stand_in.session.notes(ORDERS).primary_key is None


def test_checks_are_deltas() -> None:
    assert StandIn().run("alter table orders add constraint c check (amount > 0)") == "spark"
    assert StandIn().run("alter table orders drop constraint c") == "spark"


def test_set_not_null_is_a_check() -> None:
    stand_in = StandIn(RecordingEngine(nullable=True))
    sent = stand_in.sent("alter table orders alter column order_id set not null")
    assert sent.endswith("add constraint `__not_null_order_id` check (`order_id` is not null)")
    columns = information(stand_in, "columns")
    assert columns[0]["is_nullable"] == "NO"
    assert stand_in.run("alter table orders alter column order_id drop not null") == "drop_not_null"


def test_set_not_null_refuses_nulls() -> None:
    error = ValueError("[DELTA_NEW_CHECK_CONSTRAINT_VIOLATION] 1 rows")
    engine = RecordingEngine(nullable=True, failures={"add constraint": error})
    with pytest.raises(WarehouseError, match="violate the new NOT NULL"):
        StandIn(engine).run("alter table orders change column order_id set not null")


# Tables -----------------------------------------------------------------------------------------


def test_create_table_takes_the_keys_out() -> None:
    stand_in = StandIn()
    sent = stand_in.sent(
        "create or replace table orders (order_id bigint primary key, amount decimal(10, 2) "
        "comment 'no primary key') using delta"
    )
    assert sent == (
        "create or replace table orders (order_id bigint not null, amount decimal(10, 2) "
        "comment 'no primary key') using delta"
    )
    assert list(stand_in.session.notes(ORDERS).constraints) == ["orders_pk"]


def test_replacing_a_table_drops_its_keys_and_keeps_its_tags() -> None:
    stand_in = StandIn()
    stand_in.run(PRIMARY_KEY)
    stand_in.run("alter table orders set tags ('a' = 'b')")
    stand_in.run("create or replace table orders as select 1 as order_id")
    notes = stand_in.session.notes(ORDERS)
    assert (notes.constraints, notes.tags) == ({}, {"a": "b"})


def test_an_existing_table_keeps_its_keys() -> None:
    stand_in = StandIn()
    stand_in.run(PRIMARY_KEY)
    stand_in.run("create table if not exists orders (order_id bigint)")
    assert stand_in.session.notes(ORDERS).primary_key is not None


def test_cluster_by_auto_of_a_new_table() -> None:
    stand_in = StandIn()
    sent = stand_in.sent("create or replace table orders using delta cluster by auto as select 1")
    assert sent == "create or replace table orders using delta as select 1"
    assert stand_in.session.notes(ORDERS).properties == {"clusterByAuto": "true"}


def test_predictive_optimization_is_nothing_here() -> None:
    route = StandIn().run("alter table orders enable predictive optimization")
    assert route == "predictive_optimization"


def test_views_keep_their_text() -> None:
    stand_in = StandIn()
    query = "select /*+ repartition(1) */ a from main.shop.orders"
    assert stand_in.run(f"create or replace view main.shop.totals as {query}") == "create_view"
    assert stand_in.session.notes(TOTALS).view_text == query
    assert stand_in.run("alter view main.shop.totals as select 2 as b") == "alter_view"
    assert information(stand_in, "views")[0]["view_definition"] == "select 2 as b"


def test_temporary_tables_are_read_through_a_view() -> None:
    stand_in = StandIn()
    assert stand_in.run("create temporary table batch as select 1 as a") == "create_temporary_table"
    assert stand_in.engine.statements[-1].startswith("create or replace temporary view `batch`")
    assert "into `__nowhere`.`t_" in stand_in.sent("insert into batch values (2)")
    stand_in.engine.temporary.add("batch")
    assert stand_in.sent("drop table batch").startswith("drop table `__nowhere`.`t_")


def test_notes_follow_a_new_name() -> None:
    stand_in = StandIn()
    stand_in.run(PRIMARY_KEY)
    sent = stand_in.sent("alter table main.shop.orders rename to main.shop.old_orders")
    assert sent == "alter table `main__shop`.`orders` rename to `main__shop`.`old_orders`"
    assert stand_in.session.notes(ORDERS._replace(table="old_orders")).primary_key is not None


def test_drop_forgets_the_notes() -> None:
    stand_in = StandIn()
    stand_in.run(PRIMARY_KEY)
    assert stand_in.run("drop table if exists main.shop.orders") == "drop"
    assert ORDERS not in stand_in.session.governance.notes


def test_truncate_deletes() -> None:
    assert StandIn().sent("truncate table main.shop.orders") == "delete from `main__shop`.`orders`"


# Inserts ----------------------------------------------------------------------------------------


def test_insert_by_name_replace_where() -> None:
    sent = StandIn().sent(
        "insert into main.shop.orders by name replace where (order_id > 1) "
        "select * from main.shop.customers"
    )
    assert sent == (
        "insert into `main__shop`.`orders` replace where (order_id > 1) select `order_id`, "
        "`created_at`, `amount` from (select * from `main__shop`.customers)"
    )


def test_insert_replace_on() -> None:
    stand_in = StandIn()
    sql = "insert into orders as t replace on (t.order_id = s.order_id) (select 1 as order_id) as s"
    assert stand_in.run(sql) == "insert_replace_matching"
    merge, insert = stand_in.engine.statements[-2:]
    assert merge.endswith("as s on (t.order_id = s.order_id) when matched then delete")
    assert insert.startswith("insert into `main__shop`.`orders` select * from __rows_")


def test_insert_replace_using() -> None:
    stand_in = StandIn()
    stand_in.run("insert into orders by name replace using (order_id) select * from customers")
    assert "on target.`order_id` <=> source.`order_id`" in stand_in.engine.statements[-2]
