"""Names of types on Databricks."""

from __future__ import annotations

from mlforge_sql.types import ColumnType, Kind

_BINARY = frozenset({"blob", "binary", "bytea", "bytes", "varbinary"})
_INTEGERS = {8: "tinyint", 16: "smallint", 32: "int", 64: "bigint"}


def databricks_type(kind: ColumnType) -> str:
    """Databricks' name of a type.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> [databricks_type(parse_type(name)) for name in ("integer", "varchar", "timestamptz")]
        ['int', 'string', 'timestamp']
    """
    match kind.family:
        case Kind.TEXT:
            return "string"
        case Kind.INTEGER:
            return _INTEGERS.get(kind.bits, "decimal(38,0)")
        case Kind.TIMESTAMP | Kind.TIMESTAMP_TZ:
            return "timestamp"
        case Kind.DECIMAL:
            return f"decimal({kind.precision},{kind.scale})"
        case Kind.OTHER if kind.text.lower() in _BINARY:
            return "binary"
        case _:
            return str(kind)


def has_databricks_type(kind: ColumnType) -> bool:
    """Whether Databricks has a type for the same values.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> has_databricks_type(parse_type("blob")), has_databricks_type(parse_type("time"))
        (True, False)
    """
    match kind.family:
        case Kind.INTEGER:
            return kind.bits <= 64
        case Kind.TIMESTAMP | Kind.TIMESTAMP_TZ:
            return not kind.text.endswith("_ns")
        case Kind.OTHER:
            return kind.text.lower() in _BINARY
        case _:
            return True
