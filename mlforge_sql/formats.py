"""File formats of sources, told by their endings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

READERS = {
    ".parquet": "read_parquet",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
"""DuckDB's table function for each file ending."""

TEXT_READERS = frozenset({"read_csv", "read_json"})
"""Table functions that guess column types from text."""

PARQUET_COLUMNS = """
    select
        name,
        count(*) = count(distinct file_name)
        and count(distinct concat_ws(' ', type, logical_type, scale)) > 1 as differs,
        coalesce(bool_or(converted_type = 'DECIMAL' and "precision" > 38), false) as wide
    from parquet_schema(?)
    group by name
    order by name
"""
"""The names in parquet files, whether a column of that name has several types, and more than 38 digits."""

WHOLE = "hive_partitioning = false"
"""Argument of every reader: a folder called ``key=value`` never replaces what the files say."""

ALL_VALUES = {
    "read_csv": ("sample_size = -1",),
    "read_json": ("sample_size = -1", "maximum_sample_files = -1"),
}
"""Arguments of readers of text that have DuckDB look at every row of every file before it says what columns they have."""

PARQUET_SIGNATURES = """
    select min(file_name)
    from (
        select file_name, list([
            name, type, type_length, repetition_type, cast(num_children as varchar), converted_type,
            cast(scale as varchar), cast("precision" as varchar), logical_type
        ]) as signature
        from parquet_schema(?)
        group by file_name
    )
    group by signature
    order by 1
"""
"""One of the parquet files for each schema that they have, nested columns in their places."""

COMPRESSIONS = (".gz", ".zst")


def reader_of(path: str) -> str | None:
    """DuckDB's table function for a path or glob, or None when the ending says nothing.

    Examples:
        >>> reader_of("data/2024/*.csv.gz"), reader_of("data/table")
        ('read_csv', None)
    """
    name = PurePosixPath(path)
    suffix = PurePosixPath(name.stem).suffix if name.suffix in COMPRESSIONS else name.suffix
    return READERS.get(suffix.lower())


def only(file: str) -> str:
    """The glob that matches one file, whatever its name is: readers take names for globs.

    Examples:
        >>> only("data/a[1].csv")
        'data/a[[]1].csv'
    """
    return re.sub(r"[\[*?]", r"[\g<0>]", file)


def is_glob(path: str) -> bool:
    """Whether readers look for files by a path, rather than for the one of that name.

    Examples:
        >>> is_glob("data/*.csv"), is_glob("data/a.csv")
        (True, False)
    """
    return not {"*", "?", "["}.isdisjoint(path)


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How csv files are written: what is usual, unless DuckDB has found something else."""

    delimiter: str
    quote: str = '"'
    escape: str = '"'
    header: bool = True
    skipped: int = 0

    @classmethod
    def usual(cls, path: str) -> CsvForm:
        """The form of files that are not there yet."""
        return cls("\t" if ".tsv" in PurePosixPath(path).suffixes else ",")

    @property
    def options(self) -> tuple[str, ...]:
        """Arguments of ``read_csv`` that leave nothing to be guessed when rows are read: all is text.

        There are no comments: DuckDB would leave out rows whose first field begins with ``#``, and what
        stands behind a ``#`` in any other.

        Examples:
            >>> CsvForm.usual("a.csv").options[:2]
            ('all_varchar = true', "delim = ','")
        """
        texts = {
            "delim": self.delimiter,
            "quote": self.quote,
            "escape": self.escape,
            "comment": "",
        }
        said = [f"{name} = '" + text.replace("'", "''") + "'" for name, text in texts.items()]
        header = str(self.header).lower()
        return ("all_varchar = true", *said, f"header = {header}", f"skip = {self.skipped}")


def parquet_problem(found: Iterable[tuple[object, ...]], columns: Iterable[str]) -> str | None:
    """What DuckDB would read from parquet files without a word, and wrongly; None for nothing.

    Args:
        found: Rows of ``PARQUET_COLUMNS``.
        columns: The columns as DuckDB calls them: of two that differ by case alone, it renames one.
    """
    raw = set[str]()
    for name, differs, wide in found:
        raw.add(str(name))
        if differs:
            return f"column `{name}` does not have the same type in all files"
        if wide:
            return f"column `{name}` is a decimal of more than 38 digits, which would be read as a double"
    for name in columns:
        if name not in raw:
            return f"two columns differ from `{name.rpartition('_')[0]}` by case alone"
    return None
