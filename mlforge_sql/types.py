"""Logical column types, without a dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mlforge_sql.errors import nearest


class Kind(StrEnum):
    """What a column holds."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp_tz"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column type.

    Attributes:
        family: What the column holds.
        bits: Width of an integer or a float.
        precision: Digits of a decimal.
        scale: Digits of a decimal after the point.
        text: The engine's own name, for types we only pass through (``OTHER``) and for
            timestamps of another resolution.
    """

    family: Kind
    bits: int = 0
    precision: int = 0
    scale: int = 0
    text: str = ""

    def __str__(self) -> str:
        match self.family:
            case Kind.INTEGER:
                return _INTEGER_NAMES.get(self.bits, "bigint")
            case Kind.FLOAT:
                return "double" if self.bits == 64 else "float"
            case Kind.DECIMAL:
                return f"decimal({self.precision}, {self.scale})"
            case Kind.OTHER:
                return self.text.lower()
            case _:
                return self.text or str(self.family)

    @property
    def is_numeric(self) -> bool:
        """True for integers, floats and decimals."""
        return self.family in {Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL}

    @property
    def is_ordered(self) -> bool:
        """True when both engines sort the type in the same way."""
        return self.family is not Kind.OTHER


BOOLEAN = ColumnType(Kind.BOOLEAN)
BIGINT = ColumnType(Kind.INTEGER, bits=64)
HUGEINT = ColumnType(Kind.INTEGER, bits=128)
DOUBLE = ColumnType(Kind.FLOAT, bits=64)
TEXT = ColumnType(Kind.TEXT)
DATE = ColumnType(Kind.DATE)
TIMESTAMP = ColumnType(Kind.TIMESTAMP)
UNSIGNED = ColumnType(Kind.DECIMAL, precision=20)
"""What an integer of 64 bits without a sign becomes: no other type of both engines holds all of them."""

UNKNOWN = ColumnType(Kind.OTHER, text="unknown")
"""Of columns of files without a single value."""

DIGITS_OF_BIGINT = 18
"""All numbers of so many digits fit into a bigint."""

_INTEGER_NAMES = {8: "tinyint", 16: "smallint", 32: "integer", 64: "bigint", 128: "hugeint"}

_SIMPLE: dict[str, ColumnType] = {
    "bool": BOOLEAN,
    "boolean": BOOLEAN,
    "logical": BOOLEAN,
    "tinyint": ColumnType(Kind.INTEGER, bits=8),
    "byte": ColumnType(Kind.INTEGER, bits=8),
    "smallint": ColumnType(Kind.INTEGER, bits=16),
    "utinyint": ColumnType(Kind.INTEGER, bits=16),
    "short": ColumnType(Kind.INTEGER, bits=16),
    "int": ColumnType(Kind.INTEGER, bits=32),
    "integer": ColumnType(Kind.INTEGER, bits=32),
    "usmallint": ColumnType(Kind.INTEGER, bits=32),
    "bigint": BIGINT,
    "long": BIGINT,
    "uinteger": BIGINT,
    "ubigint": UNSIGNED,
    "hugeint": ColumnType(Kind.INTEGER, bits=128),
    **dict.fromkeys(["int1"], ColumnType(Kind.INTEGER, bits=8)),
    **dict.fromkeys(["int2", "int16", "uint8"], ColumnType(Kind.INTEGER, bits=16)),
    **dict.fromkeys(["int4", "int32", "signed", "uint16"], ColumnType(Kind.INTEGER, bits=32)),
    **dict.fromkeys(["int8", "int64", "oid", "uint32"], BIGINT),
    "int128": ColumnType(Kind.INTEGER, bits=128),
    "uint64": UNSIGNED,
    "float": ColumnType(Kind.FLOAT, bits=32),
    "float4": ColumnType(Kind.FLOAT, bits=32),
    "float8": DOUBLE,
    "real": ColumnType(Kind.FLOAT, bits=32),
    "double": DOUBLE,
    "double precision": DOUBLE,
    "text": TEXT,
    "varchar": TEXT,
    "string": TEXT,
    "char": TEXT,
    "bpchar": TEXT,
    "nvarchar": TEXT,
    "date": DATE,
    "timestamp": TIMESTAMP,
    "timestamp without time zone": TIMESTAMP,
    "datetime": TIMESTAMP,
    "timestamp_ntz": TIMESTAMP,
    "timestamp_us": TIMESTAMP,
    "timestamp_s": ColumnType(Kind.TIMESTAMP, text="timestamp_s"),
    "timestamp_ms": ColumnType(Kind.TIMESTAMP, text="timestamp_ms"),
    "timestamp_ns": ColumnType(Kind.TIMESTAMP, text="timestamp_ns"),
    "timestamptz": ColumnType(Kind.TIMESTAMP_TZ),
    "timestamp with time zone": ColumnType(Kind.TIMESTAMP_TZ),
    "timestamp_tz": ColumnType(Kind.TIMESTAMP_TZ),
    "timestamptz_ns": ColumnType(Kind.TIMESTAMP_TZ, text="timestamptz_ns"),
}

PASSED_ON = frozenset(
    [
        "bignum",
        "binary",
        "bit",
        "bitstring",
        "blob",
        "bytea",
        "bytes",
        "geometry",
        "guid",
        "interval",
        "json",
        "time",
        "time_ns",
        "timetz",
        "uhugeint",
        "uuid",
        "varbinary",
        "varint",
        "variant",
    ]
)
"""Further type names that may be declared; features cannot use such columns."""

_DECIMAL = re.compile(r"(?:decimal|dec|numeric)(?:\((\d+)(?:,\s*(\d+))?\))?")
_SIZED_TEXT = re.compile(r"(?:varchar|char|text|string)\(\d+\)")


_AS_TEXT = re.compile(r"uuid|guid|enum\(.*\)", re.DOTALL)
"""Types of files and tables whose values are kept as text."""

_UNSIGNED = re.compile(r"u(?:tiny|small|big|huge)int|uinteger|uint\d+")
"""Integers without a sign, which features hold as wider types."""


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column of files, and what it becomes.

    Attributes:
        type: What it becomes in staging.
        stored: What the reader gives: ``text`` (csv), ``json``, or a type of the engine; in front of
            the first two, ``guessed`` where the type was found in the values.
        leaves: Of nested json, the path of each value inside and its type.
        mixed: Whether the files hold it as different types of numbers.
        instant: Whether it is text that says an instant, ISO 8601.
        dated: Whether the instants are dates, without a time of the day.
    """

    type: ColumnType
    stored: str
    leaves: tuple[tuple[str, str], ...] = ()
    mixed: bool = False
    instant: bool = False
    dated: bool = False


@dataclass(frozen=True, slots=True)
class FileSchema:
    """What files hold, and how they are read.

    Attributes:
        columns: Columns by name, in the files' order.
        options: Further arguments of the reader, as SQL.
        pattern: What readers are given instead of the path, which is a name and would be taken for a glob;
            nothing for the path itself.
    """

    columns: Mapping[str, StoredColumn]
    options: tuple[str, ...] = ()
    pattern: str = ""


def held_type(text: str) -> ColumnType:
    """What a column becomes that files, tables or a user call a type of this name.

    Examples:
        >>> str(held_type("UUID")), str(held_type("UBIGINT")), str(held_type("INTEGER"))
        ('text', 'decimal(20, 0)', 'integer')
    """
    name = text.strip().lower()
    if name == '"null"':
        return UNKNOWN
    return TEXT if _AS_TEXT.fullmatch(name) else parse_type(text)


def plain_type(text: str) -> str:
    """A type of DuckDB in the spelling that types are compared in.

    Examples:
        >>> plain_type("DECIMAL(10, 2)")
        'decimal(10,2)'
    """
    return text.lower().replace(", ", ",")


def is_converted(text: str) -> bool:
    """Whether a column of a type becomes one of another, which engines call by another name.

    Examples:
        >>> is_converted("UINTEGER"), is_converted("uuid"), is_converted("bigint")
        (True, True, False)
    """
    return bool(_AS_TEXT.fullmatch(text.strip().lower())) or is_unsigned(text)


def is_unsigned(text: str) -> bool:
    """Whether a type is that of integers without a sign."""
    return _UNSIGNED.fullmatch(text.strip().lower()) is not None


def next_step(kind: ColumnType, otherwise: str) -> str:
    """What to do where a column of a type cannot be used.

    Args:
        kind: The type.
        otherwise: What to do with other types.
    """
    if kind == UNKNOWN:
        return "no value tells its type: declare it in `columns:` of the source"
    return "write `cast(... as bigint)` around it" if is_unsigned(kind.text) else otherwise


def known_types() -> list[str]:
    """Names that can be declared, for suggestions."""
    return [*_SIMPLE, "decimal(18, 2)", *sorted(PASSED_ON)]


def suggest_type(text: str) -> str:
    """A hint for a type name that nobody knows.

    Examples:
        >>> suggest_type("number")
        'write `bigint`, `double` or a decimal such as `decimal(18, 2)`'
        >>> suggest_type("bigintt")
        'did you mean `bigint`?'
    """
    if text.strip().lower() in {"number", "num", "numerical"}:
        return "write `bigint`, `double` or a decimal such as `decimal(18, 2)`"
    near = nearest(text, known_types())
    return f"did you mean `{near}`?" if near else _USUAL


_USUAL = (
    "expected a type such as text, bigint, integer, double, decimal(18, 2), boolean, date, timestamp "
    "or timestamp_tz; `mlforge columns SOURCE` prints those of a file"
)


def is_word(text: str) -> bool:
    """Whether a type name is a single word, so that it can be misspelled."""
    return re.fullmatch(r"\w+", text.strip()) is not None


def parse_type(text: str) -> ColumnType:
    """The logical type for a type name of DuckDB, Spark or standard SQL.

    Names we do not know become ``OTHER``: such columns may exist, features cannot use them.

    Examples:
        >>> parse_type("DECIMAL(10,2)")
        ColumnType(family=<Kind.DECIMAL: 'decimal'>, bits=0, precision=10, scale=2, text='')
        >>> str(parse_type("VARCHAR")), str(parse_type("INTEGER[]"))
        ('text', 'integer[]')
    """
    name = text.strip().lower()
    if name in _SIMPLE:
        return _SIMPLE[name]
    if match := _DECIMAL.fullmatch(name):
        precision = int(match[1] or 18)
        default_scale = 3 if match[1] is None else 0
        return ColumnType(Kind.DECIMAL, precision=precision, scale=int(match[2] or default_scale))
    if _SIZED_TEXT.fullmatch(name):
        return TEXT
    return ColumnType(Kind.OTHER, text=text)
