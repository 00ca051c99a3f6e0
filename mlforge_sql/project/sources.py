"""Sources: schema, event time, filter, dedupe."""

from __future__ import annotations

from collections.abc import Mapping

from mlforge_sql.errors import Diagnostic, SchemaUnreadable, suggest
from mlforge_sql.formats import TEXT_READERS, reader_of
from mlforge_sql.project.model import ResolvedSource
from mlforge_sql.project.scope import Columns, ExpressionReader, TypeReader, bare
from mlforge_sql.project.times import timestamp_fits
from mlforge_sql.spec.base import Origin
from mlforge_sql.spec.source import Source
from mlforge_sql.spec.specs import Located
from mlforge_sql.types import (
    PASSED_ON,
    TEXT,
    TIMESTAMP,
    ColumnType,
    Kind,
    is_word,
    known_types,
    parse_type,
)


def resolve_source(
    located: Located[Source],
    types: TypeReader,
    problems: list[Diagnostic],
    *,
    databricks: bool,
) -> ResolvedSource | None:
    """A source with its columns; None when they are unknown or the event time is not usable.

    Args:
        located: The source as written.
        types: Reads schemas and types expressions.
        problems: Where problems go.
        databricks: Whether Databricks has to be able to say what is written.
    """
    spec = located.spec
    schema = _schema(located, types, problems)
    if schema is None:
        return None
    columns = Columns((name, bare(name), kind) for name, kind in schema.items())
    timestamp = _timestamp(located, columns, problems)
    where = None
    if spec.where is not None:
        place = located.origin.at("where")
        reader = ExpressionReader(types, problems, databricks=databricks)
        read = reader.read(spec.where, columns, place, boolean=True)
        where = read[0] if read is not None else None
    key, order = _dedupe(located, columns, problems)
    if timestamp is None:
        return None
    return ResolvedSource(spec, located.origin, schema, timestamp, where, key, order)


def _timestamp(
    located: Located[Source], columns: Columns, problems: list[Diagnostic]
) -> str | None:
    """The event-time column as the source spells it; None when it cannot be used."""
    name = located.spec.timestamp.column
    if name not in columns:
        hint = suggest(name, columns.names)
        place = located.origin.at("timestamp", "column")
        problems.append(Diagnostic("MF022", f"unknown column `{name}`", place, hint))
        return None
    kind = columns.type(name)
    fits = timestamp_fits(located.spec.timestamp, kind, located.origin.at, problems)
    return columns.spelling(name) if fits else None


def staged_columns(source: ResolvedSource) -> Columns:
    """The columns of a source's staging model, without surrogate keys: event time is typed."""
    return Columns(
        (name, bare(name), TIMESTAMP if name == source.timestamp else kind)
        for name, kind in source.schema.items()
    )


def _schema(
    located: Located[Source], types: TypeReader, problems: list[Diagnostic]
) -> Mapping[str, ColumnType] | None:
    spec, origin = located.spec, located.origin
    said = declared_columns(spec.columns or {}, origin, ("columns",), problems)
    broken, declared = said is None, said or {}
    if spec.path is not None:
        guessed = reader_of(spec.path) in TEXT_READERS
        try:
            real = types.read(spec.path)
        except SchemaUnreadable as error:
            if broken:
                return None
            if declared:
                return _with_whole_times(spec, declared) if guessed else declared
            hint = "create the file, or declare `columns:` with their types"
            problems.append(Diagnostic("MF023", str(error), origin.at("path"), hint))
            return None
        _compare(located, declared, real, problems, guessed=guessed)
        wins = declared if guessed and not broken else {}
        by_name = {name.casefold(): kind for name, kind in wins.items()}
        schema = {name: by_name.get(name.casefold(), kind) for name, kind in real.items()}
        return _with_whole_times(spec, schema) if guessed else schema
    if declared or broken:
        return None if broken else declared
    where = "a dbt model" if spec.model else "a Databricks table"
    message = f"the columns of `{spec.name}` are unknown: {where} cannot be read while compiling"
    problems.append(
        Diagnostic(
            "MF023",
            message,
            origin.at("model" if spec.model else "table"),
            "declare `columns:` with their types",
        )
    )
    return None


def _with_whole_times(spec: Source, schema: Mapping[str, ColumnType]) -> Mapping[str, ColumnType]:
    """Read the event time of csv and json so that nothing of it is lost.

    With a format it is text. Otherwise it is an instant: DuckDB's plain timestamp would drop the
    offset of ``23:00-05:00`` and its date the time of day, in rows that its guess has not seen.
    """
    whole = TEXT if spec.timestamp.format is not None else ColumnType(Kind.TIMESTAMP_TZ)
    lossy = {Kind.DATE, Kind.TIMESTAMP}
    if spec.timestamp.format is not None:
        lossy |= {Kind.INTEGER, Kind.TIMESTAMP_TZ}
    name = spec.timestamp.column.casefold()
    return {
        column: whole if column.casefold() == name and kind.kind in lossy else kind
        for column, kind in schema.items()
    }


def declared_columns(
    columns: Mapping[str, str],
    origin: Origin,
    path: tuple[str, ...],
    problems: list[Diagnostic],
) -> dict[str, ColumnType] | None:
    """Columns and types as a user declares them at ``path``; None when one is wrong (it is noted)."""
    before = len(problems)
    found: dict[str, ColumnType] = {}
    seen: set[str] = set()
    for name, text in columns.items():
        kind = parse_type(text)
        if not name.strip():
            message = "a column has a name"
            problems.append(Diagnostic("MF012", message, origin.key(*path, name), "name it"))
        if kind.kind is Kind.OTHER and is_word(text) and text.strip().lower() not in PASSED_ON:
            hint = suggest(text, known_types())
            message = f"unknown type `{text}`"
            problems.append(Diagnostic("MF012", message, origin.at(*path, name), hint))
        if name.casefold() in seen:
            message = f"column `{name}` is declared twice"
            hint = "names do not differ by case alone"
            problems.append(Diagnostic("MF013", message, origin.key(*path, name), hint))
        seen.add(name.casefold())
        found[name] = kind
    return found if len(problems) == before else None


def _compare(
    located: Located[Source],
    declared: Mapping[str, ColumnType],
    real: Mapping[str, ColumnType],
    problems: list[Diagnostic],
    *,
    guessed: bool,
) -> None:
    """Report declared columns that do not exist, and types that the file contradicts.

    The types of csv and json are DuckDB's guesses: there, what is declared holds.
    """
    by_name = {name.casefold(): kind for name, kind in real.items()}
    for name, kind in declared.items():
        place = located.origin.key("columns", name)
        found = by_name.get(name.casefold())
        if found is None:
            hint = suggest(name, list(real))
            problems.append(Diagnostic("MF022", f"unknown column `{name}`", place, hint))
        elif found != kind and not guessed:
            message = f"column `{name}` is declared {kind}, the file has {found}"
            problems.append(Diagnostic("MF024", message, place, f"write `{name}: {found}`"))


def _dedupe(
    located: Located[Source], columns: Columns, problems: list[Diagnostic]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    dedupe = located.spec.dedupe
    if dedupe is None:
        return (), ()
    found: dict[str, list[str]] = {"key": [], "order_by": []}
    for part, names in (("key", dedupe.key), ("order_by", dedupe.order_by)):
        for index, name in enumerate(names):
            if name in columns:
                found[part].append(columns.spelling(name))
                continue
            place = located.origin.at("dedupe", part, index)
            hint = suggest(name, columns.names)
            problems.append(Diagnostic("MF022", f"unknown column `{name}`", place, hint))
    return tuple(found["key"]), tuple(found["order_by"])
