"""What columns the sources really have: DuckDB describes files and checks expressions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.formats import ALL_VALUES, READERS, WHOLE, CsvForm, is_glob, only, reader_of
from mlforge_sql.loading.csv_forms import CsvForms
from mlforge_sql.loading.engine import Engine, duckdb_error, reading
from mlforge_sql.loading.expression_types import ExpressionTypes
from mlforge_sql.loading.guesses import Guess, guessed, unknown
from mlforge_sql.loading.json_keys import check_keys
from mlforge_sql.loading.near_files import near_file
from mlforge_sql.loading.parquet_schemas import parquet_schema
from mlforge_sql.loading.patterns import named
from mlforge_sql.loading.unreadable import unreadable
from mlforge_sql.types import ColumnType, FileSchema, StoredColumn

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?"
"""A date, perhaps with an offset, and no time of the day."""


class Fitted(Protocol):
    """SQL of a value, stored as said, as another type; NULL where it does not fit exactly."""

    def __call__(
        self, value: str, stored: str, kind: str, leaves: Sequence[tuple[str, str]] = (), /
    ) -> str:
        """The SQL."""
        ...


@dataclass
class SchemaReader:
    """Reads schemas of files, and types of expressions.

    Attributes:
        root: Project folder; paths are relative to it.
        fitted: SQL of a value as another type, NULL where it does not fit: the macro
            ``mlforge_fitted``, so that what is guessed here is what is checked when dbt reads.
    """

    root: Path
    fitted: Fitted

    def __post_init__(self) -> None:
        self._engine = Engine()
        self._expressions = ExpressionTypes(self._engine)
        self._csv_forms = CsvForms(self._engine, self.root)

    def __enter__(self) -> SchemaReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()

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
        full = self.location(path)
        if not self._engine.exists(full):
            near = near_file(self.root, path)
            hint = f"did you mean `{near}`?" if near else None
            raise SchemaUnreadable(f"no file matches `{path}`", hint=hint, absent=True)
        pattern = named(self.root, path)
        found = self._read(path, full, reader, declared, time)
        return found if pattern == path else replace(found, pattern=pattern)

    def _read(
        self,
        path: str,
        full: str,
        reader: str,
        declared: Mapping[str, ColumnType] | None,
        time: str | None,
    ) -> FileSchema:
        self._check_files(path, full)
        types = {name.casefold(): kind for name, kind in (declared or {}).items()}
        try:
            match reader:
                case "read_csv":
                    return self._csv(path, full, types, (time or "").casefold())
                case "read_json":
                    return self._json(path, full, types, (time or "").casefold())
                case _:
                    return parquet_schema(self._engine, self.root, (path, full), types)
        except duckdb_error() as error:
            said = str(error).replace(full, path)
        # raised out here: a traceback would show what DuckDB said, and with it lines of the files
        for row in self._engine.query("from glob(?)", [full]) if reader == "read_csv" else ():
            self._csv_forms.check_rows(path, str(row[0]))
        raise unreadable(path, self.root, said)

    def location(self, path: str) -> str:
        """Where files are: in a glob, the project's folder is none."""
        pattern = named(self.root, path)
        if is_glob(pattern) and not Path(pattern).is_absolute():
            return f"{only(str(self.root))}/{pattern}"
        return str(self.root / pattern)

    def _check_files(self, path: str, full: str) -> None:
        """Refuse what is not a file: a pipe has no end, and is read once."""
        for row in self._engine.query("from glob(?)", [full]):
            found = Path(str(row[0]))
            if found.exists() and not (found.is_file() or found.is_dir()):
                name = str(found).replace(str(self.root), ".", 1)
                text = f"`{name}`, which `{path}` matches, is a pipe or a device, not a file"
                raise SchemaUnreadable(text, hint="copy what it gives into a file")

    def _csv(
        self, path: str, full: str, declared: Mapping[str, ColumnType], time: str
    ) -> FileSchema:
        first, form = self._first_csv(path)
        options = form.options
        if form.header:
            self._csv_forms.names(path, first, form)
        # types of text are guessed: from all rows, because what is guessed is what is read
        candidates = self._candidates("read_csv", full, (*ALL_VALUES["read_csv"], *options[1:]))
        relation = reading("read_csv", options)
        guesses = {
            name: Guess.of(kind, instant=name.casefold() == time)
            for name, kind in candidates.items()
        }
        columns = self._checked(path, full, relation, "text", guesses, declared)
        return FileSchema(columns, options)

    def _json(
        self, path: str, full: str, declared: Mapping[str, ColumnType], time: str
    ) -> FileSchema:
        check_keys(self._engine, self.root, (path, full))
        candidates = self._candidates("read_json", full, ALL_VALUES["read_json"])
        held = ", ".join(f"{DUCKDB.text(name)}: 'JSON'" for name in candidates)
        relation = reading("read_json", (f"columns = {{{held}}}",))
        guesses = {
            name: Guess.of(kind, instant=name.casefold() == time)
            for name, kind in candidates.items()
        }
        return FileSchema(self._checked(path, full, relation, "json", guesses, declared))

    def _candidates(
        self, reader: str, full: str, options: Iterable[str]
    ) -> dict[str, DuckDBPyType]:
        """The columns of text files, and the types that DuckDB takes them for."""
        relation = reading(reader, options)
        query = DUCKDB.sql("select * from {relation}", relation=relation)
        found = self._engine.files.sql(query, params=[full])
        return dict(zip(found.columns, found.types, strict=True))

    def _checked(
        self,
        path: str,
        full: str,
        relation: Sql,
        held: str,
        guesses: Mapping[str, Guess],
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
            column = DUCKDB.name(name)
            text = column if held == "text" else f"({column} ->> '$')"
            whole = f"regexp_full_match(trim({text}), '[+-]?[0-9]+')"
            counts += [f"count({column})", f"count(case when {whole} then 1 end)"]
            for kind in guess.kinds:
                fitted = self.fitted(column, f"guessed {held}", kind, guess.leaves)
                counts.append(f"count({fitted})")
        query = DUCKDB.sql("select {counts} from {files}", counts=map(Sql, counts), files=relation)
        counted = iter(self._engine.query(query, [full])[0])
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
            columns[name] = guessed(held, fits, guess.leaves) if values else unknown(held)
        return columns

    def has_dates(self, path: str, column: str) -> bool:
        """Whether a column of csv or json files has dates without a time of the day."""
        full = self.location(path)
        if not self._engine.exists(full):
            return False
        files, text = self._texts(path, column)
        query = DUCKDB.sql(
            "select 1 from {files} where regexp_full_match(trim({text}), {date}) limit 1",
            files=files,
            text=text,
            date=_DATE,
        )
        return bool(self._engine.query(query, [full]))

    def numbers_in_text(self, path: str, column: str) -> tuple[int, int]:
        """How many values a column of csv or json files has that are numbers, and that are not."""
        if not self._engine.exists(self.location(path)):
            return 0, 0
        files, text = self._texts(path, column)
        query = DUCKDB.sql(
            "select count(try_cast({text} as double)), count({text}) from {files}",
            files=files,
            text=text,
        )
        try:
            numbers, values = self._engine.query(query, [self.location(path)])[0]
        except duckdb_error():
            return 0, 0
        return int(numbers), int(values) - int(numbers)

    def only_midnights(self, path: str, column: str, format_: str | None) -> bool:
        """Whether the times in a column of a file or glob are all midnights, and more than one.

        The first time of the day that is found ends the search.
        """
        if not self._engine.exists(self.location(path)):
            return False
        name = DUCKDB.name(column)
        text = f"try_strptime(cast({name} as varchar), $2)" if format_ else "try_cast(" + name
        time = text if format_ else f"{text} as timestamp)"
        given = [self.location(path), *([format_] if format_ else [])]
        reader = reader_of(path)
        form = self._first_csv(path)[1].options if reader == "read_csv" else ()
        files = Sql(f"{reader}({', '.join(('$1', WHOLE, *form))})")
        times = DUCKDB.sql("(select {time} as time from {files})", time=Sql(time), files=files)
        later = DUCKDB.sql(
            "select 1 from {times} where time <> date_trunc('day', time) limit 1", times=times
        )
        several = DUCKDB.sql(
            "select count(distinct time) from (from {times} where isfinite(time) limit 10000)",
            times=times,
        )
        try:
            if self._engine.query(later, given):
                return False
            return int(self._engine.query(several, given)[0][0]) > 1
        except duckdb_error():
            return False

    def infer(self, sql: str, columns: Mapping[str, ColumnType]) -> ColumnType:
        """The type of an expression; see ``ExpressionTypes.infer``."""
        return self._expressions.infer(sql, columns)

    def infer_all(self, sql: Sequence[str], columns: Mapping[str, ColumnType]) -> list[ColumnType]:
        """The types of expressions; see ``ExpressionTypes.infer_all``."""
        return self._expressions.infer_all(sql, columns)

    def pattern_problem(self, pattern: str) -> str | None:
        """What is wrong with a regular expression; None when DuckDB can read it."""
        return self._expressions.pattern_problem(pattern)

    def volatile(self, functions: Iterable[str]) -> list[str]:
        """Those of the functions whose result differs from call to call or run to run."""
        return self._expressions.volatile(functions)

    def _texts(self, path: str, column: str) -> tuple[Sql, Sql]:
        """Csv or json files as a relation over their path, and the text of a column's values."""
        name = DUCKDB.name(column)
        if reader_of(path) == "read_csv":
            return reading("read_csv", self._first_csv(path)[1].options), name
        held = f"columns = {{{DUCKDB.text(column)}: 'JSON'}}"
        return reading("read_json", (held,)), Sql(f"({name} ->> '$')")

    def _first_csv(self, path: str) -> tuple[str, CsvForm]:
        """The first of csv files, and how it is written, which is how all of them are read."""
        found = self._engine.query("select min(file) from glob(?)", [self.location(path)])
        first = str(found[0][0])
        return first, self._csv_forms.form(path, first)
