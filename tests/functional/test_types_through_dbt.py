"""Every type that files can hold, as key, latest value, min, max, sum and label column, through real dbt with contracts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import CONFIG, write_project

from mlforge_sql.errors import SpecErrors
from mlforge_sql.workflows.compile import compile_project
from mlforge_sql.workflows.compile import write_project as write_compiled

pytestmark = pytest.mark.functional

DBT = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
AT = datetime(2024, 1, 1, 12)
UUID = "aaaaaaaa-0000-4000-8000-00000000000b"
BIG = 2**64 - 1

KEYS: dict[str, tuple[str, Any]] = {
    "flag": ("true", True),
    "i8": ("(-128)::tinyint", -128),
    "i16": ("32767::smallint", 32767),
    "i32": ("(-2147483648)::integer", -(2**31)),
    "i64": ("9223372036854775807::bigint", 2**63 - 1),
    "u8": ("255::utinyint", 255),
    "u16": ("65535::usmallint", 65535),
    "u32": ("4294967295::uinteger", 2**32 - 1),
    "u64": ("18446744073709551615::ubigint", BIG),
    "money": ("12345678.90::decimal(18,2)", Decimal("12345678.90")),
    "wide": ("0.0000000001::decimal(38,10)", Decimal("0.0000000001")),
    "words": ("'Zoë''s'", "Zoë's"),
    "code": (f"'{UUID.upper()}'::uuid", UUID),
    "level": ("'b'::enum('a','b')", "b"),
    "day": ("date '2024-02-29'", date(2024, 2, 29)),
}
"""Types that can be keys: SQL of a value, and the value."""
VALUES: dict[str, tuple[str, Any]] = {
    **KEYS,
    "single": ("0.5::float", 0.5),
    "real": ("0.1::double", 0.1),
    "moment": ("timestamp '2024-01-01 10:00:00.123456'", datetime(2024, 1, 1, 10, 0, 0, 123456)),
    "seconds": ("timestamp_s '2024-01-01 10:00:01'", datetime(2024, 1, 1, 10, 0, 1)),
    "millis": ("timestamp_ms '2024-01-01 10:00:00.123'", datetime(2024, 1, 1, 10, 0, 0, 123000)),
    "nanos": ("timestamp_ns '2024-01-01 10:00:00.123456'", datetime(2024, 1, 1, 10, 0, 0, 123456)),
    "zoned": ("timestamptz '2024-01-01 10:00:00+02'", datetime(2024, 1, 1, 8, tzinfo=UTC)),
}
"""Types that features can hold; parquet has none for hugeint and bit."""
NUMBERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "money", "wide", "single", "real")
NOT_HELD: dict[str, str] = {
    "span": "interval 1 day",
    "raw": "'a'::blob",
    "many": "[1, 2]",
    "pair": "{'a': 1}",
    "pairs": "map {'a': 1}",
    "doc": """'{"a": 1}'::json""",
    "hour": "time '10:00:00'",
    "nothing": "null",
}
"""Types that no feature can hold, as they are."""


def feature(name: str, entity: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "source": "events", "entities": [entity], **keys}


def document() -> dict[str, Any]:
    source = {"name": "events", "path": "data/events.parquet", "timestamp": "at"}
    text = {"i64": "bigint", "u64": "ubigint", "money": "decimal(18,2)", "real": "double", "words": "text",
            "flag": "boolean", "day": "date", "moment": "timestamp", "code": "uuid", "id": "bigint", "at": "timestamp"}  # fmt: skip
    functions = {name: ["min", "max", "sum"] for name in NUMBERS if name != "i64"}
    functions |= {name: ["min", "max"] for name in VALUES if name not in functions}
    metrics = [{"windows": ["lifetime"], "aggregations": functions}]
    return {
        "entities": [
            {"name": "thing", "join_key": "id"},
            *({"name": f"by_{name}", "join_key": name} for name in KEYS),
        ],
        "sources": [
            source,
            {**source, "name": "csv", "path": "data/events.csv", "columns": text},
            {**source, "name": "ndjson", "path": "data/events.ndjson", "columns": text},
            {**source, "name": "labels", "path": "data/labels.parquet"},
        ],
        "features": [
            feature("latest", "thing", select={f"x_{name}": name for name in VALUES}),
            feature("whole", "thing", metrics=metrics),
            *(
                {**feature(f"from_{kind}", "thing", select={f"x_{name}": name for name in text if name not in {"id", "at"}}), "source": kind}
                for kind in ("csv", "ndjson")
            ),
            *(feature(f"key_{name}", f"by_{name}", select={"id_there": "id"}) for name in KEYS),
        ],
        "training_sets": [
            {"name": "training", "labels": {"source": "labels"}, "timestamp": "at",
             "features": ["latest", *(f"key_{name}" for name in KEYS)]}
        ],
    }  # fmt: skip


def write_data(root: Path) -> None:
    (root / "data").mkdir(parents=True)
    listed = ", ".join(f"{sql} as {name}" for name, (sql, _) in VALUES.items())
    others = ", ".join(f"{sql} as {name}" for name, sql in NOT_HELD.items())
    row = f"select 1::bigint as id, timestamp '{AT}' as \"at\", {listed}, {others}"
    file = root / "data" / "events.parquet"
    duckdb.execute(f"copy ({row}) to '{file}' (format parquet)")
    later = f"select * replace (timestamp '{AT}' + interval 1 hour as \"at\") from read_parquet('{file}')"
    later = later.replace("select *", "select * exclude (nothing)")
    duckdb.execute(f"copy ({later}) to '{root / 'data' / 'labels.parquet'}' (format parquet)")
    names = 'id, "at", flag, i64, u64, money, words, code, day, real, moment'
    duckdb.execute(
        f"copy (select {names} from read_parquet('{file}')) to '{root / 'data' / 'events.csv'}' (header)"
    )
    duckdb.execute(
        f"copy (select {names} from read_parquet('{file}')) to '{root / 'data' / 'events.ndjson'}' (format json)"
    )


def build(root: Path) -> None:
    done = subprocess.run(
        [*DBT, "--no-use-colors", "build", "--profiles-dir", "."],
        cwd=root / "dbt",
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((root / "dbt" / "target" / "run_results.json").read_text())["results"]
    assert {item["status"] for item in results} <= {"success", "pass", "no-op"}


def row(connection: duckdb.DuckDBPyConnection, table: str) -> Mapping[str, Any]:
    found = connection.execute(f"select * from {table}")
    names = [item[0] for item in found.description or ()]
    (values,) = found.fetchall()
    return dict(zip(names, values, strict=True))


def same(found: Any, expected: Any) -> bool:
    """Equal; as Python reads a decimal without digits after the point, or a timestamp with a zone."""
    return bool(found == expected)


def test_every_type_that_features_can_hold(tmp_path: Path) -> None:
    write_data(tmp_path)
    write_project(tmp_path, document(), CONFIG)
    write_compiled(compile_project(tmp_path))
    build(tmp_path)
    with duckdb.connect(tmp_path / "feature_store" / "features.duckdb") as connection:
        connection.execute("set TimeZone = 'UTC'")
        latest, whole, training = (
            row(connection, name) for name in ("latest", "whole", "training")
        )
        for name, (_, value) in VALUES.items():
            assert same(latest[f"x_{name}"], value), name
            assert same(training[f"latest__x_{name}"], value), name
            assert same(training[name], value), f"{name} of the labels"
            for function in ("min", "max"):
                assert same(whole[f"{name}_{function}_lifetime"], value), name
        for name in NUMBERS:
            if name != "i64":
                assert same(whole[f"{name}_sum_lifetime"], VALUES[name][1]), name
        for kind in ("csv", "ndjson"):
            found = row(connection, f"from_{kind}")
            for column in found:
                if column.startswith("x_"):
                    assert same(found[column], VALUES[column[2:]][1]), (kind, column)
        for name, (_, value) in KEYS.items():
            found = row(connection, f"key_{name}")
            assert same(found[name], value), name
            assert found["id_there"] == 1
            assert training[f"key_{name}__id_there"] == 1, name


def test_every_type_that_they_cannot_hold(tmp_path: Path) -> None:
    """Refused at compile, with what to do."""
    write_data(tmp_path)
    spec = document()
    metrics = [{"windows": ["1d"], "aggregations": {name: ["min"]}} for name in NOT_HELD]
    spec["features"] = [
        feature("latest", "thing", select={f"x_{name}": name for name in NOT_HELD}),
        feature("whole", "thing", metrics=metrics),
        feature("hashed", "thing", select={"x": "hash(words)"}),
        *(feature(f"key_{name}", f"by_{name}", select={"x": "id"}) for name in (*NOT_HELD, "real")),
    ]
    spec["entities"] += [{"name": f"by_{name}", "join_key": name} for name in (*NOT_HELD, "real")]
    spec["sources"][-1]["path"] = "data/events.parquet"
    spec["training_sets"][0]["features"] = ["latest"]
    write_project(tmp_path, spec, CONFIG)
    with pytest.raises(SpecErrors) as caught:
        compile_project(tmp_path)
    said = [(item.code, item.message, item.hint) for item in caught.value.diagnostics]
    for name in NOT_HELD:
        assert any(
            code == "MF032" and f"`x_{name}` is " in text and hint for code, text, hint in said
        ), name
        assert any(
            code == "MF032" and f"`{name}` is " in text and hint for code, text, hint in said
        ), name
        assert any(
            code == "MF033" and f"join key `{name}` is " in text and hint
            for code, text, hint in said
        ), name
    assert any(
        code == "MF111" and "column `nothing` of the labels is unknown" in text and hint
        for code, text, hint in said
    )
    assert any(code == "MF033" and "join key `real` is double" in text for code, text, _ in said)
    assert any(
        "`x` is " in text and hint == "write `cast(... as bigint)` around it"
        for _, text, hint in said
    )
    unknown = [hint for _, text, hint in said if "`x_nothing` is unknown" in text]
    assert unknown == ["no value tells its type: declare it in `columns:` of the source"]
