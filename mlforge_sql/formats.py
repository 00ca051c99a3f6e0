"""File formats of sources, told by their endings."""

from __future__ import annotations

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
