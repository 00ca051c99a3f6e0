"""How csv files are written, and which of their rows are not written so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.formats import CsvForm, only
from mlforge_sql.loading.csv_rows import (
    has_comments,
    has_mixed_ends,
    header_fields,
    in_apostrophes,
    unreadable_rows,
)
from mlforge_sql.loading.engine import Engine, duckdb_error
from mlforge_sql.loading.unreadable import not_utf8

_FORM = "Delimiter, Quote, Escape, HasHeader, SkipRows, len(Columns)"
"""What DuckDB finds out of the form of a csv file."""

_COMMENTED = "mend the file; a line that begins with `#` is a row like any other: take it out"


@dataclass(frozen=True, slots=True)
class CsvForms:
    """Looks at csv files of a project.

    Attributes:
        engine: What they are read with.
        root: Project folder.
    """

    engine: Engine
    root: Path

    def form(self, path: str, file: str) -> CsvForm:
        """How a csv file is written.

        DuckDB looks for a form that all rows fit. Where a row is broken it takes the whole file for one
        column of text, or gives up; then the rows that do not fit the usual form are what is wrong.
        """
        usual = CsvForm.usual(path)
        found = self._sniff(file)
        if found[1] == "'" and not self._is_quoting(file, _form(found, usual)):
            found = self._sniff(file, """quote = '"'""")
        skipped, columns = int(str(found[4])), int(str(found[5]))
        fields = header_fields(self.engine.files, only(file), usual)
        if len(fields) > 1 and (columns == 1 or skipped):  # it found no form that all rows fit
            self.check_rows(path, file, fields=len(fields) if columns == 1 else 0)
        return _form(found, usual)

    def _sniff(self, file: str, *options: str) -> tuple[object, ...]:
        """What DuckDB finds out of the form of a csv file: see ``_FORM``."""
        query = DUCKDB.sql(
            "select {form} from sniff_csv({options})",
            form=Sql(_FORM),
            options=map(Sql, ("?", "sample_size = -1", "comment = ''", *options)),
        )
        (found,) = self.engine.query(query, [only(file)])
        return found

    def _is_quoting(self, file: str, form: CsvForm) -> bool:
        """Whether apostrophes quote the values of a csv file, and do not belong to some of its texts."""
        plain = replace(form, quote='"', escape='"')
        fields = len(header_fields(self.engine.files, only(file), plain))
        try:
            return in_apostrophes(self.engine.files, only(file), plain, fields)
        except duckdb_error():  # between them are delimiters or ends of lines
            return True

    def check_rows(self, path: str, file: str, *, fields: int | None = None) -> None:
        """Say which rows of a csv file do not fit the usual form, if there are any.

        Args:
            path: The source's files.
            file: One of them.
            fields: Of its header, where DuckDB can read it as something: then it counts only where most
                rows fit, or where none does because the header has another number of fields; 0 for
                a file that may have another form.
        """
        try:
            broken = unreadable_rows(self.engine.files, only(file), CsvForm.usual(path))
        except duckdb_error():
            if not has_mixed_ends(file):
                return
            text = f"`{shown(self.root, file)}` has lines that end in CRLF and lines that end in LF"
            raise SchemaUnreadable(text, hint="give all lines one end, as dos2unix does") from None
        if broken is None:
            return
        if fields and not broken.readable:
            text = f"the header of `{shown(self.root, file)}` has {fields} fields, its rows have another number"
            raise SchemaUnreadable(text, hint="mend the header, or the rows")
        if fields is not None and broken.rows > broken.readable:
            return
        if broken.fault == "invalid encoding":
            raise not_utf8(shown(self.root, file))
        many = f"{broken.rows} row{'s' if broken.rows > 1 else ''}"
        text = f"`{shown(self.root, file)}` has {many} that cannot be read ({broken.fault}), the first in line {broken.line}"
        raise SchemaUnreadable(text, hint=_COMMENTED if has_comments(file) else "mend the file")

    def names(self, path: str, file: str, form: CsvForm) -> set[str]:
        """The names of a file's columns, in lower case, those that have one.

        Raises:
            SchemaUnreadable: Two have one name.
        """
        found = [name for name in header_fields(self.engine.files, only(file), form) if name]
        check_distinct(path, shown(self.root, file), found)
        return {name.casefold() for name in found}


def check_distinct(path: str, file: str, names: Iterable[str]) -> None:
    """DuckDB gives the second of two columns with one name another, and nobody would know."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            text = f"cannot read `{path}`: `{file}` has two columns `{name}`, in whatever case"
            raise SchemaUnreadable(text, hint="rename one of them")
        seen.add(name.casefold())


def shown(root: Path, file: str) -> str:
    """A file as the project calls it."""
    return file.removeprefix(f"{root}/")


def _form(found: tuple[object, ...], usual: CsvForm) -> CsvForm:
    """The form that a row of ``_FORM`` says."""
    delimiter, quote, escape, header, skipped, _ = found
    quoting = _sniffed(quote) or usual.quote
    return CsvForm(
        delimiter=_sniffed(delimiter),
        quote=quoting,
        escape=_sniffed(escape) or quoting,
        header=bool(header),
        skipped=int(str(skipped)),
    )


def _sniffed(text: object) -> str:
    """What DuckDB found out of the form of a csv file; it has a word for nothing."""
    return "" if text in {None, "(empty)"} else str(text)
