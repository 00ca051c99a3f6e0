"""The columns of a source and their types, as ``columns:`` declares them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from mlforge_sql.errors import Diagnostic, SchemaUnreadable, SpecErrors, suggest
from mlforge_sql.loading.load import load
from mlforge_sql.spec.source import Source
from mlforge_sql.types import UNKNOWN, FileSchema, StoredColumn, held_type, is_converted
from mlforge_sql.workflows.compile import schema_reader

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\(\d+\))?")
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Found:
    """A column of a source.

    Attributes:
        name: Its name.
        type: Its type as it is declared; None where no value tells it.
    """

    name: str
    type: str | None


def source_columns(root: Path, name: str) -> tuple[Found, ...]:
    """The columns of a source of a project, as its files have them; what is declared stays.

    Raises:
        SpecErrors: There is no such source, or its columns cannot be read here.
    """
    by_name = {item.spec.name: item for item in load(root).sources}
    if name not in by_name:
        hint = suggest(name, sorted(by_name))
        raise SpecErrors([Diagnostic("MF021", f"unknown source `{name}`", hint=hint)])
    spec, origin = by_name[name].spec, by_name[name].origin
    if spec.path is None:
        where = "a dbt model" if spec.model else "a Databricks table"
        message = f"the columns of `{name}` are not read from here: it is {where}"
        raise SpecErrors([Diagnostic("MF023", message, origin.at("name"), _steps(spec))])
    try:
        return _read(root, spec)
    except SchemaUnreadable as error:
        hint = error.hint or "run it where the file is"
        raise SpecErrors([Diagnostic(error.code, str(error), origin.at("path"), hint)]) from error


def _steps(spec: Source) -> str:
    if spec.table:
        return f"declare what `describe table {spec.table}` says"
    return "declare what the model's own `columns:` say"


def _read(root: Path, spec: Source) -> tuple[Found, ...]:
    said = spec.columns or {}
    declared = {name: held_type(text) for name, text in said.items()}
    written = {name.casefold(): text for name, text in said.items()}
    with schema_reader(root) as reader:
        schema: FileSchema = reader.read(spec.path or "", declared, spec.timestamp.column)
    return tuple(
        Found(name, written.get(name.casefold()) or _declared(held))
        for name, held in schema.columns.items()
    )


def _declared(held: StoredColumn) -> str | None:
    """The type that reads a column as it is read now, where the file is not there."""
    if held.type == UNKNOWN:
        return None
    stored = held.stored.removeprefix("guessed ")
    if stored not in {"text", "json"} and is_converted(stored):
        return stored
    return str(held.type).replace(", ", ",")


def columns_text(columns: tuple[Found, ...]) -> str:
    """``columns:``, ready to paste into a source.

    Examples:
        >>> print(
        ...     columns_text(
        ...         (Found("id", "bigint"), Found("a b", "decimal(10,2)"), Found("x", None))
        ...     )
        ... )
        columns:
          id: bigint
          "a b": "decimal(10,2)"
          # x: no value tells its type
    """
    lines = ["columns:"]
    for column in columns:
        if column.type is None:
            lines.append(f"  # {_scalar(column.name)}: no value tells its type")
        else:
            lines.append(f"  {_scalar(column.name)}: {_scalar(column.type)}")
    return "\n".join(lines)


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else json.dumps(text, ensure_ascii=False)
