"""Features: clock, keys, filter, columns, validators."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence

from mlforge_sql.errors import Diagnostic, Location, Severity, has_errors, suggest
from mlforge_sql.expressions import Expr, ExpressionError, RowQuery, parse_row_query
from mlforge_sql.project.grains import grain_of, is_early, known_type, ways_out
from mlforge_sql.project.keys import KeyResolver, is_reserved
from mlforge_sql.project.metrics import MetricResolver, personal_problems
from mlforge_sql.project.model import (
    InputColumn,
    KeyColumn,
    LatestColumn,
    ResolvedFeature,
    ResolvedSource,
    WindowColumn,
)
from mlforge_sql.project.rules import resolve_rules
from mlforge_sql.project.scope import Columns, ExpressionReader, bare
from mlforge_sql.project.text_columns import why_text
from mlforge_sql.project.type_reader import TypeReader
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.specs import Located, Specs
from mlforge_sql.types import next_step

_PORTABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class FeatureResolver:
    """Resolves one feature; what is wrong goes to ``problems``.

    It goes on after a problem, to find them all in one run. What the problem left unknown is kept in
    mind, so that nothing is reported that may only follow from it.
    """

    def __init__(
        self,
        feature: Located[Feature],
        specs: Specs,
        sources: Mapping[str, tuple[ResolvedSource, Columns] | None],
        keys: KeyResolver,
        types: TypeReader,
        problems: list[Diagnostic],
    ) -> None:
        self._feature = feature
        self._specs = specs
        self._spec = feature.spec
        self._origin = feature.origin
        self._sources = sources
        self._keys = keys
        self._problems = problems
        self._types = types
        owner = f"feature `{feature.spec.name}`"
        on_databricks = specs.config.spec.on_databricks
        self._reader = ExpressionReader(types, problems, owner, databricks=on_databricks)
        self._any_column = sys.maxsize
        """Number of problems noted before the feature's columns became unknown."""
        self._maybe: dict[str, int] = {}
        """Columns, case-folded, that exist once another problem is solved; problems before that."""

    def resolve(self) -> ResolvedFeature | None:
        """The feature, or None when it has problems."""
        before = len(self._problems)
        found = self._resolve(before)
        self._problems[before:] = [
            item
            for number, item in enumerate(self._problems[before:], before)
            if not self._follows(item, number)
        ]
        return found

    def _resolve(self, before: int) -> ResolvedFeature | None:
        source, staged = self._source() or (None, Columns(()))
        if source is None:
            self._any_column = before
        keys = self._join_keys(staged)
        staged = _without(staged, keys).overlaid(
            (key.name, bare(key.name), key.type) for key in keys
        )
        if self._spec.interval is not None and self._spec.boundary == "inclusive":
            hint = "remove `boundary`, or `interval` for a continuous feature"
            self._note(
                "MF031",
                "a gridded feature has no boundary: its ticks are between events",
                "boundary",
                hint=hint,
            )
        query, where = self._query(staged)
        available, selected = self._available(staged, source, keys, query)
        everything = staged.overlaid(available.items())
        return self._complete(source, keys, where, (available, everything), selected, before)

    def _join_keys(self, staged: Columns) -> tuple[KeyColumn, ...]:
        """The join keys; none when they are not known."""
        keys = self._keys.keys_of(self._feature, staged)
        if keys is not None:
            return keys
        named = {item.spec.name: item.spec.join_key for item in self._specs.entities}
        unknown = [name for name in self._spec.entities if name not in named]
        wanted = named if unknown else self._spec.entities
        self._unknown({key for name in wanted for key in named[name]})
        if any(self._specs.unread.may_declare(name) for name in unknown):
            self._any_column = min(self._any_column, len(self._problems))
        return ()

    def _unknown(self, names: Iterable[str]) -> None:
        """From here on, these columns may or may not exist."""
        for name in names:
            self._maybe.setdefault(name.casefold(), len(self._problems))

    def _follows(self, item: Diagnostic, number: int) -> bool:
        """True for a problem that another one may have caused."""
        if item.code == "MF020":
            return any(
                self._specs.unread.may_declare(name) and item.message == f"unknown entity `{name}`"
                for name in self._spec.entities
            )
        if item.code != "MF022":
            return False
        return number >= self._any_column or any(
            item.message.casefold() == f"unknown column `{name}`" and number >= since
            for name, since in self._maybe.items()
        )

    def _complete(
        self,
        source: ResolvedSource | None,
        keys: tuple[KeyColumn, ...],
        where: Expr | None,
        scopes: tuple[Columns, Columns],
        selected: tuple[str, ...] | None,
        before: int,
    ) -> ResolvedFeature | None:
        available, everything = scopes
        windows: tuple[WindowColumn, ...] = ()
        latest: tuple[LatestColumn, ...] = ()
        order: tuple[str, ...] = ()
        if self._spec.metrics:
            personal = self._keys.personal
            resolver = MetricResolver(
                self._feature,
                available,
                personal,
                self._reader,
                self._problems,
                lambda name: why_text(name, source, available, self._types),
            )
            placed = resolver.resolve()
            windows = tuple(column for column, _ in placed)
            order = self._tie_order(everything, _ordered_fields(windows), keys, source)
            names = [(column.name, place) for column, place in placed]
        else:
            latest = self._latest(available, selected, source, keys)
            names = [(column.name, self._selected_at(column.name)) for column in latest]
            order = self._tie_order(everything, [item.name for item in latest], keys, source)
        self._check_ttl(windows)
        if source is not None:
            self._check_grain(source)
        rules = resolve_rules(
            self._feature,
            available,
            self._types,
            self._problems,
            databricks=self._specs.config.spec.on_databricks,
        )
        self._check_names(names, keys)
        if source is None or has_errors(self._problems[before:]):
            return None
        needed = _needed(windows, latest, order, rules)
        inputs = tuple(
            InputColumn(name, expr, kind)
            for name, expr, kind in everything.items()
            if name in needed and not _is_key(name, keys) and name != source.timestamp
        )
        return ResolvedFeature(
            self._spec, self._origin, source, keys, where, inputs, windows, latest, order, rules
        )

    def _check_ttl(self, windows: Sequence[WindowColumn]) -> None:
        """Warn where a value can be too old although its window still holds events."""
        ttl = self._spec.ttl
        if ttl is None:
            return
        for item in windows:
            if item.window is None or item.window.microseconds > ttl.microseconds:
                length = str(item.window) if item.window else "lifetime"
                message = f"the ttl of {ttl} is shorter than the window of `{item.name}`, {length}"
                hint = "values become empty while the window still holds events; remove `ttl`"
                place = self._origin.at("ttl")
                self._problems.append(Diagnostic("MF045", message, place, hint, Severity.WARNING))
                return

    def _check_grain(self, source: ResolvedSource) -> None:
        """An event that has only a date is not known before its day is over."""
        spec, column = source.spec, source.time_columns[0]
        grain = grain_of(spec.timestamp, known_type(source, column))
        if grain is None or not is_early(self._spec, spec, grain):
            return
        message = (
            f"`{self._spec.name}` would see events before their {grain.word} is over: "
            f"`{column}` of source `{spec.name}` says no more than the {grain.word}"
        )
        self._note("MF117", message, "interval", hint=ways_out(spec, grain))

    def _source(self) -> tuple[ResolvedSource, Columns] | None:
        """The feature's source and the columns of its staging model."""
        name = self._spec.source
        if name not in self._sources and not self._specs.unread.may_declare(name):
            self._note(
                "MF021",
                f"unknown source `{name}`",
                "source",
                hint=suggest(name, list(self._sources)),
            )
        return self._sources.get(name)

    def _note(self, code: str, message: str, *path: str | int, hint: str | None = None) -> None:
        self._problems.append(Diagnostic(code, message, self._origin.at(*path), hint))

    def _query(self, staged: Columns) -> tuple[RowQuery | None, Expr | None]:
        """The parsed query, its expressions checked, and the filter."""
        if self._spec.query is None:
            if self._spec.where is None:
                return None, None
            place = self._origin.at("where")
            read = self._reader.read(self._spec.where, staged, place, boolean=True)
            return None, read[0] if read else None
        try:
            query = parse_row_query(self._spec.query)
        except ExpressionError as error:
            self._note(error.code, error.message, "query", hint=error.hint)
            self._any_column = min(self._any_column, len(self._problems))
            return None, None
        called = self._specs.queried.get(self._spec.source, self._spec.source)
        if query.source.casefold() != called.casefold():
            message = (
                f"the query reads `{query.source}`, the feature's source is `{self._spec.source}`"
            )
            self._note("MF021", message, "query", hint=f"write `from {self._spec.source}`")
        where = None
        if query.where is not None:
            place = self._origin.at("query")
            read = self._reader.check(query.where, staged, place, boolean=True)
            where = read[0] if read else None
        return query, where

    def _available(
        self,
        staged: Columns,
        source: ResolvedSource | None,
        keys: tuple[KeyColumn, ...],
        query: RowQuery | None,
    ) -> tuple[Columns, tuple[str, ...] | None]:
        """What metrics and validators may name, and the columns selected explicitly, if any."""
        timestamp = source.timestamp.casefold() if source is not None else None
        if query is not None and query.projections is not None:
            place = self._origin.at("query")
            parsed = [
                (name, self._reader.check(expr, staged, place)) for name, expr in query.projections
            ]
            kept = [
                name for name in staged.names if _is_key(name, keys) or name.casefold() == timestamp
            ]
            base = Columns((name, bare(name), staged.type(name)) for name in kept)
        elif self._spec.select is not None:
            parsed = [
                (name, self._reader.read(text, staged, self._origin.at("select", name)))
                for name, text in self._spec.select.items()
            ]
            base = staged
        else:
            return staged, None
        chosen = [(name, read[0], read[1]) for name, read in parsed if read is not None]
        self._unknown(name for name, read in parsed if read is None)
        for name, expr, _ in chosen:
            if self._spec.metrics and is_reserved(name):
                message = f"`{name}` is a name that compiled tables use"
                self._note("MF036", message, "select", name, hint="give it another name")
            moved = _is_key(name, keys) or name.casefold() == timestamp
            if moved and (expr.column_name or "").casefold() != name.casefold():
                self._note(
                    "MF036",
                    f"`{name}` is a join key or the event time and cannot be replaced",
                    "select",
                    name,
                )
        return base.overlaid(chosen), tuple(name for name, _ in parsed)

    def _latest(
        self,
        available: Columns,
        selected: tuple[str, ...] | None,
        source: ResolvedSource | None,
        keys: tuple[KeyColumn, ...],
    ) -> tuple[LatestColumn, ...]:
        timestamp = source.timestamp.casefold() if source is not None else None
        names = [
            name
            for name in selected or ()
            if not _is_key(name, keys) and name.casefold() != timestamp
        ]
        if not names and not (self._spec.query is not None and self._any_column < sys.maxsize):
            hint = "add `metrics` for windows, or `select` for latest values"
            self._note("MF039", f"feature `{self._spec.name}` has no columns", hint=hint)
        found: list[LatestColumn] = []
        for name in names:
            if name.casefold() in self._maybe:
                continue
            place = self._selected_at(name)
            kind = available.type(name)
            if not kind.is_ordered:
                message = f"`{name}` is {kind}, which a feature cannot hold"
                self._problems.append(
                    Diagnostic("MF032", message, place, next_step(kind, "select a part of it"))
                )
            self._problems.extend(
                personal_problems(available.expr(name), name, self._keys.personal, place)
            )
            found.append(LatestColumn(available.spelling(name), kind))
        return tuple(found)

    def _selected_at(self, name: str) -> Location:
        if self._spec.select:
            return self._origin.at("select", name)
        return self._origin.at("query")

    def _tie_order(
        self,
        available: Columns,
        kept: Iterable[str],
        keys: tuple[KeyColumn, ...],
        source: ResolvedSource | None,
    ) -> tuple[str, ...]:
        """The tie breakers, then the source's columns that are read, by name, then what is kept.

        After that no two rows differ in what is kept. A column that is not read has no say: it may
        come or go, or stand elsewhere in the source.
        """
        first: list[str] = []
        for index, name in enumerate(self._spec.tie_breaker):
            place = self._origin.at("tie_breaker", index)
            if name in available and available.type(name).is_ordered:
                first.append(available.spelling(name))
            elif name in available:
                message = f"`{name}` is {available.type(name)}, which has no order on every engine"
                hint = "order by another column, or select its text"
                self._problems.append(Diagnostic("MF032", message, place, hint))
            else:
                hint = suggest(name, available.names)
                self._problems.append(Diagnostic("MF022", f"unknown column `{name}`", place, hint))
        settled = [key.name for key in keys]
        settled += [source.timestamp] if source is not None else []
        selected = sorted(kept, key=str.casefold)
        read = {name for item in selected for name in available.expr(item).columns}
        seen = {available.spelling(name) for name in read if name in available}
        order = (*first, *sorted(seen, key=str.casefold), *selected)
        return tuple(
            name
            for name in dict.fromkeys(order)
            if available.type(name).is_ordered and name not in settled
        )

    def _check_names(
        self, names: Sequence[tuple[str, Location]], keys: tuple[KeyColumn, ...]
    ) -> None:
        taken = {key.name.casefold() for key in keys}
        seen: set[str] = set()
        for name, place in names:
            if not _PORTABLE.fullmatch(name):
                message = f"feature column `{name}` cannot be stored on every engine"
                hint = "give it a name of letters, digits and `_`: `{field, function, windows, name}` or `select`"
                self._problems.append(Diagnostic("MF036", message, place, hint))
            elif is_reserved(name) or name.casefold() in taken:
                message = f"feature column `{name}` has the name of a key or of a column that compiled tables use"
                hint = "give it another name"
                self._problems.append(Diagnostic("MF036", message, place, hint))
            if name.casefold() in seen:
                message = f"two feature columns are called `{name}`"
                hint = "name one of the aggregates; names do not differ by case alone"
                self._problems.append(Diagnostic("MF037", message, place, hint))
            seen.add(name.casefold())


def _is_key(name: str, keys: Iterable[KeyColumn]) -> bool:
    return any(key.name.casefold() == name.casefold() for key in keys)


def _ordered_fields(windows: Iterable[WindowColumn]) -> set[str]:
    """The input columns whose values are chosen by the order of events."""
    ordered = (item for item in windows if item.function.function.ordered)
    values = (value for item in ordered for value in (item.value, item.by) if value is not None)
    return {name for value in values for name in value.input.columns}


def _without(columns: Columns, keys: tuple[KeyColumn, ...]) -> Columns:
    return Columns(item for item in columns.items() if not _is_key(item[0], keys))


def _needed(
    windows: Iterable[WindowColumn],
    latest: Iterable[LatestColumn],
    order: Iterable[str],
    rules: Iterable[tuple[str, object]],
) -> set[str]:
    names = {item.name for item in latest} | set(order) | {name for name, _ in rules}
    for column in windows:
        for scoped in column.read:
            names |= set(scoped.input.columns)
    return names
