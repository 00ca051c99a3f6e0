"""What is in a file: how many rows, and for each column what a first guess rests on. No value leaves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.formats import WHOLE, reader_of
from mlforge_sql.isolation import guarded, sealed
from mlforge_sql.types import ColumnType, FileSchema, Kind, StoredColumn

if TYPE_CHECKING:
    import duckdb

    from mlforge_sql.loading.schemas import SchemaReader

FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %I:%M:%S %p",
    "%b %d %Y",
    "%b %d, %Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%B %d, %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%Y%m%d",
)
"""Formats of times that are tried on text, in the order in which they are proposed."""

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_FROM, _TO = 315_532_800, 4_102_444_800
"""1980 and 2100, as seconds since 1970: integers between them may be times."""

_EMAIL = r"\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*"
_FIRST_ROWS = 2000
_SEVERAL = 2
_LONGEST_TIME = 40
_NEARLY = 0.8


@dataclass(frozen=True, slots=True)
class Time:
    """How a column can be read as a time.

    Attributes:
        format: strftime format, for text.
        unit: Unit since 1970, for integers.
        others: Further formats that every value fits.
        dated: Whether the values are dates, without a time of the day.
        midnights: Whether they have one, and it is always midnight.
        zoned: Whether the values say their own offset from UTC.
        days: Days between the first and the last.
    """

    format: str | None = None
    unit: str | None = None
    others: tuple[str, ...] = ()
    dated: bool = False
    midnights: bool = False
    zoned: bool = False
    days: float = 0.0


@dataclass(frozen=True, slots=True)
class Column:
    """What a guess about a column rests on.

    Attributes:
        name: Its name.
        type: Its type, as a compiled project reads it.
        values: Rows that have a value.
        distinct: How many values differ, about.
        unique: Whether no value is there twice.
        negative: Whether a number is below zero.
        longest: Characters of the longest text.
        emails: Whether most values look like e-mail addresses.
        time: How it can be read as a time; None where it cannot.
    """

    name: str
    type: ColumnType
    values: int = 0
    distinct: int = 0
    unique: bool = False
    negative: bool = False
    longest: int = 0
    emails: bool = False
    time: Time | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """What is in a file, or in all files of a glob.

    Attributes:
        path: As the project names it.
        rows: How many there are.
        columns: In the file's order.
    """

    path: str
    rows: int
    columns: tuple[Column, ...]

    @property
    def is_text(self) -> bool:
        """Whether the files are text, csv or json, whose times are read as ISO 8601."""
        return reader_of(self.path) != "read_parquet"


def look(reader: SchemaReader, path: str) -> Table:
    """Look into a file.

    Args:
        reader: Reads schemas as the compiler does.
        path: The file or a glob, relative to the reader's folder.

    Raises:
        SchemaUnreadable: It cannot be read as one table.
    """
    import duckdb

    schema = reader.read(path)
    with duckdb.connect() as connection:
        for statement in (*guarded(), "set TimeZone = 'UTC'", *sealed(reads_files=True)):
            connection.execute(statement)
        try:
            return _Looker(connection, reader.location(path), path, schema).table()
        except duckdb.Error:
            pass
    # raised out here: a traceback would show what DuckDB said, and with it values
    raise SchemaUnreadable(f"the rows of `{path}` cannot be read", hint="mend the file")


class _Looker:
    def __init__(
        self, connection: duckdb.DuckDBPyConnection, file: str, path: str, schema: FileSchema
    ) -> None:
        self._connection = connection
        self._file = file
        self._path = path
        self._schema = schema
        options = [*schema.options]
        reader = reader_of(path)
        if reader == "read_json":
            held = ", ".join(f"{DUCKDB.text(name)}: 'JSON'" for name in schema.columns)
            options = [f"columns = {{{held}}}"]
        self._relation = Sql(f"{reader}({', '.join(['?', WHOLE, *options])})")

    def table(self) -> Table:
        values = {name: _value(name, held) for name, held in self._schema.columns.items()}
        asked = ["count(*)"]
        for name, held in self._schema.columns.items():
            asked += _counts(values[name], held.type)
        rows, *counted = self._ask(asked)
        columns = []
        for at, (name, held) in enumerate(self._schema.columns.items()):
            there, distinct, negative, longest, mails = counted[5 * at : 5 * at + 5]
            column = Column(
                name,
                held.type,
                values=there,
                distinct=distinct,
                negative=bool(negative),
                longest=longest or 0,
                emails=2 * mails > there > 0,
            )
            columns.append(replace(column, time=self._time(column, values[name])))
        exact = self._exactly([item for item in columns if item.distinct > _NEARLY * rows], values)
        found = (replace(item, **exact.get(item.name, {})) for item in columns)
        return Table(self._path, rows, tuple(found))

    def _exactly(
        self, columns: Sequence[Column], values: Mapping[str, str]
    ) -> dict[str, dict[str, Any]]:
        """The exact count of values that differ, of columns where nearly all do."""
        if not columns:
            return {}
        found = self._ask([f"count(distinct {values[item.name]})" for item in columns])
        return {
            item.name: {"distinct": count, "unique": count == item.values > 1}
            for item, count in zip(columns, found, strict=True)
        }

    def _time(self, column: Column, value: str) -> Time | None:
        if not column.values:
            return None
        match column.type.family:
            case Kind.DATE:
                return self._spanned(Time(dated=True), value)
            case Kind.TIMESTAMP | Kind.TIMESTAMP_TZ:
                zoned = column.type.family is Kind.TIMESTAMP_TZ
                return self._spanned(Time(zoned=zoned), value)
            case Kind.INTEGER:
                return self._counted(value)
            case Kind.TEXT if column.longest <= _LONGEST_TIME:
                return self._written(column, value)
            case _:
                return None

    def _counted(self, value: str) -> Time | None:
        low, high = self._ask([f"min({value})", f"max({value})"])
        for unit, size in UNITS.items():
            if _FROM * size <= low and high <= _TO * size:
                return Time(unit=unit, days=(high - low) / size / 86_400)
        return None

    def _written(self, column: Column, value: str) -> Time | None:
        some = DUCKDB.sql(
            "(select {value} as value from {relation} where {value} is not null limit {rows})",
            value=Sql(value),
            relation=self._relation,
            rows=_FIRST_ROWS,
        )
        asked = ["count(*)", *(f"count(try_strptime(value, '{item}'))" for item in FORMATS)]
        found = self._ask(asked, some)
        near = [item for item, count in zip(FORMATS, found[1:], strict=True) if count == found[0]]
        if not near:
            return None
        counts = self._ask([f"count(try_strptime({value}, '{item}'))" for item in near])
        fits = [item for item, count in zip(near, counts, strict=True) if count == column.values]
        if not fits:
            return None
        best, *others = fits
        time = Time(
            format=best,
            others=tuple(others),
            dated="%H" not in best and "%I" not in best,
            zoned="%z" in best or best.endswith("Z"),
        )
        return self._spanned(time, f"strptime({value}, '{best}')")

    def _spanned(self, time: Time, value: str) -> Time:
        stamp = f"cast({value} as timestamp)"
        finite = f"filter (where isfinite({stamp}))"
        last, later = self._ask(
            [
                f"epoch(max({stamp}) {finite} - min({stamp}) {finite})",
                f"count(case when {stamp} <> date_trunc('day', {stamp}) then 1 end)",
            ]
        )
        midnights = not time.dated and not later and (last or 0) > 0
        return replace(time, days=(last or 0) / 86_400, midnights=midnights)

    def _ask(self, expressions: Sequence[str], relation: Sql | None = None) -> list[Any]:
        query = DUCKDB.sql(
            "select {expressions} from {relation}",
            expressions=map(Sql, expressions),
            relation=relation or self._relation,
        )
        row: tuple[Any, ...] | None = self._connection.execute(query, [self._file]).fetchone()
        return list(row or ())


def _value(name: str, held: StoredColumn) -> str:
    """SQL of a column's value, as its type."""
    column: str = DUCKDB.name(name)
    stored = held.stored.removeprefix("guessed ")
    if stored == "json":
        column = f"({column} ->> '$')"
    if held.type.family is Kind.TEXT:  # such as uuid, which is text here
        return f"cast({column} as varchar)"
    if stored not in {"text", "json"} or held.type.family is Kind.OTHER:
        return column
    name = "timestamptz" if held.type.family is Kind.TIMESTAMP_TZ else str(held.type)
    return f"try_cast({column} as {name})"


def _counts(value: str, kind: ColumnType) -> tuple[str, str, str, str, str]:
    plain = kind.family is not Kind.OTHER
    text = kind.family is Kind.TEXT
    return (
        f"count({value})",
        f"approx_count_distinct({value})" if plain else "0",
        f"coalesce(bool_or({value} < 0), false)" if kind.is_numeric else "false",
        f"max(length({value}))" if text else "0",
        f"count(case when regexp_full_match({value}, '{_EMAIL}') then 1 end)" if text else "0",
    )
