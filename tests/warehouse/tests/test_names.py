from __future__ import annotations

import pytest

from warehouse.local_warehouse.catalog import Catalogs
from warehouse.local_warehouse.errors import WarehouseError, describe
from warehouse.tests.stand_in import RecordingEngine, StandIn


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("select * from main.shop.orders", "select * from `main__shop`.orders"),
        ("select * from `main`.`shop`.`orders`;", "select * from `main__shop`.`orders`"),
        ("select * from orders o", "select * from orders o"),
        ("select * from shop.orders", "select * from `main__shop`.orders"),
        (
            "select o.amount, c.id from orders o, shop.customers c",
            "select o.amount, c.id from orders o, `main__shop`.customers c",
        ),
        (
            "select shop.amount, shop.id from orders as shop where shop.id = 1",
            "select shop.amount, shop.id from orders as shop where shop.id = 1",
        ),
        (
            "select extract(day from shop.at) from orders as shop",
            "select extract(day from shop.at) from orders as shop",
        ),
        (
            "select * from (select 1) a join dev.default.b using (id)",
            "select * from (select 1) a join `dev__default`.b using (id)",
        ),
        ("create schema if not exists main.lab", "create schema if not exists `main__lab`"),
        ("create schema lab", "create schema `main__lab`"),
        ("show columns in main.shop.orders", "show columns in `main__shop`.`orders`"),
        ("delete from main.shop.orders where true", "delete from `main__shop`.orders where true"),
        (
            "select * from table_changes('main.shop.orders', 1)",
            "select * from table_changes('`main__shop`.`orders`', 1)",
        ),
        ("select current_catalog( )", "select 'main' "),
        ("select current_schema(), 'main.shop.t'", "select 'shop', 'main.shop.t'"),
    ],
)
def test_names_become_those_of_spark(sql: str, sent: str) -> None:
    assert StandIn().sent(sql).split() == sent.split()


def test_comments_and_hints_reach_spark() -> None:
    sent = StandIn().sent("/* app: dbt */ select /*+ repartition(1) */ 1 -- one")
    assert sent == "/* app: dbt */ select /*+ repartition(1) */ 1"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from nope.a.b",
        "create table nope.a.b (x int)",
        "create schema nope.a",
        "use catalog nope",
        "show schemas in nope",
        "select * from nope.information_schema.tables",
    ],
)
def test_unknown_catalogs_are_named(sql: str) -> None:
    with pytest.raises(WarehouseError, match=r"\[NO_SUCH_CATALOG_EXCEPTION\] Catalog 'nope'") as at:
        StandIn().run(sql)
    assert at.value.state == "42704"


def test_texts_of_spark_get_the_names_of_databricks() -> None:
    catalogs = Catalogs(("main", "dev"))
    spark = "The table or view `main__shop`.`a` in spark_catalog.main__shop cannot be found."
    spoken = "The table or view `main`.`shop`.`a` in main.shop cannot be found."
    assert catalogs.spoken(spark) == spoken


def test_show_results_get_the_names_of_databricks() -> None:
    import pyarrow as pa

    engine = RecordingEngine(
        answers={"describe detail": pa.table({"name": ["main__shop.a", None]})}
    )
    rows = StandIn(engine).rows("describe detail main.shop.a")
    assert rows == [{"name": "main.shop.a"}, {"name": None}]


def test_unknown_syntax_fails_with_a_hint() -> None:
    text, state = describe(ValueError("[PARSE_SYNTAX_ERROR] Syntax error at or near 'STREAMING'."))
    assert "has no rule for this one" in text
    assert state == "HY000"


def test_qualify_becomes_a_subquery() -> None:
    sent = StandIn().sent("select a from orders qualify row_number() over (order by a) = 1")
    assert "QUALIFY" not in sent.upper()
    assert "ROW_NUMBER() OVER (ORDER BY a" in sent


def test_descriptions_inside_a_query_become_helper_views() -> None:
    stand_in = StandIn()
    sent = stand_in.sent("select max(version) from (describe history main.shop.orders)")
    assert sent == "select max(version) from (select * from `__described_0`)"
    assert stand_in.engine.statements[0] == "describe history `main__shop`.orders"
    stand_in.sent("select version from (describe history main.shop.orders limit 1) as h")
    assert stand_in.engine.statements[-2] == "describe history `main__shop`.orders limit 1"
