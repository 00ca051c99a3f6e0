"""Columns of csv and json files that are text because of a few values that are not numbers."""

from __future__ import annotations

from mlforge_sql.project.model import ResolvedSource
from mlforge_sql.project.scope import Columns
from mlforge_sql.project.type_reader import TypeReader


def why_text(
    field: str, source: ResolvedSource | None, columns: Columns, types: TypeReader
) -> str | None:
    """What makes a column text, where most of its values are numbers; none of the values is told.

    Args:
        field: The column, as a feature calls it.
        source: The feature's source; None where it is not known.
        columns: What the feature's columns mean over the source.
        types: Asks DuckDB.
    """
    if source is None or source.files is None or source.spec.path is None or field not in columns:
        return None
    name = columns.expr(field).column_name
    held = source.files.columns.get(name) if name is not None else None
    if name is None or held is None or name.casefold() in source.declared:
        return None
    if held.stored.removeprefix("guessed ") not in {"text", "json"}:
        return None
    numbers, others = types.numbers_in_text(source.spec.path, name)
    if numbers <= others:
        return None
    are = "value is no number" if others == 1 else "values are no numbers"
    return (
        f"{others:,} {are}, and {numbers:,} are: mend the file, or take "
        f"`try_cast({field} as double)`, which makes them NULL"
    )
