"""Types of served values in Arrow, the same that a training set has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlforge_sql.online.model import Lookup, Row
from mlforge_sql.types import ColumnType, Kind

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type(kind: ColumnType) -> pa.DataType:
    """The Arrow type that DuckDB gives to a column.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> str(arrow_type(parse_type("decimal(10,2)"))), str(arrow_type(parse_type("hugeint")))
        ('decimal128(10, 2)', 'decimal128(38, 0)')
    """
    import pyarrow as pa

    match kind.family:
        case Kind.BOOLEAN:
            return pa.bool_()
        case Kind.INTEGER if kind.bits == 128:
            return pa.decimal128(38, 0)
        case Kind.INTEGER:
            return {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[kind.bits]
        case Kind.FLOAT:
            return pa.float64() if kind.bits == 64 else pa.float32()
        case Kind.DECIMAL:
            return pa.decimal128(kind.precision, kind.scale)
        case Kind.DATE:
            return pa.date32()
        case Kind.TIMESTAMP | Kind.TIMESTAMP_TZ:
            unit = kind.text.rpartition("_")[2] if "_" in kind.text else "us"
            return pa.timestamp(unit, tz="UTC" if kind.family is Kind.TIMESTAMP_TZ else None)
        case _:
            return pa.string()


def arrow_table(lookup: Lookup, rows: Sequence[Row]) -> pa.Table:
    """Values of a lookup as an Arrow table."""
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) if rows else [()] * len(lookup.names)
    return pa.table(
        {
            name: pa.array(values, arrow_type(column.type))
            for name, column, values in zip(lookup.names, lookup.columns, columns, strict=False)
        }
    )
