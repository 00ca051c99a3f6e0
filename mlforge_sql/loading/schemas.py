"""What columns the sources really have: DuckDB describes files and checks expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlforge_sql.engine_settings import required_settings, set_statements
from mlforge_sql.errors import InvalidExpression, SchemaUnreadable
from mlforge_sql.formats import (
    PARQUET_COLUMNS,
    PARQUET_SIGNATURES,
    READERS,
    WHOLE,
    CsvForm,
    is_glob,
    only,
    parquet_problem,
    reader_of,
)
from mlforge_sql.isolation import guarded, sealed
from mlforge_sql.loading.csv_rows import has_mixed_ends, header_fields, unreadable_rows
from mlforge_sql.redaction import without_values
from mlforge_sql.types import (
    TEXT,
    UNKNOWN,
    ColumnType,
    FileSchema,
    Kind,
    StoredColumn,
    held_type,
    is_unsigned,
    parse_type,
    plain_type,
)

if TYPE_CHECKING:
    import duckdb
    from duckdb.sqltypes import DuckDBPyType


NOT_STABLE = frozenset(
    {
        "age",
        "ago",
        "current_localtime",
        "current_localtimestamp",
        "pg_conf_load_time",
        "pg_postmaster_start_time",
        "version",
    }
)
"""Functions that look at the clock or the engine although DuckDB calls them consistent."""


class Fitted(Protocol):
    """SQL of a value, stored as said, as another type; NULL where it does not fit exactly."""

    def __call__(
        self, value: str, stored: str, kind: str, leaves: Sequence[tuple[str, str]] = (), /
    ) -> str:
        """The SQL."""
        ...


@dataclass(frozen=True, slots=True)
class _Guess:
    """Types that a column of text may have, best first, and those inside of it."""

    kinds: tuple[str, ...]
    leaves: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, kind: DuckDBPyType, *, instant: bool = False) -> _Guess:
        """The types to be tried for a column that DuckDB takes for one of a type.

        DuckDB has not seen every file: what it takes for integers may be broken numbers in another.
        """
        name = str(kind).lower()
        match kind.id:
            case "struct" | "list" | "map":
                return cls((str(kind),), tuple(_leaves("$", kind)))
            case "null" | "uuid":
                return cls(("varchar",))
            case "varchar" if instant:
                return cls(("timestamp with time zone", "varchar"))
            case "varchar":
                return cls((name, "varchar"))
        name = "decimal(38,0)" if name in _WIDE else name
        position = next((at for at, group in enumerate(_GUESSES) if name in group), None)
        group = _GUESSES[position] if position is not None else (name,)
        return cls((*group[group.index(name) :], "varchar"))


_GUESSES = (
    ("bigint", "decimal(38,0)", "double"),
    ("date", "timestamp", "timestamp with time zone"),
)
"""Types, each with those that also hold its values."""

_WIDE = frozenset({"hugeint", "ubigint", "uhugeint", "bignum", "double"})
"""Types that DuckDB takes integers for that a bigint has no room for."""


@dataclass
class SchemaReader:
    """Reads schemas with two in-memory DuckDBs, opened when first needed: one sees files.

    Attributes:
        root: Project folder; paths are relative to it.
        fitted: SQL of a value as another type, NULL where it does not fit: the macro
            ``mlforge_fitted``, so that what is guessed here is what is checked when dbt reads.
    """

    root: Path
    fitted: Fitted
    _connection: duckdb.DuckDBPyConnection | None = field(default=None, init=False, repr=False)
    _without_files: duckdb.DuckDBPyConnection | None = field(default=None, init=False, repr=False)
    _types: dict[tuple[str, tuple[tuple[str, str], ...]], ColumnType] = field(
        default_factory=dict, init=False, repr=False
    )
    _stable: frozenset[str] | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> SchemaReader:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (self._connection, self._without_files):
            if connection is not None:
                connection.close()

    def read(
        self, path: str, declared: Mapping[str, ColumnType] | None = None, time: str | None = None
    ) -> FileSchema:
        """Columns of a file or glob, in the file's order, and how they are read.

        Args:
            path: The files.
            declared: Columns whose types the user says.
            time: The event time: DuckDB takes dates among times with offsets for text.

        Raises:
            SchemaUnreadable: No such file, an unknown ending, or files that cannot be read as one table.
        """
        reader = reader_of(path)
        if reader is None:
            known = ", ".join(sorted(READERS))
            text = f"cannot tell the format of `{path}`; known endings: {known}"
            raise SchemaUnreadable(text, hint="let it end in its format, such as `data/*.csv`")
        if "://" in path:
            raise SchemaUnreadable(f"`{path}` is not read while compiling", absent=True)
        full = self._full(path)
        if not self._exists(full):
            raise SchemaUnreadable(f"no file matches `{path}`", absent=True)
        self._check_files(path, full)
        types = {name.casefold(): kind for name, kind in (declared or {}).items()}
        try:
            match reader:
                case "read_csv":
                    return self._csv(path, full, types, (time or "").casefold())
                case "read_json":
                    return self._json(path, full, types, (time or "").casefold())
                case _:
                    return self._parquet(path, full, types)
        except self._duckdb_error() as error:
            said = str(error).replace(full, path)
        # raised out here: a traceback would show what DuckDB said, and with it lines of the files
        for row in self._query("from glob(?)", [full]) if reader == "read_csv" else ():
            self._check_rows(path, str(row[0]))
        raise _unreadable(path, self.root, said)

    def _check_files(self, path: str, full: str) -> None:
        """Refuse what is not a file: a pipe has no end, and is read once."""
        for row in self._query("from glob(?)", [full]):
            found = Path(str(row[0]))
            if found.exists() and not (found.is_file() or found.is_dir()):
                name = str(found).replace(str(self.root), ".", 1)
                text = f"`{name}`, which `{path}` matches, is a pipe or a device, not a file"
                raise SchemaUnreadable(text, hint="copy what it gives into a file")

    def _csv(
        self, path: str, full: str, declared: Mapping[str, ColumnType], time: str
    ) -> FileSchema:
        first = str(self._query("select min(file) from glob(?)", [full])[0][0])
        form = self._csv_form(path, first)
        options = form.options
        if form.header:
            self._check_names(path, first, form)
        # types of text are guessed: from all rows, because what is guessed is what is read
        candidates = self._candidates("read_csv", full, ("sample_size = -1", *options[1:]))
        relation = self._relation("read_csv", options)
        guesses = {
            name: _Guess.of(kind, instant=name.casefold() == time)
            for name, kind in candidates.items()
        }
        columns = self._checked(path, full, relation, "text", guesses, declared)
        return FileSchema(columns, options)

    def _check_names(self, path: str, file: str, form: CsvForm) -> None:
        names = header_fields(self._connected(), only(file), form)
        self._check_distinct(path, self._shown(file), names)

    @staticmethod
    def _check_distinct(path: str, file: str, names: Iterable[str]) -> None:
        """DuckDB gives the second of two columns with one name another, and nobody would know."""
        seen: set[str] = set()
        for name in names:
            if name.casefold() in seen:
                text = f"cannot read `{path}`: `{file}` has two columns `{name}`, in whatever case"
                raise SchemaUnreadable(text, hint="rename one of them")
            seen.add(name.casefold())

    def _csv_form(self, path: str, file: str) -> CsvForm:
        """How a csv file is written.

        DuckDB looks for a form that all rows fit. Where a row is broken it takes the whole file for one
        column of text, or gives up; then the rows that do not fit the usual form are what is wrong.
        """
        usual = CsvForm.usual(path)
        found = self._query(
            "select Delimiter, Quote, Escape, Comment, HasHeader, SkipRows, len(Columns) "
            "from sniff_csv(?, sample_size = -1)",
            [only(file)],
        )
        delimiter, quote, escape, comment, header, skipped, columns = found[0]
        fields = header_fields(self._connected(), only(file), usual)
        if len(fields) > 1 and (columns == 1 or skipped):  # it found no form that all rows fit
            self._check_rows(path, file, fields=len(fields) if columns == 1 else 0)
        quoting = _sniffed(quote) or usual.quote
        return CsvForm(
            delimiter=_sniffed(delimiter),
            quote=quoting,
            escape=_sniffed(escape) or quoting,
            comment=_sniffed(comment),
            header=bool(header),
            skipped=int(skipped),
        )

    def _check_rows(self, path: str, file: str, *, fields: int | None = None) -> None:
        """Say which rows of a csv file do not fit the usual form, if there are any.

        Args:
            path: The source's files.
            file: One of them.
            fields: Of its header, where DuckDB can read it as something: then it counts only where most
                rows fit, or where none does because the header has another number of fields; 0 for
                a file that may have another form.
        """
        try:
            broken = unreadable_rows(self._connected(), only(file), CsvForm.usual(path))
        except self._duckdb_error():
            if not has_mixed_ends(file):
                return
            text = f"`{self._shown(file)}` has lines that end in CRLF and lines that end in LF"
            raise SchemaUnreadable(text, hint="give all lines one end, as dos2unix does") from None
        if broken is None:
            return
        if fields and not broken.readable:
            text = f"the header of `{self._shown(file)}` has {fields} fields, its rows have another number"
            raise SchemaUnreadable(text, hint="mend the header, or the rows")
        if fields is not None and broken.rows > broken.readable:
            return
        if broken.fault == "invalid encoding":
            raise _not_utf8(self._shown(file))
        many = f"{broken.rows} row{'s' if broken.rows > 1 else ''}"
        text = f"`{self._shown(file)}` has {many} that cannot be read ({broken.fault}), the first in line {broken.line}"
        raise SchemaUnreadable(text, hint="mend the file")

    def _json(
        self, path: str, full: str, declared: Mapping[str, ColumnType], time: str
    ) -> FileSchema:
        keys = self._query(
            f"select distinct unnest(json_keys(json)) as name from read_json_objects(?, {WHOLE}) order by name",  # noqa: S608 - a constant of ours
            [full],
        )
        self._check_distinct(path, path, (str(row[0]) for row in keys))
        candidates = self._candidates("read_json", full, ("sample_size = -1",))
        held = ", ".join(f"{_literal(name)}: 'JSON'" for name in candidates)
        relation = self._relation("read_json", (f"columns = {{{held}}}",))
        guesses = {
            name: _Guess.of(kind, instant=name.casefold() == time)
            for name, kind in candidates.items()
        }
        return FileSchema(self._checked(path, full, relation, "json", guesses, declared))

    def _candidates(
        self, reader: str, full: str, options: Iterable[str]
    ) -> dict[str, DuckDBPyType]:
        """The columns of text files, and the types that DuckDB takes them for."""
        relation = self._relation(reader, options)
        found = self._connected().sql(f"select * from {relation}", params=[full])  # noqa: S608 - the names are ours
        return dict(zip(found.columns, found.types, strict=True))

    @staticmethod
    def _relation(reader: str, options: Iterable[str]) -> str:
        """A reader of the files that are the query's parameter."""
        return f"{reader}({', '.join(['?', WHOLE, *options])})"

    def _checked(
        self,
        path: str,
        full: str,
        relation: str,
        held: str,
        guesses: Mapping[str, _Guess],
        declared: Mapping[str, ColumnType],
    ) -> dict[str, StoredColumn]:
        """Columns of text files: as declared, or the first guess that every value fits.

        DuckDB's own guess is one of several: it takes 007 for a number, 01/02/2024 for one of two days, and integers
        of 20 digits for doubles.
        """
        open_ones = {
            name: guess for name, guess in guesses.items() if name.casefold() not in declared
        }
        counts = ["count(*)"]
        for name, guess in open_ones.items():
            column = _quoted(name)
            text = column if held == "text" else f"({column} ->> '$')"
            whole = f"regexp_full_match(trim({text}), '[+-]?[0-9]+')"
            counts += [f"count({column})", f"count(case when {whole} then 1 end)"]
            for kind in guess.kinds:
                fitted = self.fitted(column, f"guessed {held}", kind, guess.leaves)
                counts.append(f"count({fitted})")
        counted = iter(self._query(f"select {', '.join(counts)} from {relation}", [full])[0])  # noqa: S608 - macros of ours
        if next(counted) == 0 and open_ones:
            listed = ", ".join(f"`{name}`" for name in open_ones)
            text = f"`{path}` has no rows, so nothing tells the types of {listed}"
            hint = "declare them in `columns:`, such as `columns: {x: bigint}`"
            raise SchemaUnreadable(text, code="MF111", hint=hint)
        columns: dict[str, StoredColumn] = {}
        for name, guess in guesses.items():
            if name not in open_ones:
                columns[name] = StoredColumn(declared[name.casefold()], held)
                continue
            values, whole_ones = next(counted), next(counted)
            fits = [kind for kind in guess.kinds if next(counted) == values]
            if values == whole_ones and "double" in fits:
                fits.remove("double")  # it would lose the last digits of integers
            columns[name] = _guessed(held, fits, guess.leaves) if values else _unknown(held)
        return columns

    def _parquet(self, path: str, full: str, declared: Mapping[str, ColumnType]) -> FileSchema:
        """The types of all files, one file of each schema looked at."""
        files = [str(row[0]) for row in self._query(PARQUET_SIGNATURES, [full])]
        schemas = {self._shown(file): self._described_file(file) for file in files}
        for file in files:
            raw = self._query(PARQUET_COLUMNS, [only(file)])
            problem = parquet_problem(
                [(name, False) for name, _ in raw], schemas[self._shown(file)]
            )
            if problem:
                text = f"cannot read `{path}`: in `{self._shown(file)}`, {problem}"
                raise SchemaUnreadable(text, hint="rename one of them")
        mixed = _mixed(path, schemas, declared)
        options = ("union_by_name = true",) if mixed else ()
        relation = self._relation("read_parquet", options)
        rows = self._query(f"describe select * from {relation}", [full])  # noqa: S608 - the names are ours
        columns: dict[str, StoredColumn] = {}
        for name, kind, *_ in rows:
            folded = str(name).casefold()
            if str(name) not in schemas[self._shown(files[0])]:
                continue  # only later files have it
            columns[str(name)] = _stored(str(kind), declared.get(folded), mixed=folded in mixed)
        return FileSchema(columns, options)

    def _shown(self, file: str) -> str:
        """A file as the project calls it."""
        return file.removeprefix(f"{self.root}/")

    def _described_file(self, file: str) -> dict[str, str]:
        rows = self._query(f"describe select * from read_parquet(?, {WHOLE})", [only(file)])  # noqa: S608 - a constant of ours
        return {str(name): str(kind) for name, kind, *_ in rows}

    def infer(self, sql: str, columns: Mapping[str, ColumnType]) -> ColumnType:
        """The type of an expression over columns of the given types.

        Raises:
            InvalidExpression: DuckDB refuses it, or it is an aggregate.
        """
        key = (sql, tuple((name, str(kind)) for name, kind in columns.items()))
        if key not in self._types:
            self._types[key] = self._infer(sql, columns)
        return self._types[key]

    def infer_all(self, sql: Sequence[str], columns: Mapping[str, ColumnType]) -> list[ColumnType]:
        """The types of expressions over columns of the given types.

        Raises:
            InvalidExpression: DuckDB refuses one of them.
        """
        named = ", ".join(f"({text}) as x{number}" for number, text in enumerate(sql))
        rows = self._described(f"select {named} from {_nothing(columns)}")  # noqa: S608 - parsed expressions
        return [parse_type(str(row[1])) for row in rows]

    def pattern_problem(self, pattern: str) -> str | None:
        """What is wrong with a regular expression; None when DuckDB can read it."""
        try:
            self._query_without_files("select regexp_matches('', ?)", [pattern])
        except self._duckdb_error() as error:
            return _first_sentence(error)
        return None

    def has_dates(self, path: str, column: str) -> bool:
        """Whether a column of csv or json files has dates without a time of the day."""
        name = _quoted(column)
        if reader_of(path) == "read_csv":
            relation, text = self._relation("read_csv", ("all_varchar = true",)), name
        else:
            held = f"columns = {{{_literal(column)}: 'JSON'}}"
            relation, text = self._relation("read_json", (held,)), f"({name} ->> '$')"
        full = self._full(path)
        query = f"select 1 from {relation} where regexp_full_match(trim({text}), '{_DATE}') limit 1"  # noqa: S608 - quoted
        return self._exists(full) and bool(self._query(query, [full]))

    def only_midnights(self, path: str, column: str, format_: str | None) -> bool:
        """Whether the times in a column of a file or glob are all midnights, and more than one.

        The first time of the day that is found ends the search.
        """
        name = _quoted(column)
        text = f"try_strptime(cast({name} as varchar), $2)" if format_ else "try_cast(" + name
        time = text if format_ else f"{text} as timestamp)"
        given = [self._full(path), *([format_] if format_ else [])]
        times = f"select {time} as time from {reader_of(path)}($1, {WHOLE})"  # noqa: S608 - quoted
        later = f"select 1 from ({times}) where time <> date_trunc('day', time) limit 1"  # noqa: S608 - quoted
        some = f"from ({times}) where isfinite(time) limit 10000"
        try:
            if self._query(later, given):
                return False
            return int(self._query(f"select count(distinct time) from ({some})", given)[0][0]) > 1  # noqa: S608 - quoted
        except self._duckdb_error():
            return False

    def volatile(self, functions: Iterable[str]) -> list[str]:
        """Those of the functions whose result differs from call to call or run to run."""
        if self._stable is None:
            rows = self._query_without_files(
                "select distinct function_name from duckdb_functions() "
                "where stability is not null and stability <> 'CONSISTENT'",
                [],
            )
            self._stable = NOT_STABLE | {str(row[0]) for row in rows}
        return [name for name in functions if name in self._stable]

    def _infer(self, sql: str, columns: Mapping[str, ColumnType]) -> ColumnType:
        rows = self._described(
            f"select ({sql}) as x from {_nothing(columns)} where ({sql}) is not null"  # noqa: S608 - parsed, one expression
        )
        text = str(rows[0][1])
        if is_unsigned(text):  # no feature can hold it as it is
            return ColumnType(Kind.OTHER, text=text)
        return parse_type(text)

    def _described(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self._query_without_files(f"describe {query}", [])
        except self._duckdb_error() as error:
            raise InvalidExpression(_first_sentence(error)) from error

    def _full(self, path: str) -> str:
        """Where files are: in a glob, the project's folder is none."""
        if is_glob(path) and not Path(path).is_absolute():
            return f"{only(str(self.root))}/{path}"
        return str(self.root / path)

    def _exists(self, full: str) -> bool:
        """True when DuckDB finds a file, by its own rules for globs."""
        try:
            return bool(self._query("select 1 from glob(?) limit 1", [full]))
        except self._duckdb_error():
            return False

    def _query(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """Ask about files."""
        rows: list[tuple[Any, ...]] = self._connected().execute(sql, parameters).fetchall()
        return rows

    def _connected(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._connection = _open(reads_files=True)
        return self._connection

    def _query_without_files(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """Ask about expressions of users, which reach no file."""
        if self._without_files is None:
            self._without_files = _open(reads_files=False)
        rows: list[tuple[Any, ...]] = self._without_files.execute(sql, parameters).fetchall()
        return rows

    @staticmethod
    def _duckdb_error() -> type[Exception]:
        import duckdb

        error: type[Exception] = duckdb.Error
        return error


def _guessed(held: str, fits: Sequence[str], leaves: tuple[tuple[str, str], ...]) -> StoredColumn:
    """A column of text files, of the first type that all of its values fit."""
    kind = held_type(fits[0]) if fits else ColumnType(Kind.OTHER, text="json")
    if kind == TEXT and held == "text":
        return StoredColumn(TEXT, held)
    if kind.family is Kind.OTHER and not leaves:
        return StoredColumn(kind, held)
    return StoredColumn(kind, f"guessed {held}", leaves if kind.family is Kind.OTHER else ())


def _unknown(held: str) -> StoredColumn:
    """A column of text files without a value: nothing tells its type."""
    return StoredColumn(UNKNOWN, held)


def _mixed(
    path: str, schemas: Mapping[str, Mapping[str, str]], declared: Mapping[str, ColumnType]
) -> set[str]:
    """Columns, case-folded, that are different types of numbers in different files and declared as one.

    Args:
        path: The files.
        schemas: By file, types by name: one file of each schema that there is.
        declared: Types that the user says, by case-folded name.

    Raises:
        SchemaUnreadable: The files differ otherwise.
    """
    folded = {
        file: {name.casefold(): kind for name, kind in schema.items()}
        for file, schema in schemas.items()
    }
    first, *_ = schemas.values()  # its columns are what is read
    names = {name.casefold(): name for name in first}
    names |= {key: key for key in declared if any(key in schema for schema in folded.values())}
    mixed: set[str] = set()
    for key in names:
        name = next(
            name for schema in schemas.values() for name in schema if name.casefold() == key
        )
        kinds = [schema[key] for schema in folded.values() if key in schema]
        if len(kinds) < len(folded):
            file = next(file for file, schema in folded.items() if key not in schema)
            text = f"cannot read `{path}`: `{file}` has no column `{name}`, other files have"
            raise SchemaUnreadable(text, code="MF112", hint=SAME_COLUMNS)
        if len(set(kinds)) > 1:
            numbers = all(held_type(kind).is_numeric for kind in kinds)
            wanted = declared.get(key)
            if not numbers or wanted is None or not wanted.is_numeric:
                text = f"cannot read `{path}`: column `{name}` does not have the same type in all files"
                hint = f"say what it is, such as `columns: {{{name}: {_common(kinds)}}}`; every value is checked"
                raise SchemaUnreadable(
                    text, code="MF112", hint=hint if numbers else "write it with one type"
                )
            mixed.add(key)
    return mixed


def _common(kinds: Iterable[str]) -> str:
    """A type for numbers of several types: exact where no file holds floats and one has room."""
    found = [held_type(kind) for kind in kinds]
    if not all(item.is_numeric for item in found) or any(
        item.family is Kind.FLOAT for item in found
    ):
        return "double"
    if all(item.family is Kind.INTEGER and item.bits <= 64 for item in found):
        return "bigint"
    return f"decimal(38,{max(item.scale for item in found)})"


def _stored(text: str, declared: ColumnType | None, *, mixed: bool) -> StoredColumn:
    """A column of parquet files: a number becomes the number that it is declared to be."""
    found = held_type(text)
    wanted = declared if declared and declared.is_numeric and found.is_numeric else found
    return StoredColumn(wanted, plain_type(text), mixed=mixed)


def _leaves(path: str, kind: DuckDBPyType) -> Iterator[tuple[str, str]]:
    """The path of each value inside nested json, and its type."""
    match kind.id:
        case "struct":
            for name, child in kind.children:
                escaped = name.replace("\\", "\\\\").replace('"', '\\"')
                yield from _leaves(f'{path}."{escaped}"', child)
        case "list":
            yield from _leaves(f"{path}[*]", kind.children[0][1])
        case "map":
            yield from _leaves(f"{path}.*", kind.children[1][1])
        case "null":
            return
        case _:
            yield path, str(kind).lower()


def _sniffed(text: object) -> str:
    """What DuckDB found out of the form of a csv file; it has a word for nothing."""
    return "" if text in {None, "(empty)"} else str(text)


_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?"
"""A date, perhaps with an offset, and no time of the day."""

_NOT_UTF8 = re.compile(r"not utf-8 encoded|invalid UTF-8", re.IGNORECASE)
_IN_FILE = re.compile(r'\bfile = ([^\n]+)|\bin file "([^"\n]+)')
_COLUMN_MISSING = re.compile(
    r"Schema mismatch.*?Current file: (?P<file>[^\n]+)\nColumn with name: \"(?P<name>[^\n]*)\" is missing",
    re.DOTALL,
)


def _not_utf8(file: str) -> SchemaUnreadable:
    hint = f"convert it, such as with `iconv -f latin1 -t utf-8 {file} > ...`"
    return SchemaUnreadable(f"`{file}` is not UTF-8", code="MF110", hint=hint)


def _unreadable(path: str, root: Path, said: str) -> SchemaUnreadable:
    """Why DuckDB cannot read files, in words that show no line of them."""
    text = said.replace(f"{root}/", "")
    if _NOT_UTF8.search(text):
        return _not_utf8(found[1] or found[2] if (found := _IN_FILE.search(text)) else path)
    if missing := _COLUMN_MISSING.search(text):
        return SchemaUnreadable(
            f"cannot read `{path}`: `{missing['file']}` has no column `{missing['name']}`, other files have",
            code="MF112",
            hint=SAME_COLUMNS,
        )
    told = without_values(text).splitlines()[0]
    return SchemaUnreadable(f"cannot read `{path}`: {told}", hint="mend the file")


SAME_COLUMNS = "write all files with the same columns, or read them as two sources"


def _open(*, reads_files: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect()
    settings = set_statements({"threads": 1, **required_settings()})
    for statement in (*guarded(), *settings, *sealed(reads_files=reads_files)):
        connection.execute(statement)
    return connection


def _nothing(columns: Mapping[str, ColumnType]) -> str:
    """A relation with columns of the given types."""
    nulls = ", ".join(
        f"cast(null as {_engine_type(kind)}) as {_quoted(name)}" for name, kind in columns.items()
    )
    return f"(select {nulls or 'null as x'})"


def _first_sentence(error: Exception) -> str:
    """What DuckDB says, without its kind of error and its lists of candidates."""
    line = str(error).splitlines()[0]
    text = line.split(": ", 1)[-1] or line
    return text.split(". ")[0].rstrip(".")


def _engine_type(kind: ColumnType) -> str:
    if kind.family is Kind.TEXT:
        return "varchar"
    if kind == UNKNOWN:
        return '"NULL"'
    return "timestamptz" if kind.family is Kind.TIMESTAMP_TZ else str(kind)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
