"""Nasty values of every type, the same on DuckDB and on Databricks, and what makes two values equal."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from mlforge_sql.types import ColumnType, parse_type

NAN, INF = math.nan, math.inf

ROWS = 870
"""Rows of the table of values: every pair of two texts."""

INSTANTS = (
    datetime(1970, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(2024, 2, 29, 12, 34, 56, 789012),
    datetime(2023, 12, 31, 23, 59, 59),
    datetime(2024, 12, 30, 0, 0, 1),
    datetime(1, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
    datetime(1900, 3, 1, 6, 0, 0, 1),
    datetime(2024, 3, 31, 2, 30),
    datetime(1960, 5, 5, 5, 5, 5, 500000),
    datetime(2021, 1, 3, 12),
    datetime(1969, 12, 31, 23, 59, 59, 998500),
)

VALUES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "b": ("boolean", (True, False)),
    "i8": ("tinyint", (0, 1, -1, 7, -7, 127, -128, 2)),
    "i16": ("smallint", (0, 1, -1, 7, -7, 32767, -32768)),
    "i32": ("integer", (0, 1, -1, 2, 3, -3, 7, -7, 100, 2**31 - 1, -(2**31), 1900, 65)),
    "i64": ("bigint", (0, 1, -1, 2, 3, -7, 10, 1000, 2**53 + 1, 2**63 - 1, -(2**63), 10**12)),
    "f32": (
        "float",
        (
            0.0,
            -0.0,
            1.5,
            -2.5,
            0.5,
            1.0000000150474662e30,
            NAN,
            INF,
            -INF,
            3.4028234663852886e38,
            1.401298464324817e-45,
        ),
    ),
    "f64": (
        "double",
        (
            *(0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 3.5, 1e300, -1e-300, NAN, INF, -INF),
            *(2.675, 0.1, 2.0**49 + 0.5, 4503599627370495.5, 0.49999999999999994, 1.005),
            *(-0.285, 5e-324, 9.2e18),
        ),
    ),
    "d": (
        "decimal(10,2)",
        tuple(
            Decimal(text)
            for text in (
                [
                    "0.00",
                    "1.00",
                    "-1.00",
                    "2.50",
                    "-2.50",
                    "0.05",
                    "-0.05",
                    "99999999.99",
                    "-99999999.99",
                    "3.33",
                    "0.50",
                ]
            )
        ),
    ),
    "d4": (
        "decimal(18,4)",
        tuple(
            Decimal(text)
            for text in ["0.0000", "0.0050", "-0.0050", "1.2345", "99999999999999.9999", "-7.5000"]
        ),
    ),
    "d38": (
        "decimal(38,10)",
        tuple(
            Decimal(text)
            for text in (
                "0.0000000000",
                "1.0000000001",
                "-12345678901234567890.5000000000",
                "9999999999999999999999999999.9999999999",
                "-1234567890123456789012345678.1234567891",
            )
        ),
    ),
    "s": (
        "varchar",
        (
            *("", "a", "A", "abc", "ABC", "  pad ", "a\\b", "it's", '"q"', "`tick`", "{{x}}"),
            *("\u00e9", "e\u0301", "\u00df", "\u0130", "\u0131", "\u01c5", "\U0001f600x"),
            *("\u65e5\u672c", "a%b", "a_b", "line\nbreak", "tab\t", "ABCabc", "abcabc", " "),
            *("\u00a0x\u3000", "\u0391\u03a3 \u03a3\u0391"),
        ),
    ),
    "day": (
        "date",
        tuple(
            date(*parts)
            for parts in (
                (1970, 1, 1),
                (1969, 12, 31),
                (2024, 2, 29),
                (2023, 12, 31),
                (2024, 12, 30),
                (2021, 1, 3),
                (1, 1, 1),
                (9999, 12, 31),
                (1582, 10, 4),
                (1900, 1, 31),
            )
        ),
    ),
    "t": ("timestamp", INSTANTS),
}
"""Columns by name: DuckDB's type and the values, besides NULL. ``x2`` is a second column like ``x``."""


def column_types() -> dict[str, ColumnType]:
    """The columns of the table and their types."""
    found: dict[str, ColumnType] = {}
    for name, (kind, _) in VALUES.items():
        found[name] = found[name + "2"] = parse_type(kind)
    return found


def rows() -> list[dict[str, Any]]:
    """The rows of the table: each column goes through its values, its second one more slowly."""
    found: list[dict[str, Any]] = []
    for number in range(ROWS):
        row: dict[str, Any] = {"id": number}
        for name, (_, values) in VALUES.items():
            every = (None, *values)
            row[name] = every[number % len(every)]
            row[name + "2"] = every[number // len(every) % len(every)]
        found.append(row)
    return found


def literal(value: Any, *, spark: bool) -> str:
    """A value as SQL that means it, without help of the code under test."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        special = {INF: "infinity", -INF: "-infinity"}
        return f"'{'nan' if math.isnan(value) else special.get(value, repr(value))}'"
    if isinstance(value, datetime):
        return f"'{value.year:04}-{value:%m-%d %H:%M:%S.%f}'"
    if isinstance(value, date):
        return f"'{value.year:04}-{value:%m-%d}'"
    if isinstance(value, str) and spark:
        return "'" + "".join(f"\\u{ord(c):04x}" if ord(c) < 65536 else c for c in value) + "'"
    return "'" + str(value).replace("'", "''") + "'"


def table_sql(*, spark: bool, timestamp: str = "timestamp") -> str:
    """A select that gives ``rows()``.

    Args:
        spark: For Databricks instead of DuckDB.
        timestamp: Databricks' type of the timestamps.
    """
    names = {"varchar": "string", "timestamp": timestamp} if spark else {}
    columns: list[str] = []
    for name, (kind, values) in VALUES.items():
        every = (None, *values)
        to = names.get(kind, kind)
        items = ", ".join(f"cast({literal(value, spark=spark)} as {to})" for value in every)
        for called, index in (
            (name, f"id % {len(every)}"),
            (name + "2", f"(id {'div' if spark else '//'} {len(every)}) % {len(every)}"),
        ):
            found = f"array({items})[cast({index} as int)]" if spark else f"[{items}][{index} + 1]"
            columns.append(f"{found} as {called}")
    numbers = f"range(0, {ROWS}, 1, 1)" if spark else f"range({ROWS}) as numbers(id)"
    return f"select cast(id as int) as id, {', '.join(columns)} from {numbers}"


def equal(left: Any, right: Any) -> bool:
    """Whether two values are the same: exactly, but for floats, which may differ by 1e-9 of their size."""
    if left is None or right is None:
        return left is right
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return left == right or math.isclose(left, right, rel_tol=1e-9, abs_tol=0.0)
    if isinstance(left, datetime) and isinstance(right, datetime):
        return left.replace(tzinfo=None) == right.replace(tzinfo=None)
    return type(left) is type(right) and bool(left == right)
