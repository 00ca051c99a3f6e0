"""Sources: schema, event time, filter, dedupe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from mlforge_sql.errors import Diagnostic, SchemaUnreadable, suggest
from mlforge_sql.expressions import Expr, annotate, column
from mlforge_sql.formats import TEXT_READERS, CsvForm, reader_of
from mlforge_sql.project.model import ResolvedSource
from mlforge_sql.project.scope import Columns, ExpressionReader, bare
from mlforge_sql.project.times import is_time, timestamp_fits
from mlforge_sql.project.type_reader import TypeReader
from mlforge_sql.spec.base import Origin
from mlforge_sql.spec.source import Source
from mlforge_sql.spec.specs import Located
from mlforge_sql.types import (
    BIGINT,
    PASSED_ON,
    TEXT,
    TIMESTAMP,
    UNSIGNED,
    ColumnType,
    FileSchema,
    Kind,
    StoredColumn,
    held_type,
    is_converted,
    is_word,
    parse_type,
    plain_type,
    suggest_type,
)

EVENT_TIMESTAMP = "event_timestamp"
"""Name of an event time that is put together from two columns."""


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
    found = _schema(located, types, problems)
    if found is None:
        return None
    schema, files = found
    columns = Columns((name, bare(name), kind) for name, kind in schema.items())
    timestamp = _timestamp(located, columns, problems, iso_text=_is_iso_text(spec, files))
    where = None
    if spec.where is not None:
        place = located.origin.at("where")
        owner = f"source `{spec.name}`"
        reader = ExpressionReader(types, problems, owner, databricks=databricks)
        instants = columns
        if _is_iso_text(spec, files):
            instants = _typed_time(spec, columns, timestamp)
        read = reader.read(spec.where, instants, place, boolean=True)
        where = read[0] if read is not None else None
        if where is not None and instants is not columns and timestamp is not None:
            where = where.substitute({name.casefold(): _as_instant(name) for name in timestamp})
    key, order = _dedupe(located, columns, problems)
    if timestamp is None:
        return None
    declared = {name.casefold(): text for name, text in (spec.columns or {}).items()}
    named = timestamp[0] if len(timestamp) == 1 else _free(EVENT_TIMESTAMP, columns)
    return ResolvedSource(
        spec,
        located.origin,
        schema,
        named,
        timestamp,
        where,
        key,
        order,
        files=files,
        declared=declared,
    )


def _is_iso_text(spec: Source, files: FileSchema | None) -> bool:
    """Whether the event time is text of a csv or json file that says its own format: ISO 8601."""
    time = spec.timestamp
    if files is None or time.column is None or time.format is not None or time.unit is not None:
        return False
    name = time.column.casefold()
    return any(
        spelled.casefold() == name and held.instant for spelled, held in files.columns.items()
    )


def _typed_time(spec: Source, columns: Columns, timestamp: tuple[str, ...] | None) -> Columns:
    """The columns with an event time that is an instant, though it is stored as text.

    Local times are no instants yet: a filter sees their text.
    """
    if timestamp is None or spec.timestamp.timezone is not None:
        return columns
    zoned = ColumnType(Kind.TIMESTAMP_TZ)
    return columns.overlaid([(name, bare(name), zoned) for name in timestamp])


def _as_instant(name: str) -> Expr:
    """Text of an instant as one, in a filter that was checked as if it were."""
    zoned = ColumnType(Kind.TIMESTAMP_TZ)
    value = column(name)
    annotate(value, zoned)
    tree = exp.Cast(this=value, to=exp.DataType.build("timestamptz"))
    annotate(tree, zoned)
    return Expr.of(tree)


def _timestamp(
    located: Located[Source], columns: Columns, problems: list[Diagnostic], *, iso_text: bool
) -> tuple[str, ...] | None:
    """The columns of the event time as the source spells them; None when they cannot be used."""
    spec, place = located.spec.timestamp, located.origin.at
    keys = ("column",) if spec.column is not None else ("date", "time")
    unknown = [item for item in zip(keys, spec.columns, strict=True) if item[1] not in columns]
    for key, name in unknown:
        hint = suggest(name, columns.names)
        problems.append(
            Diagnostic("MF022", f"unknown column `{name}`", place("timestamp", key), hint)
        )
    if unknown:
        return None
    kinds = {name: columns.type(name) for name in spec.columns}
    fits = timestamp_fits(spec, kinds, place, problems, iso_text=iso_text)
    return tuple(columns.spelling(name) for name in spec.columns) if fits else None


def _free(name: str, columns: Columns) -> str:
    """The name, marked as ours where the source has a column of that name."""
    while name in columns:
        name = f"mlforge_{name}"
    return name


def staged_columns(source: ResolvedSource) -> Columns:
    """The columns of a source's staging model, without surrogate keys: event time is typed."""
    kinds = {**source.schema, source.timestamp: TIMESTAMP}
    return Columns((name, bare(name), kind) for name, kind in kinds.items())


def _schema(
    located: Located[Source], types: TypeReader, problems: list[Diagnostic]
) -> tuple[Mapping[str, ColumnType], FileSchema | None] | None:
    """The columns of a source, and what its files hold; None when they are not known."""
    spec, origin = located.spec, located.origin
    said = declared_columns(spec.columns or {}, origin, ("columns",), problems, held_type)
    broken, declared = said is None, said or {}
    if spec.path is not None:
        try:
            files = types.read(spec.path, declared, spec.timestamp.column)
        except SchemaUnreadable as error:
            if broken:
                return None
            if declared and error.absent:
                files = _declared_files(spec, declared)
                return _typed(_with_whole_times(spec, files))
            hint = error.hint or "create the file, or declare `columns:` with their types"
            problems.append(Diagnostic(error.code, str(error), origin.at("path"), hint))
            return None
        _compare(located, declared, files, problems)
        return _typed(_with_whole_times(spec, files))
    if declared or broken:
        return None if broken else (_with_signed_time(spec, declared), None)
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


def _typed(files: FileSchema) -> tuple[Mapping[str, ColumnType], FileSchema]:
    return {name: held.type for name, held in files.columns.items()}, files


def _declared_files(spec: Source, declared: Mapping[str, ColumnType]) -> FileSchema:
    """Files that are not there yet: as declared, in the form that files of their kind usually have."""
    reader = reader_of(spec.path or "")
    options = CsvForm.usual(spec.path or "").options if reader == "read_csv" else ()
    text = {"read_csv": "text", "read_json": "json"}.get(reader or "")
    columns = {
        name: StoredColumn(kind, text or _stored_as((spec.columns or {})[name], kind))
        for name, kind in declared.items()
    }
    return FileSchema(columns, options)


def _stored_as(text: str, kind: ColumnType) -> str:
    """What DuckDB calls the type of a column in files that hold what is declared."""
    if is_converted(text) or kind.family is Kind.OTHER:
        return plain_type(text)
    names = {Kind.TEXT: "varchar", Kind.TIMESTAMP_TZ: kind.text or "timestamp with time zone"}
    return names.get(kind.family, plain_type(str(kind)))


def _with_whole_times(spec: Source, files: FileSchema) -> FileSchema:
    """Read the event time of csv and json so that nothing of it is lost: as the text that it is.

    DuckDB's plain timestamp would drop the offset of ``23:00-05:00`` and its date the time of day, in
    rows that its guess has not seen.
    """
    time = spec.timestamp
    lossy = {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}
    if time.format is not None or time.column is None:
        lossy |= {Kind.INTEGER}
    names = {name.casefold() for name in time.columns}
    columns = dict(files.columns)
    for spelled, held in files.columns.items():
        if spelled.casefold() not in names:
            continue
        if reader_of(spec.path or "") in TEXT_READERS:
            if held.type.family in lossy or is_time(held.type):
                plain = held.stored.removeprefix("guessed ")
                instant = time.column is not None
                dated = held.type.family is Kind.DATE
                columns[spelled] = replace(
                    held, type=TEXT, stored=plain, instant=instant, dated=dated
                )
        elif held.type == UNSIGNED and held.stored == "ubigint":
            columns[spelled] = replace(held, type=BIGINT)
    return replace(files, columns=columns)


def _with_signed_time(spec: Source, declared: Mapping[str, ColumnType]) -> Mapping[str, ColumnType]:
    """Declared columns; an event time that counts without a sign is a count."""
    names = {name.casefold() for name in spec.timestamp.columns}
    return {
        spelled: BIGINT if spelled.casefold() in names and kind == UNSIGNED else kind
        for spelled, kind in declared.items()
    }


def declared_columns(
    columns: Mapping[str, str],
    origin: Origin,
    path: tuple[str, ...],
    problems: list[Diagnostic],
    held: Callable[[str], ColumnType] = parse_type,
) -> dict[str, ColumnType] | None:
    """Columns and types as a user declares them at ``path``; None when one is wrong (it is noted)."""
    before = len(problems)
    found: dict[str, ColumnType] = {}
    seen: set[str] = set()
    for name, text in columns.items():
        kind = held(text)
        if not name.strip():
            message = "a column has a name"
            problems.append(Diagnostic("MF012", message, origin.key(*path, name), "name it"))
        if kind.family is Kind.OTHER and is_word(text) and text.strip().lower() not in PASSED_ON:
            hint = suggest_type(text)
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
    files: FileSchema,
    problems: list[Diagnostic],
) -> None:
    """Report declared columns that do not exist, and types that the file contradicts.

    Text can be anything, and a number another one: whether every value fits is checked when it is read.
    """
    by_name = {name.casefold(): held for name, held in files.columns.items()}
    for name, kind in declared.items():
        place = located.origin.key("columns", name)
        held = by_name.get(name.casefold())
        if held is None:
            hint = suggest(name, list(files.columns))
            problems.append(Diagnostic("MF022", f"unknown column `{name}`", place, hint))
        elif held.type != kind:
            message = f"column `{name}` is declared {kind}, the file has {held.type}"
            hint = f"write `{name}: {held.type}`"
            problems.append(Diagnostic("MF024", message, place, hint))


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
