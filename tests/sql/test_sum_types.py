"""The type of a sum: what users may say with `type:`, and what stops a sum that does not fit."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import CONFIG as LOCAL
from harness import Run, compile_and_run, write_parquet, write_project
from warehouse import Warehouse
from warehouse_harness import CONFIG, WarehouseRun, load_table, run_on_warehouse, warehouse_macros

from mlforge_sql.cli import main
from mlforge_sql.errors import SpecErrors
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.workflows.compile import compile_project

COLUMNS = {
    "user_id": "VARCHAR",
    "at": "TIMESTAMP",
    "views": "BIGINT",
    "price": "DECIMAL(12,2)",
    "score": "DOUBLE",
    "flag": "BOOLEAN",
}
VIEWS = 5 * 10**18
ROWS = [
    {
        "user_id": "u",
        "at": datetime(2024, 1, 1, hour),
        "views": VIEWS,
        "price": Decimal("12345.67"),
        "score": 0.5,
        "flag": True,
    }
    for hour in (1, 2, 3)
]


def document(*aggregates: dict[str, Any], interval: str | None = "1d") -> dict[str, Any]:
    metrics = [{"function": "sum", "windows": ["1d"], **item} for item in aggregates]
    clock = {} if interval is None else {"interval": interval}
    return {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [
            {"name": "events", "path": "e.parquet", "table": "a.b.events", "timestamp": "at"}
        ],
        "features": [
            {"name": "page", "source": "events", "entities": ["user"], "metrics": metrics, **clock}
        ],
    }


def project(root: Path, *aggregates: dict[str, Any], interval: str | None = "1d") -> Path:
    write_project(root, document(*aggregates, interval=interval), CONFIG)
    write_parquet(root / "e.parquet", COLUMNS, ROWS)
    return root


TYPED: list[dict[str, Any]] = [
    {"field": "views", "type": "decimal(38,0)"},
    {"field": "views", "type": "double", "name": "views_about"},
    {"field": "price", "type": "decimal(20,4)", "default": -1},
    {"field": "price", "type": "decimal(7,2)", "name": "short"},
    {"field": "flag", "type": "integer"},
    {"field": "score", "type": "double"},
]


def check_typed(run: Run | WarehouseRun) -> None:
    first, last = run.rows("page", "feature_timestamp")
    assert first["views_sum_1d"] == Decimal(3 * VIEWS)
    assert first["views_about_1d"] == 1.5e19
    assert str(first["price_sum_1d"]) == "37037.0100"
    assert str(first["short_1d"]) == "37037.01"
    assert (first["flag_sum_1d"], first["score_sum_1d"]) == (3, 1.5)
    assert last["price_sum_1d"] == -1


def test_a_sum_has_the_type_that_it_is_given(tmp_path: Path) -> None:
    run = compile_and_run(project(tmp_path, *TYPED))
    check_typed(run)
    types = {
        name: kind for name, kind, *_ in run.connection.execute("describe page_current").fetchall()
    }
    assert types["views_sum_1d"] == "DECIMAL(38,0)"
    assert types["price_sum_1d"] == "DECIMAL(20,4)"
    assert types["flag_sum_1d"] == "INTEGER"


@pytest.mark.parametrize("interval", ["1d", None], ids=["gridded", "continuous"])
@pytest.mark.parametrize(
    ("aggregate", "type_name"),
    [
        ({"field": "views"}, "bigint"),
        ({"field": "views", "default": 0}, "bigint"),
        ({"field": "price", "type": "decimal(6,2)"}, "decimal(6,2)"),
        ({"field": "views", "type": "decimal(19,0)"}, "decimal(19,0)"),
        ({"field": "views", "type": "integer"}, "integer"),
    ],
)
def test_a_sum_that_does_not_fit_stops_the_feature(
    tmp_path: Path, aggregate: dict[str, Any], type_name: str, interval: str | None
) -> None:
    with pytest.raises(duckdb.Error) as caught:
        compile_and_run(project(tmp_path, aggregate, interval=interval))
    text = str(caught.value)
    name = f"{aggregate['field']}_sum_1d"
    assert f"feature `page`: a sum in column `{name}` does not fit its type, {type_name}." in text
    scale = 2 if aggregate["field"] == "price" else 0
    assert f"`type: decimal(38,{scale})`" in text
    assert not {"15000000000000000000", "10000000000000000000", "37037"} & set(text.split())


def test_the_ends_of_a_type_fit(tmp_path: Path) -> None:
    write_project(
        tmp_path, document({"field": "views"}, {"field": "price", "type": "decimal(5,2)"})
    )
    ends = (2**63 - 1, -(2**63))
    rows = [
        {**ROWS[0], "user_id": str(end), "views": end, "price": Decimal(sign) * Decimal("999.99")}
        for end, sign in zip(ends, (1, -1), strict=True)
    ]
    write_parquet(tmp_path / "e.parquet", COLUMNS, rows)
    found = compile_and_run(tmp_path).rows("page", "user_id, feature_timestamp")
    assert [row["views_sum_1d"] for row in found] == [ends[1], None, ends[0], None]
    assert [row["price_sum_1d"] for row in found] == [
        Decimal("-999.99"),
        None,
        Decimal("999.99"),
        None,
    ]


@pytest.mark.parametrize(
    ("aggregate", "message"),
    [
        (
            {"field": "views", "type": "decimal(40,0)"},
            "error[MF120]: a sum cannot be `decimal(40,0)`; write bigint, double, or a decimal of at most 38 digits, such as decimal(38,0)",
        ),
        ({"field": "views", "type": "text"}, "error[MF120]: a sum cannot be `text`"),
        (
            {"field": "score", "type": "decimal(38,2)"},
            "error[MF121]: a sum of double loses digits as decimal(38, 2); declare `columns: {score: decimal(18,2)}` in the source, and its sums are exact",
        ),
        (
            {"field": "price", "type": "bigint"},
            "error[MF121]: a sum of decimal(12, 2) loses digits as bigint; keep the 2 digits after the point: `type: decimal(38,2)`",
        ),
        (
            {"field": "views", "function": "mean", "type": "decimal(38,2)"},
            "error[MF121]: `mean` is double; only a sum has a `type`; leave `type` out, or cast the column in `select`",
        ),
        (
            {"field": "*", "function": "count", "type": "double"},
            "error[MF121]: `count` is bigint; only a sum has a `type`",
        ),
        (
            {"field": "views", "type": "decimal(2,0)", "default": 1000},
            "error[MF044]: default `1000`",
        ),
    ],
)
def test_types_that_a_sum_cannot_have(
    tmp_path: Path, aggregate: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecErrors) as caught:
        compile_project(project(tmp_path, aggregate))
    assert message in str(caught.value)
    assert "features/spec.yml:" in str(caught.value)


def test_the_type_is_part_of_the_definition(tmp_path: Path) -> None:
    same: list[dict[str, Any]] = [{"field": "views"}, {"field": "views", "type": "decimal(38,0)"}]
    hashes = {
        spec_hash(compile_project(project(tmp_path / str(at), item)).project.features[0])
        for at, item in enumerate(same)
    }
    assert len(hashes) == 2


def check_audit(run: WarehouseRun) -> None:
    """The audit of the feature adds up what 64 bits do not hold, and finds nothing."""
    (text,) = (
        text
        for path, text in run.compiled.files.items()
        if path.parts[:2] == ("tests", "audit") and path.stem == "audit_feature__page"
    )
    macros = warehouse_macros(run.compiled, run.schema, datetime(2030, 1, 1))
    assert run.connection.sql(macros.render(text)) == []


DIGITS = "9" * 36 + ".25"
WIDE = {**COLUMNS, "price": "DECIMAL(38,2)"}
WIDE_SUMS: list[dict[str, Any]] = [
    {"field": "price", "windows": ["2d"]},
    {"field": "price", "function": "mean", "windows": ["2d"]},
    {"field": "price", "type": "double", "windows": ["2d"], "name": "about"},
]
WIDE_VALUES = {
    "largest": [DIGITS, "0.74"],
    "least": [f"-{DIGITS}", "-0.74"],
    "both": [DIGITS, DIGITS, f"-{DIGITS}", "-1.00"],
    "small": ["-0.01", "0.02", "-0.03"],
    "one": ["-12345678901234567890123456.78"],
    "carried": ["87960930222.08", "87960930222.07", "100000000000.00", "-99999999999.99"],
}


def wide_rows(values: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Prices of users, each user's on one day."""
    return [
        {**ROWS[0], "user_id": user, "at": datetime(2024, 1, 1, hour), "price": Decimal(price)}
        for user, prices in values.items()
        for hour, price in enumerate(prices)
    ]


def check_wide(run: Run | WarehouseRun) -> None:
    found = {row["user_id"]: row for row in run.rows("page") if row["price_sum_2d"] is not None}
    with localcontext(prec=60):
        for user, prices in WIDE_VALUES.items():
            total = sum(map(Decimal, prices), Decimal(0))
            assert str(found[user]["price_sum_2d"]) == str(total), user
            assert found[user]["price_mean_2d"] == pytest.approx(
                float(total) / len(prices), rel=1e-15
            )
            assert found[user]["about_2d"] == pytest.approx(float(total), rel=1e-15)


def check_too_wide(run: Run | WarehouseRun) -> None:
    """A mean exists where no decimal holds the sum, and the sum as a double."""
    (row,) = (row for row in run.rows("page") if row["about_2d"] is not None)
    assert (row["about_2d"], row["price_mean_2d"]) == (3e36, 1e36)


def wide_project(
    root: Path, *aggregates: dict[str, Any], values: dict[str, list[str]], local: bool = False
) -> Path:
    write_project(root, document(*aggregates), LOCAL if local else CONFIG)
    write_parquet(root / "e.parquet", WIDE, wide_rows(values))
    return root


def test_sums_of_very_wide_numbers_are_exact(tmp_path: Path) -> None:
    check_wide(compile_and_run(wide_project(tmp_path, *WIDE_SUMS, values=WIDE_VALUES)))
    values = {"u": [DIGITS] * 3}
    check_too_wide(compile_and_run(wide_project(tmp_path / "sum", *WIDE_SUMS[1:], values=values)))


@pytest.mark.parametrize("scale", [0, 1, 20, 38])
def test_whole_digits_of_very_wide_numbers(tmp_path: Path, scale: int) -> None:
    write_project(tmp_path, document({"field": "price", "windows": ["2d"]}))
    prices = [Decimal(sign * 10**37 - sign).scaleb(-scale, Context(prec=50)) for sign in (1, -1)]
    rows = wide_rows({str(price): [f"{price:f}"] for price in prices})
    write_parquet(tmp_path / "e.parquet", {**COLUMNS, "price": f"DECIMAL(38,{scale})"}, rows)
    found = compile_and_run(tmp_path).rows("page", "price_sum_2d")
    assert [row["price_sum_2d"] for row in found][:2] == sorted(prices)


@pytest.mark.functional
def test_a_sum_of_more_than_38_digits_is_said_without_digits(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wide_project(
        tmp_path, {"field": "price", "windows": ["2d"]}, values={"u": [DIGITS] * 2}, local=True
    )
    with pytest.raises(SystemExit, match="1"):
        main(["--project-dir", str(tmp_path), "build"])
    dbt = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
    command = [*dbt, "--no-use-colors", "build", "--profiles-dir", "."]
    done = subprocess.run(
        command, cwd=tmp_path / "dbt", capture_output=True, text=True, check=False
    )
    said = (
        "feature `page`: a sum in column `price_sum_2d` does not fit its type, decimal(38,2). "
        "Give the aggregate a wider one, such as `type: double`"
    )
    for text in ("".join(capfd.readouterr()), done.stdout):
        assert said in " ".join(text.split())
    text += done.stderr + (tmp_path / "dbt" / "logs" / "dbt.log").read_text(encoding="utf-8")
    assert "99999" not in text.replace("9" * 38, "")  # the limit itself is in the query


def test_on_databricks(tmp_path: Path, shared_warehouse: Warehouse) -> None:
    connection = shared_warehouse.connect()
    schema = "main.sum_types"
    connection.sql(f"create schema if not exists {schema}")
    load_table(connection, f"{schema}.events", COLUMNS, ROWS)
    compiled = compile_and_run(project(tmp_path / "typed", *TYPED)).compiled
    run = run_on_warehouse(compiled, connection, schema)
    check_typed(run)
    check_audit(run)
    load_table(connection, f"{schema}.events", WIDE, wide_rows(WIDE_VALUES))
    wide = compile_project(wide_project(tmp_path / "wide", *WIDE_SUMS, values=WIDE_VALUES))
    check_wide(run_on_warehouse(wide, connection, schema))
    load_table(connection, f"{schema}.events", WIDE, wide_rows({"u": [DIGITS] * 3}))
    with pytest.raises(Exception, match="feature `page`: a sum in column `price_sum_2d`") as caught:
        run_on_warehouse(wide, connection, schema).rows("page")
    assert "99999" not in str(caught.value)
    about = compile_project(wide_project(tmp_path / "about", *WIDE_SUMS[1:], values=WIDE_VALUES))
    run = run_on_warehouse(about, connection, schema)
    check_too_wide(run)
    check_audit(run)
    load_table(connection, f"{schema}.events", COLUMNS, ROWS)
    for interval in ("1d", None):
        root = project(tmp_path / str(interval), {"field": "views"}, interval=interval)
        run = run_on_warehouse(compile_project(root), connection, schema)
        with pytest.raises(Exception, match="feature `page`: a sum in column `views_sum_1d`"):
            run.rows("page")
