"""Models of one's own with `training_set` on the local warehouse: the types of their keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from warehouse import Warehouse
from warehouse_dbt import WarehouseProject

pytestmark = pytest.mark.functional

PLACE = "main.label_keys"
CONFIG = {
    "name": "label_keys",
    "profiles": {
        "live": {
            "offline_store": {"KIND": "unity_catalog", "catalog": "main", "schema": "label_keys"}
        }
    },
}
COLUMNS = {"price": "decimal(10,2)", "n": "bigint", "at": "timestamp", "x": "double"}


def feature(name: str, entity: str) -> dict[str, Any]:
    return {"name": name, "source": "events", "entities": [entity], "select": {"x": "x"}}


SPEC = {
    "entities": [
        {"name": "price", "join_key": "price"},
        {"name": "number", "join_key": "n"},
        {"name": "both", "join_key": "key", "from_columns": ["price", "n"]},
    ],
    "sources": [
        {"name": "events", "table": f"{PLACE}_raw.events", "timestamp": "at", "columns": COLUMNS}
    ],
    "features": [
        feature("by_price", "price"),
        feature("by_number", "number"),
        feature("by_both", "both"),
    ],
}
MODEL = (
    '{{{{ training_set("select cast(1.5 as {price}) as price, cast(7 as {number}) as n, '
    "timestamp '2024-01-02 00:00:00+00:00' as t\", 't', ['by_price', 'by_number', 'by_both']) }}}}"
)


def test_decimals_are_told_apart_by_their_digits(
    tmp_path: Path, shared_warehouse: Warehouse
) -> None:
    with WarehouseProject(tmp_path, shared_warehouse) as project:
        project.write(SPEC, CONFIG)
        project.sql(f"create schema {PLACE}_raw")
        try:
            project.sql(
                f"create table {PLACE}_raw.events as select cast(1.5 as decimal(10,2)) as price, "
                "7L as n, timestamp '2024-01-01 00:00:00+00:00' as at, 2.5d as x"
            )
            own = project.root / "dbt" / "models" / "mine"
            own.mkdir()
            for name, price, number in (
                ("fine", "decimal(10,2)", "bigint"),
                ("alike", "decimal(12,2)", "decimal(20,0)"),
                ("one_digit", "decimal(10,1)", "bigint"),
                ("points", "decimal(10,2)", "decimal(10,2)"),
            ):
                text = MODEL.format(price=price, number=number)
                (own / f"{name}.sql").write_text(text, encoding="utf-8")
            selected = ("--select", "+fine", "+alike")
            project.green("run", *selected, target="live")
            for name in ("fine", "alike"):
                columns = "by_price__x, by_number__x, by_both__x"
                assert project.sql(f"select {columns} from {PLACE}.{name}") == [(2.5, 2.5, 2.5)]
            for name, said in (
                ("one_digit", "the column 'price' of the labels is decimal(10,1)"),
                ("points", "the column 'n' of the labels is decimal(10,2)"),
            ):
                success, text = project.dbt("run", "--select", name, target="live")
                assert not success
                assert said in " ".join(text.split())
        finally:
            for schema in (PLACE, f"{PLACE}_raw"):
                project.sql(f"drop schema if exists {schema} cascade")
